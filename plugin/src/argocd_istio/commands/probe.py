"""`argocd-istio probe`."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from argocd_istio.commands.app import app
from argocd_istio.commands.inputs import format_option
from argocd_istio.syntax.source import SourceError

if TYPE_CHECKING:
    import ssl

    from argocd_istio.probe.ask import Target
    from argocd_istio.probe.observations import Facts, Meter
    from argocd_istio.probe.transport import Limits

FORMATS = ("text", "json")
MODES = ("passthrough", "termination", "grpc-routing")
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|[0-9a-f:.]*:[0-9a-f:.]*")
EXTRA = ("h11", "h2", "cryptography")
"""The modules of the extra."""


def _address(url: str) -> tuple[str, int]:
    """Host and port of an address. Raises SourceError."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 443
    except ValueError:
        parts, host, port = urlsplit(""), "", 0
    rest = parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment
    if not url.isprintable() or parts.scheme != "https" or rest or not _HOST.fullmatch(host) or len(host) > 253:
        bare = re.sub(r"^\w+:/*", "", url).rpartition("@")[2].split("/")[0]
        hint = f"write https://{bare}" if _HOST.fullmatch(bare.split(":")[0].lower()) else "write the host alone"
        raise SourceError("URL", 0, 0, repr(url), "https://HOST or https://HOST:PORT", hint)
    return host, port


def _context(cacert: str | None) -> ssl.SSLContext:
    """The context that verifies. Raises SourceError, and OSError for a file that cannot be read."""
    import ssl

    from argocd_istio.probe.transport import verifying

    try:
        if cacert:
            with open(cacert, "rb"):  # noqa: PTH123 - names the file in the error
                pass
        return verifying(cacert)
    except ssl.SSLError as error:
        found = "no certificate that can be read"
        raise SourceError(cacert or "CAs", 0, 0, found, "certificates in PEM", "name the file of the CA") from error


def _installed() -> None:
    """Raises SourceError without the extra."""
    from importlib import import_module

    missing = []
    for name in EXTRA:
        try:
            import_module(name)
        except ModuleNotFoundError:
            missing.append(name)
    if missing:
        hint = "install the package with its extra: argocd-istio[probe]"
        raise SourceError("argocd-istio probe", 0, 0, f"no module {', '.join(missing)}", "it to be installed", hint)


def _target(url: str, address: str | None, cacert: str | None, http_port: int, limits: Limits) -> Target:
    """The target, with an address that accepts connections. Raises SourceError, transport.Failure."""
    import asyncio

    from argocd_istio.probe.ask import Target, reachable
    from argocd_istio.probe.transport import addresses

    host, port = _address(url)
    target = Target(host, port, http_port, "", _context(cacert), limits)
    found = addresses(address or host, limits.seconds)
    return replace(target, address=asyncio.run(reachable(found, port, limits)))


def _seconds(low: float, high: float, meaning: str, name: str) -> Any:
    """An option for a number of seconds."""

    def within(value: float) -> float:
        if not low <= value <= high:
            raise typer.BadParameter(f"{value:g} is not from {low:g} to {high:g}", param_hint=name)
        return value

    return typer.Option(name, metavar="SECONDS", help=meaning, show_default=False, callback=within)


def _port(value: int) -> int:
    if not 0 < value < 65536:
        raise typer.BadParameter(f"{value} is not from 1 to 65535", param_hint="--http-port")
    return value


def _rounds(value: int | None) -> int | None:
    if value is not None and value < 1:
        raise typer.BadParameter(f"{value} is not 1 or more", param_hint="--rounds")
    return value


def _mode(value: str | None) -> str | None:
    if value is not None and value not in MODES:
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(MODES)}", param_hint="--mode")
    return value


