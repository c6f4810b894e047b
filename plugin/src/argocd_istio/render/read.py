"""From the objects of a render to the way of a request.

It follows what istiod makes of them: which Gateway server takes a host, which VirtualServices of which namespace
may route it, the first route that matches, the Service port's protocol, the pods behind it.
Sources: `pilot/pkg/networking/core/gateway.go` and `route/route.go` of Istio, and live runs.
"""

from __future__ import annotations

from collections.abc import Iterator

from argocd_istio.render import argocd_server as server
from argocd_istio.render import istio, match
from argocd_istio.render.model import Certificate, Destination, Explanation, Hop, Listener, Pods, Route, Way
from argocd_istio.render.objects import Object, Objects, fields, items, labels, number, text, texts
from argocd_istio.syntax.source import Node

ISTIO = "networking.istio.io"
_HTTP = ("HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY")


def explain(objects: Objects, gateway_namespace: str) -> Explanation:
    """Every way through every Istio Gateway of a render.

    `gateway_namespace` is where the gateway's pods run: they read the certificates there.
    """
    return _Reader(objects, gateway_namespace).explanation()


class _Server:
    """A server of a Gateway, and which VirtualServices route which of its hosts."""

    def __init__(self, gateway: Object, node: Node, virtual_services: list[Object]) -> None:
        self.gateway, self.node = gateway, node
        self.port = number(node, "port", "number")
        self.protocol = text(node, "port", "protocol").upper()
        self.redirect = text(node, "tls", "httpsRedirect") == "true"
        # Without a mode a tls block means PASSTHROUGH; on an HTTP port only its httpsRedirect counts.
        mode = (text(node, "tls", "mode") or "PASSTHROUGH") if fields(node, "tls") else ""
        self.tls = "" if self.protocol in _HTTP else mode
        self.hosts = [self._scoped(host) for host in texts(node, "hosts")]
        self._scopes = {host: scope for scope, host in self.hosts}
        self._wide = [host for host in self._scopes if host.startswith("*")]
        self.routed: dict[str, list[Object]] = {}
        for virtual_service in virtual_services:
            own = [host for scope, host in self.hosts if scope in ("*", virtual_service.namespace)]
            for host in istio.common(own, texts(virtual_service.spec, "hosts")):
                self.routed.setdefault(host, []).append(virtual_service)
        self._wild = sorted((host for host in self.routed if host.startswith("*")), key=len, reverse=True)

    def _scoped(self, host: str) -> tuple[str, str]:
        """The namespace whose VirtualServices may take a host ("*": any), and the bare host."""
        scope, slash, bare = host.partition("/")
        return (self.gateway.namespace if scope == "." else scope, bare) if slash else ("*", host)

    @property
    def passes_through(self) -> bool:
        return self.tls in ("PASSTHROUGH", "AUTO_PASSTHROUGH")

    @property
    def rules(self) -> str:
        """Which list of a VirtualService this server follows."""
        if self.protocol in _HTTP or (self.protocol == "HTTPS" and not self.passes_through):
            return "http"
        return "tls" if self.passes_through else "tcp"

    def shown(self) -> list[str]:
        """The hosts to draw: those that are routed, and those that nothing routes."""
        bare = [host for _, host in self.hosts]
        lost = [host for host in bare if host not in self.routed and not istio.common([host], self.routed)]
        return [*self.routed, *lost]

    def takes(self, host: str) -> bool:
        """Whether all that `host` stands for comes in here."""
        return host in self._scopes or any(istio.covers(wide, host) for wide in self._wide)

    def meets(self, host: str) -> bool:
        """Whether something that `host` stands for comes in here."""
        return self.takes(host) or (host.startswith("*") and any(istio.covers(host, own) for own in self._scopes))

    def confined(self, host: str) -> bool:
        """Whether the host is written with a namespace before it."""
        return self._scopes.get(host, "*") != "*"

    def virtual_services(self, host: str) -> list[Object]:
        """Those that route a host: the entry of that very name, else of the longest wildcard."""
        if host in self.routed:
            return self.routed[host]
        return next((self.routed[wild] for wild in self._wild if istio.covers(wild, host)), [])


def _gateways(virtual_service: Object) -> list[str]:
    """The Gateways that a VirtualService names, as namespace/name; the mesh is none."""
    named = texts(virtual_service.spec, "gateways")
    return [name if "/" in name else f"{virtual_service.namespace}/{name}" for name in named if name != "mesh"]


