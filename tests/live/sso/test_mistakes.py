"""Wrong settings fail as the rules of lint say, and as docs/sso.md says of those that lint cannot see."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import pytest
import yaml

from live.cluster import Cluster
from tests.live.conftest import HERE, HOST
from tests.live.lifecycle import until
from tests.live.mistakes import run
from tests.live.mistakes.data import Mistake
from tests.live.mistakes.observe import Places, observe
from tests.live.questions import Answer, Client, Question
from tests.live.sso import identity
from tests.live.sso.identity import MAIN, MANY_GROUPS
from tests.live.sso.persons import call, log_out, press_login, sign_in
from tests.live.sso.questions import (
    ADDRESS,
    BROWSER,
    FURTHER_BROWSER,
    FURTHER_CLI,
    LOGOUT,
    QUESTIONS,
    WITH_CLI,
    browser_login,
    cli_login,
    opened,
)
from tests.live.table import TERMINATION
from tests.live.ui.conftest import at, shop
from tests.live.ways import EXISTING, Case, Site
from tools.build import program

Settings = Mapping[str, str | None]
Line = Callable[[Mistake, str, str], None]
Made = Callable[[Cluster], Settings]

SAMPLES = HERE / "samples"

INVALID = "400 Invalid redirect URL"
DEX = """connectors:
- type: oidc
  id: example
  name: Example
  config:
    issuer: https://id.example.com
    clientID: a
    clientSecret: $oidc.clientSecret
    redirectURI: https://cd.example.com/api/dex/callback
