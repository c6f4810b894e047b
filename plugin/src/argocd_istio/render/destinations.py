"""Where a route leads: the Service port, the DestinationRule that applies to it, and the pods behind it.

Sources: `destinationRule` and `setDestinationRules` in `pilot/pkg/model/push_context.go` of Istio,
`pilot/pkg/networking/core/cluster_traffic_policy.go` and `cluster_tls.go` for the policy.
"""

from __future__ import annotations

from collections.abc import Iterator

from argocd_istio.render import istio
from argocd_istio.render.argocd_server import argocd_server
from argocd_istio.render.hosts import Hosts
from argocd_istio.render.model import Certificate, Destination, Found, Hop, Pods, Policy, Verifies
from argocd_istio.render.objects import (
    CORE,
    ISTIO,
    Chosen,
    Object,
    Objects,
    Place,
    is_true,
    items,
    labels,
    number,
    text,
    texts,
)
from argocd_istio.render.policies import Policies
from argocd_istio.render.workloads import Mesh, Workload, redirected, workloads
from argocd_istio.syntax.source import Node

EXPORT_TO = "networking.istio.io/exportTo"


class Destinations:
    """Finds destinations; every look takes as long as what it finds."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.workloads = workloads(objects)
        self.argocd_servers = [each.item for each in self.workloads if each.argocd_server()]
        self._ours = {item.namespace for item in self.argocd_servers}
        self._chosen: Chosen[Workload] = Chosen()
        for workload in self.workloads:
            self._chosen.add(workload.item.namespace, workload.labels, workload)
        self._mesh = Mesh(objects)
        self._policies = Policies(objects, self.workloads, self._mesh)
        self._rules = _Rules(objects)
        self._selecting: dict[tuple[str, str, str], list[tuple[dict[str, str], Object]]] = {}
        for service in objects.of(CORE, "Service"):
            selector = labels(service.spec, "selector")
            for key, value in list(selector.items())[:1]:
                self._selecting.setdefault((service.namespace, key, value), []).append((selector, service))
        self._inbound: dict[tuple[int, int], tuple[str, ...]] = {}

    def find(
        self,
        host: str,
        namespace: str,
        client: str,
        *,
        hop: Hop,
        http: bool,
        port: int,
        listener_port: int,
        weight: int | None,
        subset: str,
        place: Place,
    ) -> Destination:
        """What a destination named in `namespace` is to a gateway in `client`, empty where that is not known.

        `hop` is what travels without a policy, `http` whether the gateway reads it, `port` 0 where none is stated.
        """
        found = istio.service(host, namespace)
        service = self.objects.one(CORE, "Service", *found) if found else None
        name = "/".join(found) if found else host
        ports = items(service.spec, "ports") if service else []
        # Without a port in the route: the Service's only one, else that of the listener.
        port = port or (number(ports[0], "port") if len(ports) == 1 else listener_port)
        at = next((each for each in ports if number(each, "port") == port), None)
        owner = found[0] if found else namespace
        policy, hidden, subset_here = self._rules.find(istio.full(host, namespace), owner, client, port, subset)
        speaks, protocol = ("HTTP" if http else ""), ""
        pods: tuple[Pods, ...] = ()
        selector = labels(service.spec, "selector") if service else {}
        if service and at:
            protocol = _protocol(at)
            speaks = policy.speaks(protocol) if http else ""
            pods = tuple(self._pods(each, at) for each in self._chosen.of(service.namespace, selector))
        if hop == "clear text":
            hop = self._hop(policy.tls, pods)
        return Destination(
            name=name,
            host=host,
            port=port,
            protocol=protocol,
            speaks=speaks,
            hop=hop,
            weight=weight,
            subset=subset,
            subset_here=subset_here,
            found="port" if at else "service" if service else self._lost(host, found),
            ports=tuple(number(each, "port") for each in ports),
            selector=tuple(f"{key}={value}" for key, value in selector.items()),
            ours=bool(found) and owner in self._ours,
            seen=_exported(service, client) if service else True,
            policy=policy.fact(),
            hidden=hidden,
            pods=pods,
            place=place,
        )

    def _lost(self, host: str, found: tuple[str, str] | None) -> Found:
        """What a name without a Service is: nothing, where only a longer form of it would name one of these."""
        namespace, name = [*host.split("."), "", ""][1::-1]
        short = found is None and self.objects.one(CORE, "Service", namespace, name)
        return "nothing" if short or not host else "not here"

    @staticmethod
    def _hop(tls: str, pods: tuple[Pods, ...]) -> Hop:
        if tls in ("SIMPLE", "MUTUAL"):
            return "TLS"
        if tls == "ISTIO_MUTUAL":
            return "mTLS"
        # With auto mTLS, Istio's default, the gateway speaks mTLS to pods in the mesh unless a policy says otherwise.
        meshed = bool(pods) and all(each.mesh in ("sidecar", "ambient") for each in pods)
        return "mTLS" if meshed and tls != "DISABLE" else "clear text"

    def _pods(self, workload: Workload, at: Node) -> Pods:
        item = workload.item
        target = text(at, "targetPort") or text(at, "port")
        port = _arrives(workload, at)
        container = workload.argocd_server()
        found = argocd_server(container, item.namespace, self.objects) if container else None
        certificate = None
        if found and found.tls:
            certificate = Certificate("argocd-server", "argocd-server-tls", item.namespace)
        return Pods(
            kind=item.kind,
            name=item.title,
            port=port,
            target=target,
            argocd_server=found,
            certificate=certificate,
            mesh=self._mesh.membership(workload),
            redirected=redirected(workload, port),
            inbound=self._protocols(workload, port) if found else (),
            sidecars=self._mesh.sidecars(workload, port) if found else (),
            mutual_tls=self._policies.mutual_tls(workload, port) if found else None,
            authorizations=self._policies.authorizations(workload) if found else (),
            strict=self._policies.strict(item.namespace) if found else (),
            place=Place(item),
        )

    def _protocols(self, workload: Workload, port: int) -> tuple[str, ...]:
        """The protocols of all Service ports that lead to a port of the pods."""
        key = (id(workload), port)
        if key not in self._inbound:
            found: dict[str, None] = {}
            for pair in workload.labels.items():
                for selector, service in self._selecting.get((workload.item.namespace, *pair), []):
                    if selector.items() <= workload.labels.items():
                        for at in items(service.spec, "ports"):
                            if _arrives(workload, at) == port:
                                found[_protocol(at)] = None
            self._inbound[key] = tuple(sorted(found))
        return self._inbound[key]


def _arrives(workload: Workload, at: Node) -> int:
    """The port of the pods that a Service port leads to; 0 where none has that name."""
    target = text(at, "targetPort")
    if not target:
        return number(at, "port")
    return number(at, "targetPort") if target.isdigit() else workload.port_named(target)


def _protocol(at: Node) -> str:
    return istio.protocol(text(at, "name"), text(at, "appProtocol"), text(at, "protocol") or "TCP", number(at, "port"))


def _exported(service: Object, client: str) -> bool | None:
    """Whether the gateway's pods see a Service, by its annotation."""
    stated = text(service.node, "metadata", "annotations", EXPORT_TO)
    return istio.sees([each.strip() for each in stated.split(",")] if stated else [], service.namespace, client)


