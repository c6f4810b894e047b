"""A real browser uses Argo CD through the gateway in every mode, and reports certificate errors."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from live.cluster import Cluster
from tests.live.browser import Browser, BrowserError, trust
from tests.live.conftest import HERE, HOST
from tests.live.table import GRPC_ROUTING, MODES, PASSTHROUGH, TERMINATION
from tools.versions import module

PAGE = f"https://{HOST}/visit.html"


@pytest.fixture(scope="module", params=MODES)
def mode(request: pytest.FixtureRequest, cluster: Cluster) -> str:
    """The overlay of a mode, with a test page served by argocd-server."""
    name: str = request.param
    cluster.apply(HERE / "pages" / name)
    cluster.kubectl("apply", "-f", str(HERE / "application.yaml"))
    cluster.wait_ready()
    return name


@pytest.fixture(scope="module")
def terminal(cluster: Cluster, mode: str) -> dict[str, str]:
    """The parameters of a terminal to a running container of an Application."""
    repository = cluster.git_repository("terminal", {"pod.yaml": (HERE / "terminal-pod.yaml").read_text()})
    application = (HERE / "terminal-application.yaml").read_text().replace("https://git.invalid/terminal", repository)
    cluster.kubectl("apply", "-f", "-", input=application)
    for condition in ("create", "condition=Ready"):
        cluster.kubectl("wait", "-n", "default", "pod/terminal", f"--for={condition}", "--timeout=30s")
    names = {"pod": "terminal", "container": "main", "namespace": "default"}
    return {**names, "appName": "terminal", "appNamespace": "argocd", "projectName": "default"}


def start(cluster: Cluster, home: Path) -> Browser:
    """A browser in the clients' network, with its own home."""
    return Browser(lambda command: cluster.popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE), home)


@pytest.fixture
def browser(cluster: Cluster, mode: str, tmp_path: Path) -> Iterator[Browser]:
    """A browser that trusts the test CA."""
    trust(tmp_path, cluster.ca)
    with start(cluster, tmp_path) as running:
        yield running


def test_browser_follows_the_redirect_and_uses_the_api(browser: Browser, cluster: Cluster, mode: str) -> None:
    browser.open(f"http://{HOST}/visit.html")
    assert browser.redirects() == [(f"http://{HOST}/visit.html", 301, PAGE)]
    assert browser.evaluate("location.href") == PAGE
    assert browser.evaluate("document.title") == "Visit"

    assert browser.evaluate("version()").startswith(module())
    assert browser.evaluate(f"login('admin', {cluster.admin_password()!r})") == 200
    assert browser.evaluate("firstEvent()") == "probe"
    # With passthrough, the browser and argocd-server negotiate HTTP/1.1; else the gateway offers HTTP/2.
    expected = {PASSTHROUGH: ["http/1.1"], TERMINATION: ["h2"], GRPC_ROUTING: ["h2"]}
    assert browser.evaluate("protocols()") == expected[mode]


def test_terminal_opens_as_a_websocket(browser: Browser, cluster: Cluster, terminal: dict[str, str]) -> None:
    browser.open(PAGE)
    assert browser.evaluate(f"terminal({json.dumps(terminal)})") == "refused"
    browser.evaluate(f"login('admin', {cluster.admin_password()!r})")
    assert browser.evaluate(f"terminal({json.dumps(terminal)})") == "open"


def test_event_stream_needs_the_session_cookie(browser: Browser) -> None:
    browser.open(PAGE)
    with pytest.raises(BrowserError, match="the event stream failed"):
        browser.evaluate("firstEvent()")


def test_browser_without_the_ca_refuses_the_certificate(cluster: Cluster, mode: str, tmp_path: Path) -> None:
    with start(cluster, tmp_path) as stranger, pytest.raises(BrowserError, match="ERR_CERT_AUTHORITY_INVALID"):
        stranger.open(PAGE)