class _Reader:
    def __init__(self, objects: Objects, gateway_namespace: str) -> None:
        self.objects, self.gateway_namespace = objects, gateway_namespace
        self.gateways = objects.of(ISTIO, "Gateway")
        self.virtual_services = objects.of(ISTIO, "VirtualService")
        self.workloads = server.workloads(objects)
        self.bound: dict[str, list[Object]] = {}
        for virtual_service in self.virtual_services:
            for gateway in _gateways(virtual_service):
                self.bound.setdefault(gateway, []).append(virtual_service)
        self.servers = [
            _Server(gateway, node, self.bound.get(gateway.title, []))
            for gateway in self.gateways
            for node in items(gateway.spec, "servers")
        ]

    def explanation(self) -> Explanation:
        ways: dict[tuple[Listener, ...], list[str]] = {}
        for host in dict.fromkeys(host for one in self.servers for host in one.shown()):
            listeners = tuple(self.listener(one, host) for one in self.servers if one.takes(host))
            ways.setdefault(listeners, []).append(host)
        return Explanation(
            tuple(Way(tuple(hosts), listeners, tuple(_ports(listeners))) for listeners, hosts in ways.items()),
            tuple(self.loose_ends()),
        )

    def loose_ends(self) -> Iterator[str]:
        """What leads nowhere before any host is reached."""
        known = {gateway.title: gateway for gateway in self.gateways}
        for gateway in self.gateways:
            if not items(gateway.spec, "servers"):
                yield f"Gateway {gateway.title} has no servers"
        for virtual_service in self.virtual_services:
            for title in _gateways(virtual_service):
                if title not in known:
                    yield f"VirtualService {virtual_service.title} names Gateway {title}, which is not here"
            servers = [one for one in self.servers if one.gateway.title in _gateways(virtual_service)]
            for host in texts(virtual_service.spec, "hosts"):
                if servers and not any(one.meets(host) for one in servers):
                    yield f"VirtualService {virtual_service.title} names {host}, which its Gateway does not take"

    def listener(self, one: _Server, host: str) -> Listener:
        problems = []
        routes: list[Route] = []
        certificate = self.certificate(one) if one.tls and not one.passes_through else None
        if one.tls and not one.passes_through and certificate is None:
            problems.append("no credentialName: without a certificate the gateway opens no port")
        if one.protocol in ("HTTPS", "TLS") and not one.tls:
            problems.append(f"no tls block: Istio refuses a {one.protocol} server without one")
        if not labels(one.gateway.spec, "selector"):
            problems.append("no selector: every gateway of the cluster takes this host")
        routes = list(self.routes(one, host))
        if not routes and one.tls != "AUTO_PASSTHROUGH":
            problems += self.unrouted(one, host)
        if one.redirect:
            routes = []
        elif one.rules == "http" and not one.tls and one.protocol in _HTTP:
            problems.append("no httpsRedirect: passwords and tokens cross the network in clear text")
        return Listener(
            one.gateway.title,
            tuple(f"{key}={value}" for key, value in labels(one.gateway.spec, "selector").items()),
            one.port,
            one.protocol,
            one.tls,
            one.redirect,
            certificate,
            tuple(routes),
            tuple(problems),
        )

    def certificate(self, one: _Server) -> Certificate | None:
        secret = text(one.node, "tls", "credentialName") or next(iter(texts(one.node, "tls", "credentialNames")), "")
        file = text(one.node, "tls", "serverCertificate")
        if not secret and not file:
            return None
        return Certificate("gateway", secret, self.gateway_namespace, "" if secret else file)

    def unrouted(self, one: _Server, host: str) -> Iterator[str]:
        """Why a server has no route for a host."""
        ends = {"http": "the gateway answers 404", "tls": "the connection is reset", "tcp": "the connection is refused"}
        end = ends[one.rules]
        if one.redirect:
            # istiod gives a redirect of its own to a bare host only.
            if one.confined(host):
                yield f"no http route for this host: port {one.port} answers 404 instead of the redirect"
            return
        found = one.virtual_services(host)
        if found:
            what = "tls route with this host's SNI" if one.rules == "tls" else f"{one.rules} route for this server"
            yield f"VirtualService {found[0].title} has no {what}: {end}"
            return
        foreign = [
            item
            for item in self.bound.get(one.gateway.title, [])
            if istio.common([host], texts(item.spec, "hosts")) and one.confined(host)
        ]
        if foreign:
            yield f"VirtualService {foreign[0].title} may not take this host, by the Gateway's namespace/host: {end}"
        else:
            yield f"no VirtualService routes this host: {end}"

    def routes(self, one: _Server, host: str) -> Iterator[Route]:
        """The routes that a request for a host can meet, in the order in which they are tried."""
        if one.rules == "http":
            found = [self.http_routes(one, item) for item in one.virtual_services(host)]
            # Where several VirtualServices share a host, istiod puts the routes that take everything last.
            for everything in (False, True) if len(found) > 1 else (None,):
                for routes in found:
                    yield from (route for route in routes if everything in (None, not route.match))
            return
        for item in one.virtual_services(host):
            for rule in items(item.spec, one.rules):
                conditions = items(rule, "match")
                usable = [each for each in conditions if match.names(each, one.gateway.title, one.port, item.namespace)]
                if one.rules == "tls":
                    usable = [
                        each for each in usable if any(istio.covers(sni, host) for sni in texts(each, "sniHosts"))
                    ]
                if usable or (one.rules == "tcp" and not conditions):
                    words = ("SNI is the host",) if one.rules == "tls" else ()
                    yield self.route(one, item, rule, words, [])

    def http_routes(self, one: _Server, item: Object) -> list[Route]:
        routes: list[Route] = []
        for rule in items(item.spec, "http"):
            conditions = items(rule, "match")
            usable = [each for each in conditions if match.names(each, one.gateway.title, one.port, item.namespace)]
            if conditions and not usable:
                continue
            words = tuple(match.http(each) for each in usable)
            closed = any(not route.match for route in routes)
            routes.append(self.route(one, item, rule, words if all(words) else (), usable, closed))
        return routes

    def route(
        self,
        one: _Server,
        item: Object,
        rule: Node,
        words: tuple[str, ...],
        conditions: list[Node],
        closed: bool = False,
    ) -> Route:
        answer = _answer(rule, item.namespace)
        problems = ["never reached: the route before it takes everything"] if closed else []
        entries = [] if answer else items(rule, "route")
        if not answer and not entries:
            problems.append("no destination: the gateway answers 404")
        destinations = tuple(self.destination(one, item, entry, conditions) for entry in entries)
        return Route(item.title, text(rule, "name"), words, answer, destinations, tuple(problems))

    def destination(self, one: _Server, item: Object, entry: Node, conditions: list[Node]) -> Destination:
        host = text(entry, "destination", "host")
        found = istio.service(host, item.namespace)
        service = self.objects.one("", "Service", *found) if found else None
        name = "/".join(found) if found else host
        ports = items(service.spec, "ports") if service else []
        # Without a port in the route: the Service's only one, else that of the listener.
        only = number(ports[0], "port") if len(ports) == 1 else one.port
        port = number(entry, "destination", "port", "number") or only
        weight = number(entry, "weight") if text(entry, "weight") else None
        hop: Hop = "the client's TLS" if one.passes_through else "clear text"
        at = next((each for each in ports if number(each, "port") == port), None)
        if service is None or at is None:
            numbers = ", ".join(text(each, "port") for each in ports) or "none"
            problem = f"no port {port} in Service {name}, which has {numbers}" if service else f"no Service {name} here"
            speaks = "HTTP" if one.rules == "http" else ""
            return Destination(name, port, "", speaks, hop, weight, (), (f"{problem}: the gateway answers 503",))
        protocol = istio.protocol(
            text(at, "name"), text(at, "appProtocol"), text(at, "protocol") or "TCP", number(at, "port")
        )
        speaks = ""
        problems = []
        policy = self.policy(*found, port) if found else None
        if one.rules == "http":
            upgraded = text(policy, "connectionPool", "http", "h2UpgradePolicy") == "UPGRADE"
            follows = text(policy, "connectionPool", "http", "useClientProtocol") == "true"
            speaks = _version("HTTP2" if upgraded else istio.UNDECLARED if follows else protocol)
            if text(policy, "tls", "mode") in ("SIMPLE", "MUTUAL", "ISTIO_MUTUAL"):
                hop = "TLS"
        selector = labels(service.spec, "selector")
        chosen = [
            each
            for each in self.workloads
            if selector and each.item.namespace == service.namespace and selector.items() <= each.labels.items()
        ]
        if selector and not chosen:
            wanted = ",".join(f"{key}={value}" for key, value in selector.items())
            problems.append(f"the selector {wanted} matches no pods here: the gateway answers 503")
        if speaks and any(each.argocd_server() for each in chosen):
            problems += _wrong_version(speaks, conditions)
        pods = tuple(self.pods(each, at, hop) for each in chosen)
        return Destination(name, port, protocol, speaks, hop, weight, pods, tuple(problems))

    def policy(self, namespace: str, name: str, port: int) -> Node | None:
        """The traffic policy of a Service port; one for the port replaces the one for the host."""
        for rule in self.objects.of(ISTIO, "DestinationRule"):
            if istio.service(text(rule.spec, "host"), rule.namespace) == (namespace, name):
                for each in items(rule.spec, "trafficPolicy", "portLevelSettings"):
                    if number(each, "port", "number") == port:
                        return each
                return rule.spec.find("trafficPolicy") if rule.spec else None
        return None

    def pods(self, workload: server.Workload, at: Node, hop: Hop) -> Pods:
        item = workload.item
        target = text(at, "targetPort") or text(at, "port")
        port = number(at, "targetPort") if target.isdigit() else workload.port_named(target)
        port = port or (number(at, "port") if target == text(at, "port") else 0)
        problems = [] if port else [f"no container has a port named {target}: the gateway answers 503"]
        container = workload.argocd_server()
        if container is None:
            return Pods(item.kind, item.title, port, None, "", None, tuple(problems))
        listens = server.port(container)
        if port and port != listens:
            problems.append(f"argocd-server listens on port {listens}, not on {port}")
        plain, because = server.insecure(container, item.namespace, self.objects)
        if plain and hop == "the client's TLS":
            problems.append(f"argocd-server speaks plain HTTP ({because}): the TLS handshake fails")
        elif plain and hop == "TLS":
            problems.append(f"argocd-server speaks plain HTTP ({because}), the gateway TLS: it answers 503")
        elif not plain and hop == "clear text":
            problems.append(f"redirect loop: argocd-server wants TLS ({because}) and sends clear text to https again")
        certificate = None if plain else Certificate("argocd-server", "argocd-server-tls", item.namespace)
        return Pods(item.kind, item.title, port, not plain, because, certificate, tuple(problems))


