"""What is served without TLS."""

from __future__ import annotations

from collections.abc import Iterator

from argocd_istio.lint.rule import Fault, Rule, named_few
from argocd_istio.render.model import HTTP, Facts, Listener


def _clear(listener: Listener) -> bool:
    """Whether requests for argocd-server come in as clear text."""
    sent = (each for route in listener.routes if route.reached for each in route.destinations)
    return listener.here and listener.protocol in HTTP and any(each.to_argocd_server for each in sent)


def _no_redirect(facts: Facts) -> Iterator[Fault]:
    for way, listener in facts.listeners():
        if not _clear(listener) or listener.tls_before or way.redirects_itself:
            continue
        if all(each.gateway_here and not each.tls for each in way.listeners):
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
        known = all(listener.gateway_here for listener in way.listeners)
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


def _redirect_to_nothing(facts: Facts) -> Iterator[Fault]:
    """Only for a Gateway that has TLS for other hosts: the server for TLS may be in another file."""
    ended = {
        listener.gateway
        for way, listener in facts.listeners()
        if listener.here and listener.tls and way.to_argocd_server
    }
    for way in facts.ways:
        if any(each.tls or not each.gateway_here or each.tls_before for each in way.listeners):
            continue
        for listener in way.listeners:
            hosts = [host for host in way.hosts if "*" not in host]
            if listener.redirect and listener.gateway in ended and hosts:
                message = f"port {listener.port} redirects {named_few(hosts)} to https, where no server takes it"
                yield Fault(listener, listener.place, message, "name the same hosts in both servers")


def _no_hsts(facts: Facts) -> Iterator[Fault]:
    for way, listener in facts.listeners():
        if not listener.tls or listener.rules != "http" or not way.to_argocd_server:
            continue
        routes = [
            route
            for route in listener.routes
            if route.reached and route.grpc != "only" and any(each.to_argocd_server for each in route.destinations)
        ]
        for route in routes[:1]:
            if not any(each.hsts for each in routes):
                message = "no Strict-Transport-Security: a browser's first request may be sent as clear text"
                how = "headers: {response: {set: {strict-transport-security: max-age=31536000}}}"
                fix = f"add {how} to the route"
                fix = fix if route.kind == "VirtualService" else "add it with a ResponseHeaderModifier"
                yield Fault(route, route.place, message, fix)


_SERVERS = """
    kind: Gateway
    metadata: {{name: argocd}}
    spec:
      servers:
      - port: {{number: 80, name: http, protocol: HTTP}}
        hosts: [{0}]
        tls: {{httpsRedirect: true}}
      - port: {{number: 443, name: https, protocol: HTTPS}}
        hosts: [./argocd.example.com]
        tls: {{mode: SIMPLE, credentialName: argocd-certificate}}
"""
_HSTS = """
    kind: VirtualService
    metadata: {{name: argocd}}
    spec:
      http:
      - route: [{{destination: {{host: argocd-server.argocd.svc.cluster.local, port: {{number: 80}}}}}}]
        {0}
"""

RULES = (
    Rule(
        "B01",
        "no-redirect",
        "error",
        _no_redirect,
        effect="Passwords and tokens cross the network in clear text; with --insecure the session cookie has no "
        "Secure flag.",
        decided="A listener without TLS routes to argocd-server instead of redirecting everything to https. Not where "
        "TLS of the host passes through to an argocd-server that speaks TLS: it redirects clear text itself.",
        source="util/http/http.go of Argo CD",
        covers=("B02", "J11"),
        wrong="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./argocd.example.com]
                tls: {httpsRedirect: false}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./argocd.example.com]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
        """,
        right="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./argocd.example.com]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./argocd.example.com]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
        """,
    ),
    Rule(
        "B04",
        "redirect-to-nothing",
        "warning",
        _redirect_to_nothing,
        effect="http:// is redirected to an address that does not answer.",
        decided="A Gateway redirects a host on port 80 that none of its servers takes through TLS, and ends TLS for "
        "another host of argocd-server. A host on 443 alone is B07.",
        source="Seen in Gateways whose two lists of hosts differ.",
        wrong=_SERVERS.format("./argocd.example.com, ./cd.example.com"),
        right=_SERVERS.format("./argocd.example.com"),
    ),
    Rule(
        "B05",
        "no-hsts",
        "info",
        _no_hsts,
        advice=True,
        effect="A browser's first request to http:// can be intercepted. Argo CD itself never sends the header.",
        decided="The gateway ends TLS, and no route to argocd-server adds the header. In passthrough nothing can "
        "add it.",
        source="https://www.rfc-editor.org/rfc/rfc6797",
        wrong=_HSTS.format("name: ui"),
        right=_HSTS.format("headers: {response: {set: {strict-transport-security: max-age=31536000}}}"),
    ),
    Rule(
        "B06",
        "redirect-behind-balancer",
        "error",
        _loop,
        effect="Browsers report too many redirects.",
        decided="TLS ends before the gateway, by --tls-before-gateway, the Gateway's annotation or its Service's "
        "annotations for AWS, and the gateway redirects its clear text to https.",
        source="mutateRequestHeaders in conn_manager_utility.cc of Envoy",
        wrong="""
            kind: Gateway
            metadata: {name: argocd, annotations: {argocd-istio.github.io/tls-ends-at: load-balancer}}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./argocd.example.com]
                tls: {httpsRedirect: true}
        """,
        right="""
            kind: Gateway
            metadata: {name: argocd, annotations: {argocd-istio.github.io/tls-ends-at: load-balancer}}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./argocd.example.com]
        """,
    ),
    Rule(
        "B07",
        "nothing-on-port-80",
        "warning",
        _nothing_on_80,
        effect="http:// addresses do not answer.",
        decided="The host has TLS, all its Gateways are in these files, and none listens on port 80.",
        source="Seen in published Gateways",
        wrong="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./argocd.example.com]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
        """,
        right="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./argocd.example.com]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./argocd.example.com]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
        """,
    ),
    Rule(
        "B08",
        "redirect-without-route",
        "error",
        _redirect_without_route,
        effect="Port 80 answers 404 instead of the redirect.",
        decided="A server redirects a host with a namespace before it, and no VirtualService has an http route for it.",
        source="pilot/pkg/networking/core/gateway.go of Istio",
        mode="passthrough",
        wrong="""
            kind: VirtualService
            metadata: {name: argocd}
            spec: {http: null}
        """,
        right="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              http:
              - route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 80}}}]
        """,
    ),
)
