"""The conditions of a VirtualService's routes, in words."""

from __future__ import annotations

from typing import Literal

from argocd_istio.render import istio
from argocd_istio.syntax.nodes import fields, labels, number, text, texts
from argocd_istio.syntax.source import Node

GRPC = "application/grpc"
AGENT = "argocd-client"
"""The user agent of Argo CD's CLI."""


def _value(node: Node | None, name: str) -> str:
    """A StringMatch in words. Without a value it only requires presence."""
    for key, words in (("exact", "is"), ("prefix", "begins with"), ("regex", "matches")):
        value = text(node, key)
        if value:
            return f"{name} {words} {value}"
    return f"{name} is present"


_FORWARDED = "x-forwarded-proto"


def _forwarded(condition: Node, protocol: str) -> bool | None:
    """Whether a condition accepts the x-forwarded-proto of a gateway; None if unknown, or without a condition for it.

    Envoy sets the header itself: `mutateRequestHeaders` in its `conn_manager_utility.cc`. The scheme says nothing:
    gRPC clients in Go send "http" through TLS.
    """
    exact = text(_header(condition, _FORWARDED), "exact")
    return exact == protocol if protocol and exact else None


def http(condition: Node, port: int, client: str, protocol: str) -> str:
    """One entry of `http[].match` in words, without its gateways; empty if it matches everything.

    Port and x-forwarded-proto are included if unknown for the listener, the source if the namespace is unknown.
    """
    words = []
    if not port and number(condition, "port"):
        words.append(f"port is {number(condition, 'port')}")
    if not client and text(condition, "sourceNamespace"):
        words.append(f"the gateway is in namespace {text(condition, 'sourceNamespace')}")
    path = fields(condition, "uri")
    if path and not is_everything(condition, "uri"):
        words.append(_value(condition.find("uri"), "path"))
    for key in ("scheme", "method", "authority"):
        if fields(condition, key):
            words.append(_value(condition.find(key), key))
    for kind, prefix in (("headers", ""), ("queryParams", "query parameter ")):
        for name, value in fields(condition, kind).items():
            if kind == "headers" and name.lower() == _FORWARDED and _forwarded(condition, protocol):
                continue
            words.append(_value(value, prefix + name))
    for name, value in fields(condition, "withoutHeaders").items():
        words.append(f"not ({_value(value, name)})")
    return " and ".join(words)


def is_everything(condition: Node, key: str) -> bool:
    """Whether a path condition matches every path."""
    return text(condition, key, "prefix") == "/" or text(condition, key, "regex") in ("*", ".*")


def grpc(conditions: list[Node]) -> Literal["", "only", "wanted"]:
    """Whether the alternatives match exactly the requests that argocd-server treats as gRPC ("only"), or others too.

    argocd-server compares the whole content-type: `server/server.go` of Argo CD, `newGRPCMatcher`.
    """
    if conditions and all(text(_header(each, "content-type"), "exact") == GRPC for each in conditions):
        return "only"
    return "wanted" if any(map(_wants_grpc, conditions)) else ""


def _wants_grpc(condition: Node) -> bool:
    """Whether an entry was meant for native gRPC, correct or not."""
    value = next(iter(labels(_header(condition, "content-type")).values()), "")
    agent = next(iter(labels(_header(condition, "user-agent")).values()), "")
    plain = value.replace("\\", "").replace("^", "")
    return (GRPC in plain and "grpc-web" not in plain) or AGENT in agent


def _header(condition: Node, wanted: str) -> Node | None:
    for name, value in fields(condition, "headers").items():
        if name.lower() == wanted:
            return value
    return None


def paths(conditions: list[Node]) -> tuple[str, ...]:
    """The path prefixes of the alternatives; empty if one has no path condition."""
    found = [text(each, "uri", "prefix") or text(each, "uri", "exact") for each in conditions]
    return tuple(found) if all(found) else ()


def applies(condition: Node, gateway: str, port: int, namespace: str, client: str, protocol: str) -> bool:
    """Whether an entry can match requests of this Gateway (namespace/name), port (0: unknown) and x-forwarded-proto.

    Source: `sourceMatchHTTP` in `pilot/pkg/networking/core/route/route.go` of Istio.
    """
    if port and number(condition, "port") not in (0, port):
        return False
    if _forwarded(condition, protocol) is False:
        return False
    named = texts(condition, "gateways")
    if named:
        return gateway in (istio.gateway(name, namespace) for name in named if name != "mesh")
    source = text(condition, "sourceNamespace")
    return not source or not client or source == client
