"""Servers on the loopback interface: an exposed Argo CD in miniature, and any other behaviour."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from live.pki import Authority

HOST = "cd.acme.io"
VERSION = b'{"Version":"v9.9.9"}'
EMPTY = b"\0" * 5

Handler = Callable[[socket.socket], None]


@dataclass(frozen=True)
class Port:
    """A handler of connections, behind TLS if there is a context."""

    handle: Handler
    tls: ssl.SSLContext | None = None


@contextmanager
def listening(*ports: Port) -> Iterator[list[int]]:
    """Serve each port on the loopback interface; yields their numbers."""
    listeners = [socket.create_server(("127.0.0.1", 0), backlog=128) for _ in ports]

    def serve(listener: socket.socket, port: Port) -> None:
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_one, args=(accepted, port), daemon=True).start()

    for listener, port in zip(listeners, ports, strict=True):
        threading.Thread(target=serve, args=(listener, port), daemon=True).start()
    try:
        yield [listener.getsockname()[1] for listener in listeners]
    finally:
        for listener in listeners:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()


def _one(accepted: socket.socket, port: Port) -> None:
    accepted.settimeout(30)
    with suppress(OSError, ValueError, h2.exceptions.H2Error):
        wrapped = port.tls.wrap_socket(accepted, server_side=True) if port.tls else accepted
        with suppress(OSError), wrapped:
            port.handle(wrapped)
    accepted.close()


# --- TLS


def issued(folder: Path, names: list[str], days: int = 365, *, own: bool = False) -> tuple[Path, Path]:
    """A certificate that ends in so many days, by the CA in `folder` or self-signed: the file of it and of its key."""
    authority = (
        Authority(folder) if (folder / "ca.pem").exists() else Authority.create(folder, f"CA of {folder.parent.name}")
    )
    issuer = x509.load_pem_x509_certificate(authority.certificate.read_bytes()).subject
    key = ec.generate_private_key(ec.SECP256R1())
    signer = key if own else serialization.load_pem_private_key(authority.key.read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if own else issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=30))
        .not_valid_after(now + datetime.timedelta(days=days, hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    files = folder / f"{days}-{own}-{names[0]}.crt", folder / f"{days}-{own}-{names[0]}.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


def context(files: tuple[Path, Path], *, strict: bool = True) -> ssl.SSLContext:
    """A server's context; `strict` refuses every SNI but HOST."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*files)
    made.set_alpn_protocols(["h2", "http/1.1"])

    def named(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> int | None:
        return None if name == HOST or not strict else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

    made.sni_callback = named
    return made


# --- Argo CD in miniature


def request_of(client: socket.socket) -> tuple[str, str, dict[str, str]]:
    """Method, path and headers of a request by HTTP/1.1."""
    data = b""
    while b"\r\n\r\n" not in data:
        got = client.recv(4096)
        if not got:
            raise OSError("closed")
        data += got
    if data.startswith(b"PRI * HTTP/2.0"):
        raise OSError("another protocol")
    first, *lines = data.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    return method, path, {key.lower(): value for key, value in (line.split(": ", 1) for line in lines)}


def reply(client: socket.socket, status: int, body: bytes = b"", *headers: str) -> None:
    """Answer by HTTP/1.1, and close."""
    head = [f"HTTP/1.1 {status} Any", f"content-length: {len(body)}", "connection: close", *headers]
    client.sendall("\r\n".join([*head, "", ""]).encode() + body)


def argocd(client: socket.socket) -> None:
    """What an exposed Argo CD answers in grpc-routing."""
    negotiated = client.selected_alpn_protocol() if isinstance(client, ssl.SSLSocket) else None
    (_http2 if negotiated == "h2" else _http1)(client)


def redirecting(client: socket.socket) -> None:
    """What port 80 answers."""
    _, path, headers = request_of(client)
    reply(client, 301, b"", f"location: https://{headers['host']}{path}")


def _http1(client: socket.socket) -> None:
    _, path, headers = request_of(client)
    envoy = "server: istio-envoy"
    if headers["host"].partition(":")[0] != HOST:
        reply(client, 404, b"", envoy)
    elif headers.get("content-type") == "application/grpc-web+proto":
        trailer = b"grpc-status: 0\r\n"
        client.sendall(f"HTTP/1.1 200 OK\r\ncontent-type: application/grpc-web+proto\r\n{envoy}\r\n\r\n".encode())
        client.sendall(b"\0\0\0\0\x02\x08\x01")
        if path.endswith("/Watch"):
            client.recv(1)  # until the client leaves
        client.sendall(b"\x80" + len(trailer).to_bytes(4, "big") + trailer)
    elif path == "/api/version":
        reply(client, 200, VERSION, envoy)
    elif path == "/api/webhook":
        reply(client, 400, b"Unknown webhook event\n", envoy)
    elif path.startswith("/api/v1/"):
        reply(client, 401, b'{"error":"no session information"}', envoy)
    else:
        reply(client, 200, b"", envoy)


def _http2(client: socket.socket) -> None:
    engine = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
    engine.initiate_connection()
    while True:
        client.sendall(engine.data_to_send())
        data = client.recv(4096)
        if not data:
            return
        for event in engine.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                _answer(engine, {str(key): str(value) for key, value in event.headers or []}, event.stream_id or 0)


def _answer(engine: h2.connection.H2Connection, headers: dict[str, str], stream: int) -> None:
    path, kind = headers[":path"], headers.get("content-type", "")
    head = [(":status", "200"), ("server", "istio-envoy"), ("content-type", kind or "text/html")]
    engine.send_headers(stream, head)
    if not kind:
        engine.send_data(stream, VERSION, end_stream=True)
    elif path.endswith("/GetManifestsWithFiles"):
        engine.send_headers(stream, [("grpc-status", "16")], end_stream=True)
    else:
        engine.send_data(stream, b"\0\0\0\0\x02\x08\x01")
        if not path.endswith("/Watch"):
            trailer = b"grpc-status: 0"
            if "web" in kind:
                engine.send_data(stream, b"\x80" + len(trailer).to_bytes(4, "big") + trailer, end_stream=True)
            else:
                engine.send_headers(stream, [("grpc-status", "0")], end_stream=True)


# --- frames of HTTP/2


def frame(kind: int, payload: bytes, flags: int = 0, stream: int = 0, length: int | None = None) -> bytes:
    """A frame of HTTP/2 (RFC 9113)."""
    size = len(payload) if length is None else length
    return size.to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


SETTINGS = frame(4, b"")
STATUS = b"\x88"  # :status 200 in HPACK
