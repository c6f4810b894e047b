"""What applies to the gateway's pods: their Services, AuthorizationPolicies, EnvoyFilters and the mesh's settings.

Sources: `resolveConnectionSettings` in `pilot/pkg/networking/core/connection_settings.go` of Istio for the profile,
`pkg/config/analysis/analyzers/envoyfilter/envoyfilter.go` for operations that depend on the order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from argocd_istio.render.istio import ROOT
from argocd_istio.render.model import Listener
from argocd_istio.render.objects import CORE, ISTIO, Chosen, Object, Objects, Place, Selectors
from argocd_istio.render.parts import Edge, EdgePolicy, Edges, EdgeService, Filter, MeshConfig
from argocd_istio.render.policies import SECURITY, Selecting, reads_requests, targets
from argocd_istio.render.workloads import Workload
from argocd_istio.syntax.nodes import fields, is_true, items, labels, number, text, texts
from argocd_istio.syntax.source import Node, SourceError, parse

_RELATIVE = ("REMOVE", "REPLACE", "INSERT_BEFORE", "INSERT_AFTER")
_CONFIG = "proxy.istio.io/config"


def edges(objects: Objects, workloads: list[Workload], listeners: Iterable[Listener]) -> Edges:
    """The surroundings of every listener's pods."""
    found = _Edges(objects, workloads)
    keys = dict.fromkeys((each.namespace, each.selector) for each in listeners if each.selector)
    return Edges({key: found.edge(*key) for key in keys}, tuple(_filters(objects)), _mesh_config(objects))


class _Edges:
    def __init__(self, objects: Objects, workloads: list[Workload]) -> None:
        self._workloads: Chosen[Workload] = Chosen()
        self._services: Chosen[Object] = Chosen()
        for each in workloads:
            for namespace in ("", each.item.namespace):
                self._workloads.add(namespace, each.labels, each)
        services = objects.of(CORE, "Service")
        for item in services:
            for namespace in ("", item.namespace):
                self._services.add(namespace, labels(item.spec, "selector"), item)
        self._selecting = Selectors((item.namespace, labels(item.spec, "selector"), item) for item in services)
        policies = objects.of(SECURITY, "AuthorizationPolicy")
        self._policies = Selecting([item for item in policies if not targets(item)])
        self._targeted: dict[tuple[str, str], list[Object]] = {}
        for item in policies:
            for target in targets(item):
                if text(target, "kind") == "Gateway":
                    self._targeted.setdefault((item.namespace, text(target, "name")), []).append(item)

    def edge(self, namespace: str, selector: tuple[str, ...]) -> Edge:
        wanted = dict(each.split("=", 1) for each in selector)
        pods = self._workloads.of(namespace, wanted)
        own = pods[0].labels if pods else wanted
        spaces = dict.fromkeys((namespace, ROOT)) if namespace else {}
        chosen = [item for space in spaces for item in self._policies.by_labels.of(space, own)]
        chosen += [item for space in spaces for item in self._policies.whole(space)]
        chosen += self._targeted.get((namespace, wanted.get("gateway.networking.k8s.io/gateway-name", "")), [])
        config = _config(pods[0].annotations.get(_CONFIG, "")) if pods else None
        return Edge(
            here=bool(pods),
            labels=own,
            accounts=tuple(text(each.template, "spec", "serviceAccountName") or "default" for each in pods),
            ports=frozenset(_host_ports(pods)),
            services=tuple(map(_service, self._services_of(namespace, wanted, pods))),
            policies=tuple(map(_policy, chosen)),
            trusted=bool(number(config, "gatewayTopology", "numTrustedProxies")),
            profile=text(config, "connectionSettings", "profile"),
            place=pods[0].at("metadata").at("annotations").at(_CONFIG) if pods else None,
        )

    def _services_of(self, namespace: str, wanted: dict[str, str], pods: list[Workload]) -> list[Object]:
        """The Services that select the pods, or without known pods those that ask for the labels too."""
        if not pods:
            return self._services.of(namespace, wanted)
        found = [item for each in pods for item in self._selecting.of(each.item.namespace, each.labels)]
        return list({id(item): item for item in found}.values())


def _host_ports(pods: list[Workload]) -> Iterator[int]:
    """The ports that clients reach without a Service."""
    for each in pods:
        own = is_true(each.template, "spec", "hostNetwork")
        for container in each.containers:
            for port in items(container, "ports"):
                yield number(port, "containerPort") if own else number(port, "hostPort")


def _service(item: Object) -> EdgeService:
    ports = items(item.spec, "ports")
    numbers = {number(each, key) for each in ports for key in ("port", "targetPort")}
    local = text(item.spec, "externalTrafficPolicy") == "Local"
    place = Place(item).at("spec")
    return EdgeService(item.title, frozenset(numbers), local or text(item.spec, "type") == "ClusterIP", place)


def _policy(item: Object) -> EdgePolicy:
    rules = items(item.spec, "rules")
    # Ports of rules are those of the pods, which the listener's are not: such rules are not judged.
    open_to_all = [
        rule
        for rule in rules
        if not any(texts(each, "operation", key) for each in items(rule, "to") for key in ("ports", "notPorts"))
    ]
    sources = [each.find("source") for rule in rules for each in items(rule, "from")]
    conditions = [text(each, "key") for rule in rules for each in items(rule, "when")]
    operations = [each.find("operation") for rule in rules for each in items(rule, "to")]
    addresses = ("ipBlocks", "notIpBlocks", "remoteIpBlocks", "notRemoteIpBlocks")
    action = text(item.spec, "action") or "ALLOW"
    return EdgePolicy(
        item.title,
        action,
        action in ("ALLOW", "DENY") and any(reads_requests(rule) for rule in open_to_all),
        any(texts(each, key) for each in operations for key in ("paths", "notPaths")),
        any(texts(each, key) for each in sources for key in addresses)
        or any(key in ("source.ip", "remote.ip") for key in conditions),
        Place(item).at("spec").at("rules"),
    )


def _filters(objects: Objects) -> Iterator[Filter]:
    for item in objects.of(ISTIO, "EnvoyFilter"):
        if text(item.spec, "priority") not in ("", "0"):
            continue
        for at, each in enumerate(items(item.spec, "configPatches")):
            operation = text(each, "patch", "operation")
            if operation in _RELATIVE:
                place = Place(item).at("spec", "configPatches", at, "patch", "operation")
                yield Filter(item.title, operation, place)
                break


def _mesh_config(objects: Objects) -> MeshConfig | None:
    item = objects.one(CORE, "ConfigMap", ROOT, "istio")
    if item is None:
        return None
    place = Place(item).at("data", "mesh")
    config = _config(text(place.node))
    default = config.find("defaultConfig") if config else None
    return MeshConfig(
        text(config, "pathNormalization", "normalization"),
        text(default, "connectionSettings", "profile"),
        bool(number(default, "gatewayTopology", "numTrustedProxies")),
        place,
    )


def _config(written: str) -> Node | None:
    """The YAML in a text; None if it is none."""
    try:
        documents = parse(written.encode(errors="replace"), "").documents
    except SourceError:
        return None
    found = documents[0].root if len(documents) == 1 else None
    return found if fields(found) else None
