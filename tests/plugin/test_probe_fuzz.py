"""Any bytes from a server: a question ends with an answer or a failure, and never reads more than its limits."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import h2.config
import h2.connection
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from argocd_istio.probe import ask, transport
from argocd_istio.probe.known import KNOWN, explain
from argocd_istio.probe.observations import Answer, Meter
from argocd_istio.probe.transport import Connection, Failure, Limits, Reply, Request, http1, http2
from tests.plugin.exposed import EMPTY, HOST, SETTINGS, STATUS, frame, issued
from tests.plugin.fuzz import SEED, START, TIMES

LIMITS = Limits(connection=4096, body=1024, header=1024)
TRIES = 1500 * TIMES
"""Inputs of each kind; the same ones in each run."""

Report = Callable[[str, dict[str, int]], None]


@dataclass
class Sink:
    """A writer that nobody reads."""

    sent: int = 0

    def write(self, data: bytes) -> None:
        self.sent += len(data)


@dataclass
class Peer:
    """A server that sends `data` in pieces, and closes."""

    data: bytes
    sink: Sink = field(default_factory=Sink)

    def ask(self, protocol: Callable[[Connection, Request], Awaitable[Reply]]) -> Answer:
        async def run() -> Answer:
            reader = asyncio.StreamReader()
            reader.feed_data(self.data)
            reader.feed_eof()
            connection = Connection(reader, self.sink, LIMITS, Meter())  # type: ignore[arg-type]
            try:
                return ask.answer(await protocol(connection, Request("/", HOST, "POST", body=EMPTY)))
            except Exception as error:
                known = transport.failure(error)
                if known is None:
                    raise
                return ask.failed(known)

        return asyncio.run(run())


H1 = [
    b"HTTP/1.1 200 OK\r\ncontent-type: application/grpc-web+proto\r\n\r\n"
    b"\0\0\0\0\x02\x08\x01\x80\0\0\0\x0fgrpc-status: 0\r\n",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b'HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{"Version":"v9.9.9"}',
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 307 Any\r\nlocation: https://cd.acme.io/\r\ncontent-length: 0\r\n\r\n",
]


def _real() -> bytes:
    """The frames of a real gRPC answer."""
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    client.initiate_connection()
    server.initiate_connection()
    place = [(":method", "POST"), (":scheme", "https"), (":authority", HOST), (":path", "/")]
    client.send_headers(1, place, end_stream=True)
    server.receive_data(client.data_to_send())
    server.send_headers(1, [(":status", "200"), ("content-type", "application/grpc")])
    server.send_data(1, b"\0\0\0\0\x02\x08\x01")
    server.send_headers(1, [("grpc-status", "0")], end_stream=True)
    return server.data_to_send()


H2 = [
    _real(),
    SETTINGS + frame(1, STATUS, 4, 1) + frame(0, b"{}", 1, 1),
    SETTINGS + frame(1, STATUS, 0, 1) + frame(9, b"", 4, 1) + frame(3, b"\0\0\0\2", 0, 1),
    SETTINGS + frame(6, b"\0" * 8) + frame(7, b"\0" * 8) + frame(8, b"\0\0\1\0", 0, 1),
]


def mutated(chance: random.Random, seeds: list[bytes]) -> bytes:
    """A seed with some bytes changed, removed, repeated, or joined with another's."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.randint(0, 6)):
        place = chance.randrange(len(data) + 1)
        kind = chance.randrange(5)
        if kind == 0 and place < len(data):
            data[place] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, 10, 13, chance.randrange(256)])
        elif kind == 1:
            del data[place : place + chance.randint(1, 8)]
        elif kind == 2:
            data[place:place] = chance.randbytes(chance.randint(1, 8))
        elif kind == 3:
            data[place:place] = data[place : place + chance.randint(1, 40)] * chance.choice([1, 2, 200])
        else:
            data = data[:place] + chance.choice(seeds)[chance.randrange(20) :]
    return bytes(data)


@pytest.mark.parametrize(("protocol", "seeds"), [(http1, H1), (http2, H2)], ids=["HTTP/1.1", "HTTP/2"])
def test_any_bytes_end_in_an_answer_or_failure(
    protocol: Callable[[Connection, Request], Awaitable[Reply]], seeds: list[bytes], report: Report
) -> None:
    chance = random.Random(SEED)
    answers = set()
    for _ in range(TRIES):
        peer = Peer(mutated(chance, seeds))
        found = peer.ask(protocol)
        assert not (found.failure and found.status)
        assert peer.sink.sent < 16 * LIMITS.connection and len(found.body) <= LIMITS.body
        answers.add(found.failure or str(found.status))
    # The mutations reach both kinds of ends.
    assert {"200", "protocol"} <= answers
    report(f"{START}probe, {protocol.__name__}", {"executions": TRIES, "kinds of ends": len(answers)})


def test_any_bytes_as_certificate_are_read_or_refused(tmp_path: Path, report: Report) -> None:
    made = x509.load_pem_x509_certificate(issued(tmp_path / "ca", [HOST])[0].read_bytes()).public_bytes(Encoding.DER)
    chance = random.Random(SEED)
    seen = dict.fromkeys(("read", "protocol"), 0)
    for _ in range(TRIES):
        try:
            found = ask.certificate([mutated(chance, [made])])
            assert found and len(found.subject) <= 200
            seen["read"] += 1
        except Failure as refused:
            seen[refused.kind] += 1
    assert all(seen.values())
    with pytest.raises(Failure, match="1 is not a valid X509 version"):
        ask.certificate([made.replace(b"\xa0\3\2\1\2", b"\xa0\3\2\1\1", 1)])
    report(f"{START}probe, certificates", {"executions": TRIES, "read": seen["read"]})


def test_any_error_text_is_explained_or_unknown(report: Report) -> None:
    texts = [re.sub(r"[^\w :/.,-]", "", known.pattern) for known in KNOWN]
    chance = random.Random(SEED)
    found = 0
    for _ in range(TRIES):
        data = mutated(chance, [text.encode() for text in texts])
        known = explain(data.decode(errors="backslashreplace"))
        found += known is not None
    assert 0 < found < TRIES
    report(f"{START}probe, error texts", {"executions": TRIES, "explained": found})
