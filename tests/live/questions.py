"""Requests of real clients to the exposed Argo CD: one function for each question of the truth table."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from live.cluster import Cluster
from tools.build import program

CLIENTS = Path(__file__).with_name("clients")
# An empty gRPC message: the flag for no compression, and the length 0.
EMPTY_MESSAGE = "\0" * 5
OTHER = "other.example.com"
STREAM = "/api/v1/stream/applications"
JSON = ("--header", "content-type: application/json")


@dataclass
class Client:
    """A client of `host`, which must resolve to the gateway, in a network namespace outside the mesh."""

    cluster: Cluster
    host: str
    streams: dict[str, Stream] = field(default_factory=dict)

    def session(self) -> str:
        """A session token of the admin account, from a login through the gateway."""
        reply = curl(self, "/api/v1/session", *JSON, data=self.credentials())
        token: str = json.loads(reply.body)["token"]
        return token

    def credentials(self) -> str:
        """The body of a login request."""
        return json.dumps({"username": "admin", "password": self.cluster.admin_password()})


@dataclass(frozen=True)
class Answer:
    """The answer that a client got.

    status: as the client reports it. protocol: h1 or h2; empty if the client does not report it.
    since: when the request began, in seconds since the epoch, if that was before the question was asked.
    """

    status: str
    protocol: str = ""
    since: float | None = None


Question = Callable[[Client], Answer]


@dataclass(frozen=True)
class Reply:
    """An answer to curl. Without an answer `code` is 0 and `error` is curl's error. Header names are lower case."""

    code: int
    protocol: str
    headers: list[tuple[str, str]]
    body: bytes
    error: str

    def header(self, name: str) -> str:
        """The value of the first header (or trailer) of that name; empty if there is none."""
        return next((value for key, value in self.headers if key == name), "")


def curl(client: Client, url: str, *options: str, h2: bool = False, data: str | None = None) -> Reply:
    """Send one request, verifying TLS with the test CA. A `url` that begins with / is a path on the exposed host."""
    url = url if "://" in url else f"https://{client.host}{url}"
    plain_h2 = "--http2-prior-knowledge" if url.startswith("http:") else "--http2"
    with tempfile.TemporaryDirectory() as folder:
        headers, body = Path(folder) / "headers", Path(folder) / "body"
        command = ["curl", "--silent", "--show-error", "--cacert", str(client.cluster.ca)]
        command += [plain_h2 if h2 else "--http1.1", "--max-time", "10", "--dump-header", str(headers)]
        command += ["--output", str(body), "--write-out", "%{http_code} %{http_version}"]
        command += ["--data-binary", "@-"] if data is not None else []
        result = client.cluster.exec([*command, *options, url], input=data)
        code, version = result.stdout.split()
        lines = headers.read_text().splitlines() if headers.exists() else []
        return Reply(
            code=int(code),
            protocol=f"h{version.removesuffix('.1')}" if int(code) else "",
            headers=[(key.lower(), value.strip()) for key, _, value in (line.partition(":") for line in lines)],
            body=body.read_bytes() if body.exists() else b"",
            error=result.stderr.strip(),
        )


def status(reply: Reply) -> str:
    """The status code, `reset` for a closed connection, or curl's error."""
    if reply.code:
        return str(reply.code)
    return "reset" if "reset by peer" in reply.error else reply.error


def location(reply: Reply) -> str:
    """The status code and the Location header."""
    return f"{status(reply)} {reply.header('location')}".strip()


def grpc_status(reply: Reply) -> str:
    """The status code and the gRPC status, which is an HTTP/2 trailer or, in gRPC-Web, in the body."""
    found = re.search(rb"grpc-status: *(\d+)", reply.body)
    code = reply.header("grpc-status") or (found[1].decode() if found else "")
    return f"{status(reply)} grpc-status {code}" if code else status(reply)


def event_stream(reply: Reply) -> str:
    """The status code, the content type, and whether the body contains an event."""
    event = ", event" if b'data: {"result":' in reply.body.replace(b"data:{", b"data: {") else ""
    return f"{status(reply)} {reply.header('content-type')}{event}"


