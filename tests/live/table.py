"""The truth table: the answer to each client in each mode, and the gateway's upstream cluster that served it.

Refusals are expected values too. Rows are data; `measure` returns what really happened.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from live.cluster import Cluster
from tests.live import questions
from tests.live.questions import JSON, OTHER, Client, Question, cli, http

PASSTHROUGH, TERMINATION, GRPC_ROUTING = MODES = ("passthrough", "termination", "grpc-routing")

# Upstream clusters, as service:port. NOBODY: the gateway itself answered or refused.
TLS, WEB, GRPC, NOBODY = "argocd-server:443", "argocd-server:80", "argocd-server-grpc:443", "-"


@dataclass(frozen=True)
class Cell:
    """The answer to a client in one mode.

    status: as the client reports it. protocol: h1 or h2, as the client reports it, else as the gateway logs it
    (`TLS` if it only sees encrypted bytes). served_by: the upstream clusters that served the requests.
    """

    status: str
    protocol: str
    served_by: str

    def __str__(self) -> str:
        return " · ".join(part for part in (self.status, self.protocol, self.served_by) if part)


@dataclass(frozen=True)
class Row:
    """A question; `expected` has the cell of each mode."""

    name: str
    question: Question
    expected: dict[str, Cell]


def _each(passthrough: Cell, termination: Cell, grpc_routing: Cell | None = None) -> dict[str, Cell]:
    return dict(zip(MODES, (passthrough, termination, grpc_routing or termination), strict=True))


def _web(status: str, protocol: str = "h1") -> dict[str, Cell]:
    """argocd-server answers in every mode: with passthrough by HTTP/1.1, which it prefers, else by `protocol`."""
    return _each(Cell(status, "h1", TLS), Cell(status, protocol, WEB))


def _refused(status: str, protocol: str) -> dict[str, Cell]:
    """The gateway itself answers in every mode."""
    return _each(*(Cell(status, protocol, NOBODY),) * 2)


CLAIMED = "path claimed from another namespace"
_HOST_PORT = ("--header", "host: {host}:443")
_WRONG_HOST = ("--header", f"host: {OTHER}")
# A gateway that ends the TLS of every host shows the certificate of another one.
_INSECURE = "--insecure"
_WRONG_SNI = (_INSECURE, "--connect-to", f"{OTHER}:443:{{ip}}:443")
_POST = ("--request", "POST")
_FALLBACK = "h2 application/grpc, h1 application/grpc-web+proto"
# gRPC-Web carries only one message of a client: argocd-server gets the header of the stream, but not the files.
_STREAM_CUT = (
    "failed: rpc error: code = Unknown desc = error receiving manifest file stream: error receiving tgz file: "
    "file checksum validation error"
)
_WEBHOOK = ("--header", "x-github-event: ping", *JSON)
_TO_HTTPS = "301 https://argocd.example.com/applications?x=1"

ROWS: list[Row] = [
    Row("UI, HTTP/1.1", http("/"), _web("200")),
    Row("UI, HTTP/2", http("/", h2=True), _web("200", "h2")),
    Row("/api/version, HTTP/1.1", http("/api/version"), _web("200")),
    Row("/api/version, HTTP/2", http("/api/version", h2=True), _web("200", "h2")),
    Row("/healthz", http("/healthz"), _web("200")),
    Row("certificate shown", questions.certificate, _each(
        Cell("200, argocd-server-tls", "h1", TLS), Cell("200, argocd-certificate", "h1", WEB)
    )),
    Row("login, flags of the cookie", questions.login, _each(
        Cell("200 httponly path=/ samesite=lax secure", "h1", TLS), Cell("200 httponly path=/ samesite=lax", "h1", WEB)
    )),
    Row("argocd version", cli("version", "--server", "{host}"), _each(
        Cell("ok", "TLS", TLS),
        Cell("ok, warns to use --grpc-web", _FALLBACK, WEB),
        Cell("ok", "h2 application/grpc", GRPC),
    )),
    Row("argocd version --grpc-web", cli("version", "--server", "{host}", "--grpc-web"), _each(
        Cell("ok", "TLS", TLS), Cell("ok", "h1 application/grpc-web+proto", WEB)
    )),
    Row("argocd login", cli("login", "{host}", "--username", "admin", "--password", "{password}"), _each(
        Cell("ok", "TLS", TLS),
        Cell("ok, warns to use --grpc-web", _FALLBACK, WEB),
        Cell("ok", "h2 application/grpc", GRPC),
    )),
    Row("argocd login --grpc-web", cli(
        "login", "{host}", "--username", "admin", "--password", "{password}", "--grpc-web"
    ), _each(Cell("ok", "TLS", TLS), Cell("ok", "h1 application/grpc-web+proto", WEB))),
    Row("argocd app diff --local --server-side-generate", questions.local_diff(), _each(
        Cell(questions.DIFFERENT, "TLS", TLS),
        Cell(_STREAM_CUT, _FALLBACK, WEB),
        Cell(questions.DIFFERENT, "h2 application/grpc", GRPC),
    )),
    Row("argocd app diff --local --server-side-generate --grpc-web", questions.local_diff("--grpc-web"), _each(
        Cell(_STREAM_CUT, "TLS", TLS), Cell(_STREAM_CUT, "h1 application/grpc-web+proto", WEB)
    )),
    Row("Python gRPC, VersionService/Version", questions.native_grpc, _each(
        Cell("OK", "h2", TLS), Cell("UNIMPLEMENTED", "h2", WEB), Cell("OK", "h2", GRPC)
    )),
    # curl offers h2 and http/1.1, and argocd-server picks http/1.1: gRPC clients offer h2 alone.
    Row("curl application/grpc, HTTP/2", questions.grpc_by_curl("application/grpc"), _each(
        Cell("404", "h1", TLS), Cell("404", "h2", WEB), Cell("200 grpc-status 0", "h2", GRPC)
    )),
    Row("curl application/grpc+proto, HTTP/2", questions.grpc_by_curl("application/grpc+proto"), _web("404", "h2")),
    Row(
        "curl application/grpc-web+proto, HTTP/1.1", questions.grpc_by_curl("application/grpc-web+proto", h2=False),
        _web("200 grpc-status 0"),
    ),
    Row("curl application/grpc-web+proto, HTTP/2", questions.grpc_by_curl("application/grpc-web+proto"), _web(
        "200 grpc-status 0", "h2"
    )),
    Row("event stream, HTTP/1.1", questions.stream(h2=False), _web("200 text/event-stream, event")),
    Row("event stream, HTTP/2", questions.stream(h2=True), _web("200 text/event-stream, event", "h2")),
    Row("POST /api/webhook", http("/api/webhook", *_WEBHOOK, data="{}"), _web("200")),
    # 404 is the answer of argocd-server while its terminal is disabled; a gateway that refuses upgrades answers 403.
    Row("websocket /terminal", questions.websocket("/terminal"), _web("404")),
    Row("http GET", http("http://{host}/applications?x=1", show=questions.location), _refused(_TO_HTTPS, "h1")),
    Row("http GET, HTTP/2", http("http://{host}/applications?x=1", h2=True, show=questions.location), _refused(
        _TO_HTTPS, "h2"
    )),
    Row("http POST", http("http://{host}/applications?x=1", *_POST, show=questions.location), _refused(
        _TO_HTTPS, "h1"
    )),
    Row("http, other Host", http("http://{host}/", *_WRONG_HOST), _refused("404", "h1")),
    Row("https, other SNI", http(f"https://{OTHER}/", *_WRONG_SNI), _refused("reset", "TLS")),
    Row("https, no SNI", http("https://{ip}/", _INSECURE), _refused("reset", "TLS")),
    # A gateway that does not end TLS cannot see the Host.
    Row("https, other Host, HTTP/1.1", http("/", *_WRONG_HOST), _each(
        Cell("200", "h1", TLS), Cell("404", "h1", NOBODY)
    )),
    Row("https, other Host, HTTP/2", http("/", *_WRONG_HOST, h2=True), _each(
        Cell("200", "h1", TLS), Cell("404", "h2", NOBODY)
    )),
    Row("Host with :443, HTTP/1.1", http("/api/version", *_HOST_PORT), _web("200")),
    Row("Host with :443, HTTP/2", http("/api/version", *_HOST_PORT, h2=True), _web("200", "h2")),
    # tests/live/intruder.yaml claims this path, or the host's SNI, from another namespace.
    Row(CLAIMED, http("/intruder"), _web("404")),
    # Last, because the streams must have been open for a minute.
    Row("event stream for a minute, HTTP/1.1", questions.long_stream("h1"), _web("200, event after a minute")),
    Row("event stream for a minute, HTTP/2", questions.long_stream("h2"), _web("200, event after a minute", "h2")),
]  # fmt: skip


def rows(*names: str) -> list[Row]:
    """The rows with these names."""
    found = {row.name: row for row in ROWS}
    return [found[name] for name in names]


def measure(client: Client, row: Row) -> Cell:
    """Ask the question, and find in the gateway's access log who served it."""
    start = time.time()
    answer = row.question(client)
    entries = log_entries(client.cluster, answer.since or start)
    if answer.since:  # other requests came while this one was open
        entries = entries[:1]
    return Cell(
        status=answer.status,
        protocol=answer.protocol or distinct(protocol(entry) for entry in entries),
        served_by=distinct(short(entry["upstream_cluster"]) for entry in entries),
    )


