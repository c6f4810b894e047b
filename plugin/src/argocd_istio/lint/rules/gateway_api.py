"""Faults particular to the Gateway API. The other domains check what it shares with Istio's own objects."""

from __future__ import annotations

from collections.abc import Iterator

from argocd_istio.lint.rule import Fault, Rule
from argocd_istio.render.model import Facts, Listener
from argocd_istio.render.objects import Place

_KINDS = {"HTTP": ("HTTPRoute", "GRPCRoute"), "HTTPS": ("HTTPRoute", "GRPCRoute"), "TLS": ("TLSRoute", "TCPRoute")}
"""The kinds of routes that a listener's protocol can have."""


def _of_other_protocol(listener: Listener) -> bool:
    kind = listener.candidate.partition(" ")[0]
    return listener.api == "Gateway API" and kind not in _KINDS.get(listener.protocol, (kind,))


def _wrong_kind(facts: Facts) -> Iterator[Fault]:
    for _, listener in facts.listeners():
        if listener.unrouted == "not admitted" and _of_other_protocol(listener):
            passes = " with TLS passed through" if listener.passes_through else ""
            message = (
                f"{listener.candidate} cannot match anything on a listener of protocol {listener.protocol}{passes}: "
            )
            fix = f"use a {_KINDS[listener.protocol][0]}, or another protocol and TLS mode"
            yield Fault(listener, listener.place, f"{message}no request reaches it", fix)


def _old(facts: Facts) -> Iterator[Fault]:
    if facts.stated.istio_version and facts.stated.istio_version < (1, 30):
        return
    for old in facts.beside.old:
        routes = old.since.startswith("Gateway API") and old.place.object.kind in ("TLSRoute", "BackendTLSPolicy")
        if routes or old.newer == "1.5":
            what = "is" if routes else "and its objects are"
            message = f"{old.place.object} {what} of {old.version}, and Istio 1.30 or newer reads v1: with CRDs before "
            yield Fault(
                None, old.place, f"{message}Gateway API 1.5 it sees nothing", "install newer CRDs, and write v1"
            )


def _repeated_calls(facts: Facts) -> Iterator[Fault]:
    for _, route in facts.routes():
        api = route.kind in ("HTTPRoute", "GRPCRoute") and route.grpc
        if api and route.attempts and any(each.to_argocd_server for each in route.destinations):
            message = "the gateway repeats failed gRPC calls: a Sync or a Create may run twice"
            yield Fault(route, route.place.at("retry").at("attempts"), message, "set retry: {attempts: 0}")


def _open(facts: Facts) -> Iterator[Fault]:
    for way, listener in facts.listeners():
        if listener.open and not listener.redirect and way.to_argocd_server:
            message = f"the listener of {way.hosts[0]} admits routes of every namespace: any could take over paths of "
            fix = "set allowedRoutes: {namespaces: {from: Same}}, or a Selector"
            place = listener.place.at("allowedRoutes", "namespaces", "from")
            yield Fault(listener, place, f"{message}Argo CD", fix)


def _not_admitted(facts: Facts) -> Iterator[Fault]:
    for _, listener in facts.listeners():
        refused = listener.unrouted == "not admitted" and listener.api == "Gateway API"
        if refused and not _of_other_protocol(listener):
            message = f"the listener does not admit {listener.candidate}: no request reaches it"
            yield Fault(listener, listener.place, message, "admit its namespace and kind in allowedRoutes")


def _no_listener(facts: Facts) -> Iterator[Fault]:
    for stray in facts.strays:
        if stray.gateway:
            message = (
                f"{stray.kind} {stray.owner} names no namespace for its Gateway, which is {stray.gateway}: it routes "
            )
            fix = f"add namespace: {stray.gateway.partition('/')[0]} to parentRefs"
            yield Fault(None, stray.place, f"{message}nothing", fix)
        elif stray.listener:
            message = f"{stray.kind} {stray.owner} names {stray.listener}, which its Gateway does not have: 404"
            yield Fault(None, stray.place, message, "name a listener of the Gateway as sectionName")


def _no_common_host(facts: Facts) -> Iterator[Fault]:
    for stray in facts.strays:
        if stray.kind != "VirtualService" and stray.host and not stray.others:
            message = f"{stray.kind} {stray.owner} names {stray.host}, which no listener of its Gateway takes: 404"
            yield Fault(None, stray.place, message, "name the same host in both")


