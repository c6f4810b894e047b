"""Where a route leads: the Service port, the DestinationRule that applies to it, and the pods behind it.

Sources: `destinationRule` and `setDestinationRules` in `pilot/pkg/model/push_context.go` of Istio,
`pilot/pkg/networking/core/cluster_traffic_policy.go` and `cluster_tls.go` for the policy.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from argocd_istio.render import backend_tls, istio
from argocd_istio.render.argocd_server import argocd_server
from argocd_istio.render.hosts import Hosts
from argocd_istio.render.model import (
    Authorizations,
    Behind,
    Certificate,
    Destination,
    Ends,
    Found,
    Hop,
    Membership,
    Pods,
    Policy,
    Shared,
    Sidecars,
    Verifies,
)
from argocd_istio.render.objects import CORE, ISTIO, Chosen, Object, Objects, Place, Selectors
from argocd_istio.render.parts import Networks
from argocd_istio.render.policies import Policies
from argocd_istio.render.workloads import Mesh, Workload, kept, workloads
from argocd_istio.syntax.nodes import is_true, items, labels, number, text, texts
from argocd_istio.syntax.source import Node

EXPORT_TO = "networking.istio.io/exportTo"


class _Service:
    """A Service, read once."""

    def __init__(self, item: Object) -> None:
        self.item = item
        ports = items(item.spec, "ports")
        self.ports = Shared(number(each, "port") for each in ports)
        self.selector = labels(item.spec, "selector")
        self.labels = Shared(f"{key}={value}" for key, value in self.selector.items())
        self.alias = text(item.spec, "externalName") if text(item.spec, "type") == "ExternalName" else ""
        self.at: dict[int, Place] = {}
        for at, each in enumerate(ports):
            self.at.setdefault(number(each, "port"), Place(item).at("spec", "ports", at))


class Named(NamedTuple):
    """A destination as a route in `namespace` names it, for a gateway in namespace `client`, empty if unknown.

    `hop` is what travels without a policy, `http` whether the gateway reads it, `port` is 0 if not stated.
    """

    host: str
    namespace: str
    client: str
    hop: Hop
    http: bool
    port: int
    listener_port: int
    subset: str


class Destinations:
    """Finds destinations. Each destination, and the pods behind it, is resolved only once."""

    def __init__(self, objects: Objects, mesh: Membership = "") -> None:
        self.objects = objects
        self.workloads = workloads(objects)
        self.argocd_servers = [each.item for each in self.workloads if each.argocd_server()]
        self._ours = {item.namespace for item in self.argocd_servers} & {
            item.namespace for item in objects.of(CORE, "Service")
        }
        self._chosen: Chosen[Workload] = Chosen()
        for workload in self.workloads:
            self._chosen.add(workload.item.namespace, workload.labels, workload)
        self.mesh = Mesh(objects, mesh, {item.namespace for item in self.argocd_servers})
        self.policies = Policies(objects, self.workloads, self.mesh)
        self._rules = _Rules(objects)
        self._services = {(item.namespace, item.name): _Service(item) for item in objects.of(CORE, "Service")}
        self._renamed = dict(_parts(service.item for service in self._services.values()))
        self._namesakes = {name: f"{owner}/{name}" for owner, name in self._services if owner in self._ours}
        self._by_hand = set(_by_hand(objects))
        self._inbound = Selectors(_inbound(self._services.values()))
        self._found: dict[Named, Destination] = {}
        self._behind: dict[Hashable, Behind] = {}

    def find(self, named: Named, place: Place, *, weight: int | None, granted: bool = True) -> Destination:
        if named not in self._found:
            self._found[named] = self._find(named, place)
        found = self._found[named]
        known = found.found in ("port", "service") or found.ours
        return replace(found, weight=weight, place=place, granted=granted or (False if known else None))

    def _find(self, named: Named, place: Place) -> Destination:
        host, namespace, client, hop, http, port, listener_port, subset = named
        found = istio.service(host, namespace)
        service = self._services.get(found) if found else None
        if service and service.alias and istio.service(service.alias, "") in self._services:
            # Istio resolves an ExternalName Service to the one that it names.
            host, found = service.alias, istio.service(service.alias, "")
            service = self._services.get(found) if found else None
        ports = service.ports if service else Shared[int]()
        # Without a port in the route: the Service's only port, else the listener's.
        port = port or (ports[0] if len(ports) == 1 else listener_port)
        target = service.at.get(port) if service else None
        at = target.node if target else None
        owner = found[0] if found else namespace
        section = text(at, "name")
        policy, hidden, chosen = self._rules.find(istio.full(host, namespace), owner, client, port, section, subset)
        speaks, protocol = ("HTTP" if http else ""), ""
        pods, whole = Behind(), Behind()
        if service and at:
            protocol = _protocol(at)
            speaks = policy.speaks(protocol) if http else ""
            whole = self._pods(service, at, {})
            pods = self._pods(service, at, chosen) if chosen else whole
        if hop == "clear text":
            hop = self._hop(policy.tls, pods)
        return Destination(
            name="/".join(found) if found else host,
            host=host,
            port=port,
            protocol=protocol,
            speaks=speaks,
            hop=hop,
            weight=None,
            subset=subset,
            subset_here=chosen is not None,
            subset_pods=bool(pods or not whole),
            found="port" if at else "service" if service else self._lost(host, found),
            ports=ports,
            selector=service.labels if service else Shared(),
            ends=self._ends(service) if service else "",
            alias=service.alias if service else "",
            ours=bool(found) and owner in self._ours,
            seen=_exported(service.item, client) if service else True,
            granted=True,
            policy=policy.fact(client),
            hidden=hidden,
            pods=pods,
            place=place,
            target=target.at("targetPort") if target else None,
            renamed=self._renamed.get(found or ("", ""), "") if service is None else "",
            namesake=self._namesakes.get(host, "") if service is None else "",
        )

    def _lost(self, host: str, found: tuple[str, str] | None) -> Found:
        """How far a name without a Service leads: to nothing, if only a longer form would name a known Service."""
        namespace, name = [*host.split("."), "", ""][1::-1]
        short = found is None and (namespace, name) in self._services
        # Istio completes a short name with the namespace of the route, not with that of argocd-server.
        completed = "argocd-server" in host and "." not in host and found not in self._services
        moved = completed and any((home, host) in self._services for home in self._ours)
        return "nothing" if short or moved or not host else "not here"

    @staticmethod
    def _hop(tls: str, pods: Behind) -> Hop:
        if tls in ("SIMPLE", "MUTUAL"):
            return "TLS"
        if tls == "ISTIO_MUTUAL":
            return "mTLS"
        # With auto mTLS, Istio's default, the gateway uses mTLS to pods in the mesh unless a policy sets another mode.
        meshed = bool(pods) and all(each.mesh in ("sidecar", "ambient") for each in pods)
        return "mTLS" if meshed and tls != "DISABLE" else "clear text"

    def _ends(self, service: _Service) -> Ends:
        if service.alias or service.selector:
            return "another name" if service.alias else ""
        return (
            "endpoints here" if (service.item.namespace, service.item.name) in self._by_hand else "endpoints elsewhere"
        )

    def _pods(self, service: _Service, at: Node, subset: Mapping[str, str]) -> Behind:
        """The pods behind a Service port, one shared object for equal selectors and ports.

        Pods of a subset also have its labels.
        """
        namespace, target = service.item.namespace, text(at, "targetPort") or text(at, "port")
        selector = {} if service.alias else service.selector
        pairs = frozenset((*selector.items(), *subset.items())) if selector else frozenset()
        key = (namespace, pairs, _arrives(at), target)
        if key not in self._behind:
            # No pod has two values for one key.
            chosen = self._chosen.of(namespace, dict(pairs)) if len(dict(pairs)) == len(pairs) else []
            self._behind[key] = Behind(self._pods_of(each, _arrives(at), target) for each in chosen)
        return self._behind[key]

    def _pods_of(self, workload: Workload, arrives: int | str, target: str) -> Pods:
        item = workload.item
        port = workload.ports.get(arrives, 0) if isinstance(arrives, str) else arrives
        container = workload.argocd_server()
        found = argocd_server(container, self.objects) if container else None
        mesh = self.mesh.membership(workload)
        certificate = None
        kept_by, kept_at = kept(workload, port)
        if found and found.tls:
            certificate = Certificate("argocd-server", "argocd-server-tls", item.namespace)
        return Pods(
            kind=item.kind,
            name=item.title,
            port=port,
            target=target,
            argocd_server=found,
            certificate=certificate,
            mesh=mesh,
            kept_by=kept_by,
            kept_at=kept_at,
            plain=workload.labels.get("security.istio.io/tlsMode") == "disabled",
            inbound=self._protocols(workload, port) if found else (),
            sidecars=self.mesh.sidecars(workload, port) if found else Sidecars(),
            mutual_tls=self.policies.mutual_tls(workload, port) if found else None,
            authorizations=self.policies.authorizations(workload, port) if found else Authorizations(),
            strict=self.policies.strict(item.namespace) if found and mesh == "none" else (),
            closed=self.policies.closed(item.namespace) if found and mesh == "ambient" else (),
            networks=self.policies.networks(workload) if found else Networks(),
            place=Place(item),
        )

    def _protocols(self, workload: Workload, port: int) -> tuple[str, ...]:
        """The protocols of all Service ports that lead to a port of the pods."""
        targets: list[int | str] = [port, *(name for name, own in workload.ports.items() if own == port)]
        selecting = self._inbound.of(workload.item.namespace, workload.labels)
        return tuple(sorted({each for one in selecting for target in targets for each in one.get(target, ())}))


# The other Services of argocd-server: upstream's, and those of the modes that route gRPC.
_OTHERS = ("argocd-server-metrics", "argocd-server-grpc")


def _parts(services: Iterable[Object]) -> Iterator[tuple[tuple[str, str], str]]:
    """For each name that a prefix or suffix of kustomize would change into an argocd-server's: that name.

    Helm's charts begin names with that of the release.
    """
    for item in services:
        namespace, name = item.namespace, item.name
        words = name.split("-")
        if "argocd-server" not in name or len(words) > 8 or name in _OTHERS:
            continue
        if labels(item.node, "metadata", "labels").get("app.kubernetes.io/managed-by") == "Helm":
            continue
        for at in range(1, len(words)):
            for part in ("-".join(words[at:]), "-".join(words[:at])):
                if "argocd-server" in part:
                    yield (namespace, part), name


def _by_hand(objects: Objects) -> Iterator[tuple[str, str]]:
    """The Services, by namespace and name, whose endpoints are in these files."""
    for item in objects.of("discovery.k8s.io", "EndpointSlice"):
        yield item.namespace, text(item.node, "metadata", "labels", "kubernetes.io/service-name")
    for item in objects.of(CORE, "Endpoints"):
        yield item.namespace, item.name


_Targets = dict[int | str, set[str]]
"""For each port of pods, by number or name: the protocols of the Service ports that lead there."""


def _inbound(services: Iterable[_Service]) -> Iterator[tuple[str, Mapping[str, str], _Targets]]:
    """For each namespace and selector: what all Services with that selector declare."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], tuple[str, Mapping[str, str], _Targets]] = {}
    for service in services:
        namespace, selector = service.item.namespace, service.selector
        _, _, targets = found.setdefault((namespace, frozenset(selector.items())), (namespace, selector, {}))
        for at in items(service.item.spec, "ports"):
            targets.setdefault(_arrives(at), set()).add(_protocol(at))
    yield from found.values()


