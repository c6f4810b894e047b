"""The truth table of every way, as one page with a date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path
from string import ascii_lowercase

from tests.live.table import ROWS, Cell, Row
from tests.live.ways import API_CASES, CASES, Case
from tools.versions import module, versions

Cells = dict[str, tuple[str, ...]]
"""The fields of the measured cells, by `key`: of simple types, because a worker sends them to the first process."""


def key(case: Case, row: Row) -> str:
    return f"{case}: {row.name}"


def add(cells: Cells, case: Case, row: Row, found: Cell) -> None:
    """Add a measured cell."""
    cells[key(case, row)] = astuple(found)


def write(cells: Cells, folder: Path) -> None:
    """Write `ways.md` to the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ways.md").write_text(_markdown({name: Cell(*fields) for name, fields in cells.items()}))


class _Notes:
    """The cells that differ from the mode's table, each with a letter, in the order in which they are met."""

    def __init__(self) -> None:
        self._letters: dict[tuple[str, str, str], str] = {}

    def letter(self, row: Row, found: Cell, reason: str) -> str:
        return self._letters.setdefault((row.name, str(found), reason), _letter(len(self._letters)))

    def lines(self) -> list[str]:
        return [f"| {letter} | {row} | {found} | {reason} |" for (row, found, reason), letter in self._letters.items()]


def _letter(number: int) -> str:
    """a to z, then aa, ab, ..."""
    higher, last = divmod(number, len(ascii_lowercase))
    return (_letter(higher - 1) if higher else "") + ascii_lowercase[last]


def _show(case: Case, row: Row, found: Cell | None, notes: _Notes) -> str:
    """`=` for a cell of the mode's table, a letter for one that must differ, and else the cell itself."""
    if found is None:
        return "not run"
    if found != case.expected(row):
        return f"**{found}**"
    return notes.letter(row, found, case.reason(row)) if case.reason(row) else "="


def _markdown(cells: Mapping[str, Cell]) -> str:
    every = [*CASES, *API_CASES]
    measured = f"Argo CD {module()}, Istio {versions()['istio']}, Envoy {versions()['envoy']}"
    lines = [
        "# Truth table of every way",
        "",
        f"{datetime.now(UTC):%-d %B %Y}, by `make test-ways`: {measured}.",
        "",
        "Every row of `tests/live/table.py`, asked in every way. `=` is the cell of the mode's own table, with the",
        "install's name of argocd-server. A letter is another cell; the reason is at the end.",
        "",
        "| | component | install | CRDs of the Gateway API | rows as in the mode | rows that differ |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for number, case in enumerate(every, 1):
        found = [(row, cells.get(key(case, row))) for row in ROWS]
        same = sum(cell is not None and cell == case.usual(row) for row, cell in found)
        differ = sum(cell is not None and cell != case.usual(row) for row, cell in found)
        lines.append(f"| {number} | `{case.component}` | {case.install} | {case.crds} | {same} | {differ} |")
    notes = _Notes()
    numbers = [str(number) for number in range(1, len(every) + 1)]
    lines += ["", f"| row | {' | '.join(numbers)} |", f"| --- |{' --- |' * len(every)}"]
    for row in ROWS:
        shown = [_show(case, row, cells.get(key(case, row)), notes) for case in every]
        lines.append(f"| {row.name} | {' | '.join(shown)} |")
    lines += ["", "| | row | what the client gets | reason |", "| --- | --- | --- | --- |", *notes.lines()]
    return "\n".join(lines) + "\n"
