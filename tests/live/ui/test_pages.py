"""The pages and forms that use what tools/ui adds to argo-ui. They are the same in each way."""

from __future__ import annotations

import json

import pytest

from tests.live.browser import Browser
from tests.live.conftest import HOST
from tests.live.questions import Client
from tests.live.table import GRPC_ROUTING
from tests.live.ui.conftest import APPLICATIONS, SHOP, at, fill, log_in, url_starts
from tests.live.ways import OWN, Case

CASES = [Case(OWN, GRPC_ROUTING)]

# What each page shows when it has its data.
PAGES = {
    "applicationsets": "ApplicationSets",
    "resources": "shop-settings",
    "settings": "Repositories",
    "settings/repos": "CONNECT REPO",
    "settings/certs": "ADD TLS CERTIFICATE",
    "settings/gpgkeys": "ADD GNUPG KEY",
    "settings/clusters": "in-cluster",
    "settings/projects": "default",
    "settings/projects/default": "SOURCE REPOSITORIES",
    "settings/accounts": "admin",
    "settings/appearance": "Theme",
    "user-info": "Username: admin",
    "help": "Argo CD",
}


@pytest.fixture
def visitor(browser: Browser, client: Client) -> Browser:
    """A browser after the login."""
    browser.open(APPLICATIONS)
    log_in(browser, client)
    return browser


def test_every_page_of_the_menu_opens(visitor: Browser) -> None:
    for path, text in PAGES.items():
        visitor.open(f"https://{HOST}/{path}")
        shown = f"document.querySelector('#app').innerText.toLowerCase().includes({json.dumps(text.lower())})"
        visitor.wait(shown, f"{text} on the page {path}")


def test_a_form_creates_an_application(visitor: Browser, client: Client) -> None:
    repository = client.cluster.git_repository("shop", {})
    visitor.open(APPLICATIONS)
    visitor.click(at("button", "NEW APP"), "the button for a new Application")
    visitor.wait(at(".sliding-panel--opened", "GENERAL"), "the panel of the form")
    visitor.click(at(".sliding-panel--opened button", "CREATE"), "the button to create")
    visitor.wait(at(".argo-form-row__error-msg", "required"), "an error for each empty field")
    fill(visitor, "input[qeid=application-create-field-app-name]", "second")
    for field, typed, whole in (
        ("application-create-field-project", "def", "default"),
        ("application-create-field-cluster-url", "https://kub", "https://kubernetes.default.svc"),
    ):
        fill(visitor, f"input[qe-id={field}]", typed)
        visitor.click(at(".select__options.opened .select__option", whole), f"the suggestion {whole}")
    fill(visitor, "input[qe-id=application-create-field-repository-url]", repository)
    fill(visitor, "input[qe-id=application-create-field-path]", ".")
    fill(visitor, "input[qeid=application-create-field-namespace]", "default")
    visitor.click(at(".sliding-panel--opened button", "CREATE"), "the button to create")
    visitor.wait(at(".applications-list__entry", "second"), "the tile of the new Application")
    visitor.wait(url_starts(APPLICATIONS), "the list of Applications")
    created = client.cluster.kubectl("get", "applications.argoproj.io/second", "-n", "argocd", "-o", "json").stdout
    assert json.loads(created)["spec"] == {
        "project": "default",
        "source": {"repoURL": repository, "path": ".", "targetRevision": "HEAD"},
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "default"},
    }


def test_a_sync_is_started_in_a_panel(visitor: Browser) -> None:
    visitor.open(SHOP)
    visitor.click(at("button", "SYNC"), "the button to sync")
    visitor.click(at(".sliding-panel--opened .argo-checkbox input", ""), "a box of the panel")
    visitor.click(at(".sliding-panel--opened button", "SYNCHRONIZE"), "the button of the panel")
    visitor.wait(at(".application-status-panel", "Sync OK"), "the result of the sync")


def test_an_error_of_the_api_is_shown(visitor: Browser) -> None:
    visitor.open(f"{APPLICATIONS}/argocd/nobody")
    visitor.wait(at("#app", "Failed to load data"), "the page of the error")
    visitor.wait(at(".Toastify", "Unable to load data"), "the message")
    # The browser reports the answer; React must report nothing.
    assert [one for one in visitor.faults if "/api/v1/applications/nobody" not in one] == []
    visitor.faults.clear()


FAULTS = {
    "console: oops": "console.error('oops')",
    "exception: Error: oops": "void Promise.reject(new Error('oops'))",
    f"answer: 404 https://{HOST}/api/v1/nothing": "fetch('/api/v1/nothing').then(() => true)",
    "MixedContentIssue": f"fetch('http://{HOST}/').catch(() => true)",
    "ContentSecurityPolicyIssue": """
        document.head.innerHTML += '<meta http-equiv="Content-Security-Policy" content="img-src none">';
        new Promise(done => Object.assign(new Image(), {onerror: () => done(true), src: 'assets/images/logo.png'}))
    """,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_browser_reports_each_fault(browser: Browser, fault: str) -> None:
    browser.open(APPLICATIONS)
    browser.evaluate(FAULTS[fault])
    browser.wait(at("input[name=username]"), "the login")
    assert any(fault in one for one in browser.faults), browser.faults
    browser.faults.clear()
