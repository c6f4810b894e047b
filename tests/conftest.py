"""Figures that tests measure, shown at the end of a run and kept as JSON."""

from __future__ import annotations

import gc
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from live import doctor
from live.errors import LiveError
from tests.render.render import ROOT
from tools import plugin
from tools.build import OWN, ToolError, own_program

Figures = dict[str, int]

ORDER = (
    "tests/live/test_probe.py",
    "tests/live/test_edge_login.py",
    "tests/live/test_mistakes.py",
    "tests/live/test_high_availability.py",
    "tests/live/test_apply.py",
    "tests/live/test_commands.py",
    "tests/live/test_ways.py",
    "tests/live/test_gateway_api.py",
    "tests/live/test_instances.py",
    "tests/live/",
    "",
)
"""The starts of paths, in the order in which files of tests are started."""

FIGURES = pytest.StashKey[dict[str, Figures]]()
"""The figures of this process, and at the end in the first process those of all."""


def pytest_sessionstart(session: pytest.Session) -> None:
    """A wrong KUSTOMIZE, or a missing program, is one line at once, not a failure of every test or after minutes."""
    if not hasattr(session.config, "workerinput") and _live(session.config):
        try:
            doctor.require(browser=True, install=False)
        except LiveError as error:
            pytest.exit(str(error), returncode=2)
    # Trees of whole installs have no cycles, and half of the time that reading one takes is looking for some.
    gc.set_threshold(100_000, 50, 100)
    # A shell or nohup may ignore one of these signals for this run. A handler ignores it here only: the programs under
    # test would inherit an ignored signal.
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    # A third of the time of kustomize is its garbage collector. The programs of a live cluster do not inherit it.
    os.environ.setdefault("GOGC", "400")
    for name in OWN:
        try:
            own_program(name)
        except ToolError as error:
            pytest.exit(str(error), returncode=2)


def _live(config: pytest.Config) -> bool:
    """Whether live tests are among those to run, unless a selection by name or mark may leave them out."""
    live = ROOT / "tests/live"
    given = [Path(one.partition("::")[0]).absolute() for one in config.args]
    ignored = [Path(one).absolute() for one in config.getoption("ignore") or []]
    among = any(live.is_relative_to(one) or one.is_relative_to(live) for one in given)
    left_out = any(live.is_relative_to(one) for one in ignored)
    return among and not left_out and not (config.getoption("keyword") or config.getoption("markexpr"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest files first: a run is as long as the file that ends last."""
    items.sort(key=lambda item: _place(item.path.relative_to(ROOT).as_posix()))


def _place(path: str) -> int:
    return next(place for place, start in enumerate(ORDER) if path.startswith(start))


def results_folder() -> Path:
    """Where tables and figures are written: `ARGOCD_ISTIO_RESULTS`, else `results/`."""
    return Path(os.environ.get("ARGOCD_ISTIO_RESULTS") or ROOT / "results").absolute()


@pytest.fixture(scope="session")
def results_dir() -> Path:
    """See `results_folder`."""
    return results_folder()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the package's two programs, from the built wheel in a separate environment."""
    folder = tmp_path_factory.mktemp("wheel")
    return plugin.install(plugin.build(folder), folder / "environment")


@pytest.fixture
def report(request: pytest.FixtureRequest, results_dir: Path) -> Callable[[str, Figures], None]:
    """`report(name, figures)` adds a line to the end of the run and writes `<name>.json`."""

    def add(name: str, figures: Figures) -> None:
        request.config.stash.setdefault(FIGURES, {})[name] = figures
        results_dir.mkdir(parents=True, exist_ok=True)
        (results_dir / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n")

    return add


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes hands its figures to the first (pytest-xdist)."""
    if output := getattr(session.config, "workeroutput", None):
        output["figures"] = session.config.stash.get(FIGURES, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    figures = getattr(node, "workeroutput", {}).get("figures", {})
    node.config.stash.setdefault(FIGURES, {}).update(figures)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name, figures in config.stash.get(FIGURES, {}).items():
        terminalreporter.write_line(f"{name}: " + ", ".join(f"{what} {count}" for what, count in figures.items()))
