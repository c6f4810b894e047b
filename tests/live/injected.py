"""A consumer with Argo CD in a namespace that Istio injects, and mistakes in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from live.addresses import ENVOY_ADMIN_PORT
from live.cluster import Cluster
from live.network import namespace_of
from tests.live.lifecycle import Object, addresses, get, next_second, until
from tests.render.consumer import write

Breaking = Callable[[Cluster], AbstractContextManager[None]]

PERMISSIVE, STRICT = PEERS = ("PERMISSIVE", "STRICT")

SERVICES = ("argocd-server", "argocd-server-grpc")
SIDECAR = ("sidecars.networking.istio.io", "argocd-server", "-n", "argocd")


_LABEL = [{"op": "add", "path": "/metadata/labels", "value": {"istio-injection": "enabled"}}]
LABELLED = {"target": {"kind": "Namespace"}, "patch": json.dumps(_LABEL)}
"""A kustomization's patch that adds Istio's label to the Namespace."""


def authentication(peer: str) -> Object:
    """A PeerAuthentication for all pods of the namespace."""
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {"name": "default", "namespace": "argocd"},
        "spec": {"mtls": {"mode": peer}},
    }


def overlay(folder: Path, mode: str, peer: str) -> Path:
    """Write a consumer: the mode, the Namespace with Istio's label, and a PeerAuthentication for all pods in it."""
    kustomization: Object = {"resources": [f"overlays/{mode}", "peer.yaml"], "patches": [LABELLED]}
    return write(folder, kustomization, peer=authentication(peer))


def apply(cluster: Cluster, folder: Path, mode: str, peer: str) -> None:
    """Apply that consumer, and wait until it is ready and its sidecars use the mutual TLS mode `peer`."""
    cluster.apply(overlay(folder, mode, peer))
    cluster.wait_ready(120)
    until(lambda: refuses_strangers(cluster) is (peer == STRICT), 30, f"the sidecars of argocd-server are {peer}")


def refuses_strangers(cluster: Cluster) -> bool:
    """Whether each pod of argocd-server resets direct connections of a client outside the mesh."""
    curl = ["curl", "-sS", "--max-time", "5", "-o", "/dev/null"]
    return all(
        "reset by peer" in cluster.exec([*curl, f"http://{address}:8080/healthz"]).stderr
        for address in addresses(cluster, "argocd-server").values()
    )


def sidecars(cluster: Cluster, namespace: str = "argocd") -> dict[str, bool]:
    """Whether each pod of Argo CD, except those that are being deleted, has a ready sidecar."""
    return {
        pod["metadata"]["name"]: any(
            one["name"] == "istio-proxy" and one["ready"] for one in pod["status"].get("initContainerStatuses", [])
        )
        for pod in cluster.pods(namespace)
        if "deletionTimestamp" not in pod["metadata"]
    }


def takes(cluster: Cluster) -> str:
    """How argocd-server's sidecar treats inbound connections: as HTTP or TCP; empty while it has no configuration."""
    [name] = addresses(cluster, "argocd-server")
    dump = f"http://127.0.0.1:{ENVOY_ADMIN_PORT}/config_dump?resource=dynamic_listeners"
    network = namespace_of(get(cluster, "pod", name))
    found = json.loads(cluster.exec(["curl", "-sS", dump], network=network, check=True).stdout).get("configs", [])
    filters = {
        each["name"].rpartition(".")[2]
        for one in found
        for chain in one.get("active_state", {}).get("listener", {}).get("filter_chains", [])
        if one["name"] == "virtualInbound" and chain.get("filter_chain_match", {}).get("destination_port") == 8080
        for each in chain["filters"]
    }
    return "HTTP" if "http_connection_manager" in filters else "TCP" if filters else ""


# --- mistakes


@contextmanager
def without_sidecar(cluster: Cluster) -> Iterator[None]:
    """Delete our Sidecar, and create it again."""
    with _gone(cluster, *SIDECAR):
        _wait_protocol(cluster, "HTTP")
        yield
    _wait_protocol(cluster, "TCP")
    cluster.wait_ready()


def _wait_protocol(cluster: Cluster, protocol: str) -> None:
    """Wait until argocd-server's sidecar treats its port as `protocol`, and end the gateway's existing connections."""
    until(lambda: takes(cluster) == protocol, 30, f"the sidecar of argocd-server treats its port as {protocol}")
    cluster.restart_gateway()


@contextmanager
def _gone(cluster: Cluster, *name: str) -> Iterator[None]:
    """Delete an object, and create it again afterwards, with a new creation time."""
    kept = json.loads(cluster.kubectl("get", *name, "-o", "json").stdout)
    cluster.kubectl("delete", *name)
    try:
        yield
    finally:
        create(cluster, kept)


def create(cluster: Cluster, manifest: Object) -> None:
    """Create an object from the manifest of a deleted one."""
    kept = ("name", "namespace", "annotations", "labels")
    manifest = {key: value for key, value in manifest.items() if key != "status"}
    manifest["metadata"] = {key: manifest["metadata"][key] for key in kept if key in manifest["metadata"]}
    manifest["spec"] = {key: value for key, value in manifest["spec"].items() if key not in ("clusterIP", "clusterIPs")}
    cluster.kubectl("create", "-f", "-", input=json.dumps(manifest))


def younger(cluster: Cluster, *name: str) -> None:
    """Create an object again, so that it is younger than all others."""
    next_second()
    with _gone(cluster, *name):
        pass


def older(service: str, breaking: Breaking) -> Breaking:
    """`breaking`, with this Service of argocd-server made the older of the two.

    A sidecar uses the port's protocol from the older Service.
    """
    other = next(name for name in SERVICES if name != service)

    @contextmanager
    def aged(cluster: Cluster) -> Iterator[None]:
        younger(cluster, "service", other, "-n", "argocd")
        with breaking(cluster):
            yield

    return aged