class _Effective:
    """What the levels of a DestinationRule together say of a port. The first level that states a thing counts."""

    def __init__(self, rule: Object | None = None, levels: list[Place] | None = None) -> None:
        self.rule, self.levels = rule, levels or []
        self._tls = next((level for level in self.levels if level.node.find("tls")), None)
        self.tls = text(self._tls.node, "tls", "mode") if self._tls else ""

    def speaks(self, protocol: str) -> str:
        """The HTTP version that the gateway speaks to a port of this protocol."""
        pool = next((each.node for each in self.levels if each.node.find("connectionPool", "http")), None)
        if text(pool, "connectionPool", "http", "h2UpgradePolicy") == "UPGRADE":
            protocol = "HTTP2"
        elif is_true(pool, "connectionPool", "http", "useClientProtocol"):
            protocol = istio.UNDECLARED
        if protocol == istio.UNDECLARED:
            return "the client's HTTP version"
        return "HTTP/2" if protocol in istio.HTTP2 else "HTTP/1.1"

    def fact(self) -> Policy | None:
        if self.rule is None:
            return None
        place = self._tls.at("tls") if self._tls else Place(self.rule)
        verifies: Verifies = ""
        if self.tls in ("SIMPLE", "MUTUAL"):
            given = text(place.node, "caCertificates") or text(place.node, "credentialName")
            verifies = "a given CA" if given else "the system's CAs"
            verifies = "nothing" if is_true(place.node, "insecureSkipVerify") else verifies
        return Policy(self.rule.title, text(self.rule.spec, "host"), self.tls, verifies, place)


