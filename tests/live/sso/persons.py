"""What persons do: in the UI with the provider's pages, and with the CLI and a browser beside it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from live.cluster import Cluster
from tests.live.browser import Browser, trust
from tests.live.lifecycle import until
from tests.live.sso.identity import ACCOUNTS, CLI_CALLBACK, ISSUER, NAME
from tests.live.ui.conftest import at, fill, url_starts

GRANTED = {"alice": (200, 200), "bob": (200, 403), "carol": (403, 403)}
"""The status codes of reading and of syncing the Application: for an admin, a reader, and a person without a group."""


def known_as(person: str) -> dict[str, object]:
    """What Argo CD knows of a person."""
    claims = ACCOUNTS[person]["claims"]
    found = {"loggedIn": True, "username": claims["email"], "iss": ISSUER}
    return {**found, "groups": claims["groups"]} if claims["groups"] else found


def visitor(cluster: Cluster, home: Path, timeout: float) -> Browser:
    """A person's browser, which trusts the test CA."""
    trust(home, cluster.ca)
    return Browser(lambda words: cluster.popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE), home, timeout)


def press_login(browser: Browser, host: str) -> None:
    """Wait for Argo CD's login page, and press its button for single sign-on."""
    browser.wait(url_starts(f"https://{host}/login"), "the login page")
    browser.click(at(".login__box_saml button", f"Log in via {NAME}".upper()), "the button for single sign-on")


def sign_in(browser: Browser, person: str) -> None:
    """Fill in the provider's form."""
    browser.wait(url_starts(f"{ISSUER}/login/"), "the form of the provider")
    fill(browser, "input[name=login]", person)
    fill(browser, "input[name=password]", str(ACCOUNTS[person]["password"]))
    browser.click(at("button[type=submit]"), "the button to sign in")


def log_out(browser: Browser, host: str) -> None:
    """Press Argo CD's button to log out, and confirm it at the provider, which leads back to Argo CD's login."""
    browser.click(at("a, button", "Log out"), "the button to log out")
    confirm_logout(browser)
    browser.wait(url_starts(f"https://{host}/login"), "the login page of the same host")


def confirm_logout(browser: Browser) -> None:
    """Press the button of the provider's page."""
    browser.wait(url_starts(f"{ISSUER}/session/end"), "the logout of the provider")
    browser.click(at("button", "Sign out"), "the button of the provider")


def call(browser: Browser, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
    """The status code and the JSON of a request of the page: POST with a body, else GET."""
    options = {"method": "POST", "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
    words = [path, *([options] if body is not None else [])]
    script = f"fetch(...{json.dumps(words)}).then(async one => [one.status, await one.json()])"
    code, answer = browser.evaluate(script)
    return code, answer


def _leave(browser: Browser) -> None:
    """Leave the page of the command, which has no icon and ends its server."""
    browser.open("about:blank")
    icon = (f"{CLI_CALLBACK.removesuffix('/auth/callback')}/favicon.ico", "net::ERR_CONNECTION_REFUSED (Other)")
    browser.faults[:] = [one for one in browser.faults if not any(part in one for part in icon)]


class Sso:
    """The argocd command of a person who logs in by the browser."""

    def __init__(self, cluster: Cluster, home: Path, host: str, *options: str) -> None:
        home.mkdir()
        self._cluster, self._host, self._options = cluster, host, options
        self._env = {"HOME": str(home), "SSL_CERT_FILE": str(cluster.ca)}
        self._config = home / ".config" / "argocd" / "config"
        self.warned = False
        """Whether the command has advised to use --grpc-web."""

    def login(self, browser: Browser, person: str) -> str:
        """Log in with the browser, which signs in at the provider unless it is known there; returns the output."""
        words = ["argocd", "login", self._host, "--sso", "--sso-launch-browser=false", *self._options]
        process = self._cluster.popen(
            words,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout
        try:
            lines: list[str] = []
            for line in process.stdout:
                lines.append(line)
                if found := re.search(r"copy-and-paste .*: (https://\S+)", line):
                    self._listening()
                    browser.open(found[1])
                    if browser.evaluate(url_starts(f"{ISSUER}/login/")):
                        sign_in(browser, person)
                    browser.wait(url_starts(CLI_CALLBACK), "the page of the command")
                    browser.wait(at("body", "Authentication successful!"), "the end of the login")
                    _leave(browser)
            process.wait(60)
        finally:
            process.kill()
            process.wait()
        output = "".join(lines)
        assert process.returncode == 0, output
        self.warned |= "--grpc-web" in output
        return output

    def _listening(self) -> None:
        """The command prints the address before it listens for the answer."""
        ask = ["curl", "--silent", "--output", "/dev/null", CLI_CALLBACK.replace("/auth/callback", "/")]
        until(lambda: self._cluster.exec(ask).returncode == 0, 20, "the command listens")

    @property
    def token(self) -> str:
        """The token in the command's configuration."""
        [user] = yaml.safe_load(self._config.read_text())["users"]
        token: str = user["auth-token"]
        return token

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the command."""
        done = self._cluster.exec(["argocd", *words, *self._options], env=self._env, timeout=90)
        self.warned |= "--grpc-web" in done.stderr
        return done

    def user(self) -> dict[str, Any]:
        """What Argo CD knows of the person; empty if it refuses the token."""
        found: dict[str, Any] = json.loads(self.read("account", "get-user-info", "--output", "json"))
        return found if found.get("loggedIn") else {}

    def read(self, *words: str) -> str:
        """Run the command, and return its output. Raises AssertionError if it fails."""
        done = self(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *words: str) -> str:
        """Run the command, which must fail, and return its error."""
        done = self(*words)
        assert done.returncode != 0, done.stdout
        return done.stderr
