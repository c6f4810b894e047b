"""Connections, and one request on each, by HTTP/1.1 or HTTP/2, bounded in time and bytes."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import threading
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h11

from argocd_istio.probe.observations import Meter

Result = TypeVar("Result")
Headers = tuple[tuple[str, str], ...]

HTTP1, HTTP2 = "http/1.1", "h2"
"""The protocols, by their names in ALPN (RFC 7301)."""


@dataclass(frozen=True)
class Limits:
    """`seconds` for a question, `stay` how long a stream is watched after its first bytes, the rest in bytes."""

    seconds: float = 5.0
    stay: float = 0.5
    header: int = 32 << 10
    body: int = 64 << 10
    connection: int = 256 << 10


class Failure(Exception):
    """A question without an answer.

    `kind` is one of `name`, `refused`, `unreachable`, `reset`, `closed`, `late`, `certificate`, `tls`, `protocol`,
    `limit`; `text` states the error.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind, self.text = kind, text


@dataclass(frozen=True)
class Reply:
    """An answer. `open`: the stream was still open when it was left. `whole`: nothing of the body was left out."""

    status: int
    protocol: str
    headers: Headers = ()
    body: bytes = b""
    trailers: Headers = ()
    open: bool = False
    whole: bool = True


_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM}
_CONNECTING = "connecting"
"""Marks a connection that was given up before it was there."""
_CLOSED = ("EOF occurred", "UNEXPECTED_EOF", "unexpected eof")


def failure(error: BaseException) -> Failure | None:
    """The failure that an exception means; None for one that the network cannot cause."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, ssl.SSLCertVerificationError):
        return Failure("certificate", error.verify_message or str(error))
    if isinstance(error, ssl.SSLError):
        text = error.reason or str(error)
        return Failure("closed" if any(words in str(error) for words in _CLOSED) else "tls", text.replace("_", " "))
    if isinstance(error, TimeoutError):
        connecting = _CONNECTING in getattr(error.__cause__, "__notes__", ())
        return Failure("late", f"no {'connection' if connecting else 'answer'} in time")
    if isinstance(error, ConnectionRefusedError):
        return Failure("refused", "connection refused")
    if isinstance(error, ConnectionError):
        return Failure("reset", "connection reset by peer")
    if isinstance(error, OSError):
        kind = "unreachable" if error.errno in _UNREACHABLE else "reset"
        return Failure(kind, (error.strerror or str(error)).lower())
    if isinstance(error, (h2.exceptions.H2Error, h11.ProtocolError)):
        return Failure("protocol", f"{type(error).__name__}: {error}")
    return None


def addresses(host: str, seconds: float) -> list[str]:
    """The addresses of a name. Raises Failure.

    In a thread of its own, which a slow resolver cannot make the program wait for.
    """
    found: list[str] = []
    problem: list[str] = []

    def look_up() -> None:
        try:
            found.extend(str(entry[4][0]) for entry in socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            problem.append(getattr(error, "strerror", None) or str(error))

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise Failure("name", f"{host}: no answer of the resolver in {seconds:g} s")
    if problem or not found:
        raise Failure("name", f"{host}: {(problem or ['no address'])[0]}")
    return list(dict.fromkeys(found))


def verifying(cafile: str | None) -> ssl.SSLContext:
    """A context that verifies, with a file of CAs or with the system's. Raises OSError and ssl.SSLError."""
    context = ssl.create_default_context(cafile=cafile)
    context.set_alpn_protocols([HTTP2, HTTP1])
    return context


def trusting(protocols: Sequence[str] = (), version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """A context that verifies nothing: no question sends anything secret. With `version`, it offers only that.

    Raises ssl.SSLError and ValueError if the local TLS library does not have the version.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    if version is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
        if version < ssl.TLSVersion.TLSv1_2:
            # Distributions switch the old versions off by the security level.
            context.set_ciphers("ALL:@SECLEVEL=0")
    return context


@dataclass
class Connection:
    """A connection, with TLS or without."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    limits: Limits
    meter: Meter
    received: int = 0

    async def receive(self) -> bytes:
        """The next bytes; none at the end. Raises Failure after too many."""
        data = await self.reader.read(16 << 10)
        self.received += len(data)
        self.meter.bytes += len(data)
        if self.received > self.limits.connection:
            raise Failure("limit", f"more than {self.limits.connection >> 10} KiB on a connection")
        return data

    @property
    def tls(self) -> ssl.SSLObject:
        """The TLS of the connection."""
        found: ssl.SSLObject = self.writer.get_extra_info("ssl_object")
        return found

    def chain(self) -> list[bytes]:
        """The certificates that the server sent, in DER; its own comes first."""
        own = self.tls.getpeercert(True)
        # Public from Python 3.13 on.
        inner = getattr(self.tls, "_sslobj", None)
        listed = getattr(self.tls, "get_unverified_chain", None) or getattr(inner, "get_unverified_chain", None)
        sent = list(listed() or ()) if listed else []
        chain = [each if isinstance(each, bytes) else ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in sent]
        return chain or ([own] if own else [])


@dataclass
class Network:
    """Opens connections to one address, a few at a time: a gateway may limit their rate."""

    address: str
    limits: Limits
    meter: Meter = field(default_factory=Meter)
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(16))

    async def bounded(self, work: Callable[[], Awaitable[Result]], more: float = 0) -> Result:
        """The result of `work`, which takes the question's time and `more`. Raises Failure."""
        async with self.slots:
            try:
                async with asyncio.timeout(self.limits.seconds + more):
                    return await work()
            except Exception as error:
                known = failure(error)
                if known is None:
                    raise
                raise known from error

    @asynccontextmanager
    async def connect(
        self, port: int, context: ssl.SSLContext | None = None, name: str = ""
    ) -> AsyncIterator[Connection]:
        """A connection; with a context by TLS, which asks for `name`."""
        self.meter.connections += 1
        secured = {"ssl": context, "server_hostname": name} if context else {}
        try:
            reader, writer = await asyncio.open_connection(self.address, port, **secured)  # type: ignore[arg-type]
        except asyncio.CancelledError as late:
            late.add_note(_CONNECTING)
            raise
        try:
            yield Connection(reader, writer, self.limits, self.meter)
        finally:
            # Without TLS's farewell, for which a hostile server would let us wait.
            writer.transport.abort()