class _Rules:
    """The DestinationRules by the namespace that looks for them and their host."""

    def __init__(self, objects: Objects) -> None:
        self._own: dict[str, Hosts[Object]] = {}
        self._exported: dict[str, Hosts[Object]] = {}
        self._root: Hosts[Object] = Hosts()
        for rule in objects.of(ISTIO, "DestinationRule"):
            # One with a workloadSelector is for pods of its own namespace.
            export_to = (
                texts(rule.spec, "exportTo") if not labels(rule.spec, "workloadSelector", "matchLabels") else ["."]
            )
            host = istio.full(text(rule.spec, "host"), rule.namespace)
            named = {rule.namespace if each == "." else each for each in export_to}
            if not named or named & {"*", rule.namespace}:
                self._own.setdefault(rule.namespace, Hosts()).add(host, rule)
            if named != {rule.namespace}:
                self._exported.setdefault(rule.namespace, Hosts()).add(host, rule)
            elif rule.namespace == istio.ROOT:
                self._root.add(host, rule)

    def find(
        self, host: str, owner: str, client: str, port: int, subset: str
    ) -> tuple[_Effective, Policy | None, bool]:
        """What applies to a host for a gateway in `client`; a rule that it does not see; whether the subset is there.

        The lookup goes through the namespaces of client and Service, then the root namespace.
        """
        rules = self._seen(host, owner, client)
        hidden = None
        if not rules and owner in self._own:
            unseen = self._own[owner].narrowest(host)
            hidden = _effective(unseen, port, "").fact() if unseen else None
        named = [each for rule in rules for each in items(rule.spec, "subsets") if text(each, "name") == subset]
        return _effective(rules, port, subset), hidden, not subset or bool(named)

    def _seen(self, host: str, owner: str, client: str) -> list[Object]:
        if client:
            own = self._root if client == istio.ROOT else self._own.get(client)
            found = own.narrowest(host) if own else []
            if found:
                return found
        for namespace in (owner, istio.ROOT):
            exported = self._exported.get(namespace)
            found = exported.narrowest(host) if exported else []
            seen = [rule for rule in found if istio.sees(texts(rule.spec, "exportTo"), namespace, client) is not False]
            if seen:
                return seen
        return []


def _effective(rules: list[Object], port: int, subset: str) -> _Effective:
    """Of several rules for one host the first with a policy counts, and each one's subsets."""
    levels: list[Place] = []
    for rule in rules:
        for index, each in enumerate(items(rule.spec, "subsets")):
            if subset and text(each, "name") == subset and not levels:
                levels += _levels(Place(rule).at("spec", "subsets", index, "trafficPolicy"), port)
    first = next((rule for rule in rules if rule.spec and rule.spec.find("trafficPolicy")), None)
    if first:
        levels += _levels(Place(first).at("spec", "trafficPolicy"), port)
    return _Effective(first or (rules[0] if rules else None), levels)


def _levels(policy: Place, port: int) -> Iterator[Place]:
    """A policy for the port replaces the one for the host."""
    for index, each in enumerate(items(policy.node, "portLevelSettings")):
        if number(each, "port", "number") == port:
            yield policy.at("portLevelSettings", index)
            return
    yield policy
