"""Faults particular to the Gateway API. The other domains check what it shares with Istio's own objects."""

from __future__ import annotations

from collections.abc import Iterator

from argocd_istio.lint.rule import Fault, Rule
from argocd_istio.render.model import Facts
from argocd_istio.render.objects import Place


def _not_admitted(facts: Facts) -> Iterator[Fault]:
    for _, listener in facts.listeners():
        if listener.unrouted == "not admitted" and listener.api == "Gateway API":
            message = f"the listener does not admit {listener.candidate}: no request reaches it"
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
    """Istio matches a GRPCRoute by path alone, and gRPC-Web uses the same paths (seen in a test run)."""
    for _, route, destination in facts.argocd_servers():
        taken = route.kind == "GRPCRoute" and destination.speaks == "HTTP/2"
        if taken and everything is not bool(route.match):
            what = "the browser's requests too, as HTTP/2: argocd-server refuses them"
            what = what if everything else "gRPC-Web too, as HTTP/2: argocd-server refuses it"
            fix = "use one HTTPRoute: content-type exactly application/grpc first, everything else after it"
            yield Fault(route, route.place, f"GRPCRoute {route.owner} takes {what}", fix)


def _ungranted_secret(facts: Facts) -> Iterator[Fault]:
    for _, listener in facts.listeners():
        certificate = listener.certificate
        if certificate and not certificate.granted:
            what, reader = f"Secret {certificate.namespace}/{certificate.secret}", listener.place.object
            trusted = f"from {reader.kind} of {reader.namespace}, to Secret"
            fix = f"add a ReferenceGrant to namespace {certificate.namespace}: {trusted}"
            message = f"no ReferenceGrant lets {reader} read {what}: the gateway opens no port"
            if certificate.granted is None:
                message = f"these files have no ReferenceGrant that lets {reader} read {what}, nor that Secret"
            yield Fault(listener, listener.place, message, fix, None if certificate.granted is False else "info")


def _ungranted_backend(facts: Facts) -> Iterator[Fault]:
    for _, route, destination in facts.destinations():
        if destination.granted:
            continue
        what, namespace = f"Service {destination.name}", destination.name.partition("/")[0]
        own = route.owner.partition("/")[0]
        fix = f"add a ReferenceGrant to namespace {namespace}: from {route.kind} of {own}, to Service"
        end = "the gateway answers 500" if destination.speaks else "the connection is closed"
        message = f"no ReferenceGrant lets {route.kind} {route.owner} refer to {what}: {end}"
        if destination.granted is None:
            message = f"these files have no ReferenceGrant that lets {route.kind} {route.owner} refer to {what}"
        yield Fault(destination, destination.place, message, fix, None if destination.granted is False else "info")


def _tls_policy(facts: Facts) -> Iterator[Fault]:
    for policy in facts.tls_policies:
        what = f"BackendTLSPolicy {policy.name}"
        if policy.found is False:
            yield Fault(
                None, policy.place, f"{what} names no Service here: it does nothing", "name one of its namespace"
            )
        elif policy.found and policy.section and policy.section not in policy.sections:
            message = f"Service {policy.service} has no port named {policy.section}: {what} does nothing"
            yield Fault(
                None, policy.place, message, f"name one of {', '.join(filter(None, policy.sections)) or 'none'}"
            )
        if not policy.hostname:
            message = f"{what} has no validation.hostname: the API server refuses it"
            yield Fault(None, policy.place, message, "state the name in argocd-server's certificate")
        if policy.unusable:
            fix = "name one ConfigMap with ca.crt in caCertificateRefs, or wellKnownCACertificates: System"
            yield Fault(None, policy.place, f"{what} {policy.unusable}: no request gets through", fix)


def _listener_set(facts: Facts) -> Iterator[Fault]:
    for refused in facts.refused:
        message = f"Gateway {refused.gateway} does not admit ListenerSet {refused.name}: it opens no port"
        yield Fault(None, refused.place, message, "admit its namespace in the Gateway's allowedListeners")


def _other_namespace(facts: Facts) -> Iterator[Fault]:
    """`pilot/pkg/model/gateway.go` of Istio, from 1.31 on."""
    label = "gateway.networking.k8s.io/gateway-name="
    made: dict[str, set[str]] = {}
    for _, listener in facts.listeners():
        if listener.api == "Gateway API" and listener.here:
            namespace, _, name = listener.gateway.partition("/")
            made.setdefault(label + name, set()).add(namespace)
    for _, listener in facts.listeners():
        own = listener.gateway.partition("/")[0]
        for selected in listener.selector if listener.api == "Istio" else ():
            if own not in made.get(selected, {own}):
                message = f"its pods belong to Gateway {selected.removeprefix(label)} of another namespace"
                fix = "use a route of the Gateway API, or move it there"
                place = Place(listener.place.object).at("spec", "selector")
                yield Fault(listener, place, f"{message}: Istio 1.31 and newer ignores this Gateway", fix)


RULES = (
    Rule("J01", "grpcroute-takes-everything", "error", lambda facts: _grpc_route(facts, True)),
    Rule("J02", "grpcroute-takes-grpc-web", "error", lambda facts: _grpc_route(facts, False)),
    Rule("J06", "no-such-listener", "error", _no_listener),
    Rule("J07", "route-not-admitted-by-listener", "error", _not_admitted),
    Rule("J08", "no-common-host", "error", _no_common_host),
    Rule("J09", "certificate-without-grant", "error", _ungranted_secret),
    Rule("J10", "backend-without-grant", "error", _ungranted_backend),
    Rule("J14", "backend-tls-policy-without-effect", "error", _tls_policy),
    Rule("J18", "gateway-of-other-namespace", "warning", _other_namespace),
    Rule("J20", "listener-set-not-admitted", "error", _listener_set),
)
