"""Asks the questions, all at once.

Every request only reads. gRPC is POST by definition: the calls are those that answer without login (health, version),
and one upload that argocd-server refuses without login before it reads a message.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from cryptography import x509

from argocd_istio import __version__
from argocd_istio.probe.observations import Answer, Certificate, Facts, Hop, Meter, Name, Walk
from argocd_istio.probe.transport import (
    HTTP1,
    HTTP2,
    Failure,
    Headers,
    Limits,
    Network,
    Reply,
    Request,
    failure,
    http1,
    http2,
    trusting,
)
from argocd_istio.syntax.source import visible

OTHER = "argocd-istio-probe.invalid"
"""A host that nobody exposes (RFC 2606)."""
REDIRECTS = 10
"""The redirects that a browser may need; more are a loop."""

_AGENT = f"argocd-istio/{__version__}"
# argocd-server refuses clients that call themselves argocd-client and are older than it supports.
_CLI = "argocd-client/v9.9.9"
_EMPTY = b"\0" * 5
"""An empty message: no compression, length 0."""
_VERSION = "/version.VersionService/Version"
_HEALTH, _WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
_UPLOAD = "/application.ApplicationService/GetManifestsWithFiles"

VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}


@dataclass(frozen=True)
class Target:
    """Where to ask: `address` is where `host` is looked for; `context` verifies the certificate."""

    host: str
    port: int
    http_port: int
    address: str
    context: ssl.SSLContext
    limits: Limits = field(default_factory=Limits)

    @property
    def authority(self) -> str:
        """The Host of a request, as clients write it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 443 else f"{host}:{self.port}"


def _grpc(path: str, agent: str = _AGENT, *, web: bool = False, **more: object) -> Request:
    kind = "application/grpc-web+proto" if web else "application/grpc"
    te: Headers = () if web else (("te", "trailers"),)
    headers = (("content-type", kind), *te, ("user-agent", agent))
    return replace(Request(path, "", "POST", headers, _EMPTY), **more)  # type: ignore[arg-type]


def _get(path: str, *headers: tuple[str, str]) -> Request:
    return Request(path, "", headers=(("user-agent", _AGENT), *headers))


QUESTIONS: dict[str, tuple[str, Request]] = {
    "api": (HTTP1, _get("/api/version")),
    "api_http2": (HTTP2, _get("/api/version")),
    "page_http2": (HTTP2, _get("/")),
    "other_host": (HTTP1, replace(_get("/api/version"), host=OTHER)),
    "host_with_port": (HTTP1, replace(_get("/api/version"), host="{host}:{port}")),
    # Refused without login, by argocd-server itself.
    "applications": (HTTP1, _get("/api/v1/applications?fields=items.metadata.name")),
    "events": (HTTP1, _get("/api/v1/stream/applications", ("accept", "text/event-stream"))),
    # Sets a cookie, with the flags of the session's, if single sign-on is configured.
    "login": (HTTP1, _get("/auth/login")),
    # A GET without the header of a provider is no event: argocd-server answers 400 and does nothing.
    "webhook": (HTTP1, _get("/api/webhook")),
    "health": (HTTP2, _grpc(_HEALTH)),
    "call": (HTTP2, _grpc(_VERSION)),
    "cli_call": (HTTP2, _grpc(_VERSION, _CLI)),
    "upload": (HTTP2, _grpc(_UPLOAD, body=b"", ends=False)),
    "watch": (HTTP2, _grpc(_WATCH, stay=1.0)),
    "grpc_web": (HTTP1, _grpc(_VERSION, web=True)),
    "cli_grpc_web": (HTTP1, _grpc(_VERSION, _CLI, web=True)),
    "grpc_web_http2": (HTTP2, _grpc(_VERSION, web=True)),
    "web_watch": (HTTP1, _grpc(_WATCH, web=True, stay=1.0)),
}
"""The questions to the exposed host, each on its own connection: protocol and request. `stay` is set by the limits."""
_STREAMS = ("events",)
"""Answers that may rightly be late: without events, argocd-server does not even send headers."""
_NATIVE = ("upload", "watch")
"""Asked only where native gRPC arrives: elsewhere an upload without an end gets no answer."""
_BROWSER = ("api_http2", "page_http2", "grpc_web_http2")
"""By HTTP/2 only if the server chooses it, as for a browser; gRPC offers nothing else."""


def _framed(data: bytes) -> tuple[bytes, dict[str, str]]:
    """The first message of gRPC, and the trailers that gRPC-Web has in the body."""
    message, trailers = b"", {}
    while len(data) >= 5:
        length = int.from_bytes(data[1:5], "big")
        part, flags, data = data[5 : 5 + length], data[0], data[5 + length :]
        if flags & 0x80:
            lines = part.decode("latin-1").splitlines()
            trailers = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        elif not message:
            message = part
    return message, trailers


