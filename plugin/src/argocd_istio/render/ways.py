"""From the objects of a render to the ways that requests take through Istio's Gateways and VirtualServices.

It follows istiod: which server of a Gateway accepts a host, which VirtualServices may route it and are visible to the
gateway's pods, and the order of the routes.
Sources: `pilot/pkg/networking/core/gateway.go`, `route/route.go` and `pilot/pkg/model/push_context.go` of Istio.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace

from argocd_istio.render import binding, components, istio, match, paths
from argocd_istio.render.backend_tls import tls_policies
from argocd_istio.render.balancers import Balancers
from argocd_istio.render.destinations import Destinations, Named
from argocd_istio.render.edges import edges
from argocd_istio.render.gateway_api import GatewayApi
from argocd_istio.render.gateway_pods import GatewayPods
from argocd_istio.render.hosts import Hosts, covers
from argocd_istio.render.install import install
from argocd_istio.render.model import (
    HTTP,
    UNSTATED,
    Certificate,
    Destination,
    Facts,
    ForeignSni,
    Hop,
    Listener,
    Route,
    Rules,
    Stated,
    Stray,
    TlsSettings,
    Unrouted,
    Way,
)
from argocd_istio.render.objects import ISTIO, Object, Objects, Place
from argocd_istio.render.parts import Beside
from argocd_istio.syntax.nodes import fields, is_true, items, labels, number, text, texts
from argocd_istio.syntax.source import Node

Routes = tuple[Route, ...]
Rule = tuple[int, Object, Place]
"""A rule of a VirtualService, and its position in the order of evaluation."""


def facts(
    objects: Objects,
    gateway_namespace: str = "",
    otherwise: str = "",
    *,
    tls_before_gateway: bool = False,
    stated: Stated = UNSTATED,
) -> Facts:
    """Every way through every Gateway of a render, and through Gateways that only its routes refer to.

    `gateway_namespace` is the namespace of the gateways' pods; `otherwise` is the default if neither that nor a
    workload of the render shows it. Both may be empty (unknown). `tls_before_gateway`: TLS ends before all gateways.
    """
    destinations = Destinations(objects, stated.mesh)
    pods = GatewayPods(destinations.workloads, gateway_namespace, otherwise)
    balancers = Balancers(objects, tls_before_gateway)
    mesh = _Istio(objects, destinations, pods, balancers)
    api = GatewayApi(objects, destinations, pods, balancers)
    hosts: dict[str, list[Listener]] = {}
    for host, listener in (*mesh.listeners(), *api.listeners()):
        hosts.setdefault(host, []).append(listener)
    ways: dict[tuple[int, ...], tuple[tuple[Listener, ...], list[str]]] = {}
    known = _Known()
    for host, found in hosts.items():
        listeners = tuple(map(known.one, found))
        ways.setdefault(tuple(map(id, listeners)), (listeners, []))[1].append(host)
    listeners = tuple(each for found, _ in ways.values() for each in found)
    return Facts(
        objects.file,
        gateway_namespace or otherwise,
        tuple(Way(tuple(named), listeners) for listeners, named in ways.values()),
        (*mesh.strays, *api.strays),
        tuple(Place(item) for item in objects.of(ISTIO, "Gateway") if not items(item.spec, "servers")),
        install(objects, destinations.workloads),
        tuple(api.refused),
        tuple(tls_policies(objects, {item.namespace for item in destinations.argocd_servers})),
        stated,
        tuple(_foreign_snis(objects)),
        _beside(objects, destinations),
        edges(objects, destinations.workloads, listeners),
    )


def _beside(objects: Objects, destinations: Destinations) -> Beside:
    found = tuple(components.components(objects, destinations.workloads, destinations.mesh, destinations.policies))
    homes = frozenset(item.namespace for item in destinations.argocd_servers)
    return Beside(
        components=found,
        keys=tuple(components.keys(objects)),
        guards=tuple(components.guards(objects, destinations.workloads)),
        doors=tuple(components.doors(objects, destinations.workloads)),
        wide=tuple(components.wide(objects, found)),
        injections=tuple(components.injections(objects)),
        projects=tuple(components.projects(objects)),
        crds=tuple(components.crds(objects)),
        old=tuple(binding.old(objects)),
        unplaced=tuple(binding.unplaced(objects)),
        doubled=tuple(binding.doubled(objects)),
        scoped=tuple(binding.scoped(objects)),
        bound=tuple(binding.bound(objects, destinations)),
        unresolved=tuple(binding.unresolved(objects, homes)),
        idle=tuple(components.idle(objects, destinations.workloads)),
        of_hosts=tuple(components.of_hosts(objects, destinations.workloads)),
        namespaces=components.namespaces(objects),
        cni=components.has_cni(objects),
    )


def _foreign_snis(objects: Objects) -> Iterator[ForeignSni]:
    for item in objects.of(ISTIO, "VirtualService"):
        hosts: Hosts[bool] = Hosts()
        for host in texts(item.spec, "hosts"):
            hosts.add(host, True)
        for at, rule in enumerate(items(item.spec, "tls")):
            for which, condition in enumerate(items(rule, "match")):
                for index, sni in enumerate(texts(condition, "sniHosts")):
                    if not any(True for _ in hosts.wider(sni)):
                        place = Place(item).at("spec", "tls", at, "match", which, "sniHosts", index)
                        yield ForeignSni(item.title, sni, place)


class _Known:
    """Keeps one of all equal listeners, and compares the routes of a listener only once for all its hosts."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[Routes, int]] = {}
        self._numbers: dict[Routes, int] = {}
        self._listeners: dict[tuple[Listener, int], Listener] = {}

    def one(self, listener: Listener) -> Listener:
        routes = listener.routes
        if id(routes) not in self._seen:
            self._seen[id(routes)] = routes, self._numbers.setdefault(routes, len(self._numbers))
        return self._listeners.setdefault((replace(listener, routes=()), self._seen[id(routes)][1]), listener)


