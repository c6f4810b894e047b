"""Faults of the Gateway API, and valid cases without findings; rows as in `faults`."""

from __future__ import annotations

from typing import Any

from tests.plugin.faults import NO_WAY, Row, after, item, tls
from tests.plugin.renders import Breaking
from tests.plugin.renders import gateway as gateway_spec
from tests.render.consumer import one
from tests.render.render import Object


def api_gateway(**listener: Any) -> Object:
    tls = {"mode": "Terminate", "certificateRefs": [{"name": "argocd-certificate"}]}
    https = {"name": "https", "port": 443, "protocol": "HTTPS", "hostname": "argocd.example.com", "tls": tls}
    plain = {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}}
    spec = {"gatewayClassName": "istio", "listeners": [https | listener, plain]}
    return item("gateway.networking.k8s.io/v1", "Gateway", "shared", "edge", spec=spec)


def api_route(name: str, section: str, *rules: Object, kind: str = "HTTPRoute") -> Object:
    parent = {"name": "shared", "namespace": "edge", "sectionName": section}
    spec = {"parentRefs": [parent], "hostnames": ["argocd.example.com"], "rules": list(rules)}
    return item("gateway.networking.k8s.io/v1", kind, name, spec=spec)


REDIRECT = {"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}]}
UI = {"backendRefs": [{"name": "argocd-server", "port": 80}]}
GRPC = {
    "matches": [{"headers": [{"name": "content-type", "value": "application/grpc"}]}],
    "backendRefs": [{"name": "argocd-server-grpc", "port": 443}],
}
OURS = {"kubernetes.io/metadata.name": "argocd"}
ADMITTED = {"allowedRoutes": {"namespaces": {"from": "Selector", "selector": {"matchLabels": OURS}}}}


ADMITS = "is not in these files: by default a listener admits only routes of its own namespace"
API = "gateway.networking.k8s.io/v1"


def grant(namespace: str, kind: str, wanted: str, **to: Any) -> Object:
    """A ReferenceGrant for objects of a kind in `edge` or `argocd` to objects in the namespace."""
    trusted = [{"group": API.partition("/")[0], "kind": kind, "namespace": each} for each in ("edge", "argocd")]
    return item(
        API, "ReferenceGrant", "own", namespace, spec={"from": trusted, "to": [{"group": "", "kind": wanted, **to}]}
    )


def elsewhere(**more: Any) -> Object:
    """A listener whose certificate is in another namespace."""
    refs = [{"name": "argocd-certificate", "namespace": "certs"}]
    return api_gateway(**ADMITTED, tls={"certificateRefs": refs}, **more)


def from_edge(rule: Object) -> Object:
    """The route in the Gateway's namespace, argocd-server in its own."""
    backends = [{"namespace": "argocd", **each} for each in rule["backendRefs"]]
    route = api_route("ui", "https", rule | {"backendRefs": backends})
    route["metadata"]["namespace"] = "edge"
    return route


def listener_set(**more: Any) -> Object:
    """The listener with TLS as a ListenerSet of argocd; routes name it as their parent."""
    [https, _] = api_gateway(**ADMITTED)["spec"]["listeners"]
    parent = {"name": "shared", "namespace": "edge"}
    return item(API, "ListenerSet", "own", spec={"parentRef": parent, "listeners": [https | more]})


def admitting(**allowed: Any) -> Object:
    """A Gateway whose only own listener redirects."""
    gateway = api_gateway()
    gateway["spec"]["listeners"].pop(0)
    gateway["spec"] |= allowed
    return gateway


def of_set(*rules: Object, **more: Any) -> Object:
    route = api_route("ui", "https", *rules)
    route["spec"]["parentRefs"] = [{"kind": "ListenerSet", "name": "own", "sectionName": "https", **more}]
    return route


def tls_policy(section: str = "", name: str = "argocd-server", **validation: Any) -> Object:
    target = {"group": "", "kind": "Service", "name": name} | ({"sectionName": section} if section else {})
    ca = {"caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "ca"}]}
    checked = {"hostname": "argocd-server.argocd.svc"} | (validation or ca)
    return item(API, "BackendTLSPolicy", "own", spec={"targetRefs": [target], "validation": checked})


def selecting(objects: list[Object]) -> None:
    """Istio's own Gateway on the pods of one of the Gateway API, in another namespace."""
    gateway_spec(objects)["selector"] = {"gateway.networking.k8s.io/gateway-name": "shared"}
    objects += [admitting(), api_route("http", "http", REDIRECT)]


def gateway_api(gateway: Object, *routes: Object) -> Breaking:
    """The Gateway API instead of Istio's own objects."""

    def change(objects: list[Object]) -> None:
        for kind in ("Gateway", "VirtualService"):
            objects.remove(one(objects, kind))
        objects += [gateway, *routes]

    return change


def with_policy(section: str = "", name: str = "argocd-server", **validation: Any) -> Breaking:
    """The Gateway API, with a BackendTLSPolicy."""
    routes = api_route("ui", "https", UI), api_route("http", "http", REDIRECT)
    return gateway_api(api_gateway(**ADMITTED), *routes, tls_policy(section, name, **validation))


GATEWAY_API: list[Row] = [
    (
        "J07",
        "a listener for its own namespace",
        "grpc-routing",
        gateway_api(api_gateway(), api_route("ui", "https", GRPC, UI), api_route("http", "http", REDIRECT)),
        [
            "the listener does not admit HTTPRoute argocd/ui: no request reaches it",
            NO_WAY,
        ],
    ),
    (
        "J01",
        "a GRPCRoute for everything",
        "grpc-routing",
        gateway_api(
            api_gateway(**ADMITTED),
            api_route("ui", "https", UI),
            api_route("cli", "https", {"backendRefs": GRPC["backendRefs"]}, kind="GRPCRoute"),
            api_route("http", "http", REDIRECT),
        ),
        [
            "GRPCRoute argocd/cli takes the browser's requests too, as HTTP/2: argocd-server refuses them",
        ],
    ),
    (
        "J06",
        "a listener that is not there",
        "grpc-routing",
        gateway_api(api_gateway(**ADMITTED), api_route("ui", "tls", UI), api_route("http", "http", REDIRECT)),
        [
            "no route routes this host: the gateway answers 404",
            "HTTPRoute argocd/ui names tls, which its Gateway does not have: 404",
            NO_WAY,
        ],
    ),
    (
        "J08",
        "a listener for another host",
        "grpc-routing",
        gateway_api(
            api_gateway(**ADMITTED, hostname="cd.acme.io"),
            api_route("ui", "https", UI),
            api_route("http", "http", REDIRECT),
        ),
        [
            "no route routes this host: the gateway answers 404",
            "HTTPRoute argocd/ui names argocd.example.com, which no listener of its Gateway takes: 404",
            NO_WAY,
        ],
    ),
    (
        "J09",
        "a certificate without a grant",
        "termination",
        gateway_api(
            elsewhere(),
            api_route("ui", "https", UI),
            api_route("http", "http", REDIRECT),
            item("v1", "Secret", "argocd-certificate", "certs"),
            grant("certs", "Gateway", "Secret", name="other"),
            grant("edge", "Gateway", "Secret"),
        ),
        ["no ReferenceGrant lets Gateway edge/shared read Secret certs/argocd-certificate: the gateway opens no port"],
    ),
    (
        "J09",
        "a certificate and perhaps a grant elsewhere",
        "termination",
        gateway_api(elsewhere(), api_route("ui", "https", UI), api_route("http", "http", REDIRECT)),
        [
            "these files have no ReferenceGrant that lets Gateway edge/shared read Secret certs/argocd-certificate, "
            "nor that Secret"
        ],
    ),
    (
        "J10",
        "a Service without a grant",
        "termination",
        gateway_api(
            api_gateway(),
            from_edge(UI),
            api_route("http", "http", REDIRECT),
            grant("argocd", "GRPCRoute", "Service"),
        ),
        ["no ReferenceGrant lets HTTPRoute edge/ui refer to Service argocd/argocd-server: the gateway answers 500"],
    ),
    (
        "J14",
        "a policy for a port that is not there",
        "termination",
        with_policy("web"),
        ["Service argocd/argocd-server has no port named web: BackendTLSPolicy argocd/own does nothing"],
    ),
    (
        "J14",
        "a policy for no Service",
        "termination",
        with_policy(name="server"),
        ["BackendTLSPolicy argocd/own names no Service here: it does nothing"],
    ),
    (
        "J14",
        "a policy that cannot verify",
        "termination",
        after(
            tls,
            with_policy(hostname="", caCertificateRefs=[{"group": "", "kind": "Secret", "name": "ca"}]),
        ),
        [
            "BackendTLSPolicy argocd/own has no validation.hostname: the API server refuses it",
            "BackendTLSPolicy argocd/own takes its CA from Secret ca, and Istio from a ConfigMap alone: "
            "no request gets through",
        ],
    ),
    (
        "A03",
        "a policy for a plain argocd-server",
        "termination",
        with_policy("http"),
        ['argocd-server speaks plain HTTP (server.insecure: "true"), but the gateway sends TLS: it answers 503'],
    ),
    (
        "A02",
        "a policy for another port",
        "termination",
        after(
            tls,
            with_policy("https"),
        ),
        ['redirect loop: argocd-server expects TLS (server.insecure: "false") and redirects clear text to https'],
    ),
    (
        "A28",
        "a policy that trusts the system's CAs",
        "termination",
        after(
            tls,
            with_policy(wellKnownCACertificates="System"),
        ),
        [
            "BackendTLSPolicy argocd/own checks argocd-server's certificate against the system's CAs: "
            "a self-signed one is refused, and the gateway answers 503"
        ],
    ),
    (
        "J18",
        "a Gateway on pods of another namespace",
        "termination",
        selecting,
        [
            "its pods belong to Gateway shared of another namespace: Istio 1.31 and newer ignores this Gateway",
        ],
    ),
    (
        "J20",
        "a ListenerSet that nobody admits",
        "termination",
        gateway_api(admitting(), of_set(UI), api_route("http", "http", REDIRECT), listener_set()),
        ["Gateway edge/shared does not admit ListenerSet argocd/own: it opens no port", NO_WAY],
    ),
    (
        "C28",
        "a ListenerSet of a Gateway elsewhere",
        "termination",
        gateway_api(listener_set(), of_set(UI)),
        ["Gateway edge/shared is not in these files: by default it admits no ListenerSet"],
    ),
    (
        "C28",
        "a listener elsewhere",
        "termination",
        gateway_api(api_route("ui", "https", UI)),
        [f"listener https of Gateway edge/shared {ADMITS}"],
    ),
    (
        "C28",
        "a ListenerSet of another namespace",
        "termination",
        gateway_api(of_set(UI, namespace="edge")),
        [f"listener https of ListenerSet edge/own {ADMITS}"],
    ),
    (
        "J02",
        "a GRPCRoute by service",
        "grpc-routing",
        gateway_api(
            api_gateway(**ADMITTED),
            api_route("ui", "https", UI),
            api_route(
                "cli",
                "https",
                {"matches": [{"method": {"service": "session.SessionService"}}], "backendRefs": GRPC["backendRefs"]},
                kind="GRPCRoute",
            ),
            api_route("http", "http", REDIRECT),
        ),
        ["GRPCRoute argocd/cli takes gRPC-Web too, as HTTP/2: argocd-server refuses it"],
    ),
]

GATEWAY_API_SPARED: list[tuple[str, str, Breaking, str]] = [
    (
        "the Gateway API with one HTTPRoute",
        "grpc-routing",
        gateway_api(api_gateway(**ADMITTED), api_route("ui", "https", GRPC, UI), api_route("http", "http", REDIRECT)),
        "content-type is application/grpc (HTTPRoute argocd/ui)",
    ),
    (
        "the Gateway API with a TLSRoute",
        "passthrough",
        gateway_api(
            api_gateway(**ADMITTED, protocol="TLS", tls={"mode": "Passthrough"}),
            api_route("ui", "https", {"backendRefs": [{"name": "argocd-server", "port": 443}]}, kind="TLSRoute"),
            api_route("http", "http", REDIRECT),
        ),
        "Service argocd/argocd-server, port 443: the client's TLS",
    ),
    (
        "a namespace that the listener selects",
        "grpc-routing",
        gateway_api(
            api_gateway(
                allowedRoutes={
                    "namespaces": {
                        "from": "Selector",
                        "selector": {"matchLabels": {"kubernetes.io/metadata.name": "argocd"}},
                    }
                }
            ),
            api_route("ui", "https", GRPC, UI),
            api_route("http", "http", REDIRECT),
        ),
        "everything else (HTTPRoute argocd/ui)",
    ),
    (
        "a certificate with a grant",
        "termination",
        gateway_api(
            elsewhere(),
            api_route("ui", "https", UI),
            api_route("http", "http", REDIRECT),
            item("v1", "Secret", "argocd-certificate", "certs"),
            grant("certs", "Gateway", "Secret", name="argocd-certificate"),
        ),
        "Secret certs/argocd-certificate",
    ),
    (
        "a Service with a grant",
        "termination",
        gateway_api(
            api_gateway(), from_edge(UI), api_route("http", "http", REDIRECT), grant("argocd", "HTTPRoute", "Service")
        ),
        "HTTPRoute edge/ui",
    ),
    (
        "a policy for the port of a TLS argocd-server",
        "termination",
        after(
            tls,
            with_policy("http"),
        ),
        "HTTP/1.1 in TLS\n",
    ),
    (
        "a ListenerSet that the Gateway admits",
        "termination",
        gateway_api(
            admitting(allowedListeners={"namespaces": {"from": "All"}}),
            of_set(UI),
            api_route("http", "http", REDIRECT),
            listener_set(),
        ),
        "port 443, HTTPS (ListenerSet argocd/own on Gateway edge/shared of the Gateway API)\n",
    ),
    (
        "a ListenerSet elsewhere",
        "termination",
        gateway_api(admitting(), of_set(UI), api_route("http", "http", REDIRECT)),
        "listener https of ListenerSet argocd/own (not in these files)",
    ),
]