def answer(reply: Reply) -> Answer:
    """The answer in a reply."""
    headers = tuple((key, visible(value)[:1000]) for key, value in reply.headers[:100] if not key.startswith(":"))
    found = Answer(status=reply.status, headers=headers, open=reply.open)
    if not found.header("content-type").startswith("application/grpc"):
        return replace(found, body=reply.body[:65536].decode("utf-8", "replace"))
    message, inside = _framed(reply.body)
    trailers = {**dict(reply.headers), **inside, **dict(reply.trailers)}
    code = trailers.get("grpc-status", "")
    known = int(code) if code.isdecimal() and len(code) < 4 else None
    # A stream that stays open has no status yet; its first message is the answer.
    return replace(found, grpc=known if known is not None else 0 if reply.open and message else None,
                   text=visible(trailers.get("grpc-message", ""))[:300], message=message[:1000])  # fmt: skip


def failed(error: Failure) -> Answer:
    """The answer of a question that failed."""
    return Answer(failure=error.kind, text=visible(error.text)[:300])


def certificate(chain: list[bytes]) -> Certificate | None:
    """The certificate of the server. Raises Failure if it cannot be read."""
    if not chain:
        return None
    try:
        leaf = x509.load_der_x509_certificate(chain[0])
        try:
            names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            listed = [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
        except x509.ExtensionNotFound:
            listed = []
        return Certificate(
            subject=visible(leaf.subject.rfc4514_string())[:200],
            issuer=visible(leaf.issuer.rfc4514_string())[:200],
            names=tuple(visible(name)[:253] for name in listed[:100]),
            begins=leaf.not_valid_before_utc,
            ends=leaf.not_valid_after_utc,
            sent=len(chain),
            self_signed=leaf.subject == leaf.issuer,
        )
    except (
        ValueError,
        TypeError,
        x509.InvalidVersion,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ) as error:
        raise Failure("protocol", f"unreadable certificate: {error}") from error


class Asking:
    """The questions to a target, each with its own connection."""

    def __init__(self, target: Target, meter: Meter) -> None:
        self.target, self.network = target, Network(target.address, target.limits, meter)
        self._both, self._h1, self._h2 = trusting((HTTP2, HTTP1)), trusting((HTTP1,)), trusting((HTTP2,))

    async def _safe(self, work: Callable[[], Awaitable[Answer]], more: float = 0) -> Answer:
        try:
            return await self.network.bounded(work, more)
        except Failure as error:
            return failed(error)

    async def question(self, name: str) -> Answer:
        """The answer to one of the questions."""
        protocol, request = QUESTIONS[name]
        request = self._addressed(request)
        chosen = self._both if name in _BROWSER else self._h1 if protocol == HTTP1 else self._h2
        late = name in _STREAMS

        async def work() -> Answer:
            async with self.network.connect(self.target.port, chosen, self.target.host) as connection:
                if protocol == HTTP2 and connection.tls.selected_alpn_protocol() != HTTP2:
                    browser = name in _BROWSER
                    text = "the server chose HTTP/1.1" if browser else "missing selected ALPN property: no HTTP/2"
                    return Answer(failure="not offered", text=text)
                return answer(await (http1 if protocol == HTTP1 else http2)(connection, request))

        found = await self._safe(work, request.stay)
        return replace(found, failure="waits") if late and found.failure == "late" else found

    def _addressed(self, request: Request) -> Request:
        place = {"host": self.target.authority.rpartition(":")[0] or self.target.host, "port": self.target.port}
        if self.target.port == 443:
            place["host"] = self.target.authority
        host = request.host.format_map(place) if request.host else self.target.authority
        return replace(request, host=host, stay=self.target.limits.stay if request.stay else 0)

    async def handshake(self, context: ssl.SSLContext, name: str) -> tuple[Answer, Certificate | None, str]:
        """A handshake alone: the answer (status 0 if it succeeds), the certificate, and the chosen protocol."""
        seen: list[tuple[Certificate | None, str]] = []

        async def work() -> Answer:
            async with self.network.connect(self.target.port, context, name) as connection:
                chosen = connection.tls.selected_alpn_protocol() or ""
                seen.append((None, chosen))
                seen[0] = (certificate(connection.chain()), chosen)
                return Answer()

        found = await self._safe(work)
        return found, *(seen[0] if seen else (None, ""))

    async def version(self, version: ssl.TLSVersion) -> bool | None:
        """Whether a version of TLS is accepted; None if this machine does not have it."""
        try:
            context = trusting((HTTP1,), version)
        except (ssl.SSLError, ValueError):
            return None
        found, _, _ = await self.handshake(context, self.target.host)
        return None if "no protocols available" in found.text.lower() else not found.failure

    async def name(self, name: str) -> Name:
        """What a client gets that names another host, or none."""
        shaken, shown, _ = await self.handshake(self._h1, name)
        if shaken.failure:
            return Name(shaken)
        request = replace(_get("/api/version"), host=name or OTHER)

        async def work() -> Answer:
            async with self.network.connect(self.target.port, self._h1, name) as connection:
                return answer(await http1(connection, request))

        return Name(shaken, shown, await self._safe(work))

    async def page(self, url: str) -> Answer:
        """The answer to a GET of an address on the host."""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        host = self.target.authority if secure or self.target.http_port != 80 else self.target.host

        async def work() -> Answer:
            port = self.target.port if secure else self.target.http_port
            async with self.network.connect(port, self._h1 if secure else None, self.target.host) as connection:
                return answer(await http1(connection, replace(_get(path), host=host)))

        return await self._safe(work)

    async def walk(self, start: str) -> Walk:
        """Follow redirects on the host, whatever port they name: this one is asked."""
        hops: list[Hop] = []
        try:
            async with asyncio.timeout(2 * self.target.limits.seconds):
                loop = await self._steps(start, hops)
            return Walk(tuple(hops), loop)
        except TimeoutError as error:
            late = failure(error)
            return Walk((*hops, Hop(start, failed(late))) if late else tuple(hops))

    async def _steps(self, url: str, hops: list[Hop]) -> bool:
        """Add each step; returns whether they are a loop."""
        seen: set[str] = set()
        while url not in seen and len(hops) <= REDIRECTS:
            seen.add(url)
            found = await self.page(url)
            hops.append(Hop(url, found))
            if found.failure or found.status not in (301, 302, 303, 307, 308):
                return False
            try:
                parts = urlsplit(urljoin(url, found.header("location")))
                ours = parts.scheme in ("http", "https") and (parts.hostname or "") == self.target.host.lower()
            except ValueError:
                return False
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            if not ours or not path.isascii() or not path.isprintable() or " " in path:
                return False
            url = f"{parts.scheme}://{self.target.host}{path}"
        return True

    async def _after(self, name: str, calls: list[asyncio.Task[Answer]]) -> Answer:
        """The answer to a question, if one of the calls succeeded."""
        for call in asyncio.as_completed(calls):
            if (await call).called:
                return await self.question(name)
        return Answer(failure="not asked", text="not asked: native gRPC does not arrive")

    async def facts(self) -> Facts:
        """Everything: the handshake and port 80 first, and the rest at once if the handshake succeeds."""
        host = self.target.host
        found: dict[str, Any] = {}
        async with asyncio.TaskGroup() as group:
            tasks: dict[str, asyncio.Task[Any]] = {
                "plain": group.create_task(self.walk(f"http://{host}/applications?x=1")),
                "plain_api": group.create_task(self.page(f"http://{host}/api/version")),
            }
            shaken, found["certificate"], found["alpn"] = await self.handshake(self._both, host)
            if not shaken.failure:
                tasks |= self._encrypted(group)
                versions = {name: group.create_task(self.version(version)) for name, version in VERSIONS.items()}
        found |= {name: task.result() for name, task in tasks.items()}
        if not shaken.failure:
            found["tls"] = {name: task.result() for name, task in versions.items()}
        return Facts(
            host=host,
            port=self.target.port,
            http_port=self.target.http_port,
            address=self.target.address,
            now=datetime.now(UTC),
            handshake=shaken,
            **found,
        )

    def _encrypted(self, group: asyncio.TaskGroup) -> dict[str, asyncio.Task[Any]]:
        """Ask everything that needs TLS."""
        host = self.target.host
        tasks: dict[str, asyncio.Task[Any]] = {
            name: group.create_task(self.question(name)) for name in QUESTIONS if name not in _NATIVE
        }
        calls = [tasks["health"], tasks["call"]]
        tasks |= {name: group.create_task(self._after(name, calls)) for name in _NATIVE}
        tasks["trusted"] = group.create_task(self.trusted())
        tasks["other_name"] = group.create_task(self.name(OTHER))
        tasks["no_name"] = group.create_task(self.name(""))
        tasks["web"] = group.create_task(self.walk(f"https://{host}/"))
        return tasks

    async def trusted(self) -> Answer:
        """A handshake that verifies the certificate."""
        found, _, _ = await self.handshake(self.target.context, self.target.host)
        return found


async def reachable(found: list[str], port: int, limits: Limits) -> str:
    """The first address that accepts a connection, else the first."""
    for address in found[:8] if len(found) > 1 else ():
        try:
            async with asyncio.timeout(limits.seconds / 8), Network(address, limits).connect(port):
                return address
        except OSError:
            continue
    return found[0]


def look(target: Target, meter: Meter) -> Facts:
    """All facts about a target."""
    return asyncio.run(Asking(target, meter).facts())
