"""Cases that look like faults but are valid, or may be valid with other files; rows as in `faults`."""

from __future__ import annotations

import copy
from typing import Any

from tests.plugin.faults import NO_WAY, Row, address, after, injected, item, part_of, pod, sidecar, without_sidecar
from tests.plugin.faults_gateway_api import ADMITTED, UI, api_gateway, api_route, gateway_api
from tests.plugin.renders import Breaking, container, drop, gateway, parameters, plus, routes, rule, service
from tests.render.consumer import one
from tests.render.render import Object

AT_80: Any = {"match": [{"port": 80}], "redirect": {"scheme": "https", "redirectCode": 301}}
ROUTED: Any = {"redirect": {"scheme": "https"}}
CHALLENGE = "/.well-known/acme-challenge/"


def plain(objects: list[Object]) -> None:
    """The server on port 80 redirects nothing by itself."""
    gateway(objects)["servers"][0].pop("tls")


def first(*rules: Object) -> Breaking:
    """More routes before those of the VirtualService."""

    def change(objects: list[Object]) -> None:
        routes(objects)["http"][:0] = copy.deepcopy(list(rules))

    return change


def plain_gateway(objects: list[Object]) -> None:
    """A separate Gateway for port 80, whose VirtualService only redirects."""
    http, ways = copy.deepcopy(one(objects, "Gateway")), copy.deepcopy(one(objects, "VirtualService"))
    gateway(objects)["servers"].pop(0)
    http["metadata"]["name"] = ways["metadata"]["name"] = "plain"
    http["spec"]["servers"] = [{**http["spec"]["servers"][0], "tls": {}}]
    ways["spec"] |= {"gateways": ["plain"], "http": [{"redirect": {"scheme": "https"}}]}
    objects += [http, ways]


def api_redirect(**more: Any) -> Breaking:
    """The Gateway API with another redirect than 301."""
    redirect = {"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https", **more}}]}
    return gateway_api(api_gateway(**ADMITTED), api_route("ui", "https", UI), api_route("http", "http", redirect))


SOLVER: Any = {"match": [{"uri": {"prefix": CHALLENGE}}], "route": [{"destination": {"host": "solver"}}]}

INSECURE = "ARGOCD_SERVER_INSECURE"


def environment(*env: Object, **more: Any) -> Breaking:
    """Other variables for argocd-server."""
    return lambda objects: container(objects).update(env=list(env), **more)


def read_from(kind: str) -> Object:
    return {"name": INSECURE, "valueFrom": {kind: {"name": "own", "key": "insecure"}}}


def setting(value: str) -> Object:
    return {"name": INSECURE, "value": value}


OWN = item("v1", "ConfigMap", "own", data={INSECURE: "true", "insecure": "true"})
FROM_OWN = [{"configMapRef": {"name": "own"}}]
WITHOUT = drop("ConfigMap", "argocd-cmd-params-cm")
_TRUSTED = {"mode": "SIMPLE", "caCertificates": "/ca.pem", "subjectAltNames": ["argocd-server"]}
TLS_AGAIN = rule(trafficPolicy={"tls": _TRUSTED})
NOT_HERE = "not known: server.insecure of ConfigMap argocd/argocd-cmd-params-cm, which is not in these files"

