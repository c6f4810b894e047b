"""What persons do with single sign-on, the same in each mode and way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.browser import Browser
from tests.live.conftest import HOST
from tests.live.lifecycle import cli_options
from tests.live.questions import Client
from tests.live.sso.identity import HOSTS, ISSUER
from tests.live.sso.persons import GRANTED, Sso, call, known_as, log_out, press_login, sign_in
from tests.live.sso.results import column
from tests.live.table import TERMINATION
from tests.live.ui.conftest import at, shop, url_starts
from tests.live.ways import Case

Note = Callable[[str, str], None]

OPTIONS = ((), ("--grpc-web",))


@pytest.mark.parametrize("host", HOSTS)
def test_a_browser_logs_in_and_out(browser: Browser, client: Client, case: Case, note: Note, host: str) -> None:
    browser.open(f"https://{host}/")
    press_login(browser, host)
    sign_in(browser, "alice")
    browser.wait(at(".applications-list__entry", "shop"), "the tile of the Application")
    assert browser.evaluate(url_starts(f"https://{host}/applications"))
    assert call(browser, "/api/v1/session/userinfo") == (200, known_as("alice"))
    browser.open(f"https://{host}/user-info")
    for text in ("alice@example.com", ISSUER, "platform"):
        browser.wait(at("#app", text), f"{text} on the page of the user")
    note(column("login", host), "ok")

    log_out(browser, host)
    browser.open(
        f"https://{host}/applications/argocd/shop?view=tree&resource=&node=argoproj.io/Application/argocd/shop/0"
    )
    press_login(browser, host)
    # The form appears only without a session of the provider.
    sign_in(browser, "alice")
    note(column("logout", host), "ok")
    browser.wait(at(".sliding-panel--opened", "REPO URL"), "the panel of the linked object")
    assert browser.evaluate(url_starts(f"https://{host}/applications/argocd/shop?"))
    note(column("deep link", host), "ok")


@pytest.mark.parametrize("options", OPTIONS, ids=lambda words: " ".join(words) or "native")
@pytest.mark.parametrize("host", HOSTS)
def test_the_cli_logs_in_and_out(
    browser: Browser, client: Client, case: Case, note: Note, tmp_path: Path, host: str, options: tuple[str, ...]
) -> None:
    argocd = Sso(client.cluster, tmp_path / "cli", host, *options)
    argocd.login(browser, "alice")
    assert argocd.user() == known_as("alice")
    assert argocd.read("app", "list", "--output", "name") == "argocd/shop\n"
    token = argocd.token
    assert "token successfully invalidated" in argocd("logout", host).stderr
    known = ("--auth-token", token, "--server", host)
    assert "token is revoked" in argocd.refused("app", "list", *known)
    # Without a route for gRPC, the command falls back to gRPC-Web and says so.
    assert argocd.warned == (case.mode == TERMINATION and not options)
    note(column(" ".join(["argocd --sso", *options]), host), "ok, with a warning" if argocd.warned else "ok")


@pytest.mark.parametrize("person", GRANTED)
def test_groups_decide_what_a_person_may_do(
    browser: Browser, client: Client, case: Case, note: Note, tmp_path: Path, person: str
) -> None:
    repository = shop(client.cluster)
    read, sync = GRANTED[person]
    browser.open(f"https://{HOST}/")
    press_login(browser, HOST)
    sign_in(browser, person)
    browser.wait(at("#app", "shop" if read == 200 else "No applications available"), "the list of Applications")
    assert browser.faults == []
    one = "/api/v1/applications/shop"
    assert (call(browser, one)[0], call(browser, f"{one}/sync", {})[0]) == (read, sync)
    # The browser reports each refusal.
    assert all(one in fault for fault in browser.faults)
    browser.faults.clear()

    argocd = Sso(client.cluster, tmp_path / "cli", HOST, *cli_options(case.mode))
    argocd.login(browser, person)
    assert argocd.user() == known_as(person)
    assert argocd.read("app", "list", "--output", "name").split() == (["argocd/shop"] if read == 200 else [])
    create = ("app", "create", f"of-{person}", "--repo", repository, "--path", ".", "--upsert")
    place = ("--dest-server", "https://kubernetes.default.svc", "--dest-namespace", "default")
    if sync == 200:
        argocd.read(*create, *place)
        argocd.read("app", "delete", f"of-{person}", "--cascade=false", "--yes")
    else:
        for words in (create + place, ("app", "sync", "shop")):
            assert "PermissionDenied" in argocd.refused(*words)
    note(person, "ok")
