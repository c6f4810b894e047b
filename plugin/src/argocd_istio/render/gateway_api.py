"""The ways through Gateways of the Gateway API: which listener admits which route, and where the rules lead.

Sources: `pilot/pkg/config/kube/gateway/conversion.go` of Istio; the order of rules is that of the API's own documents.
"""

from __future__ import annotations

from typing import Literal

from argocd_istio.render import istio, paths
from argocd_istio.render.balancers import Balancers
from argocd_istio.render.destinations import Destinations, Named
from argocd_istio.render.gateway_pods import GatewayPods
from argocd_istio.render.grants import Grants
from argocd_istio.render.hosts import Hosts
from argocd_istio.render.install import given
from argocd_istio.render.match import AGENT, GRPC
from argocd_istio.render.model import Certificate, Destination, Hop, Listener, Refused, Route, Rules, Stray, Unrouted
from argocd_istio.render.objects import GATEWAY_API, Object, Objects, Place
from argocd_istio.syntax.nodes import fields, items, labels, number, text, texts
from argocd_istio.syntax.source import Node

_ROUTES = ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute")
_RULES: dict[str, Rules] = dict(zip(_ROUTES, ("http", "http", "tls", "tcp"), strict=True))
_ADMITTED = {"HTTP": _ROUTES[:2], "HTTPS": _ROUTES[:2], "TLS": _ROUTES[2:3], "TCP": _ROUTES[3:]}


class _Listener:
    """A listener of a Gateway, or of a ListenerSet for it; without a node if its object is not in these files."""

    def __init__(
        self, title: str, gateway: Object | None, place: Place, node: Node | None, name: str = "", rules: Rules = "http"
    ) -> None:
        self.title, self.gateway, self.place, self.node = title, gateway, place, node
        self.owner = place.object
        self.name = name or text(node, "name")
        self._rules = rules
        self.port = number(node, "port")
        self.protocol = text(node, "protocol").upper()
        self.host = text(node, "hostname") or "*"
        self.tls = ""
        if self.protocol in ("HTTPS", "TLS"):
            self.tls = "PASSTHROUGH" if text(node, "tls", "mode") == "Passthrough" else "SIMPLE"
        self.routed: Hosts[Object] = Hosts()
        self.refused: Hosts[Object] = Hosts()

    def admits(self, item: Object, namespaces: dict[str, Object]) -> bool | None:
        """Whether routes of this kind and namespace are admitted; None if unknown."""
        if self.node is None:
            return True
        kinds = [text(each, "kind") for each in items(self.node, "allowedRoutes", "kinds")]
        # After TLS ends at the gateway, only bytes remain.
        admitted = (*_ADMITTED.get(self.protocol, ()), *(["TCPRoute"] if self.rules == "tcp" else []))
        if item.kind not in (kinds or admitted):
            return False
        return _from(self.node.find("allowedRoutes"), "Same", self.owner, item, namespaces)

    @property
    def rules(self) -> Rules:
        """The part of a request that routes can match."""
        if self.node is None:
            return self._rules
        return "tls" if self.tls == "PASSTHROUGH" else "tcp" if self.protocol in ("TCP", "TLS") else "http"


def _admits(gateway: Object, listener_set: Object, namespaces: dict[str, Object]) -> bool | None:
    """Whether a Gateway admits the listeners of a ListenerSet; by default it does not."""
    allowed = gateway.spec.find("allowedListeners") if gateway.spec else None
    return _from(allowed, "None", gateway, listener_set, namespaces)


def _from(allowed: Node | None, default: str, home: Object, item: Object, namespaces: dict[str, Object]) -> bool | None:
    """Whether the namespaces that `home` allows include that of an object; None if unknown."""
    origin = text(allowed, "namespaces", "from") or default
    if origin == "Selector":
        selector = labels(allowed, "namespaces", "selector", "matchLabels")
        namespace = namespaces.get(item.namespace)
        if namespace is None or items(allowed, "namespaces", "selector", "matchExpressions"):
            return None
        own = {"kubernetes.io/metadata.name": item.namespace, **labels(namespace.node, "metadata", "labels")}
        return selector.items() <= own.items()
    return origin == "All" or (origin == "Same" and item.namespace == home.namespace)


_Elsewhere = tuple[str, str, str, Rules]
"""A listener outside these files: kind and title of its object, its name or port, and what its routes match."""
_Parents = dict[tuple[str, int], Hosts[_Listener]]
"""The ways to refer to a listener: by name, by port, by both or by neither."""


