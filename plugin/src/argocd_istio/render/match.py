"""The conditions of a VirtualService's routes, in words."""

from __future__ import annotations

from argocd_istio.render.objects import fields, labels, number, text, texts
from argocd_istio.syntax.source import Node

GRPC = "application/grpc"


def _value(node: Node | None, name: str) -> str:
    """A StringMatch in words. One without a value asks only that the thing is there."""
    for key, words in (("exact", "is"), ("prefix", "begins with"), ("regex", "matches")):
        value = text(node, key)
        if value:
            return f"{name} {words} {value}"
    return f"{name} is present"


def http(condition: Node) -> str:
    """One entry of `http[].match`, its port and gateways aside; empty where it takes everything."""
    words = []
    path = fields(condition, "uri")
    if path and not is_everything(condition, "uri"):
        words.append(_value(condition.find("uri"), "path"))
    for key in ("scheme", "method", "authority"):
        if fields(condition, key):
            words.append(_value(condition.find(key), key))
    for kind, prefix in (("headers", ""), ("queryParams", "query parameter ")):
        for name, value in fields(condition, kind).items():
            words.append(_value(value, prefix + name))
    for name, value in fields(condition, "withoutHeaders").items():
        words.append(f"not ({_value(value, name)})")
    return " and ".join(words)


def is_everything(condition: Node, key: str) -> bool:
    """Whether a path condition leaves nothing out."""
    return text(condition, key, "prefix") == "/" or text(condition, key, "regex") in ("*", ".*")


def only_grpc(condition: Node) -> bool:
    """Whether an entry takes what argocd-server takes for gRPC, and nothing else."""
    return text(_content_type(condition), "exact") == GRPC


def wants_grpc(condition: Node) -> bool:
    """Whether an entry was written for native gRPC, however well."""
    value = next(iter(labels(_content_type(condition)).values()), "")
    return GRPC in value.replace("\\", "").replace("^", "") and "grpc-web" not in value


def _content_type(condition: Node) -> Node | None:
    for name, value in fields(condition, "headers").items():
        if name.lower() == "content-type":
            return value
    return None


def names(condition: Node, gateway: str, port: int, namespace: str) -> bool:
    """Whether an entry holds for this gateway (namespace/name) and port at all."""
    gateways = [name if "/" in name else f"{namespace}/{name}" for name in texts(condition, "gateways")]
    return (not gateways or gateway in gateways) and number(condition, "port") in (0, port)
