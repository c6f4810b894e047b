"""Renders with many objects of a kind: `SHAPES` has each way in which some of them lead to others.

A shape takes a number and makes so many of each of its kinds; they are added to an overlay.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from argocd_istio.syntax.source import Source
from tests.plugin.faults import item
from tests.plugin.renders import overlay, source
from tests.render.render import Object

Shape = Callable[[int], list[Object]]
ISTIO, API = "networking.istio.io/v1", "gateway.networking.k8s.io/v1"
SERVER = "argocd-server.argocd.svc.cluster.local"
OURS = {"app.kubernetes.io/name": "argocd-server"}


def ports(*numbers: int) -> list[Object]:
    return [{"name": f"http-{number}", "port": number, "targetPort": 8080} for number in numbers]


def service(name: str, selector: Object, namespace: str = "argocd", count: int = 1) -> Object:
    spec = {"selector": selector, "ports": ports(80, *range(1000, 999 + count))}
    return item("v1", "Service", name, namespace, spec=spec)


def workload(name: str, labels: Object, namespace: str = "argocd", program: str = "argocd-server") -> Object:
    container = {"name": program, "args": ["--insecure"], "ports": [{"name": "web", "containerPort": 8080}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return item("apps/v1", "Deployment", name, namespace, spec={"template": template})


def to(host: str, port: int = 80, **more: Any) -> Object:
    return {"route": [{"destination": {"host": host, "port": {"number": port}, **more}}]}


def route(name: str, *hosts: str, gateway: str = "wild", rule: Object | None = None, **more: Any) -> Object:
    spec = {"hosts": list(hosts), "gateways": [gateway], "http": [rule or to(SERVER)], **more}
    return item(ISTIO, "VirtualService", name, spec=spec)


def server(*hosts: str, port: int = 443, mode: str = "SIMPLE") -> Object:
    tls = {"mode": mode, "credentialName": "argocd-certificate"} if port != 80 else {"httpsRedirect": True}
    protocol = "HTTPS" if port != 80 else "HTTP"
    return {"port": {"number": port, "name": f"p{port}", "protocol": protocol}, "hosts": list(hosts), "tls": tls}


def gateway(name: str, *servers: Object) -> Object:
    spec = {"selector": {"istio": "ingressgateway"}, "servers": list(servers)}
    return item(ISTIO, "Gateway", name, spec=spec)


def policy(name: str, host: str, namespace: str = "argocd", **more: Any) -> Object:
    spec = {"host": host, "trafficPolicy": {"tls": {"mode": "DISABLE"}}, **more}
    return item(ISTIO, "DestinationRule", name, namespace, spec=spec)


def sidecar(name: str, labels: Object, namespace: str = "argocd") -> Object:
    ingress = [{"port": {"number": 8080, "protocol": "HTTP", "name": "server"}}]
    spec = {"workloadSelector": {"labels": labels}, "ingress": ingress}
    return item(ISTIO, "Sidecar", name, namespace, spec=spec)


def listener(name: str, **more: Any) -> Object:
    tls = {"certificateRefs": [{"name": "argocd-certificate"}]}
    everyone = {"namespaces": {"from": "All"}}
    return {"name": name, "port": 443, "protocol": "HTTPS", "tls": tls, "allowedRoutes": everyone, **more}


def shared(*listeners: Object) -> Object:
    return item(API, "Gateway", "shared", spec={"gatewayClassName": "istio", "listeners": list(listeners)})


def http_route(
    name: str, *hosts: str, namespace: str = "argocd", parent: Object | None = None, backend: Object | None = None
) -> Object:
    parent = parent or {"name": "shared", "namespace": "argocd"}
    rules = [
        {"backendRefs": [{"name": "argocd-server" if namespace == "argocd" else name, "port": 80} | (backend or {})]}
    ]
    return item(API, "HTTPRoute", name, namespace, spec={"parentRefs": [parent], "hostnames": [*hosts], "rules": rules})


def grant(number: int) -> Object:
    """Every route of argocd may name one Service of shop."""
    trusted = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "argocd"}
    opened = {"group": "", "kind": "Service", "name": f"s{number}"}
    return item(API, "ReferenceGrant", f"g{number}", "shop", spec={"from": [trusted], "to": [opened]})


def tls_policy(number: int) -> Object:
    validation = {"hostname": "x.io", "wellKnownCACertificates": "System"}
    target = {"group": "", "kind": "Service", "name": f"s{number}"}
    return item(API, "BackendTLSPolicy", f"p{number}", spec={"targetRefs": [target], "validation": validation})


def listener_set(number: int) -> Object:
    spec = {"parentRef": {"name": "shared"}, "listeners": [listener("https", hostname=host(number))]}
    return item(API, "ListenerSet", f"l{number}", spec=spec)


def host(number: int) -> str:
    return f"cd{number}.x.io"


def hosts(count: int) -> list[str]:
    return [host(number) for number in range(count)]


WILD = gateway("wild", server("*.x.io"), server("*.x.io", port=80))


def each(*made: Callable[[int], Object]) -> Shape:
    """One of each for every number, beside a Gateway with their hosts."""
    return lambda count: [WILD, *(make(number) for make in made for number in range(count))]


def beside(shape: Shape, *objects: Object) -> Shape:
    return lambda count: [*objects, *shape(count)]


def common(number: int) -> Object:
    """A shared label and a unique one."""
    return {"a": "shop", "name": f"n{number}"}


def security(kind: str, number: int, **spec: Any) -> Object:
    """A policy of Istio's for the pods of that number."""
    head = {
        "apiVersion": "security.istio.io/v1",
        "kind": kind,
        "metadata": {"name": f"x{number}", "namespace": "argocd"},
    }
    return {**head, "spec": {"selector": {"matchLabels": common(number)}, **spec}}