def _grpc_route(facts: Facts, everything: bool) -> Iterator[Fault]:
    """Without a header Istio matches a GRPCRoute by path alone, and gRPC-Web uses the same paths (seen in a test run).

    A host of its own for native gRPC works, if browsers have another one.
    """
    browsers = {id(listener) for listener, route, _ in facts.argocd_servers() if route.kind != "GRPCRoute"}
    # A route of browsers that leads nowhere has its own fault.
    refused = [listener.candidate.partition(" ")[0] for _, listener in facts.listeners() if listener.candidate]
    lost = {*refused, *(stray.kind for stray in facts.strays)} - {"GRPCRoute"}
    for listener, route, destination in facts.argocd_servers():
        own_host = bool(browsers or lost) and id(listener) not in browsers
        taken = route.kind == "GRPCRoute" and destination.speaks == "HTTP/2" and not own_host
        if taken and route.grpc != "only" and everything is not bool(route.match):
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
    if facts.stated.istio_version and facts.stated.istio_version < (1, 31):
        return
    made: dict[str, set[str]] = {}
    for _, listener in facts.listeners():
        if listener.api == "Gateway API" and listener.here:
            namespace, _, name = listener.gateway.partition("/")
            made.setdefault(label + name, set()).add(namespace)
    for _, listener in facts.listeners():
        own = listener.gateway.partition("/")[0]
        for selected in listener.selector if listener.api == "Istio" else ():
            # Istio gives the pods that it makes this label, in the namespace of their Gateway.
            stated = {listener.namespace or own} if selected.startswith(label) else {own}
            if own not in made.get(selected, stated):
                message = f"its pods belong to Gateway {selected.removeprefix(label)} of another namespace"
                fix = "use a route of the Gateway API, or move it there"
                place = Place(listener.place.object).at("spec", "selector")
                yield Fault(listener, place, f"{message}: Istio 1.31 and newer ignores this Gateway", fix)


_GATEWAY = """
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: public}
            spec:
              gatewayClassName: istio
              listeners:
              - name: https
                port: 443
                hostname: cd.example.io"""
_HTTPS = f"""{_GATEWAY}
                protocol: HTTPS
                tls: {{certificateRefs: [{{name: argocd-certificate}}]}}"""
_ROUTE = """
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata: {name: public}
            spec:
              parentRefs: [{name: public}]
              hostnames: [cd.example.io]
              rules:
              - backendRefs: [{name: argocd-server, port: 80}]"""
_GRPC = f"""{_ROUTE.replace("argocd-server, port: 80", "argocd-server-grpc, port: 443")}
                matches: [{{headers: [{{name: content-type, value: application/grpc}}]}}]
                retry: {{attempts: """
_GRPC_ROUTE = _ROUTE.replace("HTTPRoute", "GRPCRoute").replace(
    "[{name: argocd-server, port: 80}]", "[{name: argocd-server-grpc, port: 443}]"
)
_OF_A_SERVICE = "\n                matches: [{method: {service: version.VersionService}}]"
_BOTH = f"""{_ROUTE.replace("argocd-server, port: 80", "argocd-server-grpc, port: 443")}
                matches: [{{headers: [{{name: content-type, value: application/grpc}}]}}]
              - backendRefs: [{{name: argocd-server, port: 80}}]"""
_ELSEWHERE = _HTTPS.replace("{name: argocd-certificate}", "{name: argocd-certificate, namespace: certs}").replace(
    "apiVersion",
    """apiVersion: v1
            kind: Secret
            metadata: {name: argocd-certificate, namespace: certs}
            ---
            apiVersion""",
    1,
)
_GRANT = """
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: ReferenceGrant
            metadata: {name: public, namespace: certs}
            spec:
              from: [{group: gateway.networking.k8s.io, kind: """
_TO = ", namespace: argocd}]\n              to: [{group: '', kind: "
_WEB = """
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: web, namespace: certs}
            spec: {ports: [{name: http, port: 80}]}"""
_TO_WEB = f"{_HTTPS}{_ROUTE.replace('argocd-server,', 'web, namespace: certs,')}{_WEB}"
_POLICY = """
            apiVersion: v1
            kind: Service
            metadata: {name: argocd-server-tls}
            spec: {ports: [{name: https, port: 443}], selector: {app: none}}
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: BackendTLSPolicy
            metadata: {name: argocd-server}
            spec:
              validation: {hostname: argocd-server.argocd.svc, wellKnownCACertificates: System}
              targetRefs:
              - group: ''
                kind: Service
                name: """