def cookie(reply: Reply) -> str:
    """The status code and the flags of the session cookie."""
    flags = reply.header("set-cookie").lower().split("; ")[1:]
    return " ".join([status(reply), *sorted(flags)])


def http(
    url: str, *options: str, h2: bool = False, data: str | None = None, show: Callable[[Reply], str] = status
) -> Question:
    """Send a request with curl; replaces `{host}` and `{ip}` (the gateway's address) in `url` and `options`."""

    def question(client: Client) -> Answer:
        place = {"host": client.host, "ip": client.cluster.gateway_ip}
        filled = [text.format_map(place) for text in (url, *options)]
        reply = curl(client, *filled, h2=h2, data=data)
        return Answer(show(reply), reply.protocol)

    return question


def grpc_by_curl(content_type: str, h2: bool = True) -> Question:
    """Call VersionService/Version by curl, with the given content type."""
    headers = ["--header", f"content-type: {content_type}", "--header", "te: trailers"]
    return http("/version.VersionService/Version", *headers, h2=h2, data=EMPTY_MESSAGE, show=grpc_status)


def login(client: Client) -> Answer:
    """Log in like a browser."""
    reply = curl(client, "/api/v1/session", *JSON, data=client.credentials())
    return Answer(cookie(reply), reply.protocol)


def session_cookie(client: Client) -> list[str]:
    """curl's options for the session cookie of a logged in browser."""
    return ["--cookie", f"argocd.token={client.session()}"]


def event_source(client: Client) -> list[str]:
    """curl's options for the EventSource of a logged in browser."""
    return ["--header", "accept: text/event-stream", *session_cookie(client)]


def stream(h2: bool) -> Question:
    """Read the stream of Application events for two seconds, like a browser's EventSource."""

    def question(client: Client) -> Answer:
        options = ["--no-buffer", "--max-time", "2", *event_source(client)]
        reply = curl(client, STREAM, *options, h2=h2)
        return Answer(event_stream(reply), reply.protocol)

    return question


