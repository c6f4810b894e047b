"""The ways of the Gateway API, with istiod's own gateways: every way serves as its mode does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from live.cluster import Cluster
from live.errors import LiveError
from tests.live import table
from tests.live.lifecycle import apply_results, differing, get, until
from tests.live.questions import Client, curl
from tests.live.table import GRPC_ROUTING, MODES, TERMINATION, Row
from tests.live.ways import (
    API,
    API_CASES,
    API_EXISTING,
    LISTENER_SET,
    NEIGHBOUR,
    OURS,
    SAMPLE,
    Case,
    Site,
    consumer,
    installed,
    unexpose,
)
from tools.build import OLDEST_GATEWAY_API

# Before the newer CRDs, which older ones cannot replace.
OLDEST = [Case(way, mode, pin=OLDEST_GATEWAY_API) for way in (API_EXISTING, LISTENER_SET) for mode in MODES]

[CALL] = table.rows("Python gRPC, VersionService/Version")


@pytest.fixture(scope="module")
def site(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(cluster, tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module", params=[*OLDEST, *API_CASES], ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture(scope="module")
def client(site: Site, case: Case) -> Client:
    return site.bring_up(case)


@pytest.mark.parametrize("row", SAMPLE, ids=lambda row: row.name)
def test_cell(client: Client, case: Case, row: Row) -> None:
    assert table.measure(client, row) == case.expected(row)


def test_second_apply_changes_nothing(client: Client, site: Site, case: Case) -> None:
    again = apply_results(client.cluster.apply(site.consumer).stdout)
    assert differing(again, ["unchanged"]) == {}


def test_exposure_only_applies_nothing_of_the_install(client: Client, site: Site, case: Case) -> None:
    kinds = {name.partition("/")[0].partition(".")[0] for name in apply_results(site.words)}
    ours = {"gateway", "listenerset", "httproute", "tlsroute", "sidecar", "service"}
    assert kinds & {"httproute", "tlsroute"}
    assert (kinds <= ours) == (case.install != OURS)


def test_another_application_on_the_gateway_is_undisturbed(client: Client, case: Case) -> None:
    shop = Client(client.cluster, NEIGHBOUR)
    place = ("--connect-to", f"::{neighbours_gateway(client.cluster)}:")
    assert [curl(shop, url, *place).body for url in ("/", f"http://{NEIGHBOUR}/")] == [b"shop", b"shop"]


def neighbours_gateway(cluster: Cluster) -> str:
    """The address of the other team's Gateway."""
    address = "go-template={{(index .status.addresses 0).value}}"
    return cluster.kubectl("get", "gateways.gateway.networking.k8s.io", "shared", "-n", "edge", "-o", address).stdout


def test_removal_leaves_the_install_untouched(client: Client, site: Site, case: Case) -> None:
    """The last test of a case."""
    before = installed(client.cluster)
    assert unexpose(client.cluster, site.consumer) == (case.install == OURS)
    until(lambda: curl(client, "/healthz").code != 200, 30, "Argo CD is no longer exposed")
    assert installed(client.cluster) == before


# --- listeners that admit every namespace


def test_an_open_listener_lets_others_take_paths(site: Site) -> None:
    """Why the Gateway's owner must admit only our namespace."""
    client = site.bring_up(Case(API_EXISTING, TERMINATION))
    [claimed] = table.rows(table.CLAIMED)
    assert table.measure(client, claimed).status == "404"
    gateway = ("gateways.gateway.networking.k8s.io", "shared", "-n", "edge")
    listeners = json.loads(client.cluster.kubectl("get", *gateway, "-o", "json").stdout)["spec"]["listeners"]
    for listener in listeners:
        listener["allowedRoutes"] = {"namespaces": {"from": "All"}}
    client.cluster.kubectl("patch", *gateway, "--type=merge", "-p", json.dumps({"spec": {"listeners": listeners}}))
    until(lambda: table.measure(client, claimed).status.startswith("302"), 20, "the neighbour answers below our host")


# --- repeated calls


@pytest.fixture(scope="module")
def routing(site: Site) -> Client:
    """A client of our own Gateway in grpc-routing; the last case has ended."""
    return site.bring_up(Case(API, GRPC_ROUTING))


@pytest.mark.parametrize(
    ("components", "attempts"), [((), 3), (("components/gateway-api/no-retries",), 1)], ids=["default", "no-retries"]
)
def test_no_retries_sends_a_failed_call_once(
    routing: Client, tmp_path: Path, components: tuple[str, ...], attempts: int
) -> None:
    """Istio's default repeats a call that is UNAVAILABLE twice."""
    cluster = routing.cluster
    cluster.apply(consumer(tmp_path, Case(API, GRPC_ROUTING), *components))
    with closed(cluster):
        until(lambda: sent(routing) == ("UNAVAILABLE", attempts), 20, f"a call is sent {attempts} times")


@contextmanager
def closed(cluster: Cluster) -> Iterator[None]:
    """Lead the gRPC route to a port on which argocd-server does not listen."""
    service = ("service", "argocd-server-grpc", "-n", "argocd", "--type=json", "-p")
    port = {"op": "replace", "path": "/spec/ports/0/targetPort"}
    before = get(cluster, "service", "argocd-server-grpc")["spec"]["ports"][0]["targetPort"]
    cluster.kubectl("patch", *service, json.dumps([{**port, "value": 1}]))
    try:
        yield
    finally:
        cluster.kubectl("patch", *service, json.dumps([{**port, "value": before}]))


def sent(client: Client) -> tuple[str, int]:
    """The status of a gRPC call, and how often the gateway sent it."""
    start = time.time()
    status = table.measure(client, CALL).status
    [entry] = table.log_entries(client.cluster, start)
    return status, int(entry["attempts"])


# Last: it asks for the older ones while the newest are installed.
def test_older_crds_are_refused(routing: Client) -> None:
    with pytest.raises(LiveError, match="prohibited by default"):
        routing.cluster.install_gateway_api(OLDEST_GATEWAY_API)
