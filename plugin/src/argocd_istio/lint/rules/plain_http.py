"""What is served without TLS."""

from __future__ import annotations

from collections.abc import Iterator

from argocd_istio.lint.rule import Fault, Rule
from argocd_istio.render.model import HTTP, Facts, Listener


def _clear(listener: Listener) -> bool:
    """Whether requests for argocd-server come in as clear text."""
    sent = (each for route in listener.routes if route.reached for each in route.destinations)
    return listener.here and listener.protocol in HTTP and any(each.to_argocd_server for each in sent)


def _no_redirect(facts: Facts) -> Iterator[Fault]:
    for way, listener in facts.listeners():
        if not _clear(listener) or listener.tls_before:
            continue
        if all(each.here and not each.tls for each in way.listeners):
            message = "nothing ends TLS for this host: passwords and tokens cross the network in clear text"
            fix = "end it here on port 443, or set --tls-before-gateway if a load balancer ends it"
            yield Fault(listener, listener.place, message, fix)
        else:
            what, fix = "httpsRedirect", "set tls: {httpsRedirect: true}"
            if listener.api != "Istio":
                what, fix = "redirect to https", "answer all with a RequestRedirect to https"
            yield Fault(
                listener, listener.place, f"no {what}: passwords and tokens cross the network in clear text", fix
            )


def _loop(facts: Facts) -> Iterator[Fault]:
    """The gateway mistakes the balancer's clear text for the client's; numTrustedProxies of the mesh would help."""
    message = "redirect loop: TLS ends before the gateway, which redirects clear text to https again"
    for way in facts.ways:
        plain = [each for each in way.listeners if each.here and each.tls_before and each.protocol in HTTP]
        if any(map(_clear, plain)):
            continue
        for listener in plain:
            if listener.redirect:
                place, what = listener.place.at("tls").at("httpsRedirect"), "httpsRedirect"
                what = what if listener.api == "Istio" else "the redirect"
                yield Fault(listener, place, message, f"remove {what}, and redirect at the balancer")
            for route in listener.routes:
                if route.reached and route.redirect and not route.match:
                    fix = "match header x-forwarded-proto: http, or redirect at the balancer"
                    yield Fault(route, route.place, message, fix)


def _nothing_on_80(facts: Facts) -> Iterator[Fault]:
    for way in facts.ways:
        if any(listener.tls_before for listener in way.listeners) or not way.to_argocd_server:
            continue
        known = all(listener.here for listener in way.listeners)
        encrypted = any(listener.tls and not listener.unrouted for listener in way.listeners)
        if known and encrypted and all(listener.port != 80 for listener in way.listeners):
            message = "nothing listens on port 80: http:// addresses are not redirected to https://"
            what = "server" if way.listeners[0].api == "Istio" else "listener"
            yield Fault(way, way.listeners[0].place, message, f"add a {what} for port 80 that redirects")


def _redirect_without_route(facts: Facts) -> Iterator[Fault]:
    """Without a route, istiod adds the redirect only for a host without namespace/."""
    for way, listener in facts.listeners():
        if listener.redirect and listener.unrouted and listener.confined and not facts.of_others(way, listener):
            message = f"no http route for this host: port {listener.port} answers 404 instead of the redirect"
            yield Fault(listener, listener.place, message, "give the VirtualService an http route")


RULES = (
    Rule("B01", "no-redirect", "error", _no_redirect),
    Rule("B06", "redirect-behind-balancer", "error", _loop),
    Rule("B07", "nothing-on-port-80", "warning", _nothing_on_80),
    Rule("B08", "redirect-without-route", "error", _redirect_without_route),
)
