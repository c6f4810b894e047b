"""What a person does in the UI, the same in each mode and way."""

from __future__ import annotations

from tests.conftest import results_folder
from tests.live.browser import Browser
from tests.live.conftest import HOST
from tests.live.questions import Client
from tests.live.table import GRPC_ROUTING
from tests.live.ui.conftest import APPLICATIONS, LOGIN, SHOP, at, log_in, url_starts
from tests.live.ways import OWN, Case


def screenshot(browser: Browser, case: Case, name: str) -> None:
    """Write a picture for README.md. The page looks the same in each case, so one of them does it."""
    if case == Case(OWN, GRPC_ROUTING):
        browser.screenshot(results_folder() / f"ui-{name}.png")


def test_a_person_logs_in_and_out(browser: Browser, client: Client, case: Case) -> None:
    browser.open(f"https://{HOST}/")
    browser.wait(url_starts(LOGIN), "the login instead of the page")
    log_in(browser, client)
    browser.wait(at(".applications-list__entry", "shop"), "the tile of the Application")
    assert browser.evaluate(url_starts(APPLICATIONS))
    screenshot(browser, case, "applications")
    browser.click(at("a, button", "Log out"), "the button to log out")
    browser.wait(url_starts(LOGIN), "the login after the logout")
    browser.open(SHOP)
    browser.wait(url_starts(LOGIN), "the login instead of the page, without a session")


def test_deep_link_leads_through_the_login(browser: Browser, client: Client) -> None:
    browser.open(f"{SHOP}?view=tree&resource=&node=argoproj.io/Application/argocd/shop/0")
    log_in(browser, client)
    browser.wait(at(".sliding-panel--opened", "REPO URL"), "the panel of the linked object")
    assert browser.evaluate(url_starts(SHOP))


def test_tree_shows_a_sync_without_reload(browser: Browser, client: Client, case: Case) -> None:
    browser.open(SHOP)
    log_in(browser, client)
    for name in ("shop-settings", "deploy", "svc"):
        browser.wait(at(".application-resource-tree__node", name), f"{name} in the tree")
    browser.wait(at(".application-status-panel", "OutOfSync"), "the status before the sync")
    browser.evaluate("window.loadedBefore = true")
    before = len(browser.streamed())
    sync = ("--type=merge", "-p", '{"operation":{"sync":{}}}')
    client.cluster.kubectl("patch", "applications.argoproj.io/shop", "-n", "argocd", *sync)
    browser.wait(at(".application-status-panel", "Sync OK"), "the result of the sync")
    browser.wait("!" + at(".application-status-panel", "OutOfSync"), "the status after the sync")
    browser.wait(at(".application-resource-tree__node", "rs"), "the ReplicaSet of the Deployment")
    assert browser.evaluate("window.loadedBefore")
    assert any('"phase":"Succeeded"' in message for message in browser.streamed()[before:])
    screenshot(browser, case, "tree")
