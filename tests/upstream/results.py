"""The matrix: what is kept of each cell, and the page that is written from all of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from tests.upstream import catalogue
from tests.upstream.catalogue import Known
from tests.upstream.plan import Cell, plan
from tests.upstream.suite import PASS, SKIP, Run
from tools.versions import module, versions

NAME = "upstream"


@dataclass
class Gateway:
    """What the gateway's access log says about a cell."""

    requests: int = 0
    native: int = 0
    """Calls of native gRPC; a gateway that does not end TLS sees connections only."""
    web: int = 0
    own: dict[str, int] = field(default_factory=dict)
    """Answers that are not argocd-server's, by the reason."""


@dataclass
class Result:
    """A cell that was run completely. Outcomes are in the order of the runs."""

    date: str
    versions: str
    seconds: int
    outcomes: dict[str, list[str]]
    past: dict[str, str]
    """How tests that failed twice ended past the gateway."""
    gateway: Gateway

    @classmethod
    def of(cls, runs: Mapping[str, list[Run]], past: Mapping[str, Run], gateway: Gateway, seconds: float) -> Result:
        return cls(
            date=f"{datetime.now(UTC):%-d %B %Y}",
            versions=f"Argo CD {module()}, Istio {versions()['istio']}, Envoy {versions()['envoy']}",
            seconds=round(seconds),
            outcomes={test: [run.outcome for run in each] for test, each in sorted(runs.items())},
            past={test: run.outcome for test, run in sorted(past.items())},
            gateway=gateway,
        )

    def ended(self, *outcomes: str) -> list[str]:
        """The tests whose last run ended so."""
        return [test for test, each in self.outcomes.items() if each[-1] in outcomes]

    @property
    def failed(self) -> list[str]:
        return [test for test in self.outcomes if test not in self.ended(PASS, SKIP)]

    def cause(self, cell: Cell, test: str) -> Known | None:
        """Why a test failed, in every run; None if nothing explains it."""
        # What comes only sometimes would not come each time through the gateway and not past it.
        only_through_the_gateway = self.past.get(test) in (PASS, SKIP)
        return None if only_through_the_gateway and not cell.always_fails(test) else cell.explain(test)

    def unexplained(self, cell: Cell) -> list[str]:
        """The tests that failed without a known cause."""
        return [test for test in self.failed if not self.cause(cell, test)]

    def then(self, later: Result) -> Result:
        """This result with further runs of some of its tests."""
        outcomes = {test: each + later.outcomes.get(test, []) for test, each in self.outcomes.items()}
        return replace(self, outcomes=outcomes, past={**self.past, **later.past})

    @property
    def again(self) -> list[str]:
        """The tests that passed only when they were run again."""
        return [test for test in self.ended(PASS) if len(self.outcomes[test]) > 1]


def problems(cell: Cell, result: Result) -> Iterator[str]:
    """What is not as known: failures without a cause, known failures that passed, and answers of the gateway itself."""
    for test in result.unexplained(cell):
        past = result.past.get(test, "not run")
        yield f"{cell}: {test} failed, past the gateway: {past}; mend it, or add it to known.yaml with its cause"
    for test in result.ended(PASS):
        if cell.always_fails(test):
            yield f"{cell}: {test} passed, known.yaml expects a failure; remove it there"


def load(folder: Path) -> dict[str, Result]:
    """The kept results by the cell's name; none if there is no file."""
    path = folder / f"{NAME}.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    return {name: Result(**{**one, "gateway": Gateway(**one["gateway"])}) for name, one in kept.items()}


def add(folder: Path, cell: Cell, result: Result) -> None:
    """Keep a result in place of an older one of the same cell, and write the page."""
    write(folder, {**load(folder), str(cell): result})


def write(folder: Path, kept: Mapping[str, Result]) -> None:
    """Write the results of the plan's cells, and the page."""
    folder.mkdir(parents=True, exist_ok=True)
    order = [str(one) for one in plan()]
    kept = {name: kept[name] for name in order if name in kept}
    lines = [f"{json.dumps(name)}: {_json(one)}" for name, one in kept.items()]
    (folder / f"{NAME}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    (folder / f"{NAME}.md").write_text(page(kept))


def _json(result: Result) -> str:
    """With one line for each field, so that a difference is readable."""
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in asdict(result).items()]
    return "{\n" + ",\n".join(lines) + "\n}"


