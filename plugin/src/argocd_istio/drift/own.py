"""The objects and settings that this library adds to upstream's, as it renders them.

They are expected values: each field that a render of this library has differently is a difference. Hosts, selector
and certificates are the consumer's choice; a Matching stands for them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from argocd_istio.drift.compare import ABSENT, Matching, Object, Own
from argocd_istio.drift.defaults import DEFAULTS
from argocd_istio.drift.prepare import prepared
from argocd_istio.exposure.hosts import host_problem, split_url
from argocd_istio.exposure.names import LABEL, SUBDOMAIN, gateway_problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argocd_istio.drift.install import Install

PARAMS = "ConfigMap/argocd-cmd-params-cm"
COPIED = "a copy of argocd-cmd-params-cm: argocd-server restarts when that changes"

_ISTIO = "networking.istio.io/v1"
_GATEWAY = "Gateway.networking.istio.io/argocd"
_ROUTES = "VirtualService.networking.istio.io/argocd"
_API = "gateway.networking.k8s.io/v1"
_API_GATEWAY, _LISTENER_SET, _HTTP_ROUTE, _TLS_ROUTE, _REDIRECT = (
    f"{name}.gateway.networking.k8s.io/argocd{more}"
    for name, more in (
        ("Gateway", ""),
        ("ListenerSet", ""),
        ("HTTPRoute", ""),
        ("TLSRoute", ""),
        ("HTTPRoute", "-redirect"),
    )
)
_OF_API = (_API_GATEWAY, _LISTENER_SET, _HTTP_ROUTE, _TLS_ROUTE)
_SIDECAR = "Sidecar.networking.istio.io/argocd-server"
_GRPC_SERVICE = "Service/argocd-server-grpc"
_SERVER = "Deployment/argocd-server"
_NAME = "app.kubernetes.io/name"
ENDS_AT, LOAD_BALANCER = "argocd-istio.github.io/tls-ends-at", "load-balancer"
"""The annotation of a Gateway behind a load balancer, as in `render.balancers`."""
_STANDARD = "argocd.example.com"
"""The default host of `base/istio`."""

Objects = Mapping[str, Object]


def _labels(name: str, component: str) -> dict[str, str]:
    return {"app.kubernetes.io/component": component, _NAME: name, "app.kubernetes.io/part-of": "argocd"}


def _at(item: Any, *keys: str) -> Any:
    """The value at these keys; None if one is missing."""
    for key in keys:
        item = item.get(key) if isinstance(item, dict) else None
    return item


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _mappings(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def expected(
    render: Install,
    api: str,
    kind: str,
    name: str,
    labels: dict[str, str],
    annotations: dict[str, str] | None = None,
    **fields: Any,
) -> Object:
    """An object of this library in the install's namespace, as `compare` takes it."""
    namespace = render.namespace if kind in DEFAULTS else render.own
    metadata: dict[str, Any] = {"name": name}
    metadata |= {"namespace": namespace} if namespace else {}
    metadata |= {"labels": labels} if labels else {}
    metadata |= {"annotations": annotations} if annotations else {}
    return prepared({"apiVersion": api, "kind": kind, "metadata": metadata, **fields})


def exposed(ours: Objects) -> bool:
    """Whether a render is of this library: it has the Gateway or routes, by group, name and namespace."""
    return any(title in ours for title in (_GATEWAY, _ROUTES, *_OF_API))


# ---- the modes, and a consumer's Exposure -------------------------------------------------------------------------