SHOP_WEB: list[Object] = [
    item("v1", "Service", "web", "shop", spec={"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]}),
    item(
        "networking.istio.io/v1",
        "VirtualService",
        "web",
        "shop",
        spec={
            "hosts": ["shop.acme.io"],
            "gateways": ["argocd/argocd"],
            "http": [{"route": [{"destination": {"host": "web", "port": {"number": 80}}}]}],
        },
    ),
]


def shared(*objects: Object, host: str = "shop.acme.io") -> Breaking:
    """Another team's host in the Gateway, with that team's objects in these files."""

    def change(found: list[Object]) -> None:
        gateway(found)["servers"][1]["hosts"].append(host)
        gateway(found)["servers"][0]["hosts"].append(host)
        found += copy.deepcopy(list(objects))

    return change


def plain_port(objects: list[Object]) -> None:
    """Another team's host, with clear text, at a separate port."""
    port = {"number": 8080, "name": "shop", "protocol": "HTTP"}
    gateway(objects)["servers"].append({"port": port, "hosts": ["shop.acme.io"]})
    objects += copy.deepcopy(SHOP_WEB)


def tls_port(objects: list[Object]) -> None:
    """Another team's host, and nothing on port 80 for it."""
    plain_port(objects)
    port = {"number": 8443, "name": "shop", "protocol": "HTTPS"}
    gateway(objects)["servers"][-1].update(port=port, tls={"mode": "SIMPLE", "credentialName": "shop"})


def without(kind: str) -> Breaking:
    """Everything but this kind."""

    def change(objects: list[Object]) -> None:
        objects[:] = [each for each in objects if each["kind"] != kind]

    return change


def mutual(objects: list[Object]) -> None:
    gateway(objects)["servers"][1]["tls"] = {"mode": "ISTIO_MUTUAL"}


def taken(ports: str) -> Breaking:
    """The sidecar only takes these ports, and the gateway sends no mesh TLS."""
    kept = {"traffic.sidecar.istio.io/includeInboundPorts": ports}
    disable = rule(trafficPolicy={"tls": {"mode": "DISABLE"}}, host="*.argocd.svc.cluster.local")
    return after(after(without_sidecar, injected), plus(disable, lambda objects: pod(objects).update(annotations=kept)))


ALARMS: list[tuple[str, str, Breaking, str]] = [
    ("a redirect by a route for port 80", "termination", after(plain, first(AT_80)), "301 to https\n"),
    ("a redirect by a VirtualService alone", "termination", plain_gateway, "301 to https\n"),
    ("a redirect beside a challenge", "termination", after(plain, first(SOLVER, AT_80)), "begins with " + CHALLENGE),
    ("a redirect by the Gateway API's default", "termination", api_redirect(), "302 to https\n"),
    ("a redirect that keeps the method", "termination", api_redirect(statusCode=308), "308 to https\n"),
    ("a setting elsewhere behind termination", "termination", WITHOUT, NOT_HERE),
    ("a setting elsewhere behind passthrough", "passthrough", WITHOUT, NOT_HERE),
    ("a setting elsewhere and TLS again", "termination", after(WITHOUT, plus(TLS_AGAIN)), NOT_HERE),
    ("a setting of a Secret", "termination", environment(read_from("secretKeyRef")), "not known: insecure of Secret"),
    ("a setting of all of a Secret", "termination", environment(envFrom=[{"secretRef": {"name": "own"}}]), "not known"),
    ("a setting when the pod starts", "termination", environment(read_from("fieldRef")), "starts"),
    ("a setting of another variable", "termination", environment(setting("$(OTHER)")), "takes another variable"),
    ("a setting of a ConfigMap", "termination", plus(OWN, environment(read_from("configMapKeyRef"))), "(insecure:"),
    ("a setting of all of a ConfigMap", "termination", plus(OWN, environment(envFrom=FROM_OWN)), f'{INSECURE}: "true"'),
    (
        "the last of two settings",
        "termination",
        environment(setting("false"), setting("true")),
        f'{INSECURE}: "true"',
    ),
    ("a path that is not known", "termination", after(WITHOUT, address("https://argocd.example.com/cd")), NOT_HERE),
    (
        "a Service without its pods",
        "termination",
        without("Deployment"),
        "(its pods are not in these files), port 80",
    ),
    ("pods without their Service", "grpc-routing", without("Service"), "argocd-server-grpc (not in these files)"),
    ("another team's Service", "termination", shared(*SHOP_WEB), "shop/web (its pods are not"),
    ("another team's host", "termination", shared(host="shop/shop.acme.io"), "argocd.example.com\n"),
    ("a host of all namespaces", "termination", shared(), "argocd.example.com\n"),
    ("another team's clear text", "termination", plain_port, "port 8080, HTTP"),
    ("another team's TLS alone", "termination", tls_port, "port 8443, HTTPS"),
    ("another team's Secret", "termination", plus(item("v1", "Secret", "argocd-certificate", "shop")), "plain HTTP"),
    ("mutual TLS of the mesh at the gateway", "termination", mutual, "TLS ends here, clients present one too"),
    ("a sidecar that takes no port", "grpc-routing", taken(""), "with sidecars, port 8080"),
    ("a sidecar that takes another port", "grpc-routing", taken("8083"), "with sidecars, port 8080"),
]


def value(text: str) -> Breaking:
    return lambda objects: parameters(objects).update({"server.insecure": text})


def annotated(name: str, ports: str) -> Breaking:
    wanted = {f"traffic.sidecar.istio.io/{name}": ports}
    return after(injected, lambda objects: pod(objects).update(annotations=wanted))


def unlabelled(objects: list[Object]) -> None:
    objects.append(item("v1", "ConfigMap", "argocd-cm"))


PARAMETERS, SERVER = "ConfigMap argocd/argocd-cmd-params-cm", "Deployment argocd/argocd-server"
ANNOTATIONS = "spec.template.metadata.annotations[traffic.sidecar.istio.io/"
# Rule, mode, change, and the place of the wrong value: object, path, and a word of its line.
PLACES: list[tuple[str, str, Breaking, tuple[str, str, str]]] = [
    ("A01", "passthrough", value("true"), (PARAMETERS, "data[server.insecure]", "server.insecure:")),
    ("A02", "termination", value("false"), (PARAMETERS, "data[server.insecure]", "server.insecure:")),
    ("A03", "termination", plus(TLS_AGAIN), (PARAMETERS, "data[server.insecure]", "server.insecure:")),
    (
        "A02",
        "termination",
        environment(setting("false")),
        (SERVER, "spec.template.spec.containers[0].env[0].value", "value:"),
    ),
    (
        "A02",
        "termination",
        lambda objects: container(objects)["args"].append("--insecure=false"),
        (SERVER, "spec.template.spec.containers[0].args[1]", "--insecure"),
    ),
    (
        "A23",
        "termination",
        lambda objects: service(objects)["ports"][0].update(targetPort=8083),
        ("Service argocd/argocd-server", "spec.ports[0].targetPort", "8083"),
    ),
    (
        "E12",
        "grpc-routing",
        after(without_sidecar, plus(sidecar("own", "HTTP"), injected)),
        ("Sidecar argocd/own", "spec.ingress[0].port.protocol", "HTTP"),
    ),
    (
        "E13",
        "grpc-routing",
        annotated("includeInboundPorts", "8083"),
        (SERVER, f"{ANNOTATIONS}includeInboundPorts]", "8083"),
    ),
    (
        "E13",
        "grpc-routing",
        annotated("excludeInboundPorts", "8080"),
        (SERVER, f"{ANNOTATIONS}excludeInboundPorts]", "8080"),
    ),
    ("I12", "termination", unlabelled, ("ConfigMap argocd/argocd-cm", "metadata", "name: argocd-cm")),
    (
        "I12",
        "termination",
        part_of,
        ("ConfigMap argocd/argocd-cm", "metadata.labels[app.kubernetes.io/part-of]", "platform"),
    ),
]


def balanced(**annotations: str) -> Breaking:
    """The gateway's Service, whose balancer ends TLS at port 443 and leads on to the server for port 80."""
    given = {"ssl-cert": "arn:aws:acm:1", "ssl-ports": "https", **annotations}
    ports = [{"name": name, "port": port, "targetPort": 8080} for name, port in (("http2", 80), ("https", 443))]
    service = item("v1", "Service", "gateway", "istio-system", spec={"ports": ports})
    prefix = "service.beta.kubernetes.io/aws-load-balancer-"
    service["metadata"]["annotations"] = {prefix + key.replace("_", "-"): value for key, value in given.items()}
    service["spec"]["selector"] = {"istio": "ingressgateway", "app": "gateway"}
    return plus(service)


def http_alone(objects: list[Object]) -> None:
    """The Gateway has port 80 alone, without a redirect."""
    gateway(objects)["servers"].pop()
    plain(objects)


def mark(objects: list[Object], value: str = "load-balancer") -> None:
    """The Gateway says where TLS ends."""
    one(objects, "Gateway")["metadata"]["annotations"] = {"argocd-istio.github.io/tls-ends-at": value}


def marked(objects: list[Object]) -> None:
    mark(objects)


def edge_gateway(*hosts: str) -> Breaking:
    """The Gateway is in another namespace, with these hosts."""

    def change(objects: list[Object]) -> None:
        one(objects, "Gateway")["metadata"]["namespace"] = "edge"
        routes(objects)["gateways"] = ["edge/argocd"]
        for server in gateway(objects)["servers"]:
            server["hosts"] = list(hosts)

    return change


TAKEN = "any namespace could take over paths of Argo CD"
ELSEWHERE = f"Gateway NAME is not in these files: if it names the host without a namespace, {TAKEN}"
LOOP = "redirect loop: TLS ends before the gateway, which redirects clear text to https again"
MORE_WRONG: list[Row] = [
    ("B06", "a redirect behind a balancer", "termination", balanced(), [LOOP]),
    (
        "B06",
        "a route that redirects behind one",
        "termination",
        after(after(http_alone, first(ROUTED)), balanced()),
        [LOOP, "never reached: the route before it takes everything"],
    ),
    (
        "C26",
        "a route for a Gateway that is not here",
        "termination",
        lambda objects: (
            routes(objects).update(gateways=["other/argocd"]),
            [server.update(hosts=["argocd.example.com"]) for server in gateway(objects)["servers"]],
        ),
        ["no VirtualService routes this host: the gateway answers 404", ELSEWHERE.replace("NAME", "other/argocd")],
    ),
    (
        "C28",
        "a Gateway of another namespace",
        "passthrough",
        after(drop("Gateway", "argocd"), lambda objects: routes(objects).update(gateways=["edge/shared"])),
        [ELSEWHERE.replace("NAME", "edge/shared")],
    ),
    (
        "C27",
        "a bare host in a Gateway of another namespace",
        "grpc-routing",
        edge_gateway("argocd.example.com"),
        [f"Gateway edge/argocd names the host without a namespace: {TAKEN}"],
    ),
    (
        "C27",
        "a bare wildcard in a Gateway of another namespace",
        "passthrough",
        edge_gateway("*.example.com"),
        [f"Gateway edge/argocd names the host without a namespace: {TAKEN}"],
    ),
    (
        "B06",
        "a marked Gateway that redirects",
        "termination",
        after(marked, lambda objects: gateway(objects)["servers"].pop(1)),
        [LOOP, NO_WAY],
    ),
    (
        "B01",
        "a marked Gateway with another server",
        "termination",
        after(
            after(marked, http_alone),
            lambda objects: gateway(objects)["servers"].append(
                {"port": {"number": 8080, "name": "other", "protocol": "HTTP"}, "hosts": ["./argocd.example.com"]}
            ),
        ),
        ["nothing ends TLS for this host: passwords and tokens cross the network in clear text"] * 2,
    ),
    (
        "B01",
        "a marked Gateway that ends TLS itself",
        "termination",
        after(marked, lambda objects: gateway(objects)["servers"][0].pop("tls")),
        ["no httpsRedirect: passwords and tokens cross the network in clear text"],
    ),
    (
        "B01",
        "a mark with another value",
        "termination",
        after(http_alone, lambda objects: mark(objects, "cdn")),
        ["nothing ends TLS for this host: passwords and tokens cross the network in clear text"],
    ),
    (
        "B01",
        "no TLS at all",
        "termination",
        http_alone,
        ["nothing ends TLS for this host: passwords and tokens cross the network in clear text"],
    ),
    (
        "B01",
        "a balancer that speaks TLS to the gateway",
        "termination",
        after(http_alone, balanced(backend_protocol="ssl")),
        ["nothing ends TLS for this host: passwords and tokens cross the network in clear text"],
    ),
]
TRUSTS = "TLS ended at a load balancer before: this gateway trusts whoever reaches port 80"
ALARMS += [
    ("a marked Gateway", "termination", after(marked, http_alone), TRUSTS),
    (
        "a confined host in a shared Gateway",
        "passthrough",
        edge_gateway("argocd/argocd.example.com"),
        "TLS passes through",
    ),
    ("a confined wildcard in a shared Gateway", "termination", edge_gateway("argocd/*.example.com"), "301 to https"),
    (
        "a confined host among bare wildcards",
        "termination",
        edge_gateway("argocd/argocd.example.com", "*.com"),
        "301 to",
    ),
]
FORWARDED: Any = {**ROUTED, "match": [{"headers": {"x-forwarded-proto": {"exact": "http"}}}]}
ALARMS += [
    ("TLS that ends at a balancer", "termination", after(http_alone, balanced()), TRUSTS),
    (
        "a balancer that speaks HTTP to the gateway",
        "grpc-routing",
        after(http_alone, balanced(backend_protocol="http")),
        TRUSTS,
    ),
    (
        "a redirect of what came as HTTP",
        "termination",
        after(after(http_alone, first(FORWARDED)), balanced()),
        "x-forwarded-proto is http",
    ),
    (
        "a balancer that speaks TLS to the gateway",
        "termination",
        balanced(backend_protocol="https"),
        "301 to https",
    ),
]
