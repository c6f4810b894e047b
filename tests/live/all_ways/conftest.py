"""Every row of the truth table in every way. A file has its own cluster, and names its cases in CASES."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from live.cluster import Cluster
from tests.conftest import results_folder
from tests.live.all_ways import results
from tests.live.lifecycle import intrude, until
from tests.live.questions import Client, Stream, curl
from tests.live.ways import OWN, Case, Site

_CELLS = pytest.StashKey[results.Cells]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", metafunc.module.CASES, ids=str, scope="module")


@pytest.fixture(scope="module")
def site(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(cluster, tmp_path_factory.mktemp("site"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(site: Site, case: Case) -> Iterator[Client]:
    """A client of the case, with its long streams already open: they stay open while the other rows run."""
    visitor = site.bring_up(case)
    # The other ways have their intruders in the samples of the other team.
    if case.way == OWN:
        intrude(visitor.cluster)
        # It created our VirtualService again.
        until(lambda: curl(visitor, "/healthz").code == 200, 30, f"{case} serves again")
    visitor.streams = {"h1": Stream(visitor, h2=False), "h2": Stream(visitor, h2=True)}
    yield visitor
    for left in visitor.streams.values():
        left.close()


@pytest.fixture(scope="session")
def cells(request: pytest.FixtureRequest) -> results.Cells:
    """The measured cells of this process."""
    return request.config.stash.setdefault(_CELLS, {})


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands its cells to the first process (pytest-xdist), which writes the page."""
    found = session.config.stash.get(_CELLS, {})
    if output := getattr(session.config, "workeroutput", None):
        output["cells"] = found
    elif found:
        results.write(found, results_folder())


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash.setdefault(_CELLS, {}).update(getattr(node, "workeroutput", {}).get("cells", {}))
