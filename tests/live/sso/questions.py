"""Questions of persons who log in with single sign-on: what happens, as one line."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.live.browser import Browser, BrowserError
from tests.live.conftest import HOST
from tests.live.questions import Answer, Client, Question
from tests.live.sso import identity
from tests.live.sso.identity import FURTHER, ISSUER
from tests.live.sso.persons import Sso, call, press_login, sign_in, visitor
from tests.live.ui.conftest import at, url_starts

ERROR = "pre, #main-frame-error"
"""A plain text, such as Argo CD's errors, or the browser's own page for an answer without a body."""


@contextmanager
def opened(client: Client) -> Iterator[tuple[Browser, Path]]:
    """A person's browser, and a folder for the CLI."""
    with tempfile.TemporaryDirectory() as folder, visitor(client.cluster, Path(folder), 20) as browser:
        browser.watch()
        yield browser, Path(folder)


def browser_login(person: str, host: str = HOST) -> Question:
    """Open the page, press the button, and sign in if the provider asks: what the browser shows in the end."""

    def question(client: Client) -> Answer:
        with opened(client) as (browser, _):
            try:
                return Answer(_log_in(browser, person, host))
            except BrowserError as error:
                # argocd-server may restart just then.
                return Answer(str(error))

    return question


def _log_in(browser: Browser, person: str, host: str) -> str:
    browser.open(f"https://{host}/")
    browser.wait(f"{url_starts(f'https://{host}/login')} || {at(ERROR)}", "the login page")
    if browser.evaluate(f"!!{at(ERROR)}"):
        return _error(browser)
    press_login(browser, host)
    browser.wait(_elsewhere(f"https://{host}/login"), "the page after the login page")
    if browser.evaluate(url_starts(f"{ISSUER}/login/")):
        sign_in(browser, person)
        browser.wait(_elsewhere(ISSUER), "the page after the provider's")
    browser.wait(f"{at(ERROR)} || {at('.applications-list, .login__box')}", "a page of Argo CD")
    return _error(browser) if browser.evaluate(f"!!{at(ERROR)}") else _user(browser)


def _elsewhere(address: str) -> str:
    return f"!{url_starts(address)} && document.readyState === 'complete'"


def _error(browser: Browser) -> str:
    answers = [one for one in browser.faults if one.startswith("answer: ") and not one.endswith("/favicon.ico")]
    _, code, address = answers[-1].split()
    text = browser.evaluate(f"{at('pre')}?.innerText || ''").strip()
    return f"{code} {text or f'of {urlsplit(address).hostname}'}"


def _user(browser: Browser) -> str:
    user = call(browser, "/api/v1/session/userinfo")[1]
    if not user.get("loggedIn"):
        return "the login page again"
    return f"{user['username']}, {len(user.get('groups', []))} groups, on {browser.evaluate('location.host')}"


def cli_login(person: str, *options: str, host: str = HOST) -> Question:
    """Log in with the CLI, and ask who that is."""

    def question(client: Client) -> Answer:
        with opened(client) as (browser, folder):
            argocd = Sso(client.cluster, folder / "cli", host, *options)
            try:
                argocd.login(browser, person)
                user = argocd.user()
            except (AssertionError, BrowserError) as error:
                return Answer(f"failed: {str(error).strip().splitlines()[-1]}")
            return Answer(
                f"{user['username']}, {len(user.get('groups', []))} groups" if user else "the token is refused"
            )

    return question


def cli_logout(person: str) -> Question:
    """Log in and out with the CLI: what the command says, and whether the token still works."""

    def question(client: Client) -> Answer:
        with opened(client) as (browser, folder):
            argocd = Sso(client.cluster, folder / "cli", HOST)
            try:
                argocd.login(browser, person)
            except (AssertionError, BrowserError) as error:
                return Answer(f"failed: {str(error).strip().splitlines()[-1]}")
            token = argocd.token
            message = json.loads(argocd("logout", HOST).stderr)["msg"]
            done = argocd("app", "list", "--auth-token", token, "--server", HOST)
            return Answer(f"{message}; the token {'is refused' if 'token is revoked' in done.stderr else 'works'}")

    return question


def returns_to(host: str) -> Question:
    """The address to which the provider is asked to return, without a page to return to."""
    return lambda client: Answer(identity.sent_to(client.cluster, host, ""))


BROWSER, FURTHER_BROWSER = "browser", "browser, further host"
WITH_CLI, FURTHER_CLI = "argocd login --sso", "argocd login --sso, further host"
LOGOUT = "argocd logout"
ADDRESS = "redirect_uri without a page to return to"

QUESTIONS: dict[str, Question] = {
    BROWSER: browser_login("alice"),
    FURTHER_BROWSER: browser_login("alice", FURTHER),
    WITH_CLI: cli_login("alice"),
    FURTHER_CLI: cli_login("alice", host=FURTHER),
    LOGOUT: cli_logout("alice"),
    ADDRESS: returns_to(HOST),
}
