"""components/edge-login in the ways of teams that have a gateway or a load balancer: a sample of the login's table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from live.addresses import GATEWAY_NAMESPACE
from live.cluster import Cluster
from tests.live import edge_login
from tests.live.conftest import HOST
from tests.live.edge_login import COOKIE, PROVIDER, ROWS, SAMPLED, Visitor, token_of
from tests.live.lifecycle import Argocd, until, workloads_ready
from tests.live.questions import curl
from tests.live.sso import identity, persons
from tests.live.table import GRPC_ROUTING
from tests.live.ui.conftest import url_starts
from tests.live.ways import API_EXISTING, BALANCER, EXISTING, GATEWAYS, LISTENER_SET, Case, Site

LOGINS = [Case(way, GRPC_ROUTING) for way in (EXISTING, BALANCER, API_EXISTING, LISTENER_SET)]
PODS = {"namespace": GATEWAY_NAMESPACE, "selector": {"istio": "ingressgateway"}}
PORT_80 = "GET / at port 80"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster whose mesh configuration has the README's lines."""
    running = Cluster.start(images=edge_login.images())
    try:
        edge_login.configure_mesh(running)
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def site(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(cluster, tmp_path_factory.mktemp("site"))
    yield made
    made.close()


@pytest.fixture(scope="module", params=LOGINS, ids=str)
def login(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture(scope="module")
def visitor(cluster: Cluster, site: Site, login: Case, tmp_path_factory: pytest.TempPathFactory) -> Visitor:
    """A person who logged in with a browser, where Argo CD has the way's login in front of it."""
    cluster.kubectl("delete", "authorizationpolicies.security.istio.io", "--all", "-A")
    cluster.kubectl("delete", "secret", edge_login.NAME, "-n", "argocd", "--ignore-not-found")
    site.bring_up(login)
    identity.install(cluster, [HOST], [edge_login.relying_party()], case=login)
    components = [login.component, f"components/{login.way}/edge-login"]
    # The other team's port 80 does not redirect.
    components += ["components/gateway-api/redirect"] if login.way == API_EXISTING else []
    gateway = GATEWAYS.get(login.way, {}) | ({} if login.api else PODS)
    cluster.apply(edge_login.consumer(tmp_path_factory.mktemp("cd"), components, [HOST], **gateway))
    edge_login.secrets(cluster)
    identity.lead(cluster, [HOST], login)
    if login.way == BALANCER:
        workloads_ready(cluster)
    else:
        cluster.wait_ready(90)
    identity.lead(cluster, [HOST], login)
    client = Visitor(cluster, HOST)
    until(lambda: curl(client, "/").code == 302, 30, "the page leads to the login")
    home = tmp_path_factory.mktemp("home")
    Argocd(cluster, home, "--grpc-web").login("admin", cluster.admin_password())
    with persons.visitor(cluster, tmp_path_factory.mktemp("browser"), 40) as browser:
        link = f"https://{HOST}/applications?search=shop"
        edge_login.log_in(browser, link, "alice", url_starts(link))
        return Visitor(cluster, HOST, cookie=browser.cookies()[COOKIE], token=token_of(home))


def test_each_client_gets_its_answer(visitor: Visitor, login: Case) -> None:
    wrong = {}
    for row in ROWS:
        if row.name not in SAMPLED:
            continue
        expected = row.expected[GRPC_ROUTING]
        if row.what == PORT_80 and login.way == BALANCER:
            # The load balancer redirects, and the gateway logs nothing.
            expected = replace(expected, served_by="")
        if row.what == PORT_80 and login.way == API_EXISTING:
            # Somebody may end TLS before this listener, so its plain HTTP is checked too.
            expected = replace(expected, status=PROVIDER)
        found = edge_login.measure(visitor, row)
        if expected.status == PROVIDER:
            found = replace(found, status=found.status.partition("?")[0])
        if found != expected:
            wrong[row.name] = (found, expected)
    assert wrong == {}


@pytest.mark.parametrize("login", LOGINS[:1], indirect=True, ids=str)
def test_https_on_a_redirecting_port_needs_login(cluster: Cluster, visitor: Visitor) -> None:
    """The other team serves HTTPS at the gateway's port 8080, which plain HTTP usually has."""
    place = ("gateways.networking.istio.io", "shared", "-n", "edge")
    servers = json.loads(cluster.kubectl("get", *place, "-o", "json").stdout)["spec"]["servers"]
    [https] = [one for one in servers if one["name"] == "https"]
    more = {**https, "name": "https-8080", "port": {"number": 8080, "name": "https-8080", "protocol": "HTTPS"}}
    cluster.kubectl("patch", *place, "--type=merge", "-p", json.dumps({"spec": {"servers": [*servers, more]}}))
    [pod] = [one for one in cluster.pods(GATEWAY_NAMESPACE) if "deletionTimestamp" not in one["metadata"]]
    there = ("--resolve", f"{HOST}:8080:{pod['status']['podIP']}", "--header", "x-forwarded-proto: http")
    url = f"https://{HOST}:8080"
    until(lambda: curl(visitor, f"{url}/healthz", *there).code != 0, 20, "the port serves")
    assert curl(visitor, f"{url}/", *there).code == 302