"""
SEEN = ("G01", "G02", "G03")
"""The rules that the probe of the first host names."""

FOR_DEX = "redirectURI that dex gets"
RESTART = "server.restart"
"""A key that Argo CD does not know, of a ConfigMap that it reads when it starts."""


def dex(client: Client) -> Answer:
    """The redirectURI in the configuration that Argo CD writes for dex."""
    cluster = client.cluster
    link = cluster.state / "argocd-dex"
    link.unlink(missing_ok=True)
    link.symlink_to(program("argocd"))
    env = {"KUBECONFIG": str(cluster.state / "kubeconfig")}
    done = cluster.exec([str(link), "gendexcfg", "--namespace", "argocd"], env=env)
    found = yaml.safe_load(done.stdout) if done.returncode == 0 else None
    return Answer(" ".join(one["config"]["redirectURI"] for one in (found or {}).get("connectors", [])) or "no dex")


def wrong(rule: str, fault: str, clients: dict[str, str], *unaffected: str) -> Mistake:
    """A mistake in argocd-cm. The test fills in what changes."""
    probe = "first" if rule in SEEN else ""
    return Mistake(rule, MAIN.mode, fault, clients=clients, unaffected=unaffected, probe=probe)


MISTAKES: list[tuple[Mistake, Made]] = [
    (wrong("G01", "no url", {BROWSER: INVALID, ADDRESS: "/auth/callback"}, WITH_CLI), lambda _: {"url": None}),
    (
        wrong(
            "G02",
            "url of another host",
            {BROWSER: INVALID, ADDRESS: "https://argo.example.com/auth/callback"},
            WITH_CLI,
            FURTHER_BROWSER,
        ),
        lambda _: {"url": "https://argo.example.com"},
    ),
    (
        wrong(
            "G03", "url without https", {BROWSER: INVALID, ADDRESS: "http://argocd.example.com/auth/callback"}, WITH_CLI
        ),
        lambda _: {"url": "http://argocd.example.com"},
    ),
    (
        wrong("G04", "a host is not in additionalUrls", {FURTHER_BROWSER: INVALID}, BROWSER, FURTHER_CLI),
        lambda _: {"additionalUrls": None},
    ),
    (
        wrong("G05", "a connector names its own redirectURI", {FOR_DEX: "https://argocd.example.com/api/dex/callback"}),
        lambda _: {"dex.config": DEX},
    ),
    (
        wrong("", "no rootCA", {BROWSER: "500 failed to query provider", WITH_CLI: "the token is refused"}),
        lambda cluster: {"oidc.config": identity.oidc_config(cluster, rootCA=None), RESTART: "1"},
    ),
    (
        wrong("", "dex.config beside oidc.config", {BROWSER: "the login page again", WITH_CLI: "the token is refused"}),
        lambda _: {"dex.config": DEX, RESTART: "1"},
    ),
    (
        wrong("", "the groups are not requested", {BROWSER: "0 groups", WITH_CLI: "0 groups"}),
        lambda cluster: {"oidc.config": identity.oidc_config(cluster, requestedScopes=["openid", "email"])},
    ),
    (
        wrong("", "another client secret", {BROWSER: "500 failed to get token"}, WITH_CLI),
        lambda cluster: {"oidc.config": identity.oidc_config(cluster, clientSecret="$oidc.another")},
    ),
    (
        wrong(
            "",
            "an address after the logout that the provider does not know",
            {LOGOUT: "400 during logout; the token is refused"},
        ),
        lambda cluster: {"oidc.config": identity.oidc_config(cluster, logoutURL=f"{identity.LOGOUT}/elsewhere")},
    ),
    (
        wrong("", "the issuer with a slash", {BROWSER: "500 failed to query provider"}),
        lambda cluster: {"oidc.config": identity.oidc_config(cluster, issuer=f"{identity.ISSUER}/")},
    ),
]


SHARED = Case(EXISTING, TERMINATION)
# The other team's Gateway as it was, for Argo CD alone.
GATEWAY = (SAMPLES / "existing-gateway.yaml").read_text().split("---\n")[1]
OWN_SERVER = Mistake(
    "C23",
    f"{SHARED.way}/{SHARED.mode}",
    "the provider has a server of its own, and Argo CD a wildcard certificate",
    change=f"{GATEWAY}\n---\n{(identity.HERE / 'by-istio.yaml').read_text()}",
    clients={BROWSER: f"404 of {identity.ISSUER_HOST}"},
    unaffected=(WITH_CLI,),
    unseen="the probe sends no logins",
)


def changed(settings: Settings) -> str:
    """The change of the settings, for `Mistake`."""
    data = {name: value for name, value in settings.items() if name != RESTART}
    maps = [
        ("argocd-cm", data),
        *([("argocd-cmd-params-cm", {RESTART: settings[RESTART]})] if RESTART in settings else []),
    ]
    return yaml.safe_dump_all({"kind": "ConfigMap", "metadata": {"name": name}, "data": each} for name, each in maps)


class SignOn(Places):
    """The place with single sign-on."""

    def ask(self, name: str) -> Question:
        return dex if name == FOR_DEX else QUESTIONS.get(name) or super().ask(name)

    def _apply(self, way: str, mode: str) -> None:
        case = Case(way, mode)
        Site(self.cluster, self.folder, identity.HOSTS).bring_up(case)
        identity.install(self.cluster, identity.HOSTS, case=case)
        identity.sign_on(self.cluster, identity.HOSTS)
        shop(self.cluster)
        # Rules judge the intruders too.
        self.cluster.kubectl("delete", "namespace", "intruder", "--ignore-not-found")


@pytest.fixture(scope="module")
def places(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    made = SignOn(cluster, tmp_path_factory.mktemp("places"))
    yield made
    made.close()


@pytest.mark.parametrize(("mistake", "settings"), MISTAKES, ids=[one.fault for one, _ in MISTAKES])
def test_a_wrong_setting_fails_as_documented(places: Places, mistake: Mistake, settings: Made, line: Line) -> None:
    made = replace(mistake, change=changed(settings(places.cluster)))
    outcome = observe(places, made)
    assert not mistake.rule or mistake.rule in outcome.found
    assert outcome.named == mistake.probe
    answers = "; ".join(f"{name}: {' '.join(answer.split())}" for name, answer in outcome.answers.items())
    line(mistake, outcome.found.get(mistake.rule, ""), answers)


def test_right_settings_have_no_errors(places: Places) -> None:
    places.bring_up(MAIN.mode)
    assert [one for one in run.linted(places.objects) if one["severity"] == "error"] == []


def test_tokens_need_a_restart_after_a_new_ca(places: Places) -> None:
    """argocd-server reads the settings of the login again, but not those by which it verifies tokens."""
    client = places.bring_up(MAIN.mode)
    without = Mistake("", MAIN.mode, "", change=changed({"oidc.config": None, RESTART: "1"}))
    ask = browser_login("alice")
    with run.made(places.cluster, places.objects, without):
        config = {"data": {"oidc.config": identity.oidc_config(places.cluster)}}
        places.cluster.kubectl("patch", "configmap/argocd-cm", "-n", "argocd", "-p", json.dumps(config))
        until(lambda: identity.sent_to(places.cluster, HOST).startswith("https://"), 60, "argocd-server has read it")
        assert ask(client).status == "the login page again"
    until(lambda: ask(client).status.startswith("alice@example.com"), 60, "a restart helps")


def test_two_hundred_groups_fit_into_cookies(places: Places) -> None:
    client = places.bring_up(MAIN.mode)
    groups = len(MANY_GROUPS) + 1
    assert cli_login("dave")(client).status == f"dave@example.com, {groups} groups"
    with opened(client) as (browser, _):
        browser.open(f"https://{HOST}/")
        press_login(browser, HOST)
        sign_in(browser, "dave")
        browser.wait(at(".applications-list__entry", "shop"), "the tile of the Application")
        assert len(call(browser, "/api/v1/session/userinfo")[1]["groups"]) == groups
        assert len(browser.cookies("argocd.token")) > 1
        log_out(browser, HOST)


def test_a_browser_reuses_a_connection(places: Places, line: Line) -> None:
    """In HTTP/2, for every host in the certificate at the same address; the gateway then has no route for it."""
    outcome = observe(places, OWN_SERVER)
    assert OWN_SERVER.rule in outcome.found
    line(OWN_SERVER, outcome.found[OWN_SERVER.rule], outcome.answers[BROWSER])