def log_entries(cluster: Cluster, since: float) -> list[dict[str, Any]]:
    """The access log entries of requests that began at `since` (seconds since the epoch) or later, sorted by start."""
    deadline = time.monotonic() + 3
    count = 0
    while True:
        found = [entry for entry in cluster.access_log() if _began(entry) >= since - 0.001]
        # The log is flushed every few milliseconds: it is complete when it no longer grows.
        if (found and len(found) == count) or time.monotonic() > deadline:
            return sorted(found, key=_began)
        count = len(found)
        time.sleep(0.1)


def _began(entry: dict[str, Any]) -> float:
    return datetime.fromisoformat(entry["start"].replace("Z", "+00:00")).timestamp()


def distinct(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def short(cluster: str | None) -> str:
    """`outbound|80||argocd-server.argocd.svc.cluster.local` as `argocd-server:80`."""
    if not cluster or cluster == "-":
        return NOBODY
    _, port, _, host = cluster.split("|")
    return f"{host.removesuffix('.svc.cluster.local').removesuffix('.argocd')}:{port}"


def protocol(entry: dict[str, Any]) -> str:
    version = entry["protocol"]
    if not version or version == "-":
        return "TLS"
    return f"h{version.removeprefix('HTTP/').removesuffix('.1')} {entry['content_type'] or ''}".strip()


class Results:
    """Collects the measured cells, for a table in Markdown and for JSON."""

    def __init__(self) -> None:
        self._cells: dict[tuple[str, str], Cell] = {}

    def add(self, row: Row, mode: str, cell: Cell) -> None:
        """Add a measured cell."""
        self._cells[row.name, mode] = cell

    def write(self, folder: Path) -> None:
        """Write `truth-table.md` and `truth-table.json`; marks cells that are not as expected."""
        if not self._cells:
            return
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "truth-table.md").write_text(self._markdown())
        found = [
            {
                "row": row.name,
                "mode": mode,
                "expected": asdict(row.expected[mode]),
                "found": asdict(cell),
                "ok": cell == row.expected[mode],
            }
            for row, mode, cell in self._filled()
        ]
        (folder / "truth-table.json").write_text(json.dumps(found, indent=1) + "\n")

    def _filled(self) -> Iterable[tuple[Row, str, Cell]]:
        for row in ROWS:
            for mode in MODES:
                if cell := self._cells.get((row.name, mode)):
                    yield row, mode, cell

    def _markdown(self) -> str:
        def show(row: Row, mode: str) -> str:
            found, expected = self._cells.get((row.name, mode)), row.expected[mode]
            return str(found or "not run") if found in (None, expected) else f"**{found}** (expected {expected})"

        table = [["row", *MODES], ["---"] * 4, *([row.name, *(show(row, mode) for mode in MODES)] for row in ROWS)]
        legend = "A cell: the client's answer · protocol · service:port that served it; - is the gateway itself."
        return f"# Truth table\n\n{legend}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in table)
