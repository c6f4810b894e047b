"""Who may connect to pods, by PeerAuthentications and AuthorizationPolicies.

Sources: `ComposePeerAuthentication` in `pilot/pkg/security/authn/policy_applier.go` of Istio; the fields that do not
apply to TCP ports in `pilot/pkg/security/authz/model/model.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Literal

from argocd_istio.render.istio import ROOT
from argocd_istio.render.model import Authorization, Authorizations, MutualTls
from argocd_istio.render.objects import Object, Objects, Place, Selectors
from argocd_istio.render.parts import Allowed, Caller, Network, Networks, Peer
from argocd_istio.render.workloads import Mesh, Workload
from argocd_istio.syntax.nodes import fields, items, labels, number, text, texts
from argocd_istio.syntax.source import Node

SECURITY = "security.istio.io"
STRICT = "STRICT"
NAME, PART_OF = "app.kubernetes.io/name", "app.kubernetes.io/part-of"
# Workloads that argocd-server requires, by a part of the name, and the ports that it calls there.
_CALLED = {"redis": (6379, 26379), "repo-server": (8081,)}
HBONE = 15008
"""The port to which the ambient mesh delivers all connections of a pod."""
_OF_REQUESTS = {"hosts", "notHosts", "paths", "notPaths", "methods", "notMethods"}
_OF_TOKENS = {"requestPrincipals", "notRequestPrincipals"}
# Conditions on connections; all other conditions are on requests.
_CONNECTION = ("source.", "destination.", "connection.", "experimental.envoy.filters.network.")


def targets(item: Object) -> list[Node]:
    """The references of a policy to what it is for, instead of labels."""
    one = item.spec.find("targetRef") if item.spec else None
    return items(item.spec, "targetRefs") or ([one.target] if one else [])


class Selecting:
    """Policies by scope: for pods with labels, for a namespace, or for the mesh."""

    def __init__(self, found: list[Object], field: str = "selector") -> None:
        chosen = [(item, labels(item.spec, field, "matchLabels")) for item in found]
        self.by_labels = Selectors((item.namespace, selector, item) for item, selector in chosen)
        self._whole: dict[str, list[Object]] = {}
        for item, selector in chosen:
            if not selector:
                self._whole.setdefault(item.namespace, []).append(item)

    def whole(self, namespace: str) -> list[Object]:
        """The policies for a whole namespace."""
        return self._whole.get(namespace, [])


class Policies:
    """The policies of these files."""

    def __init__(self, objects: Objects, workloads: list[Workload], mesh: Mesh) -> None:
        self._peers = Selecting(objects.of(SECURITY, "PeerAuthentication"))
        callers = objects.of(SECURITY, "AuthorizationPolicy")
        # Policies with targetRefs are for waypoints.
        self._callers = Selecting([item for item in callers if not targets(item)])
        self._network = Selecting(objects.of("networking.k8s.io", "NetworkPolicy"), "podSelector")
        self._networks: dict[tuple[object, ...], Networks] = {}
        self._closed: dict[str, tuple[str, ...]] = {}
        self._mesh = mesh
        self._workloads: dict[str, list[Workload]] = {}
        for workload in workloads:
            self._workloads.setdefault(workload.item.namespace, []).append(workload)
        self._strict: dict[str, tuple[str, ...]] = {}
        self._authorizations: dict[tuple[object, ...], Authorizations] = {}

    def mutual_tls(self, workload: Workload, port: int) -> MutualTls | None:
        """The policy for a port: one with a selector, else the namespace's, else the mesh's."""
        namespace = workload.item.namespace
        own = self._peers.by_labels.first(namespace, workload.labels)
        # Of several policies for the same pods only the oldest counts.
        for item in filter(None, (own, *self._peers.whole(namespace)[:1], *self._peers.whole(ROOT)[:1])):
            for path in (("portLevelMtls", str(port), "mode"), ("mtls", "mode")):
                mode = text(item.spec, *path)
                if mode not in ("", "UNSET"):
                    return MutualTls(item.title, mode, item is own, Place(item).at("spec", *path))
        return None

    def authorizations(self, workload: Workload, port: int) -> Authorizations:
        """The policies that apply to the pods, including those of the root namespace."""
        namespace = workload.item.namespace
        spaces = (namespace,) if namespace == ROOT else (namespace, ROOT)
        own = [item for space in spaces for item in self._callers.by_labels.of(space, workload.labels)]
        key = (namespace, port, *map(id, own))
        if key not in self._authorizations:
            whole = [item for space in spaces for item in self._callers.whole(space)]
            found = [*((item, True) for item in own), *((item, False) for item in whole)]
            self._authorizations[key] = Authorizations(
                Authorization(
                    item.title,
                    text(item.spec, "action") or "ALLOW",
                    chosen,
                    _of_requests(item, port),
                    Place(item),
                    tuple(_callers(item, port)),
                )
                for item, chosen in found
            )
        return self._authorizations[key]

    def networks(self, workload: Workload, way: Literal["ingress", "egress"] = "ingress") -> Networks:
        """The NetworkPolicies that select the pods, in one object for equal policies."""
        namespace = workload.item.namespace
        names = tuple(workload.ports.items()) if way == "ingress" else None
        key = (way, namespace, names, frozenset(workload.labels.items()))
        if key not in self._networks:
            own = self._network.by_labels.of(namespace, workload.labels)
            same = (way, namespace, names, *map(id, own))
            if same not in self._networks:
                found = [*own, *self._network.whole(namespace)]
                self._networks[same] = Networks(_networks(found, way, None if names is None else dict(names)))
            self._networks[key] = self._networks[same]
        return self._networks[key]

    def closed(self, namespace: str) -> tuple[str, ...]:
        """Argo CD's workloads in a namespace whose NetworkPolicies together block the port of the ambient mesh."""
        if namespace not in self._closed:
            ours = (one for one in self._workloads.get(namespace, []) if one.labels.get(PART_OF, "argocd") == "argocd")
            self._closed[namespace] = tuple(one.item.name for one in ours if self._shut(one, HBONE))
        return self._closed[namespace]

    def _shut(self, workload: Workload, port: int) -> bool:
        """Whether ingress policies select the pods and none admits the port: one that admits it is enough."""
        namespace = workload.item.namespace
        selecting = [
            item
            for item in chain(self._network.by_labels.of(namespace, workload.labels), self._network.whole(namespace))
            if "Ingress" in (texts(item.spec, "policyTypes") or ["Ingress"])
        ]
        rules = [items(rule, "ports") for item in selecting for rule in items(item.spec, "ingress")]
        return bool(selecting) and not any(not ports or any(_has(one, port) for one in ports) for ports in rules)

    def strict(self, namespace: str) -> tuple[str, ...]:
        """The workloads called by argocd-server in its namespace that accept only mutual TLS (namespace/name)."""
        if namespace not in self._strict:
            found = []
            for workload in self._workloads.get(namespace, []):
                ports = next((ports for part, ports in _CALLED.items() if part in workload.labels.get(NAME, "")), ())
                policies = [self.mutual_tls(workload, port) for port in ports]
                strict = any(policy and policy.mode == STRICT for policy in policies)
                if strict and self._mesh.membership(workload) == "sidecar":
                    found.append(workload.item.title)
            self._strict[namespace] = tuple(found)
        return self._strict[namespace]


