"""A sample of single sign-on, without Argo CD's UI; `make test-sso` has it, in each mode and way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from live.cluster import Cluster
from tests.live.browser import Browser
from tests.live.conftest import HOST
from tests.live.lifecycle import until
from tests.live.mistakes import run
from tests.live.questions import Client
from tests.live.sso import identity
from tests.live.sso.identity import FURTHER, HOSTS, ISSUER, MAIN
from tests.live.sso.persons import GRANTED, Sso, call, confirm_logout, known_as, sign_in, visitor
from tests.live.ui.conftest import shop, url_starts
from tests.live.ways import Site


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    running = Cluster.start(images=identity.images())
    yield running
    running.stop()


@pytest.fixture(scope="module")
def client(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Client:
    """A client of grpc-routing on two hosts, and an Application."""
    found = Site(cluster, tmp_path_factory.mktemp("site"), HOSTS).bring_up(MAIN)
    identity.install(cluster, HOSTS)
    identity.sign_on(cluster, HOSTS)
    shop(cluster)
    return found


@pytest.fixture
def browser(client: Client, tmp_path: Path) -> Iterator[Browser]:
    with visitor(client.cluster, tmp_path / "person", 40) as running:
        yield running


def log_in(browser: Browser, host: str, person: str) -> None:
    """Go where the button of the UI leads, and sign in."""
    page = f"https://{host}/api/version"
    browser.open(f"https://{host}/auth/login?return_url={page}")
    sign_in(browser, person)
    browser.wait(url_starts(page), "the page from which the login began")


def test_a_browser_logs_in_and_out(browser: Browser) -> None:
    """On the further host: the provider leads back there."""
    log_in(browser, FURTHER, "alice")
    assert call(browser, "/api/v1/session/userinfo") == (200, known_as("alice"))
    browser.open(f"https://{FURTHER}/auth/logout")
    confirm_logout(browser)
    browser.wait(url_starts(f"https://{FURTHER}/"), "the same host")
    browser.open(f"https://{FURTHER}/auth/login")
    assert browser.evaluate(url_starts(f"{ISSUER}/login/"))


@pytest.mark.parametrize("person", GRANTED)
def test_groups_decide_what_a_person_may_do(browser: Browser, client: Client, tmp_path: Path, person: str) -> None:
    log_in(browser, HOST, person)
    one = "/api/v1/applications/shop"
    assert (call(browser, one)[0], call(browser, f"{one}/sync", {})[0]) == GRANTED[person]

    argocd = Sso(client.cluster, tmp_path / "cli", HOST)
    argocd.login(browser, person)
    assert argocd.user() == known_as(person) and not argocd.warned
    seen = ["argocd/shop"] if GRANTED[person][0] == 200 else []
    assert argocd.read("app", "list", "--output", "name").split() == seen
    token = argocd.token
    assert "token successfully invalidated" in argocd("logout", HOST).stderr
    assert "token is revoked" in argocd.refused("app", "list", "--auth-token", token, "--server", HOST)


def test_a_wrong_url_refuses_the_login(client: Client) -> None:
    """Rule G02. It is the last test of the file."""
    patch = json.dumps({"data": {"url": "https://argo.example.com"}})
    client.cluster.kubectl("patch", "configmap/argocd-cm", "-n", "argocd", "-p", patch)
    until(lambda: "400 Invalid redirect URL" in identity.sent_to(client.cluster, HOST), 60, "the login is refused")
    assert "G02" in {one["rule"] for one in run.linted(run.applied(client.cluster))}
