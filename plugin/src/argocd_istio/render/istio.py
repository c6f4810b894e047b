"""How Istio resolves names, chooses a port's protocol, and limits the visibility of objects.

Ports: `pkg/config/kube/conversion.go`. Destinations: `ResolveShortnameToFQDN`; Gateways: `resolveGatewayName`, both in
`pilot/pkg/model/config.go`. exportTo: `initVirtualServices` in `pilot/pkg/model/push_context.go`.
"""

from __future__ import annotations

from collections.abc import Iterable

ROOT = "istio-system"
"""The default root namespace of a mesh."""
_STANDARD = {"kubernetes.io/h2c": "HTTP2", "kubernetes.io/ws": "HTTP", "kubernetes.io/wss": "HTTPS"}
_PROTOCOLS = {
    "tcp": "TCP",
    "udp": "UDP",
    "grpc": "GRPC",
    "grpc-web": "GRPC-Web",
    "http": "HTTP",
    "http_proxy": "HTTP_PROXY",
    "http2": "HTTP2",
    "https": "HTTPS",
    "tls": "TLS",
    "mongo": "Mongo",
    "redis": "Redis",
    "mysql": "MySQL",
}
# Ports whose protocol Istio never guesses.
_NEVER_GUESSED = (25, 53, 3306, 27017)

UNDECLARED = "undeclared"
"""Protocol unknown to Istio: the gateway uses the client's HTTP version at this port."""

HTTP2 = ("HTTP2", "GRPC", "GRPC-Web")


def protocol(name: str, app_protocol: str, transport: str, port: int) -> str:
    """Istio's protocol of a Service port; `appProtocol` counts before the name's first word."""
    if transport == "UDP":
        return "UDP"
    if app_protocol in _STANDARD:
        return _STANDARD[app_protocol]
    word = (app_protocol or name).lower()
    word = "grpc-web" if word.startswith("grpc-web") else word.partition("-")[0]
    return _PROTOCOLS.get(word, "TCP" if port in _NEVER_GUESSED else UNDECLARED)


def service(host: str, namespace: str) -> tuple[str, str] | None:
    """Namespace and name of the Service that a destination in `namespace` names; None for another host."""
    if "." not in host:
        return (namespace, host) if host else None
    parts = host.split(".")
    return (parts[1], parts[0]) if len(parts) > 3 and parts[2] == "svc" else None


def full(host: str, namespace: str) -> str:
    """The full name of a destination or of a DestinationRule's host; only a name without a dot is completed."""
    return f"{host}.{namespace}.svc.cluster.local" if host and "." not in host and host != "*" else host


def gateway(name: str, namespace: str) -> str:
    """namespace/name of the Gateway that a VirtualService in `namespace` names.

    Forms: `name`, `namespace/name`, `./name`, `name.namespace`, and that with more words after it.
    """
    before, slash, after = name.partition("/")
    if slash:
        return f"{namespace}/{after}" if before == "." else name
    if "." not in name:
        return f"{namespace}/{name}"
    parts = name.split(".")
    return f"{parts[1]}/{parts[0]}"


def sees(export_to: Iterable[str], owner: str, client: str) -> bool | None:
    """Whether an object of namespace `owner` is visible to proxies in namespace `client`; None if that is unknown."""
    named = {owner if each == "." else each for each in export_to}
    if "~" in named and "*" not in named:
        return False
    if not named or "*" in named:
        return True
    return client in named if client else None
