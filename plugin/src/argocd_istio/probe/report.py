"""What was seen and found, as text and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from argocd_istio.findings import ERROR, INFO, WARNING
from argocd_istio.probe.judging import Finding, name_of
from argocd_istio.probe.known import Known
from argocd_istio.probe.observations import PASSTHROUGH, UNAUTHENTICATED, Answer, Facts, Meter, Name, Walk
from argocd_istio.syntax.source import visible
from argocd_istio.terminal import Terminal

_MARKS = {ERROR: ("✗", "x"), WARNING: ("!", "!"), INFO: ("·", "-")}
_COLOURS = {ERROR: "31", WARNING: "33", INFO: "2"}


def ruled(rules: tuple[str, ...]) -> str:
    """`[A02 redirect-loop, or B06 redirect-behind-balancer]`; empty without rules."""
    return f"[{', or '.join(f'{rule} {name_of(rule)}' for rule in rules)}]" if rules else ""


def _short(answer: Answer, well: str = "") -> str:
    """An answer in a few words."""
    if answer.well and well:
        return well
    return visible(answer.words or "nothing")[:60]


def _status(answer: Answer) -> str:
    return "open, without an event" if answer.failure == "waits" else _http(answer)


def _http(answer: Answer) -> str:
    return answer.text if answer.failure else f"{answer.status}"


def _name(name: Name) -> str:
    if name.handshake.failure:
        return f"refused ({name.handshake.text})"
    shown = (
        f"certificate of {', '.join(name.certificate.names[:3]) or name.certificate.subject}"
        if name.certificate
        else "TLS"
    )
    return f"{shown}, then {_http(name.answer)}"


def _walk(walk: Walk) -> str:
    steps = [f"{_http(hop.answer)} {hop.answer.header('location')}".strip() for hop in walk.hops[:3]]
    return visible(", ".join(steps))[:200] + (" ... and so on" if walk.loop else "")


def _certificate(facts: Facts) -> str:
    shown = facts.certificate
    if not shown:
        return "none"
    names = ", ".join(shown.names[:3]) or shown.subject
    days = (shown.ends - facts.now).days
    trusted = "verified" if not facts.trusted.failure else f"NOT verified ({facts.trusted.text})"
    return f"{names}; issued by {shown.issuer}; until {shown.ends:%Y-%m-%d} ({days} days); {shown.sent} sent; {trusted}"


def _lines(facts: Facts) -> Iterator[tuple[str, str]]:
    if facts.handshake.failure:
        yield "TLS", facts.handshake.text
        yield "port 80", _walk(facts.plain)
        return
    versions = [
        f"{name} {'yes' if seen else 'unknown here' if seen is None else 'no'}" for name, seen in facts.tls.items()
    ]
    yield "certificate", _certificate(facts)
    yield "TLS", f"{', '.join(versions)}; ALPN {facts.alpn or 'nothing'}"
    yield "other SNI", _name(facts.other_name)
    yield "no SNI", _name(facts.no_name)
    yield "port 80", _walk(facts.plain)
    yield "UI", f"HTTP/1.1 {_walk(facts.web)}; HTTP/2 {_http(facts.page_http2)}"
    yield "API", f"HTTP/1.1 {_http(facts.api)}; HTTP/2 {_http(facts.api_http2)}"
    yield "other Host", _http(facts.other_host)
    yield "Host with port", _http(facts.host_with_port)
    health = "serving" if facts.health.message == b"\x08\x01" else "answers"
    yield "native gRPC", f"health {_short(facts.health, health)}; version {_short(facts.call, 'OK')}"
    upload = "arrive" if facts.upload.grpc == UNAUTHENTICATED else _short(facts.upload)
    yield "streams", f"of the client: {upload}; of the server: {_short(facts.watch, 'stay open')}"
    http2 = "not offered" if facts.grpc_web_http2.failure else _short(facts.grpc_web_http2, "OK")
    yield (
        "gRPC-Web",
        f"HTTP/1.1 {_short(facts.grpc_web, 'OK')}; HTTP/2 {http2}; stream {_short(facts.web_watch, 'stays open')}",
    )
    yield "event stream", f"{_status(facts.events)} (without login)"
    yield "webhook", _short(facts.webhook)
    flags = sorted(set().union(*facts.cookie_flags))
    yield "cookie flags", ", ".join(flags) or "no cookie without login"
    yield "HSTS", facts.api.header("strict-transport-security") or "none"


def _head(facts: Facts, meter: Meter, seconds: float) -> str:
    mode = facts.mode or "unknown mode"
    balancer = f" behind a proxy ({facts.balancer})" if facts.balancer and facts.mode != PASSTHROUGH else ""
    version = f"Argo CD {facts.version}" if facts.version else "no Argo CD seen"
    cost = f"{seconds:.1f} s, {meter.connections} connections, {meter.bytes >> 10} KiB"
    return f"https://{facts.host}:{facts.port} at {facts.address or 'no address'}: {mode}{balancer}, {version}; {cost}"


def _folded(line: str, first: str, rest: str, terminal: Terminal) -> list[str]:
    """A line in the terminal's width. Names of rules, and host names, are not cut at a hyphen."""
    return textwrap.wrap(
        visible(line), terminal.width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    )