def _arrives(at: Node) -> int | str:
    """The number or name of the pods' port that a Service port leads to."""
    target = text(at, "targetPort")
    if not target:
        return number(at, "port")
    return number(at, "targetPort") if target.isdigit() else target


def _protocol(at: Node) -> str:
    return istio.protocol(text(at, "name"), text(at, "appProtocol"), text(at, "protocol") or "TCP", number(at, "port"))


def _exported(service: Object, client: str) -> bool | None:
    """Whether a Service is visible to the gateway's pods, by its annotation."""
    stated = text(service.node, "metadata", "annotations", EXPORT_TO)
    return istio.sees([each.strip() for each in stated.split(",")] if stated else [], service.namespace, client)


class _Effective:
    """The combined policy of a DestinationRule's levels for a port. The first level that states a field counts."""

    def __init__(self, rule: Object | None = None, levels: list[Place] | None = None) -> None:
        self.rule, self.levels = rule, levels or []
        self._tls = next((level for level in self.levels if _is_backend(level.object) or level.node.find("tls")), None)
        self.tls = text(self._tls.node, "tls", "mode") if self._tls else ""
        if self._tls and _is_backend(self._tls.object):
            self.rule, self.tls = self._tls.object, "SIMPLE"

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

    def fact(self, client: str) -> Policy | None:
        if self.rule is None:
            return None
        place = self._tls.at("tls") if self._tls else Place(self.rule)
        verifies: Verifies = ""
        if _is_backend(self.rule):
            verifies = backend_tls.verifies(self.rule)
        elif self.tls in ("SIMPLE", "MUTUAL"):
            given = text(place.node, "caCertificates") or text(place.node, "credentialName")
            verifies = "a given CA" if given else "the system's CAs"
            verifies = "nothing" if is_true(place.node, "insecureSkipVerify") else verifies
        seen = True if _is_backend(self.rule) else istio.sees(_export_to(self.rule), self.rule.namespace, client)
        named = _is_backend(self.rule) or bool(texts(place.node, "subjectAltNames") or text(place.node, "sni"))
        host = text(self.rule.spec, "host")
        return Policy(self.rule.kind, self.rule.title, host, self.tls, verifies, seen, place, named)