class GatewayApi:
    """Gateways and routes of the Gateway API."""

    def __init__(self, objects: Objects, destinations: Destinations, pods: GatewayPods, balancers: Balancers) -> None:
        self.objects, self.destinations, self.pods, self.balancers = objects, destinations, pods, balancers
        self.strays: list[Stray] = []
        self.refused: list[Refused] = []
        self._grants = Grants(objects)
        self._secrets = {(each.namespace, each.name) for each in given(objects)}
        self._routes: dict[tuple[int, tuple[int, ...]], tuple[Route, ...]] = {}
        self._namespaces = {item.name: item for item in objects.of("", "Namespace")}
        self._listeners: list[_Listener] = []
        self._closed: set[tuple[str, str]] = set()
        """The ListenerSets that open no port; routes that refer to them lead nowhere."""
        here: dict[tuple[str, str], _Parents] = {}
        self._named: dict[str, list[str]] = {}
        for gateway in objects.of(GATEWAY_API, "Gateway"):
            here["Gateway", gateway.title] = self._parents(gateway, gateway.title, gateway)
            self._named.setdefault(gateway.name, []).append(gateway.title)
        for item in objects.of(GATEWAY_API, "ListenerSet"):
            owner = text(item.spec, "parentRef", "namespace") or item.namespace
            name = text(item.spec, "parentRef", "name")
            gate = objects.one(GATEWAY_API, "Gateway", owner, name)
            if gate and _admits(gate, item, self._namespaces) is False:
                self.refused.append(Refused(item.title, gate.title, Place(item).at("spec", "parentRef")))
                self._closed.add(("ListenerSet", item.title))
            else:
                here["ListenerSet", item.title] = self._parents(item, f"{owner}/{name}", gate)
        elsewhere: dict[_Elsewhere, _Listener] = {}
        for kind in _ROUTES:
            for item in objects.of(GATEWAY_API, kind):
                self._bind(item, here, elsewhere)
        self._listeners += elsewhere.values()

    def _parents(self, item: Object, title: str, gateway: Object | None) -> _Parents:
        """The listeners of a Gateway or ListenerSet, which are on the pods of this Gateway."""
        parents: _Parents = {}
        for at, node in enumerate(items(item.spec, "listeners")):
            listener = _Listener(title, gateway, Place(item).at("spec", "listeners", at), node)
            self._listeners.append(listener)
            for key in {(name, port) for name in ("", listener.name) for port in (0, listener.port)}:
                parents.setdefault(key, Hosts()).add(listener.host, listener)
        return parents

    def _bind(
        self,
        item: Object,
        here: dict[tuple[str, str], _Parents],
        elsewhere: dict[_Elsewhere, _Listener],
    ) -> None:
        """Register the listeners of a route and the hosts that they accept."""
        hosts = list(dict.fromkeys(texts(item.spec, "hostnames") or ["*"]))
        noted: set[tuple[int, str]] = set()
        unmet = dict.fromkeys(hosts)
        """The hosts that no parent takes; empty if a parent is not known."""
        for at, parent in enumerate(items(item.spec, "parentRefs")):
            kind = text(parent, "kind") or "Gateway"
            if kind not in ("Gateway", "ListenerSet"):
                unmet = {}
                continue
            title = f"{text(parent, 'namespace') or item.namespace}/{text(parent, 'name')}"
            key = kind, title
            if key in self._closed:
                unmet = {}
                continue
            section, port = text(parent, "sectionName"), number(parent, "port")
            forgotten = [] if text(parent, "namespace") or key in here else self._named.get(text(parent, "name"), [])
            if forgotten and kind == "Gateway":
                place = Place(item).at("spec", "parentRefs", at)
                self.strays.append(Stray(item.kind, item.title, "", "", False, place, forgotten[0]))
                continue
            if key not in here:
                written = title if kind == "Gateway" else f"of {kind} {title}"
                name, rules = section or (f"port {port}" if port else ""), _RULES[item.kind]
                listener = _Listener(written, None, Place(item), None, name, rules)
                listener = elsewhere.setdefault((*key, name, rules), listener)
                for host in hosts:
                    listener.routed.add(host, item)
                unmet = {}
                continue
            named = here[key].get((section, port))
            met = [host for host in hosts if named and self._meets(item, host, named, noted)]
            unmet = {host: None for host in unmet if host not in met}
            place = Place(item).at("spec", "parentRefs", at)
            if named is None:
                self.strays.append(Stray(item.kind, item.title, "", section or f"port {port}", False, place))
            elif not met:
                self.strays.append(Stray(item.kind, item.title, ", ".join(hosts), "", False, place))
        for host in unmet if len(unmet) < len(hosts) else ():
            place = Place(item).at("spec", "hostnames", texts(item.spec, "hostnames").index(host))
            self.strays.append(Stray(item.kind, item.title, host, "", True, place))

    def _meets(self, item: Object, host: str, named: Hosts[_Listener], noted: set[tuple[int, str]]) -> bool:
        """Whether a listener accepts a part of a host; registers that part once."""
        met = False
        for common, name in named.common(host):
            for listener in named.at(name):
                met = True
                if (id(listener), common) not in noted:
                    noted.add((id(listener), common))
                    admitted = listener.admits(item, self._namespaces) is not False
                    (listener.routed if admitted else listener.refused).add(common, item)
        return met

    def listeners(self) -> list[tuple[str, Listener]]:
        """Every (host, listener that accepts it)."""
        found = []
        for listener in self._listeners:
            for host in [*listener.routed] or [listener.host]:
                found.append((host, self._listener(listener, host)))
        return found

    def _listener(self, found: _Listener, host: str) -> Listener:
        owners = found.routed.narrowest(host)
        key = (id(found), tuple(map(id, owners)))
        if key not in self._routes:
            routes = [route for item in owners for route in self._rules(found, item)]
            self._routes[key] = tuple(_ordered(routes))
        unrouted: Unrouted = "" if self._routes[key] else "no route"
        candidate = ""
        for _, name in found.refused.common(host) if unrouted else ():
            unrouted, candidate = "not admitted", str(found.refused.at(name)[0])
        selector = {"gateway.networking.k8s.io/gateway-name": found.title.partition("/")[2]}
        certificates = self._certificates(found)
        redirect = _redirect(self._routes[key])
        return Listener(
            api="Gateway API",
            gateway=found.title,
            here=found.node is not None,
            selector=tuple(f"{name}={value}" for name, value in selector.items()) if found.gateway else (),
            namespace=_client(found),
            port=found.port,
            protocol=found.protocol,
            tls=found.tls,
            tls_before=self.balancers.ended(selector, found.port),
            rules=found.rules,
            redirect=redirect,
            confined="",
            # One readable certificate is enough.
            certificate=next((each for each in certificates if each.granted), next(iter(certificates), None)),
            routes=() if redirect else self._routes[key],
            unrouted=unrouted,
            candidate=candidate,
            listener_set=found.owner.title if found.owner.kind == "ListenerSet" else "",
            place=found.place,
            name="" if found.node else found.name,
            open=text(found.node, "allowedRoutes", "namespaces", "from") == "All" and not found.host.startswith("*"),
        )

    def _certificates(self, found: _Listener) -> list[Certificate]:
        certificates = []
        for each in items(found.node, "tls", "certificateRefs") if found.tls == "SIMPLE" else ():
            home, name = found.owner, text(each, "name")
            owner = text(each, "namespace") or home.namespace
            granted = self._grants.allow(home.kind, home.namespace, "Secret", owner, name)
            known = (owner, name) in self._secrets
            certificates.append(Certificate("gateway", name, owner, granted=granted or (False if known else None)))
        return certificates

    def _rules(self, found: _Listener, item: Object) -> list[Route]:
        routes = []
        for at, rule in enumerate(items(item.spec, "rules")):
            # The API orders each alternative; here the alternatives of one rule stay together.
            conditions = items(rule, "matches")
            words = tuple(_words(each, item.kind) for each in conditions)
            if item.kind == "TLSRoute" and items(item.spec, "hostnames"):
                words = ("SNI is the host",)
            routes.append(self._route(found, item, Place(item).at("spec", "rules", at), words, conditions))
        return routes

    def _route(
        self, found: _Listener, item: Object, place: Place, words: tuple[str, ...], conditions: list[Node]
    ) -> Route:
        rule = place.node
        answer = _answer(rule)
        backends = [] if answer else items(rule, "backendRefs")
        several = len(backends) > 1
        rewrite, moved = paths.gateway_api(rule, conditions)
        return Route(
            kind=item.kind,
            owner=item.title,
            name=text(rule, "name"),
            match=words if all(words) else (),
            paths=(),
            grpc=_grpc(conditions) or ("wanted" if item.kind == "GRPCRoute" else ""),
            answer=answer,
            redirect=answer.partition(" to ")[2].startswith("https"),
            continues="",
            rewrite=rewrite,
            moved=moved,
            timeout=text(rule, "timeouts", "request") or text(rule, "timeouts", "backendRequest"),
            reached=True,
            seen=True,
            only_own=False,
            destinations=tuple(
                self._destination(found, item, place.at("backendRefs", at), several) for at in range(len(backends))
            ),
            place=place,
            hosts=tuple(texts(item.spec, "hostnames")),
            hsts=any(
                map(_hsts, [*items(rule, "filters"), *(own for each in backends for own in items(each, "filters"))])
            ),
            by_path=bool(conditions) and all(set(fields(each)) <= {"path"} for each in conditions),
            attempts=number(rule, "retry", "attempts"),
            retry_on=",".join(texts(rule, "retry", "codes")),
        )

    def _destination(self, found: _Listener, item: Object, place: Place, several: bool) -> Destination:
        entry = place.node
        http = item.kind in ("HTTPRoute", "GRPCRoute")
        hop: Hop = "clear text"
        if not http and found.tls != "SIMPLE":
            hop = "the client's TLS" if item.kind == "TLSRoute" else "the client's bytes"
        owner = text(entry, "namespace") or item.namespace
        name = text(entry, "name")
        named = Named(
            istio.full(name, owner) if "." not in name else "",
            item.namespace,
            _client(found),
            hop,
            http=http,
            port=number(entry, "port"),
            listener_port=found.port,
            subset="",
        )
        weight = (number(entry, "weight") if text(entry, "weight") else 1) if several else None
        granted = self._grants.allow(item.kind, item.namespace, "Service", owner, name)
        return self.destinations.find(named, place, weight=weight, granted=granted)


