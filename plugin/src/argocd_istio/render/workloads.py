"""The workloads of a render, the labels of their pods, and whether those are in the mesh.

Source of the mesh: `injectRequired` in `pkg/kube/inject/inject.go` of Istio, and the selectors of its webhook.
"""

from __future__ import annotations

from collections.abc import Container

from argocd_istio.render.argocd_server import is_argocd_server
from argocd_istio.render.model import Membership, Sidecar, Sidecars
from argocd_istio.render.objects import CORE, ISTIO, Object, Objects, Place, Selectors
from argocd_istio.syntax.nodes import is_true, items, labels, number, text
from argocd_istio.syntax.source import Node

_KINDS = (
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("apps", "DaemonSet"),
    ("apps", "ReplicaSet"),
    ("argoproj.io", "Rollout"),
    ("", "Pod"),
)


class Workload:
    """A workload and its pod's template."""

    def __init__(self, item: Object) -> None:
        self.item = item
        self.template = item.node if item.kind == "Pod" else item.node.find("spec", "template")
        self.labels = labels(self.template, "metadata", "labels")
        self.annotations = labels(self.template, "metadata", "annotations")
        self.containers = items(self.template, "spec", "containers")
        self.ports: dict[str, int] = {}
        """The named container ports; of a repeated name the first counts."""
        for container in self.containers:
            for port in items(container, "ports"):
                self.ports.setdefault(text(port, "name"), number(port, "containerPort"))

    def has(self, name: str) -> bool:
        """Whether there is a container or init container with that name."""
        kinds = ("containers", "initContainers")
        return any(text(each, "name") == name for kind in kinds for each in items(self.template, "spec", kind))

    def argocd_server(self) -> Place | None:
        """The container that runs argocd-server."""
        at = next((at for at, each in enumerate(self.containers) if is_argocd_server(each)), None)
        if at is None and self.labels.get("app.kubernetes.io/name") == "argocd-server":
            # Its program may have been lost from args.
            at = next((at for at, each in enumerate(self.containers) if _argocd(each)), None)
        return None if at is None else self.at("spec", "containers", at)

    def at(self, *path: str | int) -> Place:
        """The place of a field of its pods."""
        return Place(self.item).at(*(() if self.item.kind == "Pod" else ("spec", "template")), *path)


def _argocd(container: Node) -> bool:
    """Whether a container has Argo CD's image."""
    return text(container, "image").rpartition("/")[2].partition("@")[0].partition(":")[0] == "argocd"


def workloads(objects: Objects) -> list[Workload]:
    """Everything in the render that makes pods."""
    return [Workload(item) for group, kind in _KINDS for item in objects.of(group, kind)]


_MODE = "istio.io/dataplane-mode"


def _enters(item: Object | None, own: dict[str, str]) -> bool:
    """Whether the webhook injects pods by default; without their Namespace in these files, only if they ask for it."""
    asked = own.get("sidecar.istio.io/inject") == "true" or bool(own.get("istio.io/rev"))
    if item is None:
        return asked
    of_namespace = labels(item.node, "metadata", "labels")
    if "istio-injection" in of_namespace:
        return of_namespace["istio-injection"] == "enabled"
    return bool(of_namespace.get("istio.io/rev")) or asked


class Mesh:
    """Mesh membership as far as these files show it.

    `stated` is what the user states for the pods in the namespaces `homes`, which counts before their Namespace.
    """

    def __init__(self, objects: Objects, stated: Membership = "", homes: Container[str] = ()) -> None:
        self._stated, self._homes = stated, homes
        self._namespaces = {item.name: item for item in objects.of(CORE, "Namespace")}
        self._selecting = Selectors(
            (item.namespace, labels(item.spec, "workloadSelector", "labels"), item)
            for item in objects.of(ISTIO, "Sidecar")
        )
        self._known: dict[tuple[str, frozenset[tuple[str, str]], int], Sidecars] = {}

    def membership(self, workload: Workload) -> Membership:
        """The membership of the pods."""
        own = workload.labels
        item = self._namespaces.get(workload.item.namespace)
        injects = own.get("sidecar.istio.io/inject") or workload.annotations.get("sidecar.istio.io/inject")
        refused = injects == "false" or is_true(workload.template, "spec", "hostNetwork")
        if workload.has("istio-proxy"):
            return "sidecar"
        if self._stated and workload.item.namespace in self._homes:
            return "none" if refused and self._stated == "sidecar" else self._stated
        if not refused and _enters(item, own):
            return "sidecar"
        mode = own.get(_MODE) or text(item.node if item else None, "metadata", "labels", _MODE)
        if mode == "ambient":
            return "ambient"
        return "" if item is None else "none"

    def sidecars(self, workload: Workload, port: int) -> Sidecars:
        """The Sidecar objects that select the pods; only with a selector do their ingress settings apply."""
        namespace = workload.item.namespace
        key = (namespace, frozenset(workload.labels.items()), port)
        if key not in self._known:
            found = self._selecting.of(namespace, workload.labels)
            self._known[key] = Sidecars(_sidecar(item, port) for item in found)
        return self._known[key]


def _sidecar(item: Object, port: int) -> Sidecar:
    """The protocol that a Sidecar object declares for a port."""
    for at, each in enumerate(items(item.spec, "ingress")):
        if number(each, "port", "number") == port:
            place = Place(item).at("spec", "ingress", at, "port").at("protocol")
            return Sidecar(item.title, text(each, "port", "protocol").upper(), place)
    return Sidecar(item.title, "", Place(item).at("spec").at("ingress"))


def kept(workload: Workload, port: int) -> tuple[str, Place]:
    """The annotation that excludes traffic to the port from the sidecar; empty if there is none.

    Excluded ports only count if all ports are included: `addCommonRules` in
    `tools/istio-iptables/pkg/capture/run.go` of Istio.
    """
    group, include = "traffic.sidecar.istio.io/", "includeInboundPorts"
    name = "excludeInboundPorts" if workload.annotations.get(group + include, "*").strip() == "*" else include
    named = str(port) in (each.strip() for each in workload.annotations.get(group + name, "").split(","))
    return "" if named is (name == include) else name, workload.at("metadata", "annotations", group + name)