class _Server:
    """A server of a Gateway, and the VirtualServices for each of its hosts.

    A server without a node is for a Gateway outside these files: only the rules of its routes are known.
    """

    def __init__(
        self, title: str, gateway: Object | None, node: Node | None, place: Place, rules: Rules | None = None
    ) -> None:
        self.title, self.gateway, self.node, self.place = title, gateway, node, place
        self.port = number(node, "port", "number")
        self.protocol = text(node, "port", "protocol").upper()
        # Envoy does not redirect a request that came in through TLS.
        self.redirect = "301" if self.protocol in HTTP and is_true(node, "tls", "httpsRedirect") else ""
        # The default mode of a tls block is PASSTHROUGH; on an HTTP port only its httpsRedirect counts.
        mode = (text(node, "tls", "mode") or "PASSTHROUGH") if fields(node, "tls") else ""
        self.tls = "" if self.protocol in HTTP else mode
        self.rules = rules or self._rules()
        self.tls_before = False
        """Whether TLS ends before it."""
        self.clear = False
        """Whether its Gateway ends no TLS, so that something before it may."""
        self.scopes: dict[str, str] = {}
        """For each host the namespace whose VirtualServices may route it, "*" for any."""
        for host in texts(node, "hosts"):
            scope, slash, bare = host.partition("/")
            namespace = title.partition("/")[0]
            self.scopes[bare if slash else host] = (namespace if scope == "." else scope) if slash else "*"
        self.hosts = tuple(host.partition("/")[2] or host for host in texts(node, "hosts"))
        self.routed: Hosts[Object] = Hosts()
        self.refused: Hosts[Object] = Hosts()
        self.unseen: Hosts[Object] = Hosts()

    def _rules(self) -> Rules:
        if self.protocol in HTTP or (self.protocol == "HTTPS" and not self.passes_through):
            return "http"
        return "tls" if self.passes_through else "tcp"

    @property
    def passes_through(self) -> bool:
        return self.tls in ("PASSTHROUGH", "AUTO_PASSTHROUGH")

    def scope(self, host: str) -> str:
        """The namespace whose VirtualServices may route a host, by its narrowest name here; "*" for any."""
        labels = host.split(".")
        wider = (".".join(["*", *labels[at:]]) for at in range(1, len(labels) + 1))
        return next((self.scopes[name] for name in (host, *wider) if name in self.scopes), "*")

    @property
    def forwarded(self) -> str:
        """The x-forwarded-proto of its requests, "" if unknown: a load balancer may state that of its clients."""
        if self.protocol in HTTP:
            return "" if self.tls_before or self.clear else "http"
        return "https" if self.protocol == "HTTPS" and self.rules == "http" else ""

    def named(self) -> Iterable[str]:
        """The hosts of this server and of its VirtualServices, routed or not."""
        return dict.fromkeys([*self.scopes, *self.routed, *self.refused, *self.unseen])

    def shown(self) -> list[str]:
        """The hosts to draw: routed hosts, and hosts without any route."""
        lost = [host for host in self.scopes if host not in self.routed and not self.routed.common(host)]
        shut = dict.fromkeys(host for host in (*self.refused, *self.unseen) if not self.routed.wider(host))
        return [*self.routed, *lost, *(host for host in shut if not any(covers(each, host) for each in lost))]