def _ports(listeners: tuple[Listener, ...]) -> Iterator[str]:
    """Problems of a host's listeners together."""
    if any(one.tls for one in listeners) and all(one.port != 80 for one in listeners):
        yield "nothing listens on port 80: http:// addresses are not redirected to https://"


def _answer(rule: Node, namespace: str) -> str:
    """What the gateway does by itself instead of sending the request on."""
    if fields(rule, "redirect"):
        code = text(rule, "redirect", "redirectCode") or "301"
        target = text(rule, "redirect", "authority") + text(rule, "redirect", "uri")
        return f"{code} to {target or text(rule, 'redirect', 'scheme') + '://'}"
    if fields(rule, "directResponse"):
        return f"answers {text(rule, 'directResponse', 'status')}"
    if fields(rule, "delegate"):
        owner = text(rule, "delegate", "namespace") or namespace
        return f"continues in VirtualService {owner}/{text(rule, 'delegate', 'name')}"
    return ""


def _version(protocol: str) -> str:
    """The HTTP version that the gateway speaks to a port of this protocol."""
    if protocol == istio.UNDECLARED:
        return "the client's HTTP version"
    return "HTTP/2" if protocol in istio.HTTP2 else "HTTP/1.1"


def _wrong_version(speaks: str, conditions: list[Node]) -> Iterator[str]:
    """argocd-server takes HTTP/2 for gRPC alone, and only with that very content type; all else is HTTP/1.1."""
    if speaks == "HTTP/1.1":
        if any(map(match.wants_grpc, conditions)):
            yield "native gRPC fails: to the gateway this port is HTTP/1.1; it needs appProtocol: kubernetes.io/h2c"
    elif not conditions or not all(map(match.only_grpc, conditions)):
        yield (
            f"to the gateway this port is {speaks}: argocd-server takes HTTP/2 only with content-type {match.GRPC}; "
            "match exactly that, and send all else to a port named http"
        )