def _export_to(rule: Object) -> list[str]:
    """The namespaces a DestinationRule is visible in; with a workloadSelector only its own."""
    return ["."] if labels(rule.spec, "workloadSelector", "matchLabels") else texts(rule.spec, "exportTo")


class _Rules:
    """The DestinationRules by the namespace that looks for them and their host."""

    def __init__(self, objects: Objects) -> None:
        self._own: dict[str, Hosts[Object]] = {}
        self._exported: dict[str, Hosts[Object]] = {}
        self._merged: dict[tuple[str, str, str], tuple[_Merged, _Merged]] = {}
        self._root: Hosts[Object] = Hosts()
        for rule in objects.of(ISTIO, "DestinationRule"):
            export_to = _export_to(rule)
            host = istio.full(text(rule.spec, "host"), rule.namespace)
            named = {rule.namespace if each == "." else each for each in export_to}
            if not named or named & {"*", rule.namespace}:
                self._own.setdefault(rule.namespace, Hosts()).add(host, rule)
            if named != {rule.namespace}:
                self._exported.setdefault(rule.namespace, Hosts()).add(host, rule)
            elif rule.namespace == istio.ROOT:
                self._root.add(host, rule)
        # Istio converts a BackendTLSPolicy to a DestinationRule in its namespace, visible everywhere.
        for policy in backend_tls.policies(objects):
            for name in dict.fromkeys(text(target, "name") for target in backend_tls.targets(policy)):
                for index in (self._own, self._exported):
                    index.setdefault(policy.namespace, Hosts()).add(istio.full(name, policy.namespace), policy)

    def find(
        self, host: str, owner: str, client: str, port: int, section: str, subset: str
    ) -> tuple[_Effective, Policy | None, dict[str, str] | None]:
        """The rules for a host and a gateway in `client`; a rule hidden from it; the labels of the subset.

        The labels are None if the subset does not exist.
        The lookup goes through the namespaces of client and Service, then the root namespace.
        """
        key = (host, owner, client)
        if key not in self._merged:
            rules = self._seen(*key)
            unseen = self._own[owner].narrowest(host) if not rules and owner in self._own else []
            self._merged[key] = _Merged(rules, host), _Merged(unseen, host)
        merged, hidden = self._merged[key]
        found, unused = merged.effective(port, section, subset), hidden.effective(port, section, "")
        return found, unused.fact(client), merged.labels.get(subset) if subset else {}

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


