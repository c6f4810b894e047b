"""The documented ways to uninstall: one keeps CRDs and Applications; the other deletes all, after a warning."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from live.cluster import Cluster
from live.render import kustomize_build
from tests.live.conftest import ROOT
from tests.live.lifecycle import Argocd, commands, config_map, deliver, get, overlay, run, uid
from tests.live.table import GRPC_ROUTING
from tests.live.ways import API, API_KINDS, UPSTREAM, Case, consumer

UNINSTALLING = "docs/uninstalling.md"
KEEP, DELETE = "Keep the Applications", "Delete everything"
FINALIZER = "resources-finalizer.argocd.argoproj.io"

# The kind and name of the objects that must stay.
KEPT = [
    ("namespace", "argocd"),
    ("application", "leave"),
    ("appproject", "team"),
    ("configmap", "argocd-cm"),
    ("secret", "argocd-secret"),
    ("secret", "argocd-initial-admin-secret"),
    ("crd", "applications.argoproj.io"),
    ("crd", "applicationsets.argoproj.io"),
    ("crd", "appprojects.argoproj.io"),
]


@pytest.fixture(scope="module")
def install(cluster: Cluster) -> None:
    """A running install with grpc-routing, as the documented commands expect."""
    cluster.apply(overlay(GRPC_ROUTING))
    cluster.wait_ready()


def left(cluster: Cluster, folder: Path) -> set[str]:
    """The objects of a render that still exist, as kind/name; waits until all pods are deleted."""
    render = kustomize_build(folder)
    cluster.kubectl("wait", "--for=delete", "pods", "--all", "-n", "argocd", "--timeout=60s")
    return set(cluster.kubectl("get", "--ignore-not-found", "-o", "name", "-f", "-", input=render).stdout.split())


@pytest.mark.usefixtures("install")
def test_keep_commands_keep_only_applications_and_crds(cluster: Cluster, tmp_path: Path) -> None:
    argocd = Argocd(cluster, tmp_path).login("admin", cluster.admin_password())
    argocd("proj", "create", "team")
    deliver(cluster, argocd, "leave", {"config.json": config_map("leave", {"deployed": "true"})})
    # A second entry, so that both blocks of commands have something to delete.
    case = Case(API, GRPC_ROUTING, UPSTREAM)
    cluster.install_gateway_api(case.pin)
    cluster.apply(consumer(tmp_path / "api", case))
    before = {which: uid(cluster, *which) for which in KEPT}
    deployed = uid(cluster, "configmap", "leave", "default")

    for keep in commands(UNINSTALLING, KEEP):
        run(cluster, keep, tmp_path)
    assert cluster.kubectl("get", ",".join(API_KINDS), "-n", "argocd", "-o", "name").stdout == ""
    there = left(cluster, overlay(GRPC_ROUTING) / "without-crds")
    assert {name.partition("/")[0] for name in there} == {"namespace", "configmap", "secret"}
    assert {which: uid(cluster, *which) for which in KEPT} == before
    assert uid(cluster, "configmap", "leave", "default") == deployed


@pytest.mark.usefixtures("install")
def test_a_new_install_serves_the_kept_applications(cluster: Cluster, tmp_path: Path) -> None:
    before = uid(cluster, "application", "leave")
    cluster.apply(overlay(GRPC_ROUTING))
    cluster.wait_ready()
    argocd = Argocd(cluster, tmp_path).login("admin", cluster.admin_password())
    argocd("app", "sync", "leave", "--timeout", "30")
    assert uid(cluster, "application", "leave") == before


@pytest.mark.usefixtures("install")
def test_delete_commands_delete_everything(cluster: Cluster, tmp_path: Path) -> None:
    argocd = Argocd(cluster, tmp_path).login("admin", cluster.admin_password())
    deliver(cluster, argocd, "taken", {"config.json": config_map("taken", {"deployed": "true"})})
    finalizers = {"metadata": {"finalizers": [FINALIZER]}}
    cluster.kubectl("patch", "application", "taken", "-n", "argocd", "--type=merge", "-p", json.dumps(finalizers))

    [delete] = commands(UNINSTALLING, DELETE)
    run(cluster, delete, tmp_path)
    kinds = "namespaces,clusterroles,clusterrolebindings,customresourcedefinitions"
    assert "argo" not in cluster.kubectl("get", kinds, "-o", "name").stdout
    # Objects of an Application with the finalizer are deleted with it; those of the other Application stay.
    assert cluster.kubectl("get", "configmap", "taken", "-n", "default", "--ignore-not-found").stdout == ""
    assert get(cluster, "configmap", "leave", "default")["data"] == {"deployed": "true"}


def test_a_warning_comes_before_the_delete_commands() -> None:
    text = (ROOT / UNINSTALLING).read_text().split(f"## {DELETE}\n", 1)[1]
    assert re.match(r"\s*\*\*This deletes every Application", text)