def _hsts(each: Node) -> bool:
    """Whether a filter adds Strict-Transport-Security to responses."""
    added = (header for how in ("set", "add") for header in items(each, "responseHeaderModifier", how))
    return any(text(header, "name").lower() == "strict-transport-security" for header in added)


def _client(found: _Listener) -> str:
    """The namespace of the Gateway's pods; empty if it is not known."""
    namespace, slash, _ = found.title.partition("/")
    return namespace if slash and " " not in namespace else ""


def _redirect(routes: tuple[Route, ...]) -> str:
    """The status code if everything is redirected to https at the same host, else empty."""
    answers = {route.answer for route in routes}
    code, _, target = answers.pop().partition(" to ") if len(answers) == 1 else ("", "", "")
    return code if target == "https" else ""


def _answer(rule: Node) -> str:
    """The gateway's own answer instead of forwarding the request."""
    for each in items(rule, "filters"):
        if text(each, "type") == "RequestRedirect":
            code = text(each, "requestRedirect", "statusCode") or "302"
            scheme, host = text(each, "requestRedirect", "scheme"), text(each, "requestRedirect", "hostname")
            path = text(each, "requestRedirect", "path", "replaceFullPath")
            return f"{code} to {f'{scheme}://{host}'.removesuffix('://') if scheme else host}{path}"
    return ""


