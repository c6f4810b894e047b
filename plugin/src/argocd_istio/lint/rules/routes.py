"""Whether a route is reached, and which HTTP version arrives at argocd-server."""

from __future__ import annotations

from collections.abc import Iterator

from argocd_istio.lint.rule import Fault, Mend, Rule, Unchecked
from argocd_istio.render.match import GRPC
from argocd_istio.render.model import Destination, Facts, Listener, Route


def _to_argocd_server(facts: Facts) -> Iterator[tuple[Route, Destination]]:
    return ((route, found) for _, route, found in facts.argocd_servers() if found.speaks)


def _unknown(facts: Facts) -> Iterator[Unchecked]:
    """Services whose ports these files do not show: those of argocd-server by their names, and of gRPC routes."""
    for _, route, destination in facts.destinations():
        if destination.found == "not here" and not destination.ours and (destination.to_argocd_server or route.grpc):
            yield Unchecked("", f"the ports of Service {destination.name}; name the file with it too")


def _grpc_to_http1(facts: Facts) -> Iterator[Fault | Unchecked]:
    yield from _unknown(facts)
    for route, destination in _to_argocd_server(facts):
        if destination.speaks == "HTTP/1.1" and route.grpc:
            message = "native gRPC fails: the gateway speaks HTTP/1.1 to this port"
            yield Fault(
                destination,
                destination.place,
                message,
                "send it to a Service port of its own with appProtocol: kubernetes.io/h2c",
            )


def _http2(facts: Facts, agent: bool) -> Iterator[Fault | Unchecked]:
    """argocd-server accepts HTTP/2 only for gRPC with exactly this content type; everything else is HTTP/1.1."""
    yield from _unknown(facts)
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
            yield Fault(route, route.place, "no destination: a new gateway answers 404", "add one, or remove the route")


def _no_streams(facts: Facts) -> Iterator[Fault]:
    judged: dict[int, tuple[bool, Destination | None]] = {}

    def of(listener: Listener) -> tuple[bool, Destination | None]:
        """Whether native gRPC passes, or may pass, and the first destination in argocd-server that speaks HTTP/1.1."""
        if id(listener) not in judged:
            routes = listener.routes if listener.rules == "http" else ()
            ours = [each for one in routes for each in one.destinations if each.pods.argocd_servers and each.speaks]
            passes = any(one.grpc or one.continues for one in routes) or any(one.speaks != "HTTP/1.1" for one in ours)
            judged[id(listener)] = passes, next(iter(ours), None)
        return judged[id(listener)]

    for way in facts.ways:
        found = [of(listener) for listener in way.listeners]
        first = next((destination for _, destination in found if destination), None)
        if first and not any(passes for passes, _ in found):
            message = "gRPC-Web alone passes here, without streams from the client: "
            message += "argocd app diff --local --server-side-generate fails"
            fix = "route content-type application/grpc to a port with appProtocol kubernetes.io/h2c, or accept it"
            yield Fault(first, first.place, message, fix)


def _cut(facts: Facts) -> Iterator[Fault]:
    for _, route in facts.routes():
        ours = any(each.pods.argocd_servers for each in route.destinations)
        if ours and set(route.timeout) & set("123456789"):
            message = f"the timeout of {route.timeout} cuts event streams, logs and the terminal"
            mends = (Mend.at(route.place, "timeout"),) if route.kind == "VirtualService" else ()
            place = route.place.at("timeout").at("timeouts")
            yield Fault(route, place, message, "remove it: without a timeout they stay open", mends=mends)