@dataclass(frozen=True)
class Request:
    """A request. `ends`: it is complete; `stay` watches the answer for that many seconds after its first bytes."""

    path: str
    host: str
    method: str = "GET"
    headers: Headers = ()
    body: bytes = b""
    ends: bool = True
    stay: float = 0.0


class _Body:
    """Collects a body up to a limit, and knows when to stop watching a stream."""

    def __init__(self, request: Request, limits: Limits) -> None:
        self.data, self.whole, self.open = bytearray(), True, False
        self._request, self._limits = request, limits
        self._until: float | None = None

    def add(self, data: bytes) -> bool:
        """Whether more may be added."""
        if self._request.stay and self._until is None:
            self._until = asyncio.get_running_loop().time() + self._request.stay
        self.data += data[: self._limits.body - len(self.data)]
        self.whole = len(self.data) < self._limits.body
        return self.whole

    async def receive(self, connection: Connection) -> bytes | None:
        """The next bytes; None when the stream was watched long enough."""
        if self._until is None:
            return await connection.receive()
        try:
            async with asyncio.timeout_at(self._until):
                return await connection.receive()
        except TimeoutError:
            if asyncio.get_running_loop().time() < self._until:
                raise
            self.open = True
            return None


def _text(headers: Sequence[tuple[bytes, bytes]]) -> Headers:
    return tuple((key.decode("latin-1").lower(), value.decode("latin-1").strip()) for key, value in headers)


async def http1(connection: Connection, request: Request) -> Reply:
    """One request by HTTP/1.1. Raises Failure, and what `failure` knows."""
    connection.meter.requests += 1
    engine = h11.Connection(h11.CLIENT, max_incomplete_event_size=connection.limits.header)
    length = (("content-length", str(len(request.body))),) if request.body or request.method != "GET" else ()
    headers = (("host", request.host), *request.headers, *length, ("connection", "close"))
    sent = engine.send(h11.Request(method=request.method, target=request.path, headers=list(headers))) or b""
    sent += engine.send(h11.Data(data=request.body)) or b"" if request.body else b""
    sent += engine.send(h11.EndOfMessage()) or b""
    connection.writer.write(sent)
    status, found, body = 0, (), _Body(request, connection.limits)  # type: tuple[int, Headers, _Body]
    while True:
        event = engine.next_event()
        if event is h11.NEED_DATA:
            data = await body.receive(connection)
            if data is None:
                break
            if not data and not connection.received:
                raise Failure("closed", "closed without an answer")
            engine.receive_data(data)
        elif isinstance(event, h11.Response):
            status, found = event.status_code, _text(list(event.headers))
        elif isinstance(event, h11.Data):
            if not body.add(bytes(event.data)):
                break
        elif isinstance(event, h11.EndOfMessage):
            break
        elif isinstance(event, h11.ConnectionClosed):
            raise Failure("closed", "closed without an answer")
        elif not isinstance(event, h11.InformationalResponse):
            raise Failure("protocol", "the server changed the protocol")
    return Reply(status, HTTP1, found, bytes(body.data), (), body.open, body.whole)


async def http2(connection: Connection, request: Request) -> Reply:
    """One request by HTTP/2. Raises Failure, and what `failure` knows."""
    connection.meter.requests += 1
    engine = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding=None))
    engine.initiate_connection()
    place = [(":method", request.method), (":scheme", "https"), (":authority", request.host), (":path", request.path)]
    engine.send_headers(1, [*place, *request.headers], end_stream=request.ends and not request.body)
    if request.body:
        engine.send_data(1, request.body, end_stream=request.ends)
    status, found, trailers, body = 0, (), (), _Body(request, connection.limits)  # type: tuple[int, Headers, Headers, _Body]
    while True:
        connection.writer.write(engine.data_to_send())
        data = await body.receive(connection)
        if data is None:
            break
        if not data:
            if status:
                raise Failure("closed", "closed in the middle of the answer")
            raise Failure("closed", "closed without an answer")
        for event in engine.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                found = _text(event.headers or [])
                status = int(dict(found).get(":status", "0") or 0)
            elif isinstance(event, h2.events.DataReceived):
                engine.acknowledge_received_data(event.flow_controlled_length or 0, 1)
                if not body.add(event.data or b""):
                    return Reply(status, HTTP2, found, bytes(body.data), (), body.open, body.whole)
            elif isinstance(event, h2.events.TrailersReceived):
                trailers = _text(event.headers or [])
            elif isinstance(event, h2.events.StreamEnded):
                return Reply(status, HTTP2, found, bytes(body.data), trailers, body.open, body.whole)
            elif isinstance(event, h2.events.StreamReset):
                raise Failure("reset", f"stream reset, error code {event.error_code}")
            elif isinstance(event, h2.events.ConnectionTerminated):
                words = (event.additional_data or b"").decode("latin-1")
                raise Failure("closed", f"GOAWAY, error code {event.error_code} {words}".strip())
    return Reply(status, HTTP2, found, bytes(body.data), trailers, body.open, body.whole)