class _Istio:
    """Istio's Gateways and VirtualServices."""

    def __init__(self, objects: Objects, destinations: Destinations, pods: GatewayPods, balancers: Balancers) -> None:
        self.objects, self.destinations, self.pods = objects, destinations, pods
        self.strays: list[Stray] = []
        self._routes: dict[Hashable, Routes] = {}
        self._by_sni: dict[Hashable, Hosts[Rule]] = {}
        self._hosts: dict[int, tuple[str, ...]] = {}
        self.servers: list[_Server] = []
        here: dict[str, Hosts[_Server]] = {}
        for gateway in objects.of(ISTIO, "Gateway"):
            index = here.setdefault(gateway.title, Hosts())
            marked = balancers.marked(gateway)
            protocols = {text(node, "port", "protocol").upper() for node in items(gateway.spec, "servers")}
            clear = protocols <= set(HTTP)
            for at, node in enumerate(items(gateway.spec, "servers")):
                server = _Server(gateway.title, gateway, node, Place(gateway).at("spec", "servers", at))
                server.tls_before = marked or balancers.ended(labels(gateway.spec, "selector"), server.port)
                server.clear = clear
                self.servers.append(server)
                for host in server.scopes:
                    index.add(host, server)
        elsewhere: dict[tuple[str, str], _Server] = {}
        for item in objects.of(ISTIO, "VirtualService"):
            named = dict.fromkeys(istio.gateway(name, item.namespace) for name in _gateways(item))
            for title in named:
                if title not in here:
                    self._elsewhere(title, item, elsewhere)
            self._bind(item, [here[title] for title in named if title in here], all(title in here for title in named))
        self.servers += elsewhere.values()
        self._order = {id(server): at for at, server in enumerate(self.servers)}
        self._naming: dict[str, list[_Server]] = {}
        """The servers for a host that a Gateway or VirtualService states."""
        self._first: Hosts[dict[int, _Server]] = Hosts()
        """For each host of a Gateway the first server at each port."""
        for server in self.servers:
            for host in server.named():
                self._naming.setdefault(host, []).append(server)
            for host in server.scopes:
                if host not in self._first:
                    self._first.add(host, {})
                self._first.at(host)[0].setdefault(server.port, server)

    def _elsewhere(self, title: str, item: Object, elsewhere: dict[tuple[str, str], _Server]) -> None:
        kinds: tuple[Rules, ...] = ("http", "tls", "tcp")
        for rules in kinds:
            if items(item.spec, rules):
                server = elsewhere.setdefault((title, rules), _Server(title, None, None, Place(item), rules))
                for host in texts(item.spec, "hosts"):
                    server.scopes[host] = "*"
                    server.routed.add(host, item)

    def _bind(self, item: Object, gateways: list[Hosts[_Server]], all_here: bool) -> None:
        """Register the servers that a VirtualService routes, host by host."""
        export_to = texts(item.spec, "exportTo")
        lost: list[int] = []
        refused: list[int] = []
        noted: set[tuple[int, str]] = set()
        hosts = texts(item.spec, "hosts")
        for at, host in enumerate(hosts):
            met, admitted = False, False
            for index in gateways:
                for narrower, name in index.common(host):
                    for server in index.at(name):
                        met = True
                        seen = istio.sees(export_to, item.namespace, self._client(server))
                        allowed = server.scopes[name] in ("*", item.namespace)
                        admitted = admitted or allowed
                        found = server.refused if not allowed else server.unseen if seen is False else server.routed
                        if (id(found), narrower) not in noted:
                            noted.add((id(found), narrower))
                            found.add(narrower, item)
            if not admitted:
                (refused if met else lost).append(at)
        if gateways and all_here and any(gateways):
            for at in sorted((*lost, *refused)):
                place, others = Place(item).at("spec", "hosts", at), len(lost) < len(hosts)
                self.strays.append(Stray(item.kind, item.title, hosts[at], "", others, place, refused=at in refused))

    def _client(self, server: _Server) -> str:
        selector = labels(server.gateway.spec, "selector") if server.gateway else {}
        return self.pods.namespace(selector)

    def listeners(self) -> list[tuple[str, Listener]]:
        """Every (host, listener that accepts it)."""
        found = []
        for host in dict.fromkeys(host for server in self.servers for host in server.shown()):
            for server in sorted(self._taking(host), key=lambda each: self._order[id(each)]):
                found.append((host, self._listener(server, host)))
        return found

    def _taking(self, host: str) -> list[_Server]:
        """The servers of a host: those that state it, and at other ports the first with a matching wildcard.

        At one port Istio uses the narrowest name, and of equal names the first.
        """
        taking = list(self._naming[host])
        ports = {server.port for server in taking}
        for name in self._first.wider(host):
            for port, server in self._first.at(name)[0].items():
                if port not in ports:
                    ports.add(port)
                    taking.append(server)
        return taking

    def _listener(self, server: _Server, host: str) -> Listener:
        selector = labels(server.gateway.spec, "selector") if server.gateway else {}
        routes = self._routes_of(server, host)
        unrouted, candidate = self._unrouted(server, host, routes)
        return Listener(
            api="Istio",
            gateway=server.title,
            here=server.gateway is not None,
            selector=tuple(f"{key}={value}" for key, value in selector.items()),
            namespace=self._client(server),
            port=server.port,
            protocol=server.protocol,
            tls=server.tls,
            tls_before=server.tls_before,
            rules=server.rules,
            redirect=server.redirect,
            confined=server.scope(host).removeprefix("*"),
            certificate=self._certificate(server),
            routes=() if server.redirect else routes,
            unrouted=unrouted,
            candidate=candidate,
            listener_set="",
            place=server.place,
            hosts=server.hosts,
            settings=_settings(server),
        )

    def _certificate(self, server: _Server) -> Certificate | None:
        if not server.tls or server.passes_through:
            return None
        secret = text(server.node, "tls", "credentialName")
        secret = secret or next(iter(texts(server.node, "tls", "credentialNames")), "")
        block = server.node.find("tls") if server.node else None
        pairs = (block, *items(block, "tlsCertificates"))
        files = [text(each, "serverCertificate") for each in pairs if text(each, "privateKey")]
        file = next(filter(None, files), "")
        if not secret and not file:
            return None
        return Certificate("gateway", secret, self._client(server), "" if secret else file)

    @staticmethod
    def _unrouted(server: _Server, host: str, routes: Routes) -> tuple[Unrouted, str]:
        """Why a server has no route for a host, and the VirtualService concerned."""
        if routes:
            return "", ""
        found = server.routed.narrowest(host)
        if found:
            there = server.rules != "tls" and any(items(item.spec, server.rules) for item in found)
            return "no match" if there else "no rule", found[0].title
        kinds: tuple[tuple[Hosts[Object], Unrouted], ...] = (
            (server.unseen, "not exported"),
            (server.refused, "not admitted"),
        )
        for index, why in kinds:
            for _, name in index.common(host):
                return why, index.at(name)[0].title
        return "no route", ""

    def _routes_of(self, server: _Server, host: str) -> Routes:
        """The routes for a host, in the order of evaluation."""
        owners = server.routed.narrowest(host)
        # Only these properties of a server matter to its routes.
        kind = (server.title, id(server.gateway), server.port, server.rules, bool(server.tls), tuple(map(id, owners)))
        key = (kind, host if server.rules == "tls" else "")
        if key not in self._routes:
            if server.rules == "http":
                found = self._http(server, owners)
            elif server.rules == "tls":
                if kind not in self._by_sni:
                    self._by_sni[kind] = self._snis(server, owners)
                found = self._tls(server, self._by_sni[kind], host)
            else:
                found = [self._l4(server, item, place, ()) for item, place, _ in self._usable_l4(server, owners)]
            self._routes[key] = tuple(found)
        return self._routes[key]

    def _http(self, server: _Server, owners: list[Object]) -> list[Route]:
        found = [self._http_of(server, item) for item in owners]
        if len(found) < 2:
            return [route for routes in found for route in routes]
        # If several VirtualServices share a host, istiod puts routes that match everything last.
        return [
            route for last in (False, True) for routes in found for route in routes if last is not bool(route.match)
        ]

    def _http_of(self, server: _Server, item: Object) -> list[Route]:
        routes: list[Route] = []
        reached = True
        for at, rule in enumerate(items(item.spec, "http")):
            usable = self._usable(server, item, rule)
            if usable is None:
                continue
            place = Place(item).at("spec", "http", at)
            owner = text(rule, "delegate", "namespace") or item.namespace
            delegate = self.objects.one(ISTIO, "VirtualService", owner, text(rule, "delegate", "name"))
            if delegate and delegate is not item:
                added = self._delegated(server, delegate, usable, reached)
            else:
                added = [self._route(server, item, place, self._words(server, usable), usable, reached)]
            routes += added
            reached = reached and all(route.match for route in added)
        return routes

    def _delegated(self, server: _Server, item: Object, root: list[Node], reached: bool) -> list[Route]:
        """The rules of a delegate, each below the conditions of the root: `pilot/pkg/model/virtualservice.go`."""
        found: list[Route] = []
        above = self._words(server, root)
        first = f"({' or '.join(above)})" if len(above) > 1 else "".join(above)
        for at, rule in enumerate(items(item.spec, "http")):
            usable = self._usable(server, item, rule)
            if usable is not None:
                below = self._words(server, usable)
                words = tuple(f"{first} and {each}" for each in below) if above and below else above or below
                place = Place(item).at("spec", "http", at)
                found.append(self._route(server, item, place, words, usable or root, reached))
                reached = reached and bool(below)
        return found

    def _usable(self, server: _Server, item: Object, rule: Node) -> list[Node] | None:
        """The conditions that can match here, [] for a rule without conditions; None if none can match."""
        conditions = items(rule, "match")
        client = self._client(server)
        usable = [
            each
            for each in conditions
            if match.applies(each, server.title, server.port, item.namespace, client, server.forwarded)
        ]
        return None if conditions and not usable else usable

    def _words(self, server: _Server, conditions: list[Node]) -> tuple[str, ...]:
        words = tuple(match.http(each, server.port, self._client(server), server.forwarded) for each in conditions)
        return words if all(words) else ()

    def _usable_l4(self, server: _Server, owners: list[Object]) -> Iterator[tuple[Object, Place, list[Node]]]:
        """The rules that can match here, each with its conditions that can match."""
        for item in owners:
            for at, rule in enumerate(items(item.spec, server.rules)):
                usable = self._usable(server, item, rule)
                if usable is not None:
                    yield item, Place(item).at("spec", server.rules, at), usable

    def _snis(self, server: _Server, owners: list[Object]) -> Hosts[Rule]:
        """The tls rules by the SNI that they match."""
        found: Hosts[Rule] = Hosts()
        for order, (item, place, usable) in enumerate(self._usable_l4(server, owners)):
            for sni in dict.fromkeys(sni for each in usable for sni in texts(each, "sniHosts")):
                found.add(sni, (order, item, place))
        return found

    def _tls(self, server: _Server, rules: Hosts[Rule], host: str) -> list[Route]:
        found: dict[int, tuple[Object, Place, bool]] = {}
        for name in rules.wider(host):
            taken: set[int] = set()
            for order, item, place in rules.at(name):
                # istiod makes one filter chain of equal names: the first rule of a VirtualService gets it.
                reached = found[order][2] if order in found else id(item) not in taken
                found[order] = item, place, reached
                if not any(map(_narrowed, items(place.node, "match"))):
                    taken.add(id(item))
        return [
            self._l4(server, item, place, ("SNI is the host",), reached)
            for _, (item, place, reached) in sorted(found.items(), key=lambda each: each[0])
        ]

    def _l4(self, server: _Server, item: Object, place: Place, words: tuple[str, ...], reached: bool = True) -> Route:
        return self._route(server, item, place, words, [], reached)

    def _route(
        self,
        server: _Server,
        item: Object,
        place: Place,
        words: tuple[str, ...],
        conditions: list[Node],
        reached: bool,
    ) -> Route:
        rule = place.node
        answer = _answer(rule, item.namespace)
        entries = [] if answer else items(rule, "route")
        client = self._client(server)
        rewrite, moved = paths.istio(rule, conditions)
        return Route(
            kind=item.kind,
            owner=item.title,
            name=text(rule, "name"),
            match=words,
            paths=match.paths(conditions),
            grpc=match.grpc(conditions),
            answer=answer,
            redirect=text(rule, "redirect", "scheme") == "https",
            continues=text(rule, "delegate", "name"),
            rewrite=rewrite,
            moved=moved if server.rules == "http" else (),
            timeout=text(rule, "timeout"),
            reached=reached,
            seen=istio.sees(texts(item.spec, "exportTo"), item.namespace, client),
            only_own=set(texts(item.spec, "exportTo")) in ({"."}, {item.namespace}),
            destinations=tuple(
                self._destination(server, item, place.at("route", at), client) for at in range(len(entries))
            ),
            place=place,
            hosts=self._hosts_of(item),
            hsts=any(map(_hsts, [rule, *items(rule, "route")])),
            by_path=bool(conditions) and all(set(fields(each)) <= {"uri", "name"} for each in conditions),
            attempts=number(rule, "retries", "attempts"),
            retry_on=text(rule, "retries", "retryOn"),
            any_origin=_any_origin(rule),
        )

    def _hosts_of(self, item: Object) -> tuple[str, ...]:
        if id(item) not in self._hosts:
            self._hosts[id(item)] = tuple(texts(item.spec, "hosts"))
        return self._hosts[id(item)]

    def _destination(self, server: _Server, item: Object, place: Place, client: str) -> Destination:
        hop: Hop = "clear text"
        if server.rules == "tls":
            hop = "the client's TLS"
        elif server.rules == "tcp" and not server.tls:
            hop = "the client's bytes"
        entry = place.node
        named = Named(
            text(entry, "destination", "host"),
            item.namespace,
            client,
            hop,
            http=server.rules == "http",
            port=number(entry, "destination", "port", "number"),
            listener_port=server.port,
            subset=text(entry, "destination", "subset"),
        )
        weight = number(entry, "weight") if text(entry, "weight") else None
        return self.destinations.find(named, place, weight=weight)


