"""Teams that already have a gateway, an Argo CD or a load balancer: every way serves as its mode does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from live.addresses import GATEWAY, GATEWAY_NAMESPACE
from live.cluster import Cluster
from live.render import kustomize_build
from tests.live import table, ways
from tests.live.lifecycle import apply_results, differing, until
from tests.live.probing import above_info, probed
from tests.live.questions import Client, curl, location
from tests.live.table import TERMINATION, Row
from tests.live.ways import BALANCER, CASES, EXISTING, NEIGHBOUR, OURS, SAMPLE, Case, Site, installed, unexpose


@pytest.fixture(scope="module")
def site(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(cluster, tmp_path_factory.mktemp("site"))
    yield made
    made.close()


@pytest.fixture(scope="module", params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture(scope="module")
def client(site: Site, case: Case) -> Client:
    return site.bring_up(case)


@pytest.mark.parametrize("row", SAMPLE, ids=lambda row: row.name)
def test_cell(client: Client, case: Case, row: Row) -> None:
    assert table.measure(client, row) == case.expected(row)


def test_the_probe_finds_nothing_to_fix(client: Client, case: Case) -> None:
    found = probed(client.cluster, "--mode", case.mode)
    assert above_info(found) == [] and found["behind"] == ("envoy" if case.way == BALANCER else None)


def test_second_apply_changes_nothing(client: Client, site: Site, case: Case) -> None:
    again = apply_results(client.cluster.apply(site.consumer).stdout)
    assert differing(again, ["unchanged"]) == {}


def test_exposure_only_applies_nothing_of_the_install(client: Client, site: Site, case: Case) -> None:
    kinds = {name.partition("/")[0].removesuffix(".networking.istio.io") for name in apply_results(site.words)}
    assert {"virtualservice", "sidecar"} <= kinds
    assert (kinds <= {"gateway", "virtualservice", "sidecar", "service"}) == (case.install != OURS)


def test_another_application_on_the_pods_is_undisturbed(client: Client, case: Case) -> None:
    shop = Client(client.cluster, NEIGHBOUR)
    place = ("--connect-to", f"::{client.cluster.gateway_ip}:")
    assert [curl(shop, url, *place).body for url in ("/", f"http://{NEIGHBOUR}/")] == [b"shop", b"shop"]


def test_port_80_serves_behind_a_balancer_only(client: Client, case: Case) -> None:
    direct = curl(client, f"http://{client.cluster.gateway_ip}/healthz", "--header", f"host: {client.host}")
    assert direct.code == (200 if case.way == BALANCER else 301)


def test_removal_leaves_the_install_untouched(client: Client, site: Site, case: Case) -> None:
    """The last test of a case."""
    before = installed(client.cluster)
    assert unexpose(client.cluster, site.consumer) == (case.install == OURS)
    until(lambda: curl(client, "/healthz").code != 200, 30, "Argo CD is no longer exposed")
    assert installed(client.cluster) == before


# --- hosts that any namespace may use


def test_a_bare_host_lets_others_take_paths(site: Site) -> None:
    """Why the Gateway's owner must write our namespace before the host."""
    client = site.bring_up(Case(EXISTING, TERMINATION))
    [claimed] = table.rows(table.CLAIMED)
    assert table.measure(client, claimed).status == "404"
    gateway = ("gateways.networking.istio.io", "shared", "-n", "edge")
    servers = json.loads(client.cluster.kubectl("get", *gateway, "-o", "json").stdout)["spec"]["servers"]
    for server in servers:
        server["hosts"] = [host.removeprefix("argocd/") for host in server["hosts"]]
    client.cluster.kubectl("patch", *gateway, "--type=merge", "-p", json.dumps({"spec": {"servers": servers}}))
    until(lambda: table.measure(client, claimed).status == "418", 20, "the neighbour answers below our host")


# --- trust in a load balancer

TRUSTED = {"proxy.istio.io/config": "gatewayTopology: {numTrustedProxies: 1}"}
FORWARDED = {"headers": {"x-forwarded-proto": {"exact": "http"}}}


@pytest.fixture(scope="module")
def balanced(site: Site) -> Client:
    """A client behind a load balancer; the last case has ended."""
    return site.bring_up(Case(BALANCER, TERMINATION))


def served(client: Client, *options: str) -> str:
    """The status code and Location of a page."""
    return location(curl(client, "/healthz", *options))


def test_the_usual_mode_loops_behind_a_balancer(balanced: Client, site: Site, tmp_path: Path) -> None:
    usual = kustomize_build(ways.consumer(tmp_path, Case("", TERMINATION)))
    balanced.cluster.kubectl("apply", "-f", "-", input=usual)
    until(lambda: served(balanced) == f"301 https://{balanced.host}/healthz", 20, "the page redirects to itself")
    balanced.cluster.kubectl("apply", "-f", "-", input=kustomize_build(site.consumer))
    until(lambda: served(balanced) == "200", 20, "port 80 serves again")


def test_a_redirect_by_header_needs_a_trusted_proxy(balanced: Client) -> None:
    cluster = balanced.cluster
    direct = ("--connect-to", f"::{cluster.gateway_ip}:80", "--header", "x-forwarded-proto: https")
    redirect = {"name": "redirect", "match": [FORWARDED], "redirect": {"scheme": "https"}}
    patch = [{"op": "add", "path": "/spec/http/0", "value": redirect}]
    routes = ("virtualservices.networking.istio.io", "argocd", "-n", "argocd")
    cluster.kubectl("patch", *routes, "--type=json", "-p", json.dumps(patch))
    until(lambda: served(balanced).startswith("301"), 20, "a gateway that trusts nobody redirects for ever")
    assert location(curl(balanced, f"http://{balanced.host}/healthz", *direct)).startswith("301")

    template = {"spec": {"template": {"metadata": {"annotations": TRUSTED}}}}
    cluster.kubectl("patch", "deployment", GATEWAY, "-n", GATEWAY_NAMESPACE, "-p", json.dumps(template))
    cluster.kubectl("rollout", "status", f"deployment/{GATEWAY}", "-n", GATEWAY_NAMESPACE, "--timeout=60s")
    until(lambda: served(balanced) == "200", 30, "it trusts the load balancer")
    # The price: whoever reaches port 80 states what he likes. Through the load balancer he does not.
    # A connection to the pod that ends may still be in the balancer's pool.
    until(
        lambda: location(curl(balanced, f"http://{balanced.host}/healthz", *direct)) == "200", 20, "anybody states it"
    )
    until(lambda: served(balanced, "--header", "x-forwarded-proto: http") == "200", 20, "the balancer overwrites it")
