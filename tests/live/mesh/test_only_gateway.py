"""components/mesh, live: only the gateway can reach argocd-server, and all of Argo CD works.

The whole namespace is injected and requires mutual TLS, with high availability: Redis and Sentinel find each other
through their sidecars, and a replica replaces a killed master.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from live import doctor
from live.addresses import GATEWAY, GATEWAY_NAMESPACE
from live.cluster import Cluster
from live.errors import LiveError
from live.faults import kill, pod_exec
from tests.live import injected, table
from tests.live.conftest import HERE, HOST
from tests.live.faults.outage import MASTER, PODS
from tests.live.injected import STRICT
from tests.live.lifecycle import (
    Argocd,
    Object,
    addresses,
    admin_can_log_in,
    cli_options,
    config_map,
    deliver,
    erase,
    intrude,
    until,
    wrong,
)
from tests.live.questions import Client
from tests.live.table import GRPC_ROUTING, MODES, PASSTHROUGH, ROWS, Row
from tests.live.ways import API, OWN, Case
from tests.render.consumer import exposure, write

pytestmark = pytest.mark.skipif(bool(doctor.limits()), reason="; ".join(doctor.limits()))

TABLE = [row for row in ROWS if "minute" not in row.name]
"""All rows except the two long streams, which depend only on the gateway."""
SCRAPER, STRANGER = ("monitoring", "prometheus"), ("shop", "web")
"""Namespace and ServiceAccount of two pods in the mesh."""
METRICS = "http://argocd-server-metrics.argocd:8083/metrics"


CASES = [*(Case(OWN, mode) for mode in MODES), Case(API, GRPC_ROUTING)]
"""Our own Gateway of Istio, and one of the Gateway API, whose pods are in the injected namespace itself."""


def consumer(folder: Path, case: Case) -> Path:
    """Write a consumer: the mode, high availability, both mesh components, and STRICT mutual TLS in the namespace."""
    gateway: Object = {
        "namespace": GATEWAY_NAMESPACE,
        "serviceAccount": GATEWAY,
        "selector": {"istio": "ingressgateway"},
    }
    if case.api:
        gateway = {"namespace": "argocd", "serviceAccount": "argocd-istio", "className": "istio"}
    namespace, account = SCRAPER
    exposed = exposure(
        hosts=[HOST],
        gateway=gateway,
        scraper={"namespace": namespace, "serviceAccount": account},
        tls={"secretName": "argocd-certificate"},
    )
    options = ("high-availability", "mesh", "mesh-scraper")
    listed: Object = {
        "resources": ["exposure.yaml", "peer.yaml"],
        "components": [case.component, *(f"components/{name}" for name in options)],
        "patches": [injected.LABELLED],
    }
    return write(folder, listed, exposure=exposed, peer=injected.authentication(STRICT))


def meshed_pod(namespace: str, account: str) -> list[Object]:
    """A namespace that Istio injects, and a pod in it that can send requests."""
    metadata = {"name": account, "namespace": namespace}
    container = {"name": "main", "image": "redis", "command": ["sleep", "3600"]}
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": namespace, "labels": {"istio-injection": "enabled"}},
        },
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": {"serviceAccountName": account, "terminationGracePeriodSeconds": 0, "containers": [container]},
        },
    ]


@pytest.fixture(scope="module")
def visitors(cluster: Cluster) -> Iterator[None]:
    """The scraper and the stranger."""
    erase(cluster)
    for namespace, account in (SCRAPER, STRANGER):
        for item in meshed_pod(namespace, account):
            # It takes a moment until the ServiceAccount of a new namespace exists.
            until(partial(_applied, cluster, item), 30, f"{item['kind']} {namespace}")
        ready = ["-n", namespace, f"pod/{account}", "--for=condition=Ready", "--timeout=60s"]
        cluster.kubectl("wait", *ready)
    yield
    erase(cluster)
    cluster.kubectl("delete", "namespaces", SCRAPER[0], STRANGER[0], "--timeout=60s")


def _applied(cluster: Cluster, item: Object) -> bool:
    return cluster.kubectl("apply", "-f", "-", input=json.dumps(item), check=False).returncode == 0


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.component)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture(scope="module")
def mode(case: Case) -> str:
    return case.mode


@pytest.fixture(scope="module")
def only_gateway(cluster: Cluster, visitors: None, case: Case, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """That consumer, applied and ready."""
    if case.api:
        cluster.install_gateway_api(case.pin)
        of_istio = "gateways.networking.istio.io,virtualservices.networking.istio.io"
        cluster.kubectl("delete", of_istio, "--all", "-n", "argocd")
    cluster.apply(consumer(tmp_path_factory.mktemp(case.mode), case))
    intrude(cluster)
    cluster.kubectl("apply", "-f", HERE / "application.yaml")
    cluster.wait_ready(180)
    until(lambda: injected.refuses_strangers(cluster), 30, "argocd-server requires mutual TLS")
    admin_can_log_in(cluster, tmp_path_factory.mktemp("admin"))
    return cluster


def health(mode: str) -> str:
    """The URL of argocd-server's health check inside the cluster."""
    return f"{'https' if mode == PASSTHROUGH else 'http'}://argocd-server.argocd/healthz"