def text(facts: Facts, findings: list[Finding], meter: Meter, seconds: float, terminal: Terminal) -> str:
    """For people: what was seen, then the findings."""
    lines = [_head(facts, meter, seconds), ""]
    for name, value in _lines(facts):
        lines += _folded(value, f"{name:<16}", " " * 16, terminal) or [name]
    lines.append("")
    for one in findings:
        mark = _MARKS[one.severity][0 if terminal.unicode else 1]
        sentence = " ".join(
            filter(None, (f"{one.subject}: {one.message}" + (f"; {one.fix}" if one.fix else ""), ruled(one.rules)))
        )
        folded = _folded(sentence, f"{mark} ", "  ", terminal)
        lines += [f"\x1b[{_COLOURS[one.severity]}m{line}\x1b[0m" if terminal.colour else line for line in folded]
    if not any(one.severity != INFO for one in findings):
        lines.append("nothing to fix")
    drawn = "\n".join(lines) + "\n"
    return drawn if terminal.unicode else drawn.encode("ascii", "replace").decode()


def entry(finding: Finding) -> dict[str, Any]:
    """A finding for programs; `others` are the rules that may explain it too."""
    first, *others = finding.rules or (None,)
    return {
        "severity": finding.severity,
        "rule": first,
        "name": name_of(first) if first else None,
        "others": others,
        "subject": finding.subject,
        "message": visible(finding.message),
        "fix": finding.fix or None,
    }


def _plain(value: object) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def as_json(facts: Facts, findings: list[Finding], meter: Meter, seconds: float) -> str:
    """For programs."""
    found = {
        "url": f"https://{facts.host}:{facts.port}",
        "address": facts.address or None,
        "mode": facts.mode or None,
        "behind": facts.balancer or None,
        "version": facts.version or None,
        "seconds": round(seconds, 3),
        **asdict(meter),
        "findings": [entry(one) for one in findings],
        **{f"{level}s": sum(one.severity == level for one in findings) for level in (ERROR, WARNING, INFO)},
        "facts": asdict(facts),
    }
    return json.dumps(found, indent=2, default=_plain) + "\n"


def explained(known: Known, form: str) -> str:
    """What an error text means."""
    if form == "json":
        rules = [{"rule": rule, "name": name_of(rule)} for rule in known.rules]
        return json.dumps({"rules": rules, "meaning": known.meaning, "fix": known.fix}, indent=2) + "\n"
    rules_ = [f"{rule} {name_of(rule)}" for rule in known.rules]
    return f"{known.meaning}\nrules: {', '.join(rules_) or 'none'}\nfix: {known.fix}\n"
