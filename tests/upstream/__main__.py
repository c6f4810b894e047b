"""Run Argo CD's own end-to-end tests, unchanged, through the gateway of live clusters, and write results/upstream.md.

    python -m tests.upstream --set sample --jobs 3
    python -m tests.upstream --mode grpc-routing TestAppCreation

Exit codes: 0 every outcome is as known, 1 one is not, 2 bad usage or no cluster.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from live import doctor
from live.api import Object
from live.errors import LiveError
from tests.conftest import results_folder
from tests.upstream import catalogue, results
from tests.upstream.install import installed
from tests.upstream.plan import Cell, plan, select
from tests.upstream.results import Gateway, Result
from tests.upstream.suite import Run, Suite
from tools.build import ToolError, cache_dir, program, say

FIELDS = [field.name for field in dataclasses.fields(Cell)]


class Stopped(Exception):
    """Another cell failed to start, or the user ended the run."""


class Cells:
    """Runs cells, several at a time, each in a cluster of its own."""

    def __init__(self, tests: Sequence[str], failed: bool, jobs: int) -> None:
        self._tests, self._failed, self._jobs = tests, failed, jobs
        self._stop = threading.Event()
        self._page = threading.Lock()

    def run(self, cells: Sequence[Cell]) -> list[str]:
        """Run the cells, and return what is not as known. Raises LiveError."""
        with ThreadPoolExecutor(self._jobs) as pool:
            try:
                return [line for found in pool.map(self._cell, cells) for line in found]
            except BaseException:
                self._stop.set()
                raise

    def _cell(self, cell: Cell) -> list[str]:
        folder = Path(tempfile.mkdtemp(prefix="upstream-"))
        try:
            return self._in(cell, folder)
        finally:
            # Tests make folders that even their owner cannot read.
            shutil.rmtree(folder, ignore_errors=True)

    def _in(self, cell: Cell, folder: Path) -> list[str]:
        if self._stop.is_set():
            raise Stopped
        kept = results.load(results_folder()).get(str(cell)) if self._failed else None
        tests = self._tests or (kept.unexplained(cell) if kept else catalogue.sets()[cell.set])
        if self._failed and not (kept and tests):
            return []
        start = time.monotonic()
        logs = cache_dir() / "upstream" / str(cell).replace("/", "-").replace(", ", "_").replace(" ", "-")
        shutil.rmtree(logs, ignore_errors=True)
        logs.mkdir(parents=True)
        consumer = folder / "consumer"
        consumer.mkdir()
        with installed(cell, consumer) as cluster:
            suite = Suite(cluster, cell, folder)
            runs: dict[str, list[Run]] = {}
            past: dict[str, Run] = {}
            for test in tests:
                runs[test] = self._test(suite, cell, test, logs)
                if not runs[test][-1].good:
                    past[test] = suite.run(test, logs / f"{test}-past-the-gateway.log", past=True)
                    self._say(cell, f"{test}, past the gateway", past[test])
                    if past[test].good and not cell.always_fails(test):
                        # Either the gateway is the cause, or chance.
                        runs[test].append(self._run(suite, cell, test, logs, "third"))
            entries = cluster.access_log()
            (logs / "gateway.json").write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))
            result = Result.of(runs, past, gateway(entries), time.monotonic() - start)
        if kept:
            result = kept.then(result)
        found = list(results.problems(cell, result))
        if not self._tests:
            with self._page:
                results.add(results_folder(), cell, result)
        say(
            f"{cell}: {len(runs)} run; of the cell {len(result.failed)} failed, {len(result.again)} passed when run "
            f"again, {result.seconds} s; logs: {logs}"
        )
        return found

    def _test(self, suite: Suite, cell: Cell, test: str, logs: Path) -> list[Run]:
        """The runs of a test: a failure is run once more, unless the test always fails here."""
        runs: list[Run] = []
        for attempt in ("first",) if cell.always_fails(test) else ("first", "second"):
            runs.append(self._run(suite, cell, test, logs, attempt))
            if runs[-1].good:
                break
        return runs

    def _run(self, suite: Suite, cell: Cell, test: str, logs: Path, attempt: str) -> Run:
        if self._stop.is_set():
            raise Stopped
        found = suite.run(test, logs / f"{test}-{attempt}.log")
        self._say(cell, test, found)
        return found

    def _say(self, cell: Cell, test: str, run: Run) -> None:
        say(f"{cell}: {test}: {run.outcome}, {run.seconds:.1f} s")


def gateway(entries: Iterable[Object]) -> Gateway:
    """What the gateway's access log says."""
    found = Gateway()
    own: Counter[str] = Counter()
    for entry in entries:
        content = str(entry.get("content_type") or "")
        found.requests += 1
        found.native += content == "application/grpc"
        found.web += content.startswith("application/grpc-web")
        flags, details = entry.get("response_flags"), entry.get("response_details")
        if flags not in ("-", None) or details not in ("via_upstream", None):
            path = str(entry.get("path") or "").rpartition("/")[2]
            own[" ".join(map(str, filter(None, (entry.get("response_code"), flags, details, path))))] += 1
    found.own = dict(own.most_common())
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run the selected cells."""
    parser = argparse.ArgumentParser(prog="tests.upstream", description=__doc__.partition("\n\n")[0])
    for name in FIELDS:
        values = {cell.fields[name]: None for cell in plan()}
        parser.add_argument(f"--{name}", choices=values, help="only the cells with this value")
    parser.add_argument(
        "--jobs", type=int, choices=range(1, 9), default=1, help="how many clusters run side by side; each needs 2 GB"
    )
    parser.add_argument(
        "--failed", action="store_true", help="only failures without a cause; their runs are added to those before"
    )
    parser.add_argument("--page", action="store_true", help="only write the page again, after a change of known.yaml")
    parser.add_argument("tests", nargs="*", help="these tests only; the page is not written then")
    options = parser.parse_intermixed_args(arguments)
    if options.page:
        results.write(results_folder(), results.load(results_folder()))
        return 0
    # Handled like Ctrl-C: the clusters end, and their folders are removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    unknown = sorted(set(options.tests) - set(catalogue.upstream()))
    cells = select(**{name: getattr(options, name) for name in FIELDS})
    try:
        if options.failed and options.tests:
            raise LiveError("--failed has its own tests: leave out the names")
        if unknown:
            raise LiveError(f"{', '.join(unknown)}: no such test in upstream's test/e2e")
        if not cells:
            raise LiveError("no cell of tests/upstream/plan.py has these values; leave one out")
        doctor.require(browser=False, install=True)
        for name in ("argocd-e2e", "helm"):
            program(name)
        found = Cells(options.tests, options.failed, options.jobs).run(cells)
    except (LiveError, ToolError, Stopped, AssertionError) as error:
        say(f"test-upstream: {error}")
        return 2
    except KeyboardInterrupt:
        return 130
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
