"""Faults of the Gateway API that the rules find, and what they spare; as in `faults`."""

from __future__ import annotations

from typing import Any

from tests.plugin.faults import NO_WAY, Row, item
from tests.plugin.renders import Breaking
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
ALL = {"allowedRoutes": {"namespaces": {"from": "All"}}}


def gateway_api(gateway: Object, *routes: Object) -> Breaking:
    """The Gateway API instead of Istio's own objects."""

    def change(objects: list[Object]) -> None:
        for kind in ("Gateway", "VirtualService"):
            objects.remove(one(objects, kind))
        objects += [gateway, *routes]

    return change


GATEWAY_API: list[Row] = [
    (
        "J07",
        "a listener for its own namespace",
        "grpc-routing",
        gateway_api(api_gateway(), api_route("ui", "https", GRPC, UI), api_route("http", "http", REDIRECT)),
        [
            "the listener does not admit HTTPRoute argocd/ui: no request takes it",
            NO_WAY,
        ],
    ),
    (
        "J01",
        "a GRPCRoute for everything",
        "grpc-routing",
        gateway_api(
            api_gateway(**ALL),
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
        gateway_api(api_gateway(**ALL), api_route("ui", "tls", UI), api_route("http", "http", REDIRECT)),
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
            api_gateway(**ALL, hostname="cd.acme.io"), api_route("ui", "https", UI), api_route("http", "http", REDIRECT)
        ),
        [
            "no route routes this host: the gateway answers 404",
            "HTTPRoute argocd/ui names argocd.example.com, which no listener of its Gateway takes: 404",
            NO_WAY,
        ],
    ),
    (
        "J02",
        "a GRPCRoute by service",
        "grpc-routing",
        gateway_api(
            api_gateway(**ALL),
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
        gateway_api(api_gateway(**ALL), api_route("ui", "https", GRPC, UI), api_route("http", "http", REDIRECT)),
        "content-type is application/grpc (HTTPRoute argocd/ui)",
    ),
    (
        "the Gateway API with a TLSRoute",
        "passthrough",
        gateway_api(
            api_gateway(**ALL, protocol="TLS", tls={"mode": "Passthrough"}),
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
]