def _of_requests(item: Object, port: int) -> bool:
    """Whether a rule for the port uses fields of requests: path, method, host, header or token.

    AUDIT and CUSTOM neither admit nor refuse by themselves.
    """
    if text(item.spec, "action") not in ("", "ALLOW", "DENY"):
        return False
    for rule in items(item.spec, "rules"):
        operations = [each.find("operation") for each in items(rule, "to")]
        if operations:
            operations = [each for each in operations if str(port) in (texts(each, "ports") or [str(port)])]
            if not operations:
                continue
        if _asks(rule, operations):
            return True
    return False


def reads_requests(rule: Node) -> bool:
    """Whether a rule uses fields of requests, at any port."""
    return _asks(rule, [each.find("operation") for each in items(rule, "to")])


def _asks(rule: Node, operations: list[Node | None]) -> bool:
    sources = [each.find("source") for each in items(rule, "from")]
    asked = [_OF_REQUESTS & _keys(each) for each in operations] + [_OF_TOKENS & _keys(each) for each in sources]
    conditions = [text(each, "key") for each in items(rule, "when")]
    return any(asked) or any(not key.startswith(_CONNECTION) for key in conditions)


def _callers(item: Object, port: int) -> Iterator[Caller]:
    """Whom the rules of a policy mean at a port."""
    for rule in items(item.spec, "rules"):
        operations = [each.find("operation") for each in items(rule, "to")]
        own_port = [each for each in operations if str(port) in (texts(each, "ports") or [str(port)])]
        if operations and not own_port:
            continue
        narrow = bool(items(rule, "when")) or any(_keys(each) - {"ports"} for each in own_port)
        sources = [each.find("source") for each in items(rule, "from")] or [None]
        for source in sources:
            own = [tuple(texts(source, key)) for key in ("principals", "namespaces", "notPrincipals", "notNamespaces")]
            other = set(fields(source)) - {"principals", "namespaces", "notPrincipals", "notNamespaces"}
            yield Caller(own[0], own[1], bool(other or narrow), (own[2], own[3]))


