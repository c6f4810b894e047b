"""Compares a render with an official install of Argo CD.

`values` reads scalars as kubectl does, `install` takes a file for an install, `prepare` makes two comparable;
`compare` finds the differences, `deviations` explains those of this library, whose `own` objects are expected values;
`report` sorts them, `text` prints them.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argocd_istio.drift.report import Report
    from argocd_istio.terminal import Terminal


@contextmanager
def without_collector() -> Iterator[None]:
    """Without the garbage collector, which would look through the trees again and again: they have no cycles."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def draw(report: Report, form: str, terminal: Terminal, *, every: bool = False) -> str:
    """The report as text or json; `terminal` says what a text may use, `every` shortens no list of it."""
    if form == "json":
        import json

        return json.dumps(report.as_json(), indent=2) + "\n"
    from argocd_istio.drift import text

    drawn = text.draw(report, colour=terminal.colour, every=every)
    return drawn if terminal.unicode else drawn.encode("ascii", "backslashreplace").decode()
