"""Every mistake in the running chain. A file has its own cluster, and names its mistakes in MISTAKES."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from live.cluster import Cluster
from tests.conftest import results_folder
from tests.live.all_rules import results
from tests.live.mistakes.observe import Places

_LINES = pytest.StashKey[results.Lines]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "mistake" in metafunc.fixturenames:
        metafunc.parametrize("mistake", metafunc.module.MISTAKES, ids=str)


@pytest.fixture(scope="module")
def places(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    made = Places(cluster, tmp_path_factory.mktemp("places"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def lines(request: pytest.FixtureRequest) -> results.Lines:
    """What this process observed."""
    return request.config.stash.setdefault(_LINES, {})


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands its lines to the first process (pytest-xdist), which writes the page."""
    found = session.config.stash.get(_LINES, {})
    if output := getattr(session.config, "workeroutput", None):
        output["rules"] = found
    elif found:
        results.write(found, results_folder())


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash.setdefault(_LINES, {}).update(getattr(node, "workeroutput", {}).get("rules", {}))