_SELECTING = """
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {name: argocd}
            spec:
              selector: {istio: null, gateway.networking.k8s.io/gateway-name: edge}
            ---"""
_EDGE = """
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: edge, namespace: NAME}
            spec:
              gatewayClassName: istio
              listeners: [{name: http, port: 8080, protocol: HTTP}]"""
_ADMITTING = _HTTPS.replace(
    "gatewayClassName", "allowedListeners: {namespaces: {from: Same}}\n              gatewayClassName"
)
_SET = """
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: ListenerSet
            metadata: {name: own}
            spec:
              parentRef: {name: public}
              listeners: [{name: own, port: 8443, protocol: TLS, hostname: own.example.io, tls: {mode: Passthrough}}]"""
_TLS_ROUTE = """
            apiVersion: gateway.networking.k8s.io/v1
            kind: TLSRoute
            metadata: {name: public}
            spec:
              parentRefs: [{name: public, namespace: edge}]
              hostnames: [cd.example.io]
              rules: [{backendRefs: [{name: argocd-server, port: 443}]}]"""

RULES = (
    Rule(
        "J01",
        "grpcroute-takes-everything",
        "error",
        lambda facts: _grpc_route(facts, True),
        effect="The browser gets errors: argocd-server refuses its requests as HTTP/2.",
        decided="A GRPCRoute without matches leads to argocd-server by HTTP/2, for a host that browsers use too. A "
        "host of its own for gRPC is right.",
        mode="grpc-routing",
        wrong=f"{_HTTPS}{_ROUTE}{_GRPC_ROUTE}",
        right=f"{_HTTPS}{_BOTH}",
        source="pilot/pkg/config/kube/gateway of Istio; server/server.go of Argo CD; a run",
    ),
    Rule(
        "J02",
        "grpcroute-takes-grpc-web",
        "error",
        lambda facts: _grpc_route(facts, False),
        effect="gRPC-Web fails, which the CLI uses behind --grpc-web.",
        decided="A GRPCRoute with matches leads to argocd-server by HTTP/2, for a host that browsers use too: gRPC-Web "
        "has the same paths.",
        mode="grpc-routing",
        wrong=f"{_HTTPS}{_ROUTE}{_GRPC_ROUTE}{_OF_A_SERVICE}",
        right=f"{_HTTPS}{_BOTH}",
        source="as J01; a run",
    ),
    Rule(
        "J06",
        "no-such-listener",
        "error",
        _no_listener,
        effect="The gateway answers 404.",
        decided="A route's parentRefs name a listener that its Gateway in the files does not have, or no namespace, "
        "and only another namespace in the files has a Gateway of that name.",
        wrong=f"{_HTTPS}{_ROUTE.replace('{name: public}]', '{name: public, sectionName: tls}]')}",
        right=f"{_HTTPS}{_ROUTE.replace('{name: public}]', '{name: public, sectionName: https}]')}",
        source="sectionName in ParentReference of the Gateway API",
    ),
    Rule(
        "J07",
        "route-not-admitted-by-listener",
        "error",
        _not_admitted,
        effect="No request reaches the route: the gateway answers 404.",
        decided="allowedRoutes of the listener excludes the route's namespace, or its kind by name. A kind that the "
        "protocol cannot have is J12.",
        wrong=f"{_HTTPS}\n                allowedRoutes: {{kinds: [{{kind: GRPCRoute}}]}}{_ROUTE}",
        right=f"{_HTTPS}\n                allowedRoutes: {{kinds: [{{kind: HTTPRoute}}]}}{_ROUTE}",
        source="AllowedRoutes of the Gateway API",
    ),
    Rule(
        "J08",
        "no-common-host",
        "error",
        _no_common_host,
        effect="The gateway answers 404, or shows another certificate.",
        decided="No hostname of a route is one of the listeners of its Gateway in the files.",
        wrong=f"{_HTTPS}{_ROUTE.replace('cd.example.io', 'cd.example.com')}",
        right=f"{_HTTPS}{_ROUTE}",
        source="hostnames of the Gateway API",
    ),
    Rule(
        "J09",
        "certificate-without-grant",
        "error",
        _ungranted_secret,
        effect="The gateway opens no port for the listener.",
        decided="certificateRefs names a Secret of another namespace without a ReferenceGrant there. A note if "
        "neither the grant nor the Secret is in the files.",
        wrong=f"{_ELSEWHERE}{_ROUTE}",
        right=f"{_ELSEWHERE}{_ROUTE}{_GRANT}Gateway{_TO}Secret}}]",
        source="ReferenceGrant of the Gateway API",
    ),
    Rule(
        "J10",
        "backend-without-grant",
        "error",
        _ungranted_backend,
        effect="The gateway answers 500.",
        decided="backendRefs names a Service of another namespace without a ReferenceGrant there. A note if neither "
        "the grant nor the Service is in the files.",
        wrong=_TO_WEB,
        right=f"{_TO_WEB}{_GRANT}HTTPRoute{_TO}Service}}]",
        source="ReferenceGrant of the Gateway API",
    ),
    Rule(
        "J12",
        "route-of-other-protocol",
        "error",
        _wrong_kind,
        effect="No request reaches the route: 404, or the connection is reset.",
        decided="An HTTPRoute or GRPCRoute for a listener of protocol TLS, or a TLSRoute for one of HTTP or HTTPS. A "
        "TLSRoute after TLS that ends, in protocol TLS, works.",
        wrong=f"""{_GATEWAY}
                protocol: TLS
                tls: {{mode: Passthrough}}{_ROUTE}""",
        right=f"""{_GATEWAY}
                protocol: HTTPS
                tls: {{certificateRefs: [{{name: argocd-certificate}}]}}{_ROUTE}""",
        source="the kinds of each protocol in the documents of the Gateway API",
    ),
    Rule(
        "J13",
        "old-tls-route",
        "warning",
        _old,
        effect="Istio 1.30 and newer does not see the object: the connection is reset.",
        decided="A TLSRoute or BackendTLSPolicy of a version before v1, or their definitions of a bundle before 1.5; "
        "not with --istio-version before 1.30.",
        mode="passthrough",
        wrong=_TLS_ROUTE.replace("/v1", "/v1alpha2"),
        right=_TLS_ROUTE,
        source="TLSRoute and BackendTLSPolicy in pkg/config/schema/metadata.yaml of Istio",
    ),
    Rule(
        "J14",
        "backend-tls-policy-without-effect",
        "error",
        _tls_policy,
        effect="The policy does nothing, or no request gets through.",
        decided="targetRefs names no Service or port of the files, validation.hostname is missing, or Istio cannot "
        "use the CA.",
        wrong=f"{_POLICY}other",
        right=f"{_POLICY}argocd-server-tls",
        source="BackendTLSPolicy of the Gateway API; pilot/pkg/config/kube/gateway of Istio",
    ),
    Rule(
        "J16",
        "retries-of-grpc",
        "warning",
        _repeated_calls,
        effect="A Sync or a Create runs twice.",
        decided="The rule of an HTTPRoute or GRPCRoute for gRPC has retry.attempts above 0. Other rules are H02.",
        mode="grpc-routing",
        wrong=f"{_HTTPS}{_GRPC}2}}",
        right=f"{_HTTPS}{_GRPC}0}}",
        source="retry in HTTPRouteRule of the Gateway API",
    ),
    Rule(
        "J18",
        "gateway-of-other-namespace",
        "warning",
        _other_namespace,
        effect="Istio 1.31 and newer ignores the Gateway: connections are refused.",
        decided="An Istio Gateway selects pods by gateway.networking.k8s.io/gateway-name, and the Gateway of that "
        "name, or the gateway's pods as stated, are in another namespace. Not before Istio 1.31, if stated.",
        wrong=f"{_SELECTING}{_EDGE.replace('NAME', 'edge')}",
        right=f"{_SELECTING}{_EDGE.replace('NAME', 'argocd')}",
        source="pilot/pkg/model/gateway.go of Istio",
    ),
    Rule(
        "J19",
        "listener-open-to-every-namespace",
        "warning",
        _open,
        effect="A route of another namespace takes over paths of Argo CD, and reads passwords.",
        decided="A listener with the exact host admits routes from namespaces: All. A redirect alone does not count.",
        wrong=f"{_HTTPS}\n                allowedRoutes: {{namespaces: {{from: All}}}}{_ROUTE}",
        right=f"{_HTTPS}\n                allowedRoutes: {{namespaces: {{from: Same}}}}{_ROUTE}",
        source="allowedRoutes in the documents of the Gateway API",
    ),
    Rule(
        "J20",
        "listener-set-not-admitted",
        "error",
        _listener_set,
        effect="The listeners of the set open no port.",
        decided="The Gateway in the files does not admit the ListenerSet's namespace in allowedListeners.",
        wrong=f"{_HTTPS}{_SET}",
        right=f"{_ADMITTING}{_SET}",
        source="allowedListeners of the Gateway API",
    ),
)