class Stream:
    """A stream of Application events that stays open; `finish` checks that it still works after a minute."""

    # Longer than a minute, after which many proxies close an idle connection.
    LENGTH = 61.0

    def __init__(self, client: Client, h2: bool) -> None:
        self._client = client
        command = ["curl", "--silent", "--no-buffer", "--include", "--cacert", str(client.cluster.ca)]
        command += ["--http2" if h2 else "--http1.1", *event_source(client), f"https://{client.host}{STREAM}"]
        self.since = time.time()
        self._process = client.cluster.popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._lines: list[tuple[float, str]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.append((time.time(), line.decode().strip()))

    def finish(self) -> Answer:
        """After a minute, change the Application: the event must still arrive."""
        time.sleep(max(0.0, self.since + self.LENGTH - time.time()))
        changed, mark = time.time(), f"minute-{self.since:.0f}"
        self._client.cluster.kubectl(
            "annotate", "--overwrite", "-n", "argocd", "applications.argoproj.io/probe", f"probe={mark}"
        )
        while not (event := self._event(mark)) and time.time() < changed + 5 and self._process.poll() is None:
            time.sleep(0.1)
        self.close()
        first = self._lines[0][1] if self._lines else "nothing"
        version, _, code = first.removeprefix("HTTP/").partition(" ")
        verdict = "event after a minute" if event else "no event after a minute"
        return Answer(f"{code.split(' ')[0]}, {verdict}", f"h{version.removesuffix('.1')}", self.since)

    def close(self) -> None:
        """Close the connection."""
        self._process.terminate()
        self._process.wait()

    def _event(self, mark: str) -> bool:
        return any(mark in line for _, line in self._lines)


def long_stream(name: str) -> Question:
    """The client's stream of that name, opened when the mode came up."""
    return lambda client: client.streams.pop(name).finish()


def _argocd(client: Client, home: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the real argocd command, with its configuration below `home`."""
    env = {"HOME": home, "SSL_CERT_FILE": str(client.cluster.ca)}
    return client.cluster.exec([str(program("argocd")), *words], env=env, timeout=60)


def cli(*arguments: str) -> Question:
    """Run the real argocd command against the host; replaces `{host}`, and `{password}` by the admin's password."""

    def question(client: Client) -> Answer:
        password = client.cluster.admin_password() if "{password}" in arguments else ""
        filled = [text.format(host=client.host, password=password) for text in arguments]
        with tempfile.TemporaryDirectory() as home:
            result = _argocd(client, home, *filled)
        if result.returncode:
            return Answer(f"failed: {(result.stderr or result.stdout).strip().splitlines()[-1]}")
        return Answer("ok, warns to use --grpc-web" if "--grpc-web" in result.stderr else "ok")

    return question


DIFFERENT = "shows the difference"


def local_diff(*options: str) -> Question:
    """Log in, and compare the Application `probe` with a local folder, rendered by the server.

    The command sends the folder as a stream of messages; all other commands send one message.
    """

    def question(client: Client) -> Answer:
        credentials = ["--username", "admin", "--password", client.cluster.admin_password()]
        with tempfile.TemporaryDirectory() as home:
            folder = Path(home) / "folder"
            folder.mkdir()
            marker = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "probe"}, "data": {"key": "marker"}}
            (folder / "marker.json").write_text(json.dumps(marker))
            _argocd(client, home, "login", client.host, *credentials, *options)
            source = ["--local", str(folder), "--local-repo-root", str(folder), "--server-side-generate"]
            result = _argocd(client, home, "app", "diff", "probe", *source, *options)
        if "key: marker" in result.stdout:
            return Answer(DIFFERENT)
        message = json.loads(result.stderr.strip().splitlines()[-1])["msg"]
        return Answer(f"failed: {re.sub(': calc .*', '', message)}")

    return question


def native_grpc(client: Client) -> Answer:
    """Call VersionService/Version with Python's gRPC library."""
    command = [sys.executable, str(CLIENTS / "grpc_version.py"), client.host, str(client.cluster.ca)]
    # gRPC's own resolver queries DNS even for names in the hosts file, and there is no DNS here.
    result = client.cluster.exec(command, env={"GRPC_DNS_RESOLVER": "native"})
    return Answer(result.stdout.strip() or f"failed: {result.stderr.strip()}", "h2")


def certificate(client: Client) -> Answer:
    """The status code, and the Secret that contains the certificate of the host."""
    command = [sys.executable, str(CLIENTS / "certificate.py"), client.host, str(client.cluster.ca)]
    result = client.cluster.exec(command)
    if result.returncode:
        return Answer(f"failed: {result.stderr.strip().splitlines()[-1]}")
    code, shown = result.stdout.split()
    return Answer(f"{code}, {_secrets(client.cluster).get(shown, 'an unknown certificate')}", "h1")


def _secrets(cluster: Cluster) -> dict[str, str]:
    """The names of the TLS Secrets, by the SHA-256 of their certificate."""
    listed = cluster.kubectl("get", "secrets", "-A", "--field-selector=type=kubernetes.io/tls", "-o", "json").stdout
    found = {}
    for secret in json.loads(listed)["items"]:
        leaf = x509.load_pem_x509_certificates(base64.b64decode(secret["data"]["tls.crt"]))[0]
        found[hashlib.sha256(leaf.public_bytes(Encoding.DER)).hexdigest()] = secret["metadata"]["name"]
    return found


def websocket(path: str) -> Question:
    """Request a websocket (RFC 6455), like a logged in browser."""
    headers = ["connection: Upgrade", "upgrade: websocket", "sec-websocket-version: 13"]
    headers += [f"sec-websocket-key: {base64.b64encode(b'0123456789abcdef').decode()}", "origin: https://{host}"]
    options = [part for header in headers for part in ("--header", header)]
    return lambda client: http(path, *options, *session_cookie(client))(client)
