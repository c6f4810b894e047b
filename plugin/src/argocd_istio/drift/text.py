"""Prints a report for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from argocd_istio.drift.install import Install
from argocd_istio.drift.report import HIDDEN, Entry, Report
from argocd_istio.streams import inert
from argocd_istio.syntax.source import visible

SHOWN = 60
"""The most characters of a value in a line."""
FIELDS = 20
"""The most fields listed for an object."""

_BOLD, _FAINT = "1", "2"


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    if value == HIDDEN:
        return HIDDEN
    text = visible(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text)} characters)"


def _field(entry: Entry) -> str:
    """`FIELD: THEIRS, upstream has UPSTREAM'S`; only the value if one side has the field."""
    if entry.render is not None and entry.upstream is not None:
        whose = "this library" if entry.library else "upstream"
        values = f"{_value(entry.render)}, {whose} has {_value(entry.upstream)}"
    else:
        values = _value(entry.upstream if entry.render is None else entry.render)
    return f"{visible(entry.field)}: {values}"


def _objects(entries: Iterable[Entry], every: bool) -> Iterator[str]:
    """Each object, followed by its fields unless the whole object is the entry."""
    for name, group in groupby(entries, key=lambda entry: entry.object):
        fields = [entry for entry in group if entry.field]
        yield f"  {visible(name)}"
        shown = fields if every or len(fields) <= FIELDS else fields[:FIELDS]
        yield from (f"    {_field(entry)}" for entry in shown)
        if len(shown) < len(fields):
            yield f"    and {len(fields) - len(shown)} more, which --all shows"


def _explained(entries: list[Entry], every: bool) -> Iterator[str]:
    """Each reason with the number of differences it explains, and with `every` these differences."""
    by_reason: dict[str, list[Entry]] = {}
    for entry in entries:
        by_reason.setdefault(entry.reason, []).append(entry)
    width = len(str(max(map(len, by_reason.values()), default=0)))
    for reason, found in by_reason.items():
        yield f"  {len(found):{width}}  {visible(reason)}"
        if every:
            yield from (f"    {visible(one.object)}{' ' + _field(one) if one.field else ''}" for one in found)


def _install(install: Install, than: Install | None = None) -> str:
    older = ", older" if than and install.older(than) else ""
    return f"{visible(install.file)} ({visible(install.version) or 'unknown version'}{older})"


def draw(report: Report, *, colour: bool = False, every: bool = False) -> str:
    """The whole report; `every` lists each field and each explained difference."""

    def head(text: str, code: str = _BOLD) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if colour else text

    sections = (("changed", report.changed), ("added", report.added), ("missing", report.missing))
    counts = ", ".join(f"{len(entries)} {name}" for name, entries in (*sections, ("explained", report.explained)))
    lines = [f"{_install(report.render, report.against)} against {_install(report.against)}: {counts}"]
    for name, entries in sections:
        if entries:
            lines += ["", head(name), *_objects(entries, every)]
    if report.explained:
        lines += ["", head("explained", _FAINT), *_explained(report.explained, every)]
    return "".join(inert(line, " ") + "\n" for line in lines)
