"""Argo CD with its own UI in each case of a file, and a browser that must report nothing. A file names CASES."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from live.cluster import Cluster
from tests.conftest import results_folder
from tests.live.browser import Browser, trust
from tests.live.conftest import HOST
from tests.live.questions import Client
from tests.live.ui import results
from tests.live.ways import Case, Site
from tools import ui

HERE = Path(__file__).resolve().parent
LOGIN = f"https://{HOST}/login"
APPLICATIONS = f"https://{HOST}/applications"
SHOP = f"{APPLICATIONS}/argocd/shop"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", metafunc.module.CASES, ids=str, scope="module")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The first process knows the outcomes of every worker (pytest-xdist)."""
    # A browser that reports something fails the test after its call has passed.
    passed, failed = (
        {
            report.nodeid.rpartition("::")[2]
            for outcome in outcomes
            for report in terminalreporter.stats.get(outcome, ())
        }
        for outcomes in (("passed",), ("failed", "error"))
    )
    results.write(passed - failed, results_folder())


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster whose Argo CD has the UI."""
    running = Cluster.start(argocd=ui.program())
    yield running
    running.stop()


@pytest.fixture(scope="module")
def site(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(cluster, tmp_path_factory.mktemp("site"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(site: Site, cluster: Cluster, case: Case) -> Client:
    """A client of the case, and an Application that is not synced yet."""
    found = site.bring_up(case)
    shop(cluster)
    return found


def shop(cluster: Cluster) -> str:
    """Create the Application again, not synced; returns the address of its repository."""
    repository = cluster.git_repository("shop", {"shop.yaml": (HERE / "shop.yaml").read_text()})
    cluster.kubectl("delete", "applications.argoproj.io", "--all", "-n", "argocd")
    cluster.kubectl("delete", "-n", "default", "-f", HERE / "shop.yaml", "--ignore-not-found")
    application = (HERE / "application.yaml").read_text().replace("https://git.invalid/shop", repository)
    cluster.kubectl("apply", "-f", "-", input=application)
    status = ("--for=jsonpath={.status.sync.status}=OutOfSync", "--timeout=60s")
    cluster.kubectl("wait", "-n", "argocd", "applications.argoproj.io/shop", *status)
    return repository


@pytest.fixture
def browser(client: Client, tmp_path: Path) -> Iterator[Browser]:
    """A browser that trusts the test CA. The test fails if it reports anything."""
    trust(tmp_path, client.cluster.ca)
    popen = client.cluster.popen
    with Browser(lambda words: popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE), tmp_path, 40) as running:
        running.watch()
        yield running
        assert running.faults == []


def at(selector: str, text: str = "") -> str:
    """The first visible element of a CSS selector that contains the text, as a JavaScript expression."""
    has = f"one.innerText.includes({json.dumps(text)}) && one.getBoundingClientRect().width"
    return f"[...document.querySelectorAll({json.dumps(selector)})].find(one => {has})"


def url_starts(url: str) -> str:
    """Whether the page's URL starts with this one, as a JavaScript expression."""
    return f"location.href.startsWith({json.dumps(url)})"


def fill(browser: Browser, field: str, text: str) -> None:
    """Click into a field, given by its CSS selector, and type."""
    browser.click(at(field), f"the field {field}")
    browser.type(text)


def log_in(browser: Browser, client: Client) -> None:
    """Fill in the form that the browser shows, and send it."""
    fill(browser, "input[name=username]", "admin")
    fill(browser, "input[name=password]", client.cluster.admin_password())
    browser.click(at("button[type=submit]"), "the button to sign in")
    browser.wait("!" + url_starts(LOGIN), "the page after the login")