def _words(condition: Node, kind: str) -> str:
    """One match of a rule; empty if it takes everything."""
    words = []
    path = text(condition, "path", "value")
    exact = text(condition, "path", "type") == "Exact"
    if path and (path != "/" or exact):
        verb = {"Exact": "is", "RegularExpression": "matches"}.get(text(condition, "path", "type"), "begins with")
        words.append(f"path {verb} {path}")
    method = text(condition, "method")
    if method:
        words.append(f"method is {method}")
    service, call = text(condition, "method", "service"), text(condition, "method", "method")
    if kind == "GRPCRoute" and (service or call):
        words.append(f"gRPC method is {service or '*'}/{call or '*'}")
    for key, prefix in (("headers", ""), ("queryParams", "query parameter ")):
        for each in items(condition, key):
            verb = "matches" if text(each, "type") == "RegularExpression" else "is"
            words.append(f"{prefix}{text(each, 'name')} {verb} {text(each, 'value')}")
    return " and ".join(words)


def _grpc(conditions: list[Node]) -> Literal["", "only", "wanted"]:
    """Which gRPC requests the alternatives match; see `match.grpc`."""
    only = [False]
    wanted = False
    for condition in conditions:
        headers = {text(each, "name").lower(): each for each in items(condition, "headers")}
        kind, agent = headers.get("content-type"), headers.get("user-agent")
        exact = text(kind, "type") in ("", "Exact") and text(kind, "value") == GRPC
        only.append(exact)
        wanted = wanted or GRPC in text(kind, "value") or AGENT in text(agent, "value")
    return "only" if conditions and all(only[1:]) else "wanted" if wanted else ""


def _ordered(routes: list[Route]) -> list[Route]:
    """Rules with conditions before those that match everything; the API orders by precision."""
    return sorted(routes, key=lambda route: (not route.match, -max(map(len, route.match), default=0)))
