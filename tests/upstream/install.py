"""A live cluster whose Argo CD is a consumer of this library, in the namespace that upstream's tests name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from live.addresses import REPOSITORIES
from live.cluster import Cluster
from live.image import PATH
from tests.live import injected, ways
from tests.live.conftest import HOST
from tests.live.lifecycle import Object
from tests.live.ways import API, OWN
from tests.upstream.plan import Cell
from tools.build import program

NAMESPACE = "argocd-e2e"
OTHERS = ("argocd-e2e-external", "argocd-e2e-external-2")
"""Upstream's tests create Applications in these namespaces too."""
SCM_PORTS = range(8341, 8345)
"""Upstream's tests serve answers of GitHub's API on these ports."""


@contextmanager
def installed(cell: Cell, folder: Path) -> Iterator[Cluster]:
    """The cluster of a cell, ready; the folder is for the consumer's files."""
    cluster = Cluster.start()
    try:
        tools = cluster.state / "repositories" / "bin"
        tools.mkdir()
        shutil.copy2(program("helm"), tools)
        if cell.case.api:
            cluster.install_gateway_api()
        if cell.way not in (OWN, API):
            ways.other_team(cluster, cell.case, NAMESPACE)
        cluster.apply(consumer(cell, folder))
        cluster.wait_ready(180)
        if cell.sidecars:
            missing = [name for name, ready in injected.sidecars(cluster, NAMESPACE).items() if not ready]
            assert not missing, f"no ready sidecar: {', '.join(missing)}"
        if cell.set not in ("core", "sample"):
            _other_namespaces(cluster)
            cluster.kubectl("apply", "-f", Path(__file__).with_name("placementdecisions.yaml"))
        yield cluster
    finally:
        cluster.stop()


def consumer(cell: Cell, folder: Path) -> Path:
    """Write the cell's consumer: the way and mode, another namespace, and helm for argocd-repo-server."""
    more: Object = {"namespace": NAMESPACE, "patches": [_helm()]}
    if cell.set not in ("core", "sample"):
        more["patches"] += [_settings(), _progressive()]
    if cell.sidecars:
        more["patches"].append(injected.LABELLED)
        peer = folder / "peer.yaml"
        peer.write_text(json.dumps(injected.authentication(cell.sidecars)))
        more["resources"] = ["exposure.yaml", peer.name]
    return ways.consumer(folder, cell.case, **more)


def _helm() -> Object:
    """Upstream's image contains helm, and the node's does not."""
    return _variable("argocd-repo-server", "PATH", f"{REPOSITORIES}/bin:{PATH}")


def _progressive() -> Object:
    """Upstream's own runs do not wait before a progressive sync either; no ConfigMap has this setting."""
    return _variable(
        "argocd-applicationset-controller", "ARGOCD_APPLICATIONSET_CONTROLLER_REFRESH_GRACE_PERIOD_SECONDS", "0"
    )


def _variable(name: str, variable: str, value: str) -> Object:
    """A patch that sets a variable of the container that is named as its Deployment."""
    container = {"name": name, "env": [{"name": variable, "value": value}]}
    patch = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }
    return {"target": {"kind": "Deployment", "name": name}, "patch": json.dumps(patch)}


def _settings() -> Object:
    """The settings of upstream's own runs."""
    patch = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "argocd-cmd-params-cm"},
        "data": {
            "application.namespaces": ",".join(OTHERS),
            "applicationsetcontroller.namespaces": ",".join(OTHERS),
            "applicationsetcontroller.enable.progressive.syncs": "true",
            "applicationsetcontroller.enable.tokenref.strict.mode": "true",
            "applicationsetcontroller.allowed.scm.providers": ",".join(
                f"http://127.0.0.1:{port}" for port in SCM_PORTS
            ),
            "server.enable.proxy.extension": "true",
        },
    }
    return {"target": {"kind": "ConfigMap", "name": "argocd-cmd-params-cm"}, "patch": json.dumps(patch)}


def _other_namespaces(cluster: Cluster) -> None:
    """The namespaces, and the permissions there that upstream's recipe for a remote cluster gives."""
    accounts = ("argocd-server", "argocd-applicationset-controller", "argocd-notifications-controller")
    objects: list[Object] = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in OTHERS]
    objects.append(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "other-namespaces"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE} for name in accounts],
        }
    )
    ways.apply(cluster, objects)


def past_the_gateway(cluster: Cluster) -> str:
    """The address of argocd-server's Service."""
    service = ("service", "argocd-server", "-n", NAMESPACE, "-o", "jsonpath={.spec.clusterIP}")
    return f"{cluster.kubectl('get', *service).stdout}:443"


def through_the_gateway() -> str:
    """The address that the gateway serves."""
    return f"{HOST}:443"
