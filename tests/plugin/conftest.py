"""Property tests run the same examples each time: a red test is always the change's, on a slow machine too."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from argocd_istio import cli
from tests.conftest import FIGURES, results_folder
from tests.plugin import fuzz
from tests.plugin.cases import Called

settings.register_profile(
    "plugin", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("plugin")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Called:
    """Runs a command in this process; exit code, stdout and stderr."""

    def called(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = cli.run(list(arguments))
        return code, *capfd.readouterr()

    return called


def pytest_terminal_summary(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        fuzz.write(config.stash.get(FIGURES, {}), results_folder())
