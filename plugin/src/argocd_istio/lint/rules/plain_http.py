"""What is served without TLS."""

from __future__ import annotations

from collections.abc import Iterator

from argocd_istio.lint.rule import Fault, Rule
from argocd_istio.render.model import HTTP, Facts


def _no_redirect(facts: Facts) -> Iterator[Fault]:
    for _, listener in facts.listeners():
        if listener.here and not listener.redirect and listener.protocol in HTTP:
            istio = listener.api == "Istio"
            if not istio and not listener.routes:
                continue
            message = "no httpsRedirect: passwords and tokens cross the network in clear text"
            if not istio:
                message = message.replace("httpsRedirect", "redirect to https")
            fix = "set tls: {httpsRedirect: true}" if istio else "answer all with a RequestRedirect to https"
            yield Fault(listener, listener.place, message, fix)


def _nothing_on_80(facts: Facts) -> Iterator[Fault]:
    for way in facts.ways:
        known = all(listener.here for listener in way.listeners)
        encrypted = any(listener.tls and not listener.unrouted for listener in way.listeners)
        if known and encrypted and all(listener.port != 80 for listener in way.listeners):
            message = "nothing listens on port 80: http:// addresses are not redirected to https://"
            what = "server" if way.listeners[0].api == "Istio" else "listener"
            yield Fault(way, way.listeners[0].place, message, f"add a {what} for port 80 that redirects")


def _redirect_without_route(facts: Facts) -> Iterator[Fault]:
    """istiod gives a redirect of its own to a bare host only."""
    for _, listener in facts.listeners():
        if listener.redirect and listener.unrouted and listener.confined:
            message = f"no http route for this host: port {listener.port} answers 404 instead of the redirect"
            yield Fault(listener, listener.place, message, "give the VirtualService an http route")


RULES = (
    Rule("B01", "no-redirect", "error", _no_redirect),
    Rule("B07", "nothing-on-port-80", "warning", _nothing_on_80),
    Rule("B08", "redirect-without-route", "error", _redirect_without_route),
)
