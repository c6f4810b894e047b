"""components/edge-login, live: browsers log in at the provider first, and everything else passes as documented."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from live.addresses import GATEWAY_NAMESPACE
from live.cluster import Cluster
from tests.conftest import results_folder
from tests.live import edge_login
from tests.live.conftest import HERE, HOST
from tests.live.edge_login import (
    CASES,
    COMMAND,
    COOKIE,
    FORGE,
    NAME,
    PAGE,
    PROGRAM,
    ROWS,
    SAMPLE,
    SECOND,
    Results,
    Visitor,
    token_of,
)
from tests.live.lifecycle import Argocd, apply_results, commands, run, until
from tests.live.questions import curl
from tests.live.sso import identity, persons
from tests.live.ui.conftest import url_starts


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster with the provider. Its mesh configuration does not have the README's lines yet."""
    running = Cluster.start(images=edge_login.images())
    try:
        running.install_gateway_api()
        identity.install(running, edge_login.HOSTS, [edge_login.relying_party()])
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def results() -> Iterator[Results]:
    found = Results()
    yield found
    found.write(results_folder())


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(cluster: Cluster, case: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The applied consumer of the case."""
    where: dict[str, Any] = {"namespace": GATEWAY_NAMESPACE, "selector": {"istio": "ingressgateway"}}
    component = "components/edge-login"
    if case == SAMPLE:
        where, component = {"className": "istio"}, "components/gateway-api/edge-login"
        gone = "gateways.networking.istio.io/argocd,virtualservices.networking.istio.io/argocd"
        cluster.kubectl("delete", "-n", "argocd", *gone.split(","))
    consumer = edge_login.consumer(tmp_path_factory.mktemp("cd"), [f"components/{case}", component], **where)
    cluster.apply(consumer)
    edge_login.secrets(cluster)
    edge_login.point(cluster)
    cluster.wait_ready(90)
    edge_login.point(cluster)
    client = Visitor(cluster, HOST)
    if case == CASES[0]:
        until(lambda: curl(client, "/").code == 403, 20, "the gateway refuses without the lines")
        edge_login.configure_mesh(cluster)
    until(lambda: curl(client, "/").code == 302, 20, "the page leads to the login")
    cluster.kubectl("wait", "appprojects.argoproj.io/default", "-n", "argocd", "--for=create", "--timeout=60s")
    cluster.kubectl("apply", "-f", HERE / "application.yaml")
    return consumer


@pytest.fixture(scope="module")
def token(cluster: Cluster, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The token of a login with the CLI."""
    home = tmp_path_factory.mktemp("home")
    Argocd(cluster, home, "--grpc-web").login("admin", cluster.admin_password())
    return token_of(home)


@pytest.fixture(scope="module")
def visitor(cluster: Cluster, token: str, tmp_path_factory: pytest.TempPathFactory) -> Visitor:
    """A person who logged in with a browser, and followed a deep link."""
    with persons.visitor(cluster, tmp_path_factory.mktemp("browser"), 40) as browser:
        link = f"https://{HOST}/applications?search=shop"
        edge_login.log_in(browser, link, "alice", url_starts(link))
        return Visitor(cluster, HOST, cookie=browser.cookies()[COOKIE], token=token)


def test_each_client_gets_its_answer(visitor: Visitor, case: str, results: Results) -> None:
    wrong = {}
    for row in ROWS:
        if expected := row.cell(case):
            found = edge_login.measure(visitor, row)
            results.add(row, case, found)
            if found != expected:
                wrong[row.name] = (found, expected)
    assert wrong == {}


def test_cookies_stay_on_the_host_and_on_https(visitor: Visitor) -> None:
    cookies = [value for key, value in curl(visitor, "/").headers if key == "set-cookie"]
    assert cookies
    for cookie in cookies:
        name, _, attributes = cookie.partition("=")
        assert name.startswith("__Host-")
        assert {"HttpOnly", "Secure", "SameSite=Lax"} <= set(attributes.split("; "))


def test_the_commands_logout_ends_its_token(cluster: Cluster, visitor: Visitor, tmp_path: Path) -> None:
    argocd = Argocd(cluster, tmp_path, "--grpc-web").login("admin", cluster.admin_password())
    token = token_of(tmp_path)
    bearer = ("--header", f"authorization: Bearer {token}")
    assert curl(visitor, edge_login.API_PATH, *bearer).code == 200
    argocd("logout", HOST)
    assert curl(visitor, edge_login.API_PATH, *bearer).code == 401


def test_a_person_of_another_domain_is_refused(cluster: Cluster, visitor: Visitor, tmp_path: Path) -> None:
    with persons.visitor(cluster, tmp_path, 40) as browser:
        edge_login.log_in(browser, f"https://{HOST}/", "carol", "document.body?.innerText.includes('403')")
        assert browser.evaluate("location.pathname") == "/oauth2/callback"
        assert COOKIE not in browser.cookies()


def test_a_further_host_leads_back_to_itself(cluster: Cluster, visitor: Visitor, tmp_path: Path) -> None:
    with persons.visitor(cluster, tmp_path, 40) as browser:
        link = f"https://{SECOND}/applications"
        edge_login.log_in(browser, link, "alice", url_starts(link))
        assert COOKIE in browser.cookies()
        # The provider knows the person, so it shows no form.
        browser.open(f"https://{HOST}/")
        assert COOKIE in browser.cookies()


def test_a_second_apply_changes_nothing(cluster: Cluster, visitor: Visitor, folder: Path) -> None:
    words = apply_results(cluster.apply(folder).stdout)
    edge_login.point(cluster)
    assert {name: word for name, word in words.items() if word != "unchanged"} == {}


def test_without_the_program_the_gateway_refuses(cluster: Cluster, visitor: Visitor) -> None:
    """Those who pass without a session are served as before."""
    asked = [row for row in ROWS if row.name in edge_login.SAMPLED and row.who in (PROGRAM, COMMAND, FORGE)]
    before = [edge_login.measure(visitor, row) for row in asked]
    scale = ("scale", f"deployment/{NAME}", "-n", "argocd")
    try:
        cluster.kubectl(*scale, "--replicas=0")
        until(lambda: curl(visitor, "/").code == 403, 20, "the page is refused")
        assert [edge_login.measure(visitor, row) for row in asked] == before
    finally:
        cluster.kubectl(*scale, "--replicas=2")
    cluster.kubectl("rollout", "status", f"deployment/{NAME}", "-n", "argocd", "--timeout=60s")
    until(lambda: curl(visitor, "/").code == 302, 20, "the page leads to the login")


def test_a_policy_beside_the_gateway_protects_nothing(
    cluster: Cluster, visitor: Visitor, case: str, folder: Path
) -> None:
    """As after `namespace:` in the consumer, and as rule F27 says."""
    right, wrong = GATEWAY_NAMESPACE, "argocd"
    if case == SAMPLE:
        right, wrong = wrong, right
    ours = ("authorizationpolicies.security.istio.io", NAME, "-n", right)
    policy = json.loads(cluster.kubectl("get", *ours, "-o", "json").stdout)
    policy["metadata"] = {"name": NAME, "namespace": wrong}
    cluster.kubectl("delete", *ours)
    cluster.kubectl("create", "-f", "-", input=json.dumps(policy))
    until(lambda: curl(visitor, "/").code == 200, 20, "the page without a login")
    cluster.kubectl("delete", *ours[:2], "-n", wrong)
    cluster.apply(folder)
    edge_login.point(cluster)
    until(lambda: curl(visitor, "/").code == 302, 20, "the page leads to the login")


def test_after_the_documented_removal_nothing_is_left(
    cluster: Cluster, visitor: Visitor, case: str, folder: Path, tmp_path: Path
) -> None:
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    del kustomization["configMapGenerator"], kustomization["components"][-1]
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    cluster.apply(folder)
    edge_login.point(cluster)
    assert curl(visitor, "/").code == 302, "until its objects are deleted, the login stays"
    [script] = commands(PAGE, "Remove it")
    run(cluster, script.replace("istio-system", "argocd") if case == SAMPLE else script, tmp_path)
    until(lambda: curl(visitor, "/").code == 200, 20, "the page without a login")
    kinds = "deployments,services,serviceaccounts,secrets,configmaps,authorizationpolicies.security.istio.io"
    left = cluster.kubectl("get", kinds, "-A", "-o", "name").stdout.split()
    assert [name for name in left if NAME in name and not name.startswith("configmap/")] == []