@app.command()
def probe(
    url: Annotated[
        str | None, typer.Argument(metavar="URL", help="https://HOST or https://HOST:PORT.", show_default=False)
    ] = None,
    resolve: Annotated[
        str | None, typer.Option("--resolve", metavar="ADDR", help="Connect to this address instead of the host's.")
    ] = None,
    cacert: Annotated[
        str | None,
        typer.Option("--cacert", metavar="FILE", help="The CAs that clients trust, in PEM. Default: the system's."),
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            "--mode",
            metavar="MODE",
            help=f"The mode that it should be, one of {', '.join(MODES)}. Another one is an error.",
            callback=_mode,
            autocompletion=lambda: list(MODES),
        ),
    ] = None,
    form: Annotated[str, format_option(FORMATS)] = FORMATS[0],
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings as errors.")] = False,
    http_port: Annotated[
        int,
        typer.Option(
            "--http-port",
            metavar="PORT",
            help="The port without TLS. Default: 80.",
            show_default=False,
            callback=_port,
        ),
    ] = 80,
    timeout: Annotated[float, _seconds(0.1, 60, "The time for each answer. Default: 5.", "--timeout")] = 5.0,
    stay_open: Annotated[
        float,
        _seconds(
            0.1,
            600,
            "How long streams must stay open; it finds timeouts that are shorter. Default: 0.5.",
            "--stay-open",
        ),
    ] = 0.5,
    watch: Annotated[
        bool, typer.Option("--watch", help="Continue with short questions, and print when they fail, and how long.")
    ] = False,
    interval: Annotated[float, _seconds(0.1, 3600, "The pause of --watch. Default: 0.5.", "--interval")] = 0.5,
    rounds: Annotated[
        int | None,
        typer.Option(
            "--rounds",
            metavar="NUMBER",
            help="The rounds of --watch. Default: until you interrupt it.",
            show_default=False,
            callback=_rounds,
        ),
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option(
            "--explain", metavar="TEXT", help="Explain an error text of the CLI, a browser or Envoy, and stop."
        ),
    ] = None,
) -> int:
    """Look at a running exposure, without login.

    Checks certificate, TLS, redirect, UI, native gRPC, gRPC-Web, streams and more, all at once, and names the rule
    that explains each fault. It only reads. It needs the extra: argocd-istio[probe].

    \b
    argocd-istio probe https://cd.acme.io
    argocd-istio probe https://cd.acme.io --cacert ca.pem --mode grpc-routing
    argocd-istio probe https://cd.acme.io --watch
    argocd-istio probe --explain ERR_TOO_MANY_REDIRECTS
    """
    if explain is not None:
        return _explain(explain, form)
    if url is None:
        raise typer.BadParameter("it is missing; name it, or an error text with --explain", param_hint="URL")
    _address(url)
    _installed()
    from argocd_istio.findings import ERROR, WARNING
    from argocd_istio.probe import report
    from argocd_istio.probe.judging import judge
    from argocd_istio.probe.observations import Meter
    from argocd_istio.probe.transport import Limits
    from argocd_istio.streams import write
    from argocd_istio.terminal import Terminal

    begin, meter = time.monotonic(), Meter()
    target, facts = _look(url, resolve, cacert, http_port, Limits(seconds=timeout, stay=stay_open), meter)
    findings = judge(facts, mode or "")
    seconds = time.monotonic() - begin
    if form == "json" and not watch:
        print(report.as_json(facts, findings, meter, seconds), end="")
    elif form == "text":
        drawn = report.text(facts, findings, meter, seconds, Terminal.of_stdout())
        if not watch:
            print(drawn, end="")
        elif code := write(drawn + "\n"):
            return code
    counting = (ERROR, WARNING) if strict else (ERROR,)
    failed = any(one.severity in counting for one in findings)
    if watch and target:
        failed = not _watch(target, facts.native_grpc, interval, rounds or 0, form) or failed
    return 1 if failed else 0


def _look(
    url: str, address: str | None, cacert: str | None, http_port: int, limits: Limits, meter: Meter
) -> tuple[Target | None, Facts]:
    """The target and its facts; no target if its name does not resolve."""
    from datetime import UTC, datetime

    from argocd_istio.probe.ask import failed, look
    from argocd_istio.probe.observations import Facts, Hop, Walk
    from argocd_istio.probe.transport import Failure

    try:
        target = _target(url, address, cacert, http_port, limits)
    except Failure as error:
        host, port = _address(url)
        lost = failed(error)
        plain = Walk((Hop(f"http://{host}/", lost),))
        return None, Facts(host, port, http_port, now=datetime.now(UTC), handshake=lost, plain=plain)
    return target, look(target, meter)


def _watch(target: Target, grpc: bool, interval: float, rounds: int, form: str) -> bool:
    """Watch until the rounds are over or somebody interrupts; returns whether nothing failed."""
    from argocd_istio.probe.watch import Watch, watch
    from argocd_istio.streams import write

    def say(text: str) -> None:
        if code := write(text):
            sys.exit(code)

    seen = Watch(say, form)
    try:
        watch(target, grpc, interval, rounds, seen)
    except KeyboardInterrupt:
        seen.end()
        raise
    return seen.end()


def _explain(text: str, form: str) -> int:
    """Print what an error text means. Raises SourceError for an unknown one."""
    from argocd_istio.probe.known import explain
    from argocd_istio.probe.report import explained

    known = explain(text)
    if known is None:
        hint = "look at the exposure itself: argocd-istio probe https://HOST"
        raise SourceError("--explain", 0, 0, "an error text that is not known", "one of a client or of Envoy", hint)
    print(explained(known, form), end="")
    return 0
