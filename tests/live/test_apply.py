"""Apply each overlay to an empty cluster, sync an Application, and apply the overlay again in every way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from live.cluster import Cluster
from live.render import kustomize_build
from tests.live.conftest import ROOT
from tests.live.lifecycle import (
    Argocd,
    apply_results,
    cli_options,
    config_map,
    deliver,
    differing,
    erase,
    get,
    overlay,
    running,
)
from tests.live.questions import Client, curl
from tests.live.table import MODES


@pytest.fixture(scope="module", params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def installed(cluster: Cluster, mode: str) -> dict[str, str]:
    """Apply the overlay client-side to a cluster without Argo CD; returns the result of apply for each object."""
    erase(cluster)
    words = apply_results(cluster.apply(overlay(mode)).stdout)
    cluster.wait_ready()
    return words


def test_client_side_apply_creates_every_object(cluster: Cluster, mode: str, installed: dict[str, str]) -> None:
    assert differing(installed, ["created"]) == {}
    assert len(installed) == kustomize_build(overlay(mode)).count(b"\nkind: ")


@pytest.mark.usefixtures("installed")
def test_cli_syncs_an_application_through_the_gateway(cluster: Cluster, mode: str, tmp_path: Path) -> None:
    name = f"synced-{mode}"
    argocd = Argocd(cluster, tmp_path, *cli_options(mode)).login("admin", cluster.admin_password())
    application = deliver(cluster, argocd, name, {"config.json": config_map(name, {"mode": mode})})
    assert application["status"]["sync"]["status"] == "Synced"
    assert application["status"]["health"]["status"] == "Healthy"
    assert get(cluster, "configmap", name, "default")["data"] == {"mode": mode}


def contents(cluster: Cluster) -> dict[str, tuple[object, object]]:
    """The spec and data of each object that an apply could change."""
    istio = ",".join(f"{kind}.networking.istio.io" for kind in ("gateways", "virtualservices", "sidecars"))
    kinds = f"deployments,statefulsets,services,networkpolicies,configmaps,{istio}"
    found = json.loads(cluster.kubectl("get", kinds, "-n", "argocd", "-o", "json").stdout)["items"]
    return {f"{one['kind']}/{one['metadata']['name']}": (one.get("spec"), one.get("data")) for one in found}


@pytest.mark.usefixtures("installed")
def test_second_apply_changes_nothing(cluster: Cluster, mode: str) -> None:
    # By now Argo CD has added its own keys to those that are applied.
    assert {"admin.password", "server.secretkey"} <= get(cluster, "secret", "argocd-secret")["data"].keys()
    pods = running(cluster)
    again = apply_results(cluster.apply(overlay(mode)).stdout)
    assert differing(again, ["unchanged"]) == {} and len(again) == kustomize_build(overlay(mode)).count(b"\nkind: ")
    difference = cluster.kubectl("diff", "-f", "-", input=kustomize_build(overlay(mode)), check=False)
    assert (difference.stdout, difference.returncode) == ("", 0)
    assert running(cluster) == pods


@pytest.mark.usefixtures("installed")
def test_server_side_apply_and_dry_runs_change_nothing(cluster: Cluster, mode: str) -> None:
    render, pods = kustomize_build(overlay(mode)), running(cluster)
    dry_run = ("apply", "--dry-run=server", "--validate=strict", "-f", "-")
    assert differing(apply_results(cluster.kubectl(*dry_run, input=render).stdout), ["unchanged"]) == {}
    before = contents(cluster)
    applied = apply_results(cluster.apply(overlay(mode), server_side=True).stdout)
    # kubectl prints the same result for changed and unchanged objects.
    assert differing(applied, ["serverside-applied"]) == {} and len(applied) == render.count(b"\nkind: ")
    assert contents(cluster) == before
    done = cluster.kubectl(*dry_run, "--server-side", input=render)
    assert len(apply_results(done.stdout)) == len(applied)
    assert running(cluster) == pods


def test_everything_works_in_another_namespace(cluster: Cluster, tmp_path: Path) -> None:
    erase(cluster)
    cluster.apply(ROOT / "examples/other-namespace")
    cluster.wait_ready()
    assert {pod["metadata"]["namespace"] for pod in cluster.pods()} == {"delivery", "istio-system"}
    host = "cd.acme.io"
    page = curl(Client(cluster, host), "/", h2=True)
    assert (page.code, page.protocol) == (200, "h2")
    argocd = Argocd(cluster, tmp_path, host=host).login("admin", cluster.admin_password())
    application = deliver(cluster, argocd, "moved", {"config.json": config_map("moved", {"from": "delivery"})})
    assert application["metadata"]["namespace"] == "delivery"
    assert application["status"]["sync"]["status"] == "Synced"
    assert get(cluster, "configmap", "moved", "default")["data"] == {"from": "delivery"}
    # The native gRPC client adds the port to its authority.
    entries = (entry for entry in cluster.access_log() if (entry["authority"] or "").split(":")[0] == host)
    # Before the route is there, the gateway answers by itself.
    asked = {entry["upstream_cluster"] for entry in entries} - {None}
    assert asked == {
        f"outbound|{port}||{service}.delivery.svc.cluster.local"
        for service, port in (("argocd-server", 80), ("argocd-server-grpc", 443))
    }
