"""High availability, live: the truth table with two argocd-server; a running install switches to it and back."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from live.cluster import Cluster
from live.faults import pod_exec
from live.render import kustomize_build
from tests.live import table
from tests.live.conftest import HERE, HOST
from tests.live.faults.outage import MASTER, PODS, Group
from tests.live.lifecycle import (
    HIGH_AVAILABILITY,
    Argocd,
    addresses,
    admin_can_log_in,
    apply_results,
    differing,
    documented,
    erase,
    get,
    intrude,
    overlay,
    running,
    session,
    uid,
    until,
    workloads_ready,
    wrong,
)
from tests.live.questions import Client
from tests.live.table import GRPC_ROUTING, MODES, ROWS, Row
from tests.render.consumer import write
from tools.build import argocd_module

# All rows except the two long streams, which depend only on the gateway.
TABLE = [row for row in ROWS if "minute" not in row.name]


def available(mode: str, folder: Path) -> Path:
    """Write a consumer: the mode's overlay with high availability."""
    return write(folder, {"resources": [f"overlays/{mode}"], "components": ["components/high-availability"]})


@pytest.fixture(scope="module", params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def client(cluster: Cluster, mode: str, tmp_path_factory: pytest.TempPathFactory) -> Client:
    cluster.apply(available(mode, tmp_path_factory.mktemp(mode)))
    intrude(cluster)
    cluster.kubectl("apply", "-f", HERE / "application.yaml")
    cluster.wait_ready(120)
    admin_can_log_in(cluster, tmp_path_factory.mktemp("admin"))
    return Client(cluster, HOST)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_cell(client: Client, mode: str, row: Row) -> None:
    assert table.measure(client, row) == row.expected[mode]


def test_both_argocd_servers_serve_requests(client: Client, mode: str) -> None:
    hosts = {
        entry["upstream_host"] for entry in client.cluster.access_log() if entry["upstream_host"] not in (None, "-")
    }
    pods = set(addresses(client.cluster, "argocd-server").values())
    assert len(pods) == 2
    assert pods <= {host.rpartition(":")[0] for host in hosts}


def test_second_apply_changes_nothing(client: Client, mode: str, tmp_path: Path) -> None:
    cluster, folder = client.cluster, available(mode, tmp_path)
    cluster.apply(folder)  # kubectl adds its annotation to the object that `intrude` created again
    pods = running(cluster)
    # kubectl patches the selector of a disruption budget in every apply.
    assert differing(apply_results(cluster.apply(folder).stdout), ["unchanged"]) == {
        "poddisruptionbudget.policy/argocd-redis-sentinel": "configured"
    }
    difference = cluster.kubectl("diff", "-f", "-", input=kustomize_build(folder), check=False)
    assert (difference.stdout, difference.returncode) == ("", 0)
    assert running(cluster) == pods


def test_every_pod_is_restricted(client: Client, mode: str) -> None:
    """A dry run of the restricted Pod Security level: the API server warns if a running pod violates it."""
    label = "pod-security.kubernetes.io/enforce=restricted"
    done = client.cluster.kubectl("label", "--dry-run=server", "--overwrite", "namespace", "argocd", label)
    assert (done.stdout, done.stderr) == ("namespace/argocd labeled (server dry run)\n", "")


def test_redis_and_sentinel_use_the_services_addresses(client: Client, mode: str) -> None:
    """Not the pod's address, to which its own name resolves in the hosts file that a kubelet writes."""
    group = Group(client.cluster)
    for pod in PODS:
        [address, _] = group.ask(pod, "sentinel", "get-master-addr-by-name", MASTER, port=26379)
        known = [address]
        for what in ("replicas", "sentinels"):
            words = group.ask(pod, "sentinel", what, MASTER, port=26379)
            known += [value for key, value in itertools.pairwise(words) if key == "ip"]
        others = [address for name, address in group.addresses.items() if name != pod]
        assert sorted(known) == sorted([*group.addresses.values(), *others])


def test_only_the_owner_can_read_the_password(client: Client, mode: str) -> None:
    cluster = client.cluster
    password = Group(cluster).env["REDISCLI_AUTH"]
    for pod, container in itertools.product(PODS, ("redis", "sentinel")):
        modes = pod_exec(cluster, pod, container, ["sh", "-c", "stat -c %a /data/*.conf"]).stdout.split()
        assert modes and set(modes) == {"600"}
        script = r"for one in /proc/[0-9]*/cmdline; do tr '\0' ' ' < $one; echo; done"
        shown = pod_exec(cluster, pod, container, ["sh", "-c", script]).stdout.splitlines()
        # Only this node has bwrap, which gets the environment as arguments.
        lines = "\n".join(line for line in shown if not line.startswith("bwrap "))
        assert "redis-server" in lines and password not in lines


# --- changes of a running install


def left(cluster: Cluster, name: str) -> list[str]:
    """The objects of a component of Argo CD, as kind/name."""
    kinds = (
        "deployments,statefulsets,pods,services,networkpolicies,poddisruptionbudgets,configmaps,serviceaccounts,roles"
    )
    found = cluster.kubectl("get", kinds, "-n", "argocd", "-l", f"app.kubernetes.io/name={name}", "-o", "name")
    return found.stdout.split()


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("mode", [GRPC_ROUTING], scope="module")
def test_an_install_switches_to_one_redis_and_back(cluster: Cluster, tmp_path: Path) -> None:
    before = uid(cluster, "application", "probe")
    cluster.apply(overlay(GRPC_ROUTING))
    workloads_ready(cluster)
    documented(cluster, HIGH_AVAILABILITY, "Ours", tmp_path)
    cluster.wait_ready()
    # Before a master ends, it tries to hand over to a successor.
    until(lambda: left(cluster, "argocd-redis-sentinel") == [], 30, "the three Redis are deleted")
    assert wrong(cluster, GRPC_ROUTING) == []
    assert {name: len(pods) for name, pods in running(cluster).items() if len(pods) != 1} == {}

    cluster.apply(available(GRPC_ROUTING, tmp_path / "again"))
    workloads_ready(cluster)
    documented(cluster, HIGH_AVAILABILITY, "One Redis", tmp_path)
    cluster.wait_ready()
    assert [name for name in left(cluster, "argocd-redis") if not name.startswith(("serviceaccount/", "role."))] == []
    assert wrong(cluster, GRPC_ROUTING) == []
    assert uid(cluster, "application", "probe") == before


def test_documented_command_replaces_a_refused_first_password(cluster: Cluster, tmp_path: Path) -> None:
    """Two argocd-server that start together may each generate a password, and the Secret has only one of them."""
    other = {"stringData": {"password": "of-the-other"}}
    cluster.kubectl("patch", "secret", "argocd-initial-admin-secret", "-n", "argocd", "-p", json.dumps(other))
    assert session(cluster) == 401
    admin_can_log_in(cluster, tmp_path)
    assert session(cluster) == 200 and cluster.admin_password() != "of-the-other"


def test_documented_command_changes_the_redis_password(cluster: Cluster, tmp_path: Path) -> None:
    before = get(cluster, "secret", "argocd-redis")["data"]
    documented(cluster, HIGH_AVAILABILITY, "Another password", tmp_path)
    cluster.wait_ready(120)
    assert get(cluster, "secret", "argocd-redis")["data"] != before
    Argocd(cluster, tmp_path).login("admin", cluster.admin_password())
    assert wrong(cluster, GRPC_ROUTING) == []


def test_upstream_high_availability_is_adopted(cluster: Cluster, tmp_path: Path) -> None:
    erase(cluster)
    cluster.kubectl("create", "namespace", "argocd")
    upstream = argocd_module() / "manifests/ha/install.yaml"
    cluster.kubectl("apply", "-n", "argocd", "--server-side", "--force-conflicts", "-f", upstream)
    assert left(cluster, "argocd-redis-ha-haproxy") != []
    cluster.apply(available(GRPC_ROUTING, tmp_path))
    documented(cluster, HIGH_AVAILABILITY, "Upstream's", tmp_path)
    cluster.wait_ready(120)
    # Its pods may take a grace period to end.
    until(
        lambda: left(cluster, "argocd-redis-ha") + left(cluster, "argocd-redis-ha-haproxy") == [],
        60,
        "the end of upstream's Redis",
    )
    assert wrong(cluster, GRPC_ROUTING) == []

    # Without high availability, the address of upstream's proxy is removed too.
    cluster.apply(overlay(GRPC_ROUTING))
    cluster.wait_ready(120)
    assert "redis.server" not in get(cluster, "configmap", "argocd-cmd-params-cm")["data"]