def application(number: int) -> list[Object]:
    """What a team has beside its neighbours; twenty share a namespace."""
    name, namespace = f"app{number}", f"team{number // 20}"
    labels = {"app.kubernetes.io/part-of": "shop", "app.kubernetes.io/name": name}
    service_name = f"{name}.{namespace}.svc.cluster.local"
    chosen = {"selector": {"matchLabels": labels}}
    own = [
        workload(name, labels, namespace, "app"),
        service(name, labels, namespace),
        policy(name, service_name, namespace),
        route(name, host(number), gateway="argocd/wild", rule=to(service_name)),
        http_route(name, f"api{number}.x.io", namespace=namespace),
        sidecar(name, labels, namespace),
        item("security.istio.io/v1", "AuthorizationPolicy", name, namespace, spec=chosen),
        item("security.istio.io/v1", "PeerAuthentication", name, namespace, spec={"mtls": {"mode": "STRICT"}}),
        item("networking.k8s.io/v1", "NetworkPolicy", name, namespace, spec={"podSelector": chosen["selector"]}),
        item("v1", "ConfigMap", name, namespace, data={"key": "value"}),
    ]
    if number % 20 == 0:
        own.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    return own


def mixed(count: int) -> list[Object]:
    """So many applications behind one Gateway of each kind."""
    return [WILD, shared(listener("https")), *(one for number in range(count) for one in application(number))]


def part(number: int) -> Object:
    """A workload of Argo CD with its own labels and account."""
    found = workload(f"argocd-part{number}", common(number), program="part")
    found["metadata"]["labels"] = {"app.kubernetes.io/part-of": "argocd"}
    found["spec"]["template"]["spec"]["serviceAccountName"] = f"a{number}"
    return found


def binding(number: int) -> Object:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"role{number}"}
    subjects = [{"kind": "ServiceAccount", "name": f"a{number}", "namespace": "argocd"}]
    head = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"b{number}"},
    }
    return {**head, "roleRef": reference, "subjects": subjects}


def role(number: int) -> Object:
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    head = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": f"role{number}"}}
    return {**head, "rules": rules}


def network(number: int, selector: Object) -> Object:
    spec = {"podSelector": {"matchLabels": selector}, "ingress": [{"ports": [{"port": 80}]}, {"from": [{}]}]}
    return item("networking.k8s.io/v1", "NetworkPolicy", f"n{number}", spec=spec)


def own_gateway(number: int) -> Object:
    """A Gateway for pods of its own."""
    found = gateway(f"g{number}", server(host(number)), server(host(number), port=80))
    found["spec"]["selector"] = common(number)
    return found


def edge_service(number: int) -> Object:
    return item(
        "v1", "Service", f"e{number}", "istio-system", spec={"selector": common(number), "ports": ports(80, 443)}
    )