class _Merged:
    """The rules for one host: the first with a policy counts, and each one's subsets.

    BackendTLSPolicies apply to the rest: `mergeBackendPolicyTrafficPolicy` in `pilot/pkg/model/destination_rule.go`.
    """

    def __init__(self, found: list[Object], host: str) -> None:
        rules = [rule for rule in found if not _is_backend(rule)]
        self.sections: dict[str, Place] = {}
        """The BackendTLSPolicy for each port by name, under "" the one for all."""
        for policy in sorted(filter(_is_backend, found), key=lambda each: each.name):
            for target in backend_tls.targets(policy):
                if istio.full(text(target, "name"), policy.namespace) == host:
                    place = Place(policy).at("spec", "validation")
                    self.sections.setdefault(text(target, "sectionName"), place)
        self.first = next((rule for rule in rules if rule.spec and rule.spec.find("trafficPolicy")), None)
        self.rule = self.first or (rules[0] if rules else None)
        self.subsets: dict[str, Place] = {}
        self.labels: dict[str, dict[str, str]] = {}
        for rule in rules:
            for index, each in enumerate(items(rule.spec, "subsets")):
                self.labels.setdefault(text(each, "name"), labels(each, "labels"))
                self.subsets.setdefault(text(each, "name"), Place(rule).at("spec", "subsets", index, "trafficPolicy"))

    def effective(self, port: int, section: str, subset: str) -> _Effective:
        """The policy for a port: the subset's before the general one, one for the port before one for the host."""
        levels: list[Place] = []
        if subset and subset in self.subsets:
            levels.append(_level(self.subsets[subset], port))
        policy = Place(self.first).at("spec", "trafficPolicy") if self.first else None
        own = _level(policy, port) if policy else None
        at_port = self.sections.get(section) if section else None
        for_all = self.sections.get("")
        order = (own, at_port) if own is not policy else (at_port, own, for_all)
        levels += [level for level in order if level]
        return _Effective(self.rule, levels)


def _is_backend(rule: Object) -> bool:
    return rule.kind == "BackendTLSPolicy"


def _level(policy: Place, port: int) -> Place:
    """A policy for the port replaces the one for the host."""
    for index, each in enumerate(items(policy.node, "portLevelSettings")):
        if number(each, "port", "number") == port:
            return policy.at("portLevelSettings", index)
    return policy
