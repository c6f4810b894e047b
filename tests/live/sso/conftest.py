"""Single sign-on in each case of a file: Argo CD with its own UI, a provider, and persons. A file names CASES."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from live.cluster import Cluster
from tests.conftest import results_folder
from tests.live.browser import Browser
from tests.live.mistakes.data import Mistake
from tests.live.questions import Client
from tests.live.sso import identity, results
from tests.live.sso.persons import visitor
from tests.live.ui import conftest as pages
from tests.live.ways import Case, Site
from tools import ui

_CELLS = pytest.StashKey[results.Cells]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", metafunc.module.CASES, ids=str, scope="module")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster whose Argo CD has the UI, and that can run a provider."""
    running = Cluster.start(argocd=ui.program(), images=identity.images())
    yield running
    running.stop()


@pytest.fixture(scope="module")
def site(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(cluster, tmp_path_factory.mktemp("site"), identity.HOSTS)
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(site: Site, cluster: Cluster, case: Case) -> Client:
    """A client of the case with single sign-on, and an Application."""
    found = site.bring_up(case)
    identity.install(cluster, identity.HOSTS, case=case)
    identity.sign_on(cluster, identity.HOSTS)
    pages.shop(cluster)
    return found


@pytest.fixture
def browser(client: Client, tmp_path: Path) -> Iterator[Browser]:
    """A person's browser. The test fails if it reports anything."""
    with visitor(client.cluster, tmp_path / "person", 60) as running:
        running.watch()
        yield running
        assert running.faults == []


@pytest.fixture
def note(request: pytest.FixtureRequest, case: Case) -> Callable[[str, str], None]:
    """`note(column, answer)` writes a cell of the table."""
    cells = request.config.stash.setdefault(_CELLS, {})
    return lambda column, answer: cells.update({results.key(case, column): answer})


@pytest.fixture
def line(request: pytest.FixtureRequest) -> Callable[[Mistake, str, str], None]:
    """`line(mistake, severity, answers)` writes a line of the table of mistakes."""
    cells = request.config.stash.setdefault(_CELLS, {})
    return lambda mistake, severity, answers: results.add(cells, mistake, severity, answers)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands its cells to the first process (pytest-xdist), which writes the page."""
    found = session.config.stash.get(_CELLS, {})
    if output := getattr(session.config, "workeroutput", None):
        output["sso"] = found
    elif found:
        results.write(found, results_folder())


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash.setdefault(_CELLS, {}).update(getattr(node, "workeroutput", {}).get("sso", {}))