def for_edge(number: int, selector: Object) -> Object:
    spec = {"selector": {"matchLabels": selector}, "rules": [{"from": [{"source": {"ipBlocks": ["192.0.2.0/24"]}}]}]}
    return item("security.istio.io/v1", "AuthorizationPolicy", f"p{number}", "istio-system", spec=spec)


def of_mesh(number: int) -> Object:
    return route(f"m{number}", host(number), gateway="mesh")


def issued(number: int) -> Object:
    spec = {"dnsNames": [host(number)], "secretName": f"other{number}"}
    return item("cert-manager.io/v1", "Certificate", f"c{number}", spec=spec)


def ingress(number: int) -> Object:
    backend = {"service": {"name": "argocd-server", "port": {"number": 80}}}
    return item("networking.k8s.io/v1", "Ingress", f"i{number}", spec={"defaultBackend": backend})


SHAPES: dict[str, Shape] = {
    "mixed": mixed,
    "routes to workloads": each(lambda n: workload(f"w{n}", OURS), lambda n: route(f"r{n}", host(n))),
    "routes to other workloads": beside(
        each(
            lambda n: workload(f"w{n}", {"app": "shop"}, program="app"),
            lambda n: route(f"r{n}", host(n), rule=to("shop")),
        ),
        service("shop", {"app": "shop"}),
    ),
    "Services of the same workloads": each(
        lambda n: service(f"s{n}", OURS),
        lambda n: workload(f"w{n}", OURS),
        lambda n: route(f"r{n}", host(n), rule=to(f"s{n}")),
    ),
    "Services with a common label": each(
        lambda n: service(f"s{n}", common(n)),
        lambda n: workload(f"w{n}", common(n)),
        lambda n: route(f"r{n}", host(n), rule=to(f"s{n}")),
    ),
    "Sidecars with a common label": each(
        lambda n: service(f"s{n}", common(n)),
        lambda n: workload(f"w{n}", common(n)),
        lambda n: route(f"r{n}", host(n), rule=to(f"s{n}")),
        lambda n: sidecar(f"c{n}", common(n)),
    ),
    "policies with a common label": each(
        lambda n: workload(f"w{n}", common(n)),
        lambda n: security("PeerAuthentication", n, mtls={"mode": "STRICT"}),
        lambda n: security("AuthorizationPolicy", n, action="ALLOW"),
        lambda n: route(f"r{n}", host(n)),
    ),
    "policies of a namespace": each(
        lambda n: workload(f"w{n}", common(n)),
        lambda n: security("PeerAuthentication", n, selector={}),
        lambda n: security("AuthorizationPolicy", n, selector={}),
        lambda n: route(f"r{n}", host(n)),
    ),
    "Sidecars of the same workloads": each(lambda n: sidecar(f"c{n}", OURS), lambda n: workload(f"w{n}", OURS)),
    "DestinationRules of a host": each(lambda n: policy(f"p{n}", SERVER), lambda n: route(f"r{n}", host(n))),
    "DestinationRules": each(
        lambda n: policy(f"p{n}", f"{'*.' * (n % 2)}s{n}.argocd.svc.cluster.local"),
        lambda n: route(f"r{n}", host(n), rule=to(f"s{n}.argocd.svc.cluster.local")),
    ),
    "subsets": lambda count: [
        WILD,
        policy("p", SERVER, subsets=[{"name": f"v{n}", "labels": {"name": f"n{n}"}} for n in range(count)]),
        *(workload(f"w{n}", OURS | common(n)) for n in range(count)),
        *(route(f"r{n}", host(n), rule=to(SERVER, subset=f"v{n}")) for n in range(count)),
    ],
    "paths": lambda count: [
        WILD,
        route("r", "cd.x.io", http=[to(SERVER) | {"match": [{"uri": {"prefix": f"/p{n}"}}]} for n in range(count)]),
    ],
    "Redis": each(lambda n: workload(f"w{n}", {"app": "redis"}, program="redis")),
    "ports": lambda count: [
        WILD,
        service("s", OURS, count=count),
        *(route(f"r{n}", host(n), rule=to("s", 1000 + n)) for n in range(count)),
    ],
    "routes of a host": each(lambda n: route(f"r{n}", "cd.x.io")),
    "routes of absent Gateways": each(
        lambda n: route(f"r{n}", host(n), gateway=f"edge/g{n}"), lambda n: workload(f"w{n}", OURS)
    ),
    "hosts of a server": lambda count: [
        *(gateway(name, server(*hosts(count)), server(*hosts(count), port=80)) for name in ("many", "old")),
        *(route(f"r{n}", host(n), gateway="many") for n in range(count)),
    ],
    "hosts of a route": lambda count: [
        gateway("many", *(server(host(n)) for n in range(count)), server("*", port=80)),
        route("r", *hosts(count), gateway="many"),
    ],
    "rules of SNI": lambda count: [
        gateway("many", server(*hosts(count), mode="PASSTHROUGH")),
        route(
            "r",
            *hosts(count),
            gateway="many",
            tls=[{"match": [{"sniHosts": [host(n)]}]} | to(SERVER) for n in range(count)],
        ),
    ],
    "Gateways": each(
        lambda n: gateway(f"g{n}", server(host(n)), server(host(n), port=80)),
        lambda n: route(f"r{n}", host(n), gateway=f"g{n}"),
    ),
    "Gateways of a host": each(
        lambda n: gateway(f"g{n}", server("cd.x.io")), lambda n: route(f"r{n}", "cd.x.io", gateway=f"g{n}")
    ),
    "Gateways of a wildcard": each(
        lambda n: gateway(f"g{n}", server("*.x.io")), lambda n: route(f"r{n}", host(n), gateway=f"g{n}")
    ),
    "HTTPRoutes": beside(each(lambda n: http_route(f"r{n}", host(n))), shared(listener("https"))),
    "ReferenceGrants": beside(
        each(grant, lambda n: http_route(f"r{n}", host(n), backend={"name": f"s{n}", "namespace": "shop"})),
        shared(listener("https")),
    ),
    "BackendTLSPolicies": each(
        lambda n: service(f"s{n}", OURS), tls_policy, lambda n: route(f"r{n}", host(n), rule=to(f"s{n}"))
    ),
    "ListenerSets": beside(
        each(listener_set, lambda n: http_route(f"r{n}", host(n), parent={"kind": "ListenerSet", "name": f"l{n}"})),
        shared() | {"spec": {"allowedListeners": {"namespaces": {"from": "All"}}}},
    ),
    "parts of Argo CD": each(
        part, binding, role, lambda n: security("AuthorizationPolicy", n, selector={"matchLabels": {"a": f"argocd{n}"}})
    ),
    "NetworkPolicies with a common label": each(
        lambda n: network(n, common(n)), lambda n: workload(f"w{n}", common(n)), lambda n: route(f"r{n}", host(n))
    ),
    "NetworkPolicies of the same workloads": each(
        lambda n: network(n, OURS), lambda n: workload(f"w{n}", OURS), lambda n: route(f"r{n}", host(n))
    ),
    "gateways of their own": each(
        own_gateway,
        edge_service,
        lambda n: workload(f"e{n}", common(n), "istio-system", "istio-proxy"),
        lambda n: for_edge(n, common(n)),
        lambda n: route(f"r{n}", host(n), gateway=f"g{n}"),
    ),
    "policies of one gateway": each(
        lambda n: for_edge(n, {"istio": "ingressgateway"}), lambda n: route(f"r{n}", host(n))
    ),
    "VirtualServices of the mesh": each(of_mesh),
    "VirtualServices of absent Gateways here": each(lambda n: route(f"r{n}", host(n), gateway=f"absent{n}")),
    "Services with a prefix": each(
        lambda n: service(f"x{n}-argocd-server-{n}", OURS),
        lambda n: route(f"r{n}", host(n), rule=to(f"argocd-server-{n}")),
    ),
    "Certificates": each(issued, lambda n: route(f"r{n}", host(n))),
    "Ingresses": each(ingress),
    "EnvoyFilters": each(
        lambda n: item(ISTIO, "EnvoyFilter", f"f{n}", spec={"configPatches": [{"patch": {"operation": "REPLACE"}}]})
    ),
    "HTTPRoutes of an absent Gateway": each(lambda n: http_route(f"r{n}", host(n))),
    "listeners": lambda count: [
        shared(*(listener(f"l{n}", hostname=host(n)) for n in range(count))),
        *(http_route(f"r{n}", host(n)) for n in range(count)),
    ],
}


def render(shape: Shape, count: int) -> Source:
    return source([*overlay("grpc-routing"), *shape(count)])