def page(kept: Mapping[str, Result]) -> str:
    """The page as Markdown."""
    cells = [(cell, kept[str(cell)]) for cell in plan() if str(cell) in kept]
    tests = {test for each in catalogue.sets().values() for test in each}
    front, beside = len(tests & set(catalogue.plain())), sum(bool(catalogue.beside(test)) for test in tests)
    lines = [
        "# Argo CD's own end-to-end tests through the gateway",
        "",
        "By `make test-upstream`. Upstream's tests of Argo CD's Go module, unchanged, as clients of a live install in",
        f"namespace argocd-e2e. {_once([one.versions for _, one in cells])}",
        "",
        "A test that failed is run once more. If it fails again, it runs past the gateway, at argocd-server's Service,",
        "and if it passes there, a third time through the gateway. A test that always fails, for a cause below, is run",
        "once. Strict sidecars refuse clients outside the mesh: past the gateway, no test starts there (none).",
        "",
        f"{front} tests speak clear text: they reach the gateway through a front that adds TLS. {beside} run in the",
        "network of a pod of Argo CD, because they serve something at 127.0.0.1 for it.",
        "",
        *_table(
            [
                *("component", "sidecars", "CLI", "tests", "run", "passed", "of these again", "skipped", "failed"),
                *("no cause", "date"),
            ],
            (
                [
                    f"`{cell.case.component}`",
                    cell.sidecars,
                    cell.protocol,
                    cell.set,
                    len(one.outcomes),
                    len(one.ended(PASS)),
                    len(one.again),
                    len(one.ended(SKIP)),
                    len(one.failed),
                    len(one.unexplained(cell)),
                    one.date,
                ]
                for cell, one in cells
            ),
        ),
        "",
        "## Why tests fail",
        "",
        *_table(["tests", "cells", "through the gateway", "past it", "cause", "whose"], _failures(cells)),
        "",
        "## Tests that passed when run again",
        "",
        *_table(["test", "cells", "through the gateway", "cause"], _again(cells)),
        "",
        "## What the gateway says",
        "",
        "Its access log, in each cell. Passthrough shows connections only. DC and DR: the CLI ended a call. NR: clear",
        "text on the TLS port, to which `argocd logout` is redirected after the suite has deleted `url`.",
        "",
        *_table(
            ["cell", "entries", "native gRPC", "gRPC-Web", "not simply from argocd-server", "minutes"],
            (
                [
                    str(cell),
                    one.gateway.requests,
                    one.gateway.native,
                    one.gateway.web,
                    "; ".join(f"{reason}: {count}" for reason, count in one.gateway.own.items()),
                    f"{one.seconds / 60:.0f}",
                ]
                for cell, one in cells
            ),
        ),
        "",
        "## Which tests these are",
        "",
        *_table(
            ["tests", "number", "need"],
            (
                *([name, len(tests), catalogue.needs()[name]] for name, tests in catalogue.sets().items()),
                *(["not run", len(tests), why] for why, tests in catalogue.excluded().items()),
            ),
        ),
    ]
    return "\n".join(lines) + "\n"


def _once(values: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(values)) + "."


def _table(head: list[str], rows: Iterable[Iterable[object]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        "| --- " * len(head) + "|",
        *(f"| {' | '.join(map(str, row))} |" for row in rows),
    ]


def _failures(cells: list[tuple[Cell, Result]]) -> Iterator[list[str]]:
    """One row for each cause."""
    found: dict[tuple[str, str], list[tuple[str, Cell, Result]]] = {}
    for cell, one in cells:
        for test in one.failed:
            why = one.cause(cell, test)
            key = (why.cause, why.whose) if why else ("**not explained**", "")
            found.setdefault(key, []).append((test, cell, one))
    for (cause, whose), places in sorted(found.items(), key=lambda item: -len(item[1])):
        tests = sorted({test for test, _, _ in places})
        run = sum(test in one.outcomes for test in tests for _, one in cells)
        where = (
            "every cell with them" if len(places) == run else "; ".join(dict.fromkeys(str(one) for _, one, _ in places))
        )
        through = _count(outcome for test, _, one in places for outcome in one.outcomes[test])
        past = _count(one.past.get(test, "not run") for test, _, one in places)
        yield [", ".join(tests), where, through, past, cause, whose]


def _count(outcomes: Iterable[str]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in Counter(outcomes).items())


def _again(cells: list[tuple[Cell, Result]]) -> Iterator[list[str]]:
    found: dict[str, list[tuple[Cell, Result]]] = {}
    for cell, one in cells:
        for test in one.again:
            found.setdefault(test, []).append((cell, one))
    for test, places in sorted(found.items()):
        causes = {known.cause for cell, _ in places if (known := cell.explain(test))}
        where = "; ".join(str(cell) for cell, _ in places)
        through = _count(outcome for _, one in places for outcome in one.outcomes[test])
        yield [test, where, through, "; ".join(sorted(causes)) or "not looked for"]
