"""Whether a route is reached, and which HTTP version arrives at argocd-server."""

from __future__ import annotations

from collections.abc import Iterator

from argocd_istio.lint.rule import Fault, Rule
from argocd_istio.render.match import GRPC
from argocd_istio.render.model import Destination, Facts, Route


def _to_argocd_server(facts: Facts) -> Iterator[tuple[Route, Destination]]:
    return ((route, found) for _, route, found in facts.argocd_servers() if found.speaks)


def _grpc_to_http1(facts: Facts) -> Iterator[Fault]:
    for route, destination in _to_argocd_server(facts):
        if destination.speaks == "HTTP/1.1" and route.grpc:
            message = "native gRPC fails: the gateway speaks HTTP/1.1 to this port"
            yield Fault(destination, destination.place, message, "it needs appProtocol: kubernetes.io/h2c")


def _http2(facts: Facts, agent: bool) -> Iterator[Fault]:
    """argocd-server accepts HTTP/2 only for gRPC with exactly this content type; everything else is HTTP/1.1."""
    for route, destination in _to_argocd_server(facts):
        if destination.speaks == "HTTP/1.1" or route.grpc == "only" or route.kind == "GRPCRoute":
            continue
        if agent is (route.grpc == "wanted"):
            message = (
                f"the gateway speaks {destination.speaks} to this port: "
                f"argocd-server accepts HTTP/2 only with content-type {GRPC}"
            )
            fix = "match exactly that, and send everything else to a port named http"
            yield Fault(destination, destination.place, message, fix)


def _never(facts: Facts) -> Iterator[Fault]:
    # A route behind a redirect at one port may be reached at another.
    reached = {id(route.place.node) for _, route in facts.routes() if route.reached}
    for _, route in facts.routes():
        if id(route.place.node) not in reached:
            fix = "move it before that route"
            yield Fault(route, route.place, "never reached: the route before it takes everything", fix)


def _nowhere(facts: Facts) -> Iterator[Fault]:
    for _, route in facts.routes():
        if not route.answer and not route.destinations:
            yield Fault(route, route.place, "no destination: the gateway answers 404", "add one, or remove the route")


def _cut(facts: Facts) -> Iterator[Fault]:
    for _, route in facts.routes():
        ours = any(each.pods.argocd_servers for each in route.destinations)
        if ours and set(route.timeout) & set("123456789"):
            message = f"the timeout of {route.timeout} cuts event streams, logs and the terminal"
            yield Fault(route, route.place, message, "remove it: without a timeout they stay open")


RULES = (
    Rule("A14", "grpc-to-http1-port", "error", _grpc_to_http1),
    Rule("A15", "browser-to-http2-port", "error", lambda facts: _http2(facts, False)),
    Rule("A16", "grpc-match-takes-grpc-web", "error", lambda facts: _http2(facts, True)),
    Rule("A17", "route-never-reached", "error", _never),
    Rule("A33", "route-without-destination", "error", _nowhere),
    Rule("H01", "timeout-cuts-streams", "warning", _cut),
)