def _networks(found: list[Object], way: str, names: dict[str, int] | None) -> Iterator[Network]:
    """The policies for connections of a way, ingress or egress; `names` are the ports of the pods, if known."""
    for item in found:
        default = ["Ingress", "Egress"] if items(item.spec, "egress") else ["Ingress"]
        if way.capitalize() not in (texts(item.spec, "policyTypes") or default):
            continue
        key = "from" if way == "ingress" else "to"
        rules = []
        for at, rule in enumerate(items(item.spec, way)):
            place = Place(item).at("spec", way, at)
            tcp = [each for each in items(rule, "ports") if text(each, "protocol") in ("", "TCP")]
            lost = tuple(name for name in map(_name, tcp) if name and names is not None and not names.get(name))
            ports = tuple(_range(each, names or {}) for each in tcp if _name(each) not in lost)
            peers = tuple(_peer(place.at(key, n)) for n in range(len(items(rule, key)))) or None
            # A rule for other protocols, or for unknown names, alone admits no TCP.
            if tcp or not items(rule, "ports"):
                rules.append(Allowed(ports or (((-1, -1),) if lost else ()), peers, place, lost))
        yield Network(item.title, tuple(rules), Place(item).at("spec").at(way))


def _name(node: Node) -> str:
    """The port of a rule if it is a name."""
    return "" if number(node, "port") else text(node, "port")


def _range(node: Node, names: dict[str, int]) -> tuple[int, int]:
    first = number(node, "port") or names.get(_name(node), 0)
    if not first and not text(node, "port"):
        return 1, 65535
    return first, number(node, "endPort") or first


def _peer(place: Place) -> Peer:
    node = place.node
    chosen: list[dict[str, str] | None] = []
    vague = False
    for key in ("namespaceSelector", "podSelector"):
        asked = [_equal(each) for each in items(node, key, "matchExpressions")]
        vague = vague or not all(asked)
        own = {**labels(node, key, "matchLabels"), **dict(filter(None, asked))}
        chosen.append(own if key in fields(node) else None)
    return Peer(chosen[0], chosen[1], text(node, "ipBlock", "cidr"), vague, place)


def _equal(expression: Node) -> tuple[str, str] | None:
    """The label that an expression with one value asks for."""
    values = texts(expression, "values")
    return (text(expression, "key"), values[0]) if text(expression, "operator") == "In" and len(values) == 1 else None


def _has(at: Node, port: int) -> bool:
    if text(at, "protocol") not in ("", "TCP"):
        return False
    first = number(at, "port")
    return not at.find("port") or first <= port <= (number(at, "endPort") or first)


def _keys(node: Node | None) -> set[str]:
    return set(fields(node))
