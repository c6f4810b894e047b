"""A page of results is written only by a run of everything that is on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.live import edge_login
from tests.live.sso import results as sso
from tests.live.ui import journeys
from tests.live.ui import results as ui

EDGE_LOGIN = {
    f"{row.name} {case}": (row, case) for row in edge_login.ROWS for case in edge_login.CASES if row.cell(case)
}


def edge_login_page(run: Iterable[str], folder: Path) -> None:
    found = edge_login.Results()
    for row, case in map(EDGE_LOGIN.__getitem__, run):
        if cell := row.cell(case):
            found.add(row, case, cell)
    found.write(folder)


def sso_page(run: Iterable[str], folder: Path) -> None:
    sso.write(dict.fromkeys(run, '["G01", "error", "no url", "400"]'), folder)


def ui_page(run: Iterable[str], folder: Path) -> None:
    ui.write(set(run), folder)


@pytest.mark.parametrize(
    ("name", "page", "every"),
    [
        ("edge-login.md", edge_login_page, EDGE_LOGIN),
        ("sso.md", sso_page, sso.every()),
        ("ui.md", ui_page, {ui.key(case, journey) for case in ui.CASES for journey in ui.JOURNEYS}),
    ],
)
def test_only_a_complete_run_writes_its_page(
    tmp_path: Path, name: str, page: Callable[[Iterable[str], Path], None], every: Iterable[str]
) -> None:
    results = tmp_path / "not/there"
    for missing in every:
        page([one for one in every if one != missing], results)
    assert not results.exists()
    page(every, results)
    assert (results / name).exists()


def test_every_journey_of_the_ui_has_a_column() -> None:
    assert [name for name in vars(journeys) if name.startswith("test_")] == list(ui.JOURNEYS)
