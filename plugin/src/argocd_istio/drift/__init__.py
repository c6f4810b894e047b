"""Compares a render with an official install of Argo CD.

`values` reads scalars like kubectl, `install` reads a file as an install, `prepare` makes two installs comparable,
`compare` finds the differences, `deviations` explains those of this library, `own` has its own objects as expected
values, `report` sorts the differences and `text` prints them.
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
    """Switch the garbage collector off: the trees have no cycles, and scanning them repeatedly costs time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def draw(report: Report, form: str, terminal: Terminal, *, every: bool = False) -> str:
    """The report as text or JSON; `terminal` limits width and colours, `every` lists all entries in full."""
    if form == "json":
        import json

        return json.dumps(report.as_json(), indent=2) + "\n"
    from argocd_istio.drift import text

    drawn = text.draw(report, colour=terminal.colour, every=every)
    return drawn if terminal.unicode else drawn.encode("ascii", "backslashreplace").decode()