def asked(cluster: Cluster, visitor: tuple[str, str], url: str) -> str:
    """The answer to a pod in the mesh: the body, or `refused: ` and wget's error."""
    namespace, account = visitor
    wget = ["wget", "--no-check-certificate", "-qO-", url]
    try:
        return pod_exec(cluster, account, "main", wget, namespace=namespace, timeout=20).stdout.strip()
    except LiveError as error:
        return f"refused: {error}"


def test_every_pod_has_a_sidecar(only_gateway: Cluster, case: Case) -> None:
    found = injected.sidecars(only_gateway)
    # The pods of a gateway are a proxy themselves.
    gateways = {name for name in found if name.startswith("argocd-istio-")}
    assert len(gateways) == case.api
    assert len(found) == 11 + case.api and all(found[name] for name in found.keys() - gateways), found


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_cell(only_gateway: Cluster, case: Case, row: Row) -> None:
    """Through the gateway, clients get the same answers as without a mesh."""
    assert table.measure(Client(only_gateway, HOST), row) == case.expected(row)


def test_a_client_without_a_sidecar_is_reset(only_gateway: Cluster, mode: str) -> None:
    [address, _] = addresses(only_gateway, "argocd-server").values()
    for port, path in ((8080, "healthz"), (8083, "metrics")):
        done = only_gateway.exec(["curl", "-sS", "--max-time", "5", f"http://{address}:{port}/{path}"])
        assert "reset by peer" in done.stderr, done


def test_another_account_of_the_mesh_is_refused(only_gateway: Cluster, mode: str) -> None:
    for visitor in (STRANGER, SCRAPER):
        assert asked(only_gateway, visitor, health(mode)).startswith("refused: "), visitor
    assert asked(only_gateway, STRANGER, METRICS).startswith("refused: ")


def test_the_scraper_reads_the_metrics(only_gateway: Cluster, mode: str) -> None:
    until(
        lambda: "argocd_info" in asked(only_gateway, SCRAPER, METRICS), 20, "the scraper gets argocd-server's metrics"
    )


def test_without_the_policy_a_stranger_is_served(only_gateway: Cluster, mode: str) -> None:
    """Shows that the requests above are refused by the policy, not by a broken connection."""
    policies = ("authorizationpolicies.security.istio.io", "argocd-server", "argocd-server-metrics", "-n", "argocd")
    kept = only_gateway.kubectl("get", *policies, "-o", "json").stdout
    only_gateway.kubectl("delete", *policies)
    try:
        until(lambda: asked(only_gateway, STRANGER, health(mode)) == "ok", 20, "the stranger gets an answer")
    finally:
        for item in json.loads(kept)["items"]:
            injected.create(only_gateway, item)
    # The policy applies to new connections; an old one stays open until argocd-server's sidecar has drained it.
    until(lambda: asked(only_gateway, STRANGER, health(mode)) != "ok", 90, "the stranger is refused")


def test_an_application_is_delivered(only_gateway: Cluster, case: Case, tmp_path: Path) -> None:
    argocd = Argocd(only_gateway, tmp_path, *cli_options(case.mode))
    argocd.login("admin", only_gateway.admin_password())
    name = f"meshed-{'api-' * case.api}{case.mode}"
    found = deliver(only_gateway, argocd, name, {"cm.yaml": config_map(name, {"by": case.mode})})
    assert (found["status"]["sync"]["status"], found["status"]["health"]["status"]) == ("Synced", "Healthy")
    assert name in argocd("app", "resources", name)


def master(cluster: Cluster) -> str:
    """The pod whose Redis is the master for every Sentinel; empty while they do not agree."""
    named = set()
    for pod in PODS:
        script = f"REDISCLI_AUTH=$REDIS_PASSWORD redis-cli -p 26379 sentinel get-master-addr-by-name {MASTER}"
        try:
            named.add(pod_exec(cluster, pod, "sentinel", ["sh", "-c", script]).stdout.split("\n")[0])
        except LiveError:
            return ""
    services = {
        cluster.kubectl("get", "service", pod, "-n", "argocd", "-o", "jsonpath={.spec.clusterIP}").stdout: pod
        for pod in PODS
    }
    return services.get(named.pop(), "") if len(named) == 1 else ""


def test_a_killed_master_is_replaced(only_gateway: Cluster, mode: str) -> None:
    until(lambda: master(only_gateway), 60, "the Sentinels agree on a master")
    before = master(only_gateway)
    kill(only_gateway, before)
    until(lambda: master(only_gateway) not in ("", before), 60, "there is another master")
    only_gateway.wait_ready(120)
    assert wrong(only_gateway, mode, seconds=60) == []
