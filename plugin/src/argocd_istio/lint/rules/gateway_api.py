"""What is particular to the Gateway API. What it shares with Istio's own objects the other domains judge."""

from __future__ import annotations

from collections.abc import Iterator

from argocd_istio.lint.rule import Fault, Rule
from argocd_istio.render.model import Facts


def _not_admitted(facts: Facts) -> Iterator[Fault]:
    for _, listener in facts.listeners():
        if listener.unrouted == "not admitted" and listener.api == "Gateway API":
            message = f"the listener does not admit {listener.candidate}: no request takes it"
            yield Fault(listener, listener.place, message, "admit its namespace and kind in allowedRoutes")


def _no_listener(facts: Facts) -> Iterator[Fault]:
    for stray in facts.strays:
        if stray.listener:
            message = f"{stray.kind} {stray.owner} names {stray.listener}, which its Gateway does not have: 404"
            yield Fault(None, stray.place, message, "name a listener of the Gateway as sectionName")


def _no_common_host(facts: Facts) -> Iterator[Fault]:
    for stray in facts.strays:
        if stray.kind != "VirtualService" and stray.host:
            message = f"{stray.kind} {stray.owner} names {stray.host}, which no listener of its Gateway takes: 404"
            yield Fault(None, stray.place, message, "name the same host in both")


def _grpc_route(facts: Facts, everything: bool) -> Iterator[Fault]:
    """Istio matches a GRPCRoute by path alone, and gRPC-Web uses the same paths; run."""
    for _, route, destination in facts.argocd_servers():
        taken = route.kind == "GRPCRoute" and destination.speaks == "HTTP/2"
        if taken and everything is not bool(route.match):
            what = "the browser's requests too, as HTTP/2: argocd-server refuses them"
            what = what if everything else "gRPC-Web too, as HTTP/2: argocd-server refuses it"
            fix = "use one HTTPRoute: content-type exactly application/grpc first, all else after it"
            yield Fault(route, route.place, f"GRPCRoute {route.owner} takes {what}", fix)


RULES = (
    Rule("J01", "grpcroute-takes-everything", "error", lambda facts: _grpc_route(facts, True)),
    Rule("J02", "grpcroute-takes-grpc-web", "error", lambda facts: _grpc_route(facts, False)),
    Rule("J06", "no-such-listener", "error", _no_listener),
    Rule("J07", "route-not-admitted-by-listener", "error", _not_admitted),
    Rule("J08", "no-common-host", "error", _no_common_host),
)