_CERTIFICATES = ("credentialName", "credentialNames", "serverCertificate", "privateKey", "tlsCertificates")


def _settings(server: _Server) -> TlsSettings | None:
    block = server.node.find("tls") if server.node else None
    if block is None or not fields(block):
        return None
    listed = (text(each, "serverCertificate") for each in items(block, "tlsCertificates"))
    names = [text(block, "credentialName"), *texts(block, "credentialNames"), text(block, "serverCertificate"), *listed]
    authorities = ("caCertificates", "caCertCredentialName", "caCrl")
    return TlsSettings(
        text(block, "mode"),
        tuple(filter(None, names)),
        tuple(each for each in (*_CERTIFICATES, *authorities) if text(block, each) or items(block, each)),
        text(block, "minProtocolVersion"),
        text(block, "maxProtocolVersion"),
        tuple(texts(block, "cipherSuites")),
        is_true(block, "httpsRedirect"),
        any(text(block, each) for each in authorities),
        server.place.at("tls"),
    )


def _narrowed(condition: Node) -> bool:
    """Whether a condition on TLS or TCP is about more than names, the port and the Gateway."""
    return not set(fields(condition)) <= {"sniHosts", "port", "gateways"}


def _hsts(node: Node) -> bool:
    """Whether a route, or one of its destinations, adds Strict-Transport-Security to responses."""
    names = (name for how in ("set", "add") for name in fields(node, "headers", "response", how))
    return any(name.lower() == "strict-transport-security" for name in names)


def _any_origin(rule: Node) -> bool:
    """Whether other sites may send requests, and read the answers."""
    origins = items(rule, "corsPolicy", "allowOrigins")
    found = {text(each, "exact") for each in origins} | {text(each, "regex") for each in origins}
    return bool(found & {"*", ".*", ".+"}) or "*" in texts(rule, "corsPolicy", "allowOrigin")


def _gateways(item: Object) -> list[str]:
    """The Gateways of a VirtualService, without `mesh`."""
    return [name for name in texts(item.spec, "gateways") if name != "mesh"]


def _answer(rule: Node, namespace: str) -> str:
    """The gateway's own answer instead of forwarding the request."""
    if fields(rule, "redirect"):
        code = text(rule, "redirect", "redirectCode") or "301"
        target = text(rule, "redirect", "authority") + text(rule, "redirect", "uri")
        return f"{code} to {target or text(rule, 'redirect', 'scheme')}"
    if fields(rule, "directResponse"):
        return f"answers {text(rule, 'directResponse', 'status')}"
    if fields(rule, "delegate"):
        owner = text(rule, "delegate", "namespace") or namespace
        return f"continues in VirtualService {owner}/{text(rule, 'delegate', 'name')} (not in these files)"
    return ""
