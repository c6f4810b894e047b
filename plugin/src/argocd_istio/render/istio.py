"""How Istio compares host names and decides a port's protocol, as its own source says.

Hosts: `pkg/config/host`. Ports: `pkg/config/kube/conversion.go`. Short names: `ResolveShortnameToFQDN`.
"""

from __future__ import annotations

from collections.abc import Iterable

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
"""Istio guesses: the gateway speaks to such a port what the client spoke to it."""

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


def covers(wider: str, host: str) -> bool:
    """Whether `host`, which may be a wildcard itself, is one of those that `wider` stands for."""
    if not wider.startswith("*"):
        return host == wider
    if host.startswith("*"):
        return len(host) >= len(wider) and host[1:].endswith(wider[1:])
    return host.endswith(wider[1:])


def common(one: Iterable[str], other: Iterable[str]) -> list[str]:
    """The hosts that both lists stand for: of each pair the narrower."""
    other = list(other)
    plain = set(other)
    wild = [host for host in other if host.startswith("*")]
    found: dict[str, None] = {}
    for host in one:
        if not host.startswith("*"):
            if host in plain or any(covers(wider, host) for wider in wild):
                found[host] = None
            continue
        for candidate in other:
            if covers(host, candidate):
                found[candidate] = None
            elif covers(candidate, host):
                found[host] = None
    return list(found)


def service(host: str, namespace: str) -> tuple[str, str] | None:
    """Namespace and name of the Service that a destination in `namespace` names; None for another host."""
    if "." not in host:
        return (namespace, host) if host else None
    parts = host.split(".")
    return (parts[1], parts[0]) if len(parts) > 3 and parts[2] == "svc" else None