RULES = (
    Rule(
        "A14",
        "grpc-to-http1-port",
        "error",
        _grpc_to_http1,
        effect="The CLI fails, or falls back to gRPC-Web with a warning.",
        decided="A route that is meant for native gRPC leads to a port to which the gateway speaks HTTP/1.1.",
        source="pkg/config/kube/conversion.go of Istio",
        mode="grpc-routing",
        wrong="""
            kind: Service
            metadata: {name: argocd-server-grpc}
            spec:
              ports:
              - {name: https, port: 443, targetPort: 8080, appProtocol: https}
        """,
        right="""
            kind: Service
            metadata: {name: argocd-server-grpc}
            spec:
              ports:
              - {name: grpc, port: 443, targetPort: 8080, appProtocol: kubernetes.io/h2c}
        """,
        covers=("J04",),
    ),
    Rule(
        "A15",
        "browser-to-http2-port",
        "error",
        lambda facts: _http2(facts, False),
        effect="The page of the UI does not load: connection terminated.",
        decided="A route for more than gRPC leads to a port to which the gateway speaks HTTP/2, or the version of "
        "the client: by the port's name or appProtocol, or by a DestinationRule. argocd-server takes HTTP/2 only "
        "for gRPC.",
        source="https://github.com/argoproj/argo-cd/issues/22772",
        covers=("A22", "J05"),
        istioctl="IST0118",
        wrong="""
            kind: Service
            metadata: {name: argocd-server}
            spec:
              ports:
              - {name: http2, port: 80, targetPort: 8080}
              - {name: https, port: 443, targetPort: 8080}
        """,
        right="""
            kind: Service
            metadata: {name: argocd-server}
            spec:
              ports:
              - {name: http, port: 80, targetPort: 8080}
              - {name: https, port: 443, targetPort: 8080}
        """,
    ),
    Rule(
        "A16",
        "grpc-match-takes-grpc-web",
        "error",
        lambda facts: _http2(facts, True),
        effect="gRPC-Web and the CLI with --grpc-web fail.",
        decided="A route to an HTTP/2 port is meant for native gRPC, by user agent or content type, but takes other "
        "requests too.",
        source="newGRPCMatcher in server/server.go of Argo CD",
        mode="grpc-routing",
        wrong="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              http:
              - match: [{headers: {content-type: {prefix: application/grpc}}}]
                route: [{destination: {host: argocd-server-grpc.argocd.svc.cluster.local, port: {number: 443}}}]
              - route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 80}}}]
        """,
        right="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              http:
              - match: [{headers: {content-type: {exact: application/grpc}}}]
                route: [{destination: {host: argocd-server-grpc.argocd.svc.cluster.local, port: {number: 443}}}]
              - route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 80}}}]
        """,
        covers=("J03",),
    ),
    Rule(
        "A17",
        "route-never-reached",
        "error",
        _never,
        effect="A route does nothing: for gRPC, the CLI fails.",
        decided="A route before it in the same VirtualService, or an older one, takes everything.",
        source="pilot/pkg/networking/core/route/route.go of Istio",
        istioctl="IST0130",
        mode="grpc-routing",
        wrong="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              http:
              - route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 80}}}]
              - match: [{headers: {content-type: {exact: application/grpc}}}]
                route: [{destination: {host: argocd-server-grpc.argocd.svc.cluster.local, port: {number: 443}}}]
        """,
        right="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              http:
              - match: [{headers: {content-type: {exact: application/grpc}}}]
                route: [{destination: {host: argocd-server-grpc.argocd.svc.cluster.local, port: {number: 443}}}]
              - route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 80}}}]
        """,
    ),
    Rule(
        "A31",
        "no-client-streaming",
        "info",
        _no_streams,
        effect="argocd app diff --local --server-side-generate fails with file checksum validation error; the rest of "
        "the CLI works, by gRPC-Web.",
        decided="The gateway ends TLS, and speaks HTTP/1.1 to every port of argocd-server on this way. A message of "
        "the client is one request of gRPC-Web, which has no streams from the client.",
        source="pkg/apiclient/grpcproxy.go of Argo CD; https://github.com/argoproj/argo-cd/issues/22773",
        advice=True,
        wrong="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              http:
              - route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 80}}}]
        """,
        right="""
            apiVersion: v1
            kind: Service
            metadata: {name: argocd-server-grpc}
            spec:
              selector: {app.kubernetes.io/name: argocd-server}
              ports:
              - {name: grpc, port: 443, targetPort: 8080, appProtocol: kubernetes.io/h2c}
            ---
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              http:
              - match: [{headers: {content-type: {exact: application/grpc}}}]
                route: [{destination: {host: argocd-server-grpc.argocd.svc.cluster.local, port: {number: 443}}}]
              - route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 80}}}]
        """,
    ),
    Rule(
        "A33",
        "route-without-destination",
        "error",
        _nowhere,
        effect="Istio's webhook refuses the VirtualService. Without it the gateway gets no routes at all any more: a "
        "running one keeps the old ones, a new one answers 404 to everything.",
        decided="A route has neither a destination nor an answer of its own.",
        source="pkg/config/validation/validation.go of Istio; a run",
        wrong="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              http:
              - match: [{uri: {prefix: /x}}]
              - route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 80}}}]
        """,
        right="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              http:
              - route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 80}}}]
        """,
    ),
    Rule(
        "H01",
        "timeout-cuts-streams",
        "warning",
        _cut,
        effect="Event streams, logs and the terminal end after that time.",
        decided="A route to argocd-server has a timeout above zero. Without one there is none.",
        source="https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRoute",
        wrong="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              http:
              - route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 80}}}]
                timeout: 30s
        """,
        right="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              http:
              - route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 80}}}]
        """,
        covers=("J17",),
    ),
)
