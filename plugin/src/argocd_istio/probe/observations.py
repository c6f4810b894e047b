"""What was seen: pure data, without judgement."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime

from argocd_istio.syntax.source import visible

SHOWN = 300
"""The characters of a body that are kept."""
UNIMPLEMENTED, UNAVAILABLE, UNAUTHENTICATED = 12, 14, 16
"""Status codes of gRPC."""

PASSTHROUGH, TERMINATION, GRPC_ROUTING = "passthrough", "termination", "grpc-routing"


@dataclass
class Meter:
    """What the probe costs."""

    connections: int = 0
    requests: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Answer:
    """What a question got: an HTTP status, or a failure (see `transport.Failure`).

    `body` is its beginning. `grpc` is the status of a gRPC call. `open`: the stream was still open when it was left.
    """

    failure: str = ""
    text: str = ""
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    grpc: int | None = None
    message: bytes = b""
    open: bool = False

    def header(self, name: str) -> str:
        """The first header of that name; empty if there is none."""
        return next((value for key, value in self.headers if key == name), "")

    @property
    def words(self) -> str:
        """The error, in the words that a client shows."""
        if self.failure:
            return self.text
        status = f"HTTP status {self.status}" if self.status != 200 or self.grpc is None else ""
        call = f"gRPC status {self.grpc}" if self.grpc is not None else ""
        text = visible((self.text or (self.body if self.status >= 400 else "")).strip()[:SHOWN])
        head = ", ".join(filter(None, (status, call)))
        return f"{head}: {text}" if text else head

    @property
    def version(self) -> str:
        """The version in an answer of /api/version; empty if it is another answer."""
        if self.status != 200:
            return ""
        try:
            version = json.loads(self.body).get("Version", "")
        except (ValueError, AttributeError, RecursionError):
            # The body may be cut.
            found = re.match(r'\{"Version":"(v?\d[\w.+-]*)"', self.body)
            version = found[1] if found else ""
        return visible(str(version))[:60]

    @property
    def well(self) -> bool:
        """Whether it is a successful answer: of a gRPC call if it is one."""
        return not self.failure and self.status == 200 and self.grpc in (None, 0)

    @property
    def called(self) -> bool:
        """Whether it is the successful answer of a gRPC call."""
        return self.well and self.grpc == 0


@dataclass(frozen=True)
class Hop:
    """A request on the way through redirects, and its answer."""

    url: str
    answer: Answer


@dataclass(frozen=True)
class Walk:
    """The redirects from an address on. `loop`: an address came a second time, or there were too many."""

    hops: tuple[Hop, ...] = ()
    loop: bool = False

    @property
    def first(self) -> Answer:
        """The first answer."""
        return self.hops[0].answer if self.hops else Answer()

    @property
    def last(self) -> Answer:
        """The last answer."""
        return self.hops[-1].answer if self.hops else Answer()


@dataclass(frozen=True)
class Certificate:
    """The server's certificate. `sent` is how many certificates came with it, itself included."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    begins: datetime
    ends: datetime
    sent: int
    self_signed: bool


@dataclass(frozen=True)
class Name:
    """What a client gets that names another host, or none, in its handshake (SNI).

    `answer` is what a request for that host then gets.
    """

    handshake: Answer = Answer()
    certificate: Certificate | None = None
    answer: Answer = Answer()


@dataclass(frozen=True)
class Facts:
    """Everything that was seen at `host`.

    alpn: the protocol that the server chose of HTTP/2 and HTTP/1.1. tls: the versions of TLS, with None for one that
    this machine does not have. plain: from http:// on; web: from https:// on. The other names are the questions of
    `ask.QUESTIONS`.
    """

    host: str
    port: int = 443
    http_port: int = 80
    address: str = ""
    now: datetime = datetime.min
    handshake: Answer = Answer()
    trusted: Answer = Answer()
    certificate: Certificate | None = None
    alpn: str = ""
    tls: dict[str, bool | None] = field(default_factory=dict)
    other_name: Name = Name()
    no_name: Name = Name()
    plain: Walk = Walk()
    plain_api: Answer = Answer()
    web: Walk = Walk()
    api: Answer = Answer()
    api_http2: Answer = Answer()
    page_http2: Answer = Answer()
    other_host: Answer = Answer()
    host_with_port: Answer = Answer()
    applications: Answer = Answer()
    events: Answer = Answer()
    login: Answer = Answer()
    webhook: Answer = Answer()
    health: Answer = Answer()
    call: Answer = Answer()
    cli_call: Answer = Answer()
    upload: Answer = Answer()
    watch: Answer = Answer()
    grpc_web: Answer = Answer()
    cli_grpc_web: Answer = Answer()
    grpc_web_http2: Answer = Answer()
    web_watch: Answer = Answer()

    @property
    def version(self) -> str:
        """The version of Argo CD that runs; empty if unknown."""
        return self.api.version or self.api_http2.version

    @property
    def cookie_flags(self) -> list[set[str]]:
        """The flags of each cookie of a login, in lower case."""
        cookies = [value for key, value in self.login.headers if key == "set-cookie"]
        return [{flag.strip().lower() for flag in cookie.split(";")[1:]} for cookie in cookies]

    @property
    def native_grpc(self) -> bool:
        """Whether native gRPC reaches argocd-server. Before 3.6 there is no health service."""
        return self.health.called or self.call.called

    @property
    def proxied(self) -> bool:
        """Whether whoever answers HTTP is not argocd-server, which states neither of these headers."""
        seen = {key for answer in (self.api, self.web.first) for key, _ in answer.headers}
        return bool(seen & {"server", "via", "x-envoy-upstream-service-time"})

    @property
    def mode(self) -> str:
        """The mode, by what clients get; empty if that does not show it.

        argocd-server prefers HTTP/1.1 where a gateway chooses HTTP/2.
        """
        if not self.version:
            return ""
        if not self.proxied:
            return PASSTHROUGH if self.alpn != "h2" else ""
        return GRPC_ROUTING if self.native_grpc else TERMINATION

    @property
    def balancer(self) -> str:
        """What the answers call a proxy before the gateway; empty if they show none.

        Istio's gateway calls itself istio-envoy.
        """
        server, via = self.api.header("server"), self.api.header("via")
        return visible(via or (server if server != "istio-envoy" else ""))[:60] if self.proxied else ""