def _is_host(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("./") and host_problem(value[2:]) is None


def _is_selector(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(isinstance(item, str) for item in value.values())


_HOST = Matching("./ and a bare host name", _is_host)
_SELECTOR = Matching("labels of the gateway's pods", _is_selector)
_SHARED = Matching(
    "the namespace and name of a Gateway", lambda value: isinstance(value, str) and gateway_problem(value) is None
)
_SECRET = Matching("the name of a Secret", lambda value: isinstance(value, str) and bool(value))


_PARENT_KEYS = {"group", "kind", "name", "namespace", "sectionName"}
_CLASS = Matching("the name of a GatewayClass", lambda value: isinstance(value, str) and bool(value))
_LISTENER = Matching(
    "a listener of somebody else, with sectionName", lambda value: _is_parent(value) and "sectionName" in value
)
_PARENT = Matching("a Gateway of somebody else", lambda value: _is_parent(value) and "sectionName" not in value)


def _is_parent(value: Any) -> bool:
    texts = isinstance(value, dict) and all(isinstance(item, str) and item for item in value.values())
    return texts and "name" in value and value.keys() <= _PARENT_KEYS


def _is_reference(value: Any) -> bool:
    found = _mappings(value)
    if len(found) != 1 or found != value:
        return False
    return found[0] == {"group": "", "kind": "Secret", "name": found[0].get("name")} and _SECRET.accepts(
        found[0].get("name")
    )


_SECRETS = Matching("a list with the name of one Secret", _is_reference)


class _Exposed:
    """The mode and hosts of a render, from its Gateway and routes, and the values that follow from them."""

    hosts: list[str]
    _mode: str

    def __init__(self, ours: Objects, render: Install) -> None:
        self._ours, self._render = ours, render

    def rows(self) -> list[Own]:
        """The Gateway and the routes."""
        raise NotImplementedError

    def _every(self, found: Any, prefix: str = "") -> Any:
        """All hosts, in the order of occurrence."""
        wanted = [prefix + host for host in self.hosts]
        return found if isinstance(found, list) and sorted(_texts(found)) == sorted(wanted) else wanted

    def insecure(self) -> tuple[str, bool]:
        """The expected `server.insecure`, and whether it is required: not in `base`, which has no mode."""
        places = (
            _at(self._ours.get(PARAMS), "data"),
            _at(self._ours.get(_SERVER), "spec", "template", "metadata", "annotations"),
        )
        stated = any(isinstance(place, dict) and "server.insecure" in place for place in places)
        wanted = "false" if self._mode == "passthrough" else "true"
        return wanted, stated or self._mode != "termination" or self.hosts != [_STANDARD]

    def is_address(self, value: Any) -> bool:
        parts = split_url(value) if isinstance(value, str) else None
        return parts is not None and parts[0] in self.hosts

    def are_addresses(self, value: Any) -> bool:
        hosts = set(self.hosts)
        lines = value.splitlines() if isinstance(value, str) else []
        parts = [split_url(line[2:]) if line.startswith("- ") else None for line in lines]
        return bool(lines) and all(part is not None and part[0] in hosts for part in parts)

    def has_grpc(self) -> bool:
        return self._mode == "grpc-routing"


class _OfIstio(_Exposed):
    """With Istio's Gateway and VirtualService."""

    def __init__(self, ours: Objects, render: Install) -> None:
        super().__init__(ours, render)
        self._servers = {
            server["name"]: server
            for server in reversed(_mappings(_at(ours.get(_GATEWAY), "spec", "servers")))
            if isinstance(server.get("name"), str)
        }
        self._http = _mappings(_at(ours.get(_ROUTES), "spec", "http"))
        opened = _at(self._servers.get("https"), "tls", "mode")
        unopened = opened == "PASSTHROUGH" or (opened != "SIMPLE" and "tls" in (_at(ours.get(_ROUTES), "spec") or {}))
        self._mode = "passthrough" if unopened else "grpc-routing" if self._has_grpc() else "termination"
        self._https = ["https"]
        # One for each certificate, as the generator names them.
        while not unopened and f"https-{len(self._https) + 1}" in self._servers:
            self._https.append(f"https-{len(self._https) + 1}")
        self.hosts = self._named_hosts()
        bound = _texts(_at(ours.get(_ROUTES), "spec", "gateways"))
        self.existing = _GATEWAY not in ours and bool(bound) and all("/" in name for name in bound)
        """Whether the Gateway is somebody else's."""
        self._balanced = _at(ours.get(_GATEWAY), "metadata", "annotations", ENDS_AT) == LOAD_BALANCER
        """Whether TLS ends before the gateway."""

    def _has_grpc(self) -> bool:
        def is_grpc(route: dict[str, Any]) -> bool:
            to = [_at(item, "destination", "host") for item in _mappings(route.get("route"))]
            return route.get("name") == "grpc" or "argocd-server-grpc" in to

        return _GRPC_SERVICE in self._ours or any(map(is_grpc, self._http))

    def _named_hosts(self) -> list[str]:
        """The hosts of the https servers; without these servers, hosts from other fields."""
        for names in (self._https, ["http"]):
            found = [host for name in names for host in _texts(_at(self._servers.get(name), "hosts"))]
            hosts = [host[2:] for host in dict.fromkeys(found) if _is_host(host)]
            if hosts:
                return hosts
        claimed = _texts(_at(self._ours.get(_ROUTES), "spec", "hosts"))
        return [host for host in dict.fromkeys(claimed) if host_problem(host) is None]

    def _server(self, name: str) -> dict[str, Any]:
        found = _at(self._servers.get(name), "hosts")
        unopened = self._mode == "passthrough"
        tls: dict[str, Any] = {"mode": "SIMPLE", "minProtocolVersion": "TLSV1_2", "credentialName": _SECRET}
        return {
            "name": name,
            "port": {"name": name, "number": 443, "protocol": "TLS" if unopened else "HTTPS"},
            "hosts": [_HOST] * max(1, len(found) if isinstance(found, list) else 0),
            "tls": {"mode": "PASSTHROUGH"} if unopened else tls,
        }

    def gateway(self) -> Object:
        http = {
            "name": "http",
            "port": {"name": "http", "number": 80, "protocol": "HTTP"},
            "hosts": self._every(_at(self._servers.get("http"), "hosts"), "./"),
        }
        others = [] if self._balanced else list(map(self._server, self._https))
        wanted = {server["name"]: server for server in (http | self._redirect, *others)}
        # Their order in the file has no meaning.
        there = _mappings(_at(self._ours.get(_GATEWAY), "spec", "servers"))
        named = [server["name"] for server in there if isinstance(server.get("name"), str)]
        servers = [wanted[name] for name in dict.fromkeys([*named, *wanted]) if name in wanted]
        spec = {"selector": _SELECTOR, "servers": servers}
        mark = {ENDS_AT: LOAD_BALANCER} if self._balanced else None
        return expected(self._render, _ISTIO, "Gateway", "argocd", {}, mark, spec=spec)

    @property
    def _redirect(self) -> dict[str, Any]:
        """What the server for port 80 does, unless TLS ends before the gateway."""
        return {} if self._balanced else {"tls": {"httpsRedirect": True}}

    def routes(self) -> Object:
        def to(service: str, port: int) -> dict[str, Any]:
            return {"route": [{"destination": {"host": service, "port": {"number": port}}}]}

        found = _at(self._ours.get(_ROUTES), "spec")
        grpc = {
            "name": "grpc",
            "match": [{"headers": {"content-type": {"exact": "application/grpc"}}}],
            "retries": {"attempts": 0},
            **to("argocd-server-grpc", 443),
        }
        web = {"name": "http", **to("argocd-server", 80)}
        redirect = {
            "name": "redirect",
            "match": [{"port": 80}, {"headers": {"x-forwarded-proto": {"exact": "http"}}}],
            "redirect": {"scheme": "https", "redirectCode": 301},
        }
        gateways = [_SHARED] if self.existing else ["argocd"]
        spec: dict[str, Any] = {"gateways": gateways, "hosts": self._every(_at(found, "hosts"))}
        spec["http"] = [*([redirect] if self.existing else []), *([grpc] if self.has_grpc() else []), web]
        if self._mode == "passthrough":
            matches = [match for route in _mappings(_at(found, "tls")) for match in _mappings(route.get("match"))]
            names = self._every(_at(matches[0] if matches else None, "sniHosts"))
            spec["tls"] = [{"match": [{"port": 443, "sniHosts": names}], **to("argocd-server", 443)}]
        return expected(self._render, _ISTIO, "VirtualService", "argocd", {}, spec=spec)

    def rows(self) -> list[Own]:
        rows = [Own((_ROUTES,), "", ABSENT, self.routes(), _ROUTE)]
        if not self.existing:
            rows.append(Own((_GATEWAY,), "", ABSENT, self.gateway(), _OPENS))
        return rows


_OWN_NAMESPACE = {"allowedRoutes": {"namespaces": {"from": "Same"}}}
_EVERY_PATH = {"path": {"type": "PathPrefix", "value": "/"}}


class _OfGatewayApi(_Exposed):
    """With the Gateway, or the listeners or routes alone, of the Gateway API."""

    def __init__(self, ours: Objects, render: Install) -> None:
        super().__init__(ours, render)
        self._home = _LISTENER_SET if _LISTENER_SET in ours else _API_GATEWAY
        self._listeners = _mappings(_at(ours.get(self._home), "spec", "listeners"))
        self._https = [one for one in self._listeners if one.get("protocol") in ("HTTPS", "TLS")]
        passes = _TLS_ROUTE in ours or any(one.get("protocol") == "TLS" for one in self._https)
        self._route = _TLS_ROUTE if passes and _HTTP_ROUTE not in ours else _HTTP_ROUTE
        self._spec = _at(ours.get(self._route), "spec") or {}
        grpc = _GRPC_SERVICE in ours or any(one.get("name") == "grpc" for one in _mappings(_at(self._spec, "rules")))
        self._mode = "passthrough" if self._route == _TLS_ROUTE else "grpc-routing" if grpc else "termination"
        claimed = _texts(_at(self._spec, "hostnames")) or _texts([one.get("hostname") for one in self._https])
        self.hosts = [host for host in dict.fromkeys(claimed) if host_problem(host) is None]
        bound = _mappings(_at(self._spec, "parentRefs"))
        own = _LISTENER_SET in ours or _API_GATEWAY in ours
        self._elsewhere = not own and bool(bound) and all("sectionName" in one for one in bound)
        """Whether the routes bind to a listener of somebody else."""

    def _parent(self, port: int) -> Any:
        if self._elsewhere:
            return _LISTENER
        kind = "ListenerSet" if self._home == _LISTENER_SET else "Gateway"
        return {"group": "gateway.networking.k8s.io", "kind": kind, "name": "argocd", "port": port}

    def _listener(self, name: str, host: str) -> dict[str, Any]:
        unopened = self._mode == "passthrough"
        tls: dict[str, Any] = {"mode": "Terminate", "certificateRefs": _SECRETS}
        found: dict[str, Any] = {"name": name, "port": 443, "protocol": "TLS" if unopened else "HTTPS"}
        found |= {"hostname": host} if host else {}
        found |= _OWN_NAMESPACE
        return found | {"tls": {"mode": "Passthrough"} if unopened else tls}

    def listeners(self) -> Object:
        """Our Gateway, or our ListenerSet."""
        several = self._home == _LISTENER_SET
        hosts = self.hosts or [""]
        # For one certificate, our Gateway has one listener for all hosts.
        if not several and not any("hostname" in one for one in self._https):
            hosts = [""]
        plain = {"port": 80, "protocol": "HTTP", **_OWN_NAMESPACE}
        named = [(f"-{at}" if at > 1 else "", host) for at, host in enumerate(hosts, 1)]
        http = [{"name": f"http{at}", "hostname": host, **plain} for at, host in named if several]
        https = [self._listener(f"https{at}", host) for at, host in named]
        wanted = {one["name"]: one for one in (*(http or [{"name": "http", **plain}]), *https)}
        # Their order in the file has no meaning.
        there = [one["name"] for one in self._listeners if isinstance(one.get("name"), str)]
        listed = [wanted[name] for name in dict.fromkeys([*there, *wanted]) if name in wanted]
        if several:
            return expected(
                self._render, _API, "ListenerSet", "argocd", {}, spec={"parentRef": _PARENT, "listeners": listed}
            )
        spec = {"gatewayClassName": _CLASS, "listeners": listed}
        return expected(self._render, _API, "Gateway", "argocd", {}, spec=spec)

    def routes(self) -> Object:
        def to(name: str, service: str, port: int) -> dict[str, Any]:
            backend = {"group": "", "kind": "Service", "name": service, "port": port, "weight": 1}
            return {"name": name, "backendRefs": [backend]}

        rules = [{"matches": [_EVERY_PATH], **to("http", "argocd-server", 80)}]
        if self.has_grpc():
            header = {"type": "Exact", "name": "content-type", "value": "application/grpc"}
            grpc = {"matches": [{**_EVERY_PATH, "headers": [header]}], **to("grpc", "argocd-server-grpc", 443)}
            # components/gateway-api/no-retries adds this.
            there = _mappings(_at(self._spec, "rules"))
            grpc |= {"retry": {"attempts": 0}} if there and "retry" in there[0] else {}
            rules.insert(0, grpc)
        if self._mode == "passthrough":
            rules = [to("tls", "argocd-server", 443)]
        return self._routing("argocd", 443, rules, self._spec)

    def redirect(self) -> Object:
        answer = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}
        found = _at(self._ours.get(_REDIRECT), "spec")
        rule = {"name": "redirect", "matches": [_EVERY_PATH], "filters": [answer]}
        return self._routing("argocd-redirect", 80, [rule], found)

    def _routing(self, name: str, port: int, rules: list[Any], found: Any) -> Object:
        hosts = self._every(_at(found, "hostnames"))
        spec = {"parentRefs": [self._parent(port)], "hostnames": hosts, "rules": rules}
        kind = "TLSRoute" if self._mode == "passthrough" and port == 443 else "HTTPRoute"
        return expected(self._render, _API, kind, name, {}, spec=spec)

    def rows(self) -> list[Own]:
        rows = [Own((self._route,), "", ABSENT, self.routes(), _ROUTE)]
        if not self._elsewhere:
            rows.append(Own((self._home,), "", ABSENT, self.listeners(), _OPENS))
        if not self._elsewhere or _REDIRECT in self._ours:
            rows.append(Own((_REDIRECT,), "", ABSENT, self.redirect(), "plain HTTP is redirected to https"))
        return rows


_ROUTE, _OPENS = "the route from the gateway to Argo CD", "the gateway's port, host names and certificate"


def exposure(ours: Objects, render: Install) -> tuple[Own, ...]:
    """The objects of this library for the render's mode and hosts."""
    istio = _GATEWAY in ours or _ROUTES in ours or not any(title in ours for title in _OF_API)
    found: _Exposed = _OfIstio(ours, render) if istio else _OfGatewayApi(ours, render)
    insecure, required = found.insecure()
    address = Matching("https:// and a host of the Gateway", found.is_address)
    addresses = Matching("a list of https:// and hosts of the Gateway", found.are_addresses)
    unread = {"port": {"number": 8080, "name": "tcp-server", "protocol": "TCP"}}
    selected = {"workloadSelector": {"labels": {_NAME: "argocd-server"}}, "ingress": [unread]}
    sidecar = expected(render, _ISTIO, "Sidecar", "argocd-server", {}, spec=selected)
    rows = [
        *found.rows(),
        Own((_SIDECAR,), "", ABSENT, sidecar, "a sidecar forwards argocd-server's port unchanged"),
        Own(("ConfigMap/argocd-cm",), "data.url", ABSENT, address, "the public address"),
        Own(
            ("ConfigMap/argocd-cm",),
            "data.additionalUrls",
            ABSENT,
            addresses,
            "the addresses of the further hosts",
            required=False,
        ),
        Own(
            (PARAMS,), "data[server.insecure]", ABSENT, insecure, "where TLS ends, as the mode says", required=required
        ),
        Own(
            (_SERVER,),
            "spec.template.metadata.annotations[server.insecure]",
            ABSENT,
            insecure,
            COPIED,
            required=required,
        ),
    ]
    if found.has_grpc():
        port = {"name": "grpc", "port": 443, "targetPort": 8080, "appProtocol": "kubernetes.io/h2c"}
        labels = _labels("argocd-server-grpc", "server")
        spec = {"ports": [port], "selector": {_NAME: "argocd-server"}}
        service = expected(render, "v1", "Service", "argocd-server-grpc", labels, spec=spec)
        reason = "gRPC reaches argocd-server as HTTP/2, through its own Service"
        rows.append(Own((_GRPC_SERVICE,), "", ABSENT, service, reason))
    return tuple(rows)


# ---- the mesh -----------------------------------------------------------------------------------------------------

_SECURITY = "security.istio.io"
_PEERS, _CALLERS, _SCRAPERS = (
    f"{kind}.{_SECURITY}/argocd-server{more}"
    for kind, more in (("PeerAuthentication", ""), ("AuthorizationPolicy", ""), ("AuthorizationPolicy", "-metrics"))
)
_PRINCIPAL = re.compile(rf"cluster\.local/ns/{LABEL}/sa/{SUBDOMAIN}")
_PRINCIPALS = Matching(
    "cluster.local/ns/ a namespace /sa/ a ServiceAccount",
    lambda value: isinstance(value, str) and bool(_PRINCIPAL.fullmatch(value)),
)


def mesh(ours: Objects, render: Install) -> tuple[Own, ...]:
    """The policies of `components/mesh`, if a render has one of them, and that of `components/mesh-scraper`."""
    selector = {"matchLabels": {_NAME: "argocd-server"}}

    def admitting(name: str, port: str) -> Object:
        rule = {"from": [{"source": {"principals": [_PRINCIPALS]}}], "to": [{"operation": {"ports": [port]}}]}
        spec = {"selector": selector, "action": "ALLOW", "rules": [rule]}
        return expected(render, f"{_SECURITY}/v1", "AuthorizationPolicy", name, {}, spec=spec)

    strict = {"selector": selector, "mtls": {"mode": "STRICT"}}
    peers = expected(render, f"{_SECURITY}/v1", "PeerAuthentication", "argocd-server", {}, spec=strict)
    rows = []
    if any(title in ours for title in (_PEERS, _CALLERS, _SCRAPERS)):
        rows.append(Own((_PEERS,), "", ABSENT, peers, "argocd-server accepts only mutual TLS"))
        gateway = admitting("argocd-server", "8080")
        rows.append(Own((_CALLERS,), "", ABSENT, gateway, "only the gateway reaches argocd-server"))
    if _SCRAPERS in ours:
        scraper = admitting("argocd-server-metrics", "8083")
        rows.append(Own((_SCRAPERS,), "", ABSENT, scraper, "who may read the metrics of argocd-server"))
    return tuple(rows)


# ---- Redis for high availability ----------------------------------------------------------------------------------

_REDIS = "argocd-redis-sentinel"
_PODS = {_NAME: _REDIS}
_RBAC = "rbac.authorization.k8s.io"
_ACCOUNT = "the account of the init container that creates Redis's password; upstream's has another name"
_SENTINEL = "three Redis that Sentinel watches, instead of upstream's"

# The first half of the SHA-256 of each script and setting of `components/high-availability/redis`.
SCRIPTS = {
    "lib.sh": "773e9b16bffc0f8d7945b5270d3c1d2c",
    "ready.sh": "0732b988c795eaeec340d73b63ab80ce",
    "redis.conf": "9e8adf9faa516917ab15fc186792bfdb",
    "redis.sh": "6c0604cb21d6f718023b313e471d575e",
    "sentinel.conf": "cbbc82a60db3f254b454d861ffc60b89",
    "sentinel.sh": "06538cfa9422b725ad2f7811f9d24cd4",
    "stop.sh": "08641a42dbc80f9ec3f5c001a5ba3bdf",
}


def sentinels(ours: Objects) -> bool:
    """Whether a render has the Redis of `components/high-availability`, or a part of it."""
    kinds = ("StatefulSet", "Service", "PodDisruptionBudget")
    return any(f"{kind}/{_REDIS}" in ours for kind in kinds)


# Flux's substitution must not change the scripts.
_NOT_FLUX = {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}


def _script(name: str, digest: str) -> Matching:
    def is_ours(value: Any) -> bool:
        text = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else b""
        return hashlib.sha256(text).hexdigest().startswith(digest)

    return Matching(f"the {name} of this library", is_ours)


def _settings_name(ours: Objects) -> str:
    """The ConfigMap that the pods mount: kustomize appends a hash to its name."""
    volumes = _mappings(_at(ours.get(f"StatefulSet/{_REDIS}"), "spec", "template", "spec", "volumes"))
    for volume in volumes:
        name = _at(volume, "configMap", "name")
        if (
            volume.get("name") == "scripts"
            and isinstance(name, str)
            and re.fullmatch(rf"{_REDIS}-[a-z0-9]{{10}}", name)
        ):
            return name
    found = [name for name in ours if re.fullmatch(rf"ConfigMap/{_REDIS}-[a-z0-9]{{10}}", name)]
    return found[0].partition("/")[2] if len(found) == 1 else _REDIS


def _ports(key: str, **more: str) -> list[dict[str, Any]]:
    return [{"name": f"tcp-{name}", key: port, **more} for name, port in (("redis", 6379), ("sentinel", 26379))]


def _pods(settings: str, argocd: Any, redis: Any) -> dict[str, Any]:
    """The spec of the StatefulSet; `argocd` and `redis` are the images."""
    secured = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    same = {"labelSelector": {"matchLabels": _PODS}}
    zone = {"weight": 100, "podAffinityTerm": {"topologyKey": "topology.kubernetes.io/zone", **same}}
    required, preferred = (f"{word}DuringSchedulingIgnoredDuringExecution" for word in ("required", "preferred"))
    env = [
        *(
            {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
            for name, path in (("POD_NAME", "metadata.name"), ("POD_NAMESPACE", "metadata.namespace"))
        ),
        {"name": "REDIS_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "argocd-redis", "key": "auth"}}},
    ]
    mounts = [{"name": "scripts", "mountPath": "/scripts"}, {"name": "data", "mountPath": "/data"}]
    common = {"imagePullPolicy": "Always", "securityContext": secured}
    token = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {
            "downwardAPI": {
                "items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]
            }
        },
    ]
    containers = [
        {
            "name": name,
            "image": redis,
            "command": ["sh", f"/scripts/{name}.sh"],
            "ports": [{"name": f"tcp-{name}", "containerPort": port}],
            "env": env,
            "volumeMounts": mounts,
            **common,
            **more,
        }
        for name, port, more in (
            ("redis", 6379, {"lifecycle": {"preStop": {"exec": {"command": ["sh", "/scripts/stop.sh"]}}}}),
            (
                "sentinel",
                26379,
                {
                    "readinessProbe": {
                        "exec": {"command": ["sh", "/scripts/ready.sh"]},
                        "periodSeconds": 5,
                        "timeoutSeconds": 5,
                        "failureThreshold": 4,
                    }
                },
            ),
        )
    ]
    init = {
        "name": "secret-init",
        "image": argocd,
        "command": ["argocd", "admin", "redis-initial-password"],
        "volumeMounts": [
            {"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True}
        ],
        **common,
    }
    pod = {
        "serviceAccountName": "argocd-redis",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 999, "seccompProfile": {"type": "RuntimeDefault"}},
        "affinity": {
            "podAntiAffinity": {required: [{"topologyKey": "kubernetes.io/hostname", **same}], preferred: [zone]}
        },
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "initContainers": [init],
        "containers": containers,
        "volumes": [
            {"name": "scripts", "configMap": {"name": settings}},
            {"name": "data", "emptyDir": {}},
            {"name": "token", "projected": {"sources": token}},
        ],
    }
    return {
        "serviceName": _REDIS,
        "replicas": 3,
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": _PODS},
        "template": {"metadata": {"labels": _PODS}, "spec": pod},
    }


def redis(ours: Objects, render: Install, image: Any) -> tuple[Own, ...]:
    """The objects of Redis that a render with `components/high-availability` has; `image` is upstream's Redis."""
    labels, account = _labels(_REDIS, "redis"), _labels("argocd-redis", "redis")
    settings = _settings_name(ours)
    readers = [{"podSelector": {"matchLabels": {_NAME: name}}} for name in _ALLOWED]
    rule = {"from": readers, "ports": [{"port": 6379}, {"port": 26379}]}
    policy = {"podSelector": {"matchLabels": _PODS}, "policyTypes": ["Ingress"], "ingress": [rule]}
    members = {"selector": _PODS, "clusterIP": "None"}
    services = {_REDIS: members} | {
        name: {"selector": {"statefulset.kubernetes.io/pod-name": name}} for name in (f"{_REDIS}-{n}" for n in range(3))
    }
    subject = {"kind": "ServiceAccount", "name": "argocd-redis"}
    bound = _mappings(_at(ours.get("RoleBinding/argocd-redis"), "subjects"))
    if bound and "namespace" in bound[0]:  # which kustomize's `namespace:` adds
        subject["namespace"] = render.namespace
    secrets = {"apiGroups": [""], "resources": ["secrets"]}
    rules = [{**secrets, "resourceNames": ["argocd-redis"], "verbs": ["get"]}, {**secrets, "verbs": ["create"]}]
    role = {"apiGroup": _RBAC, "kind": "Role", "name": "argocd-redis"}
    data = {name: _script(name, digest) for name, digest in SCRIPTS.items()}
    wanted: list[tuple[Object, str]] = [
        (
            expected(render, "apps/v1", "StatefulSet", _REDIS, labels, spec=_pods(settings, render.image, image)),
            _SENTINEL,
        ),
        (expected(render, "v1", "ConfigMap", settings, labels, _NOT_FLUX, data=data), _SENTINEL),
        (
            expected(render, "networking.k8s.io/v1", "NetworkPolicy", f"{_REDIS}-network-policy", labels, spec=policy),
            _SENTINEL,
        ),
        (
            expected(
                render,
                "policy/v1",
                "PodDisruptionBudget",
                _REDIS,
                labels,
                spec={"maxUnavailable": 1, "selector": {"matchLabels": _PODS}},
            ),
            _SENTINEL,
        ),
        *(
            (
                expected(
                    render,
                    "v1",
                    "Service",
                    name,
                    labels,
                    spec={**spec, "publishNotReadyAddresses": True, "ports": _ports("port")},
                ),
                _SENTINEL,
            )
            for name, spec in services.items()
        ),
        (expected(render, "v1", "ServiceAccount", "argocd-redis", account), _ACCOUNT),
        (expected(render, f"{_RBAC}/v1", "Role", "argocd-redis", account, rules=rules), _ACCOUNT),
        (
            expected(render, f"{_RBAC}/v1", "RoleBinding", "argocd-redis", account, roleRef=role, subjects=[subject]),
            _ACCOUNT,
        ),
    ]
    return tuple(
        Own((f"{item['kind']}/{item['metadata']['name']}",), "", ABSENT, item, reason) for item, reason in wanted
    )


_ALLOWED = (_REDIS, "argocd-server", "argocd-repo-server", "argocd-application-controller")
"""Whose pods may reach Redis."""
