"""Figures that tests measure, shown at the end of a run and kept as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.render.render import ROOT

Figures = dict[str, int]

_FIGURES = pytest.StashKey[dict[str, Figures]]()


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[str, Figures], None]:
    """`report(name, figures)` adds a line to the end of the run and writes `<name>.json`.

    The folder is `ARGOCD_ISTIO_RESULTS`, else `results/`.
    """

    def add(name: str, figures: Figures) -> None:
        request.config.stash.setdefault(_FIGURES, {})[name] = figures
        folder = Path(os.environ.get("ARGOCD_ISTIO_RESULTS") or ROOT / "results")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n")

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name, figures in config.stash.get(_FIGURES, {}).items():
        terminalreporter.write_line(f"{name}: " + ", ".join(f"{what} {count}" for what, count in figures.items()))
