"""The lists of tests match the pinned module, and each test that is run or left out is there once."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.live.conftest import ROOT
from tests.live.table import MODES
from tests.upstream import catalogue
from tests.upstream.plan import NATIVE, WEB, Cell, plan, select
from tests.upstream.results import Gateway, Result, load, page, problems
from tests.upstream.suite import Run

CORE = Cell("", "grpc-routing", NATIVE, "core")
STREAM = "TestServerSideDiffWithLocal"


def listed() -> list[str]:
    classes = [tests for name, tests in catalogue.sets().items() if name != catalogue.SAMPLE]
    return [test for tests in [*classes, *catalogue.excluded().values()] for test in tests]


def test_every_upstream_test_is_listed_once() -> None:
    assert Counter(listed()) == Counter(set(catalogue.upstream()))


def test_samples_and_known_failures_are_run() -> None:
    core, run = catalogue.sets()["core"], [test for tests in catalogue.sets().values() for test in tests]
    assert set(catalogue.sets()[catalogue.SAMPLE]) <= set(core)
    assert {one.test for one in catalogue.known()} <= set(run)
    assert set(catalogue.plain()) <= set(listed())


def test_a_known_failure_names_cells_that_exist() -> None:
    wheres = [where for one in catalogue.known() for where in one.where]
    assert [where for where in wheres if not select(**where)] == [] != wheres


def test_the_committed_page_is_written_from_its_figures() -> None:
    kept = load(ROOT / "results")
    assert kept and page(kept) == (ROOT / "results/upstream.md").read_text(), (
        "write it again: make test-upstream ONLY=--page"
    )
    assert [line for cell in plan() if str(cell) in kept for line in problems(cell, kept[str(cell)])] == []


def test_each_cell_ran_the_tests_of_its_set() -> None:
    kept = load(ROOT / "results")
    stale = [
        cell.command
        for cell in plan()
        if str(cell) in kept and kept[str(cell)].outcomes.keys() != set(catalogue.sets()[cell.set])
    ]
    assert stale == [], f"the tests of their sets have changed; run: {'; '.join(stale)}"


def test_cells_are_selected_by_their_fields() -> None:
    assert select(way="own", mode="grpc-routing", protocol=None, set="core") == [CORE]
    assert {cell.mode for cell in select(sidecars="STRICT", mode=None)} == set(MODES)
    assert len(select(way=None)) == len(list(plan()))


def test_each_cell_is_in_the_plan_once() -> None:
    assert max(Counter(map(str, plan())).values()) == 1
    assert {cell.set for cell in plan()} == catalogue.sets().keys()


@pytest.mark.parametrize(
    ("cell", "runs", "found"),
    [
        (CORE, ["pass"], ""),
        (CORE, ["fail", "pass"], ""),
        (CORE, ["fail", "fail"], f"{STREAM} failed, past the gateway: pass"),
        (CORE, ["timeout", "none"], f"{STREAM} failed, past the gateway: pass"),
        (Cell("", "grpc-routing", WEB, "sample"), ["fail"], ""),
        (Cell("", "grpc-routing", WEB, "sample"), ["pass"], f"{STREAM} passed, known.yaml expects a failure"),
    ],
)
def test_an_outcome_that_is_not_known_is_reported(cell: Cell, runs: list[str], found: str) -> None:
    outcomes = {STREAM: [Run(outcome, 1) for outcome in runs], "TestAppCreation": [Run("pass", 1)]}
    result = Result.of(outcomes, {STREAM: Run("pass", 1)}, Gateway(requests=3), 90)
    lines = list(problems(cell, result))
    assert found in "".join(lines) and len(lines) == bool(found)
    text = page({str(cell): result})
    assert ("**not explained**" in text) == ("failed" in found)
    assert f"| {result.seconds / 60:.0f} |" in text


@pytest.mark.parametrize(
    ("outcomes", "past", "row"),
    [
        (["pass"], "", ""),
        (["fail", "pass"], "", "| 1 fail, 1 pass |"),
        (["fail", "fail"], "fail", "| 2 fail | 1 fail |"),
        (["fail", "fail", "pass"], "pass", "| 2 fail, 1 pass |"),
        (["fail", "fail", "fail"], "pass", "| 3 fail | 1 pass | **not explained** |"),
    ],
)
def test_a_failure_that_comes_sometimes_may_pass(outcomes: list[str], past: str, row: str) -> None:
    [test, *_] = [one.test for one in catalogue.known() if one.sometimes]
    cell = Cell("", "grpc-routing", NATIVE, "appns")
    runs = {test: [Run(outcome, 1) for outcome in outcomes]}
    result = Result.of(runs, {test: Run(past, 1)} if past else {}, Gateway(), 1)
    assert row in page({str(cell): result})
    # In every run through the gateway, and not past it: the known cause does not explain that.
    assert bool(list(problems(cell, result))) == ("not explained" in row)


def test_skipped_tests_have_a_column() -> None:
    result = Result.of({STREAM: [Run("skip", 1)], "TestAppCreation": [Run("pass", 1)]}, {}, Gateway(), 1)
    assert "| core | 2 | 1 | 0 | 1 | 0 | 0 |" in page({str(CORE): result})


def test_further_runs_are_added_to_those_before() -> None:
    first = Result.of({STREAM: [Run("fail", 1)] * 2, "TestAppCreation": [Run("pass", 1)]}, {}, Gateway(), 90)
    assert first.unexplained(CORE) == [STREAM]
    both = first.then(Result.of({STREAM: [Run("pass", 1)]}, {}, Gateway(), 1))
    assert both.outcomes == {STREAM: ["fail", "fail", "pass"], "TestAppCreation": ["pass"]}
    assert both.again == [STREAM] and not both.unexplained(CORE)
