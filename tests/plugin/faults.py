"""More faults that the rules find: rule, description, mode, change, and all messages."""

from __future__ import annotations

import copy
from typing import Any

from tests.plugin.renders import Breaking, container, gateway, parameters, plus, routes, rule, service, whole
from tests.render.consumer import one
from tests.render.render import Object

Row = tuple[str, str, str, Breaking, list[str]]
NO_WAY = "no route in these files leads to argocd-server"
E12 = "a sidecar accepts one protocol per port: native gRPC or the browser fails"


def item(group: str, kind: str, name: str, namespace: str = "argocd", **more: Any) -> Object:
    return {"apiVersion": group, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **more}


def injected(objects: list[Object]) -> None:
    one(objects, "Namespace")["metadata"]["labels"] = {"istio-injection": "enabled"}


def without_sidecar(objects: list[Object]) -> None:
    """Takes away the Sidecar of every mode."""
    objects.remove(one(objects, "Sidecar", "argocd-server"))


def sidecar(name: str, protocol: str) -> Object:
    selector = {"labels": {"app.kubernetes.io/name": "argocd-server"}}
    ingress = [{"port": {"number": 8080, "protocol": protocol, "name": "server"}}]
    spec = {"workloadSelector": selector, "ingress": ingress}
    return item("networking.istio.io/v1", "Sidecar", name, spec=spec)


def pod(objects: list[Object]) -> Any:
    return one(objects, "Deployment", "argocd-server")["spec"]["template"]["metadata"]


def tls(objects: list[Object]) -> None:
    parameters(objects)["server.insecure"] = "false"


def after(first: Breaking, then: Breaking) -> Breaking:
    """Two changes."""

    def change(objects: list[Object]) -> None:
        first(objects)
        then(objects)

    return change


def both_hosts(*hosts: str) -> Breaking:
    """These hosts in Gateway and VirtualService, as the wiring of a plain Exposure writes them."""

    def change(objects: list[Object]) -> None:
        routes(objects)["hosts"] = list(hosts)
        for server in gateway(objects)["servers"]:
            server["hosts"] = [f"./{host}" for host in hosts]

    return change


def second_gateway(objects: list[Object]) -> None:
    other = copy.deepcopy(one(objects, "Gateway"))
    other["metadata"]["name"] = "old"
    other["spec"]["servers"][1]["tls"]["credentialName"] = "old"
    other["spec"]["servers"].pop(0)
    objects.append(other)
    routes(objects)["gateways"].append("old")


def part_of(objects: list[Object]) -> None:
    settings = copy.deepcopy(one(whole("termination"), "ConfigMap", "argocd-cm"))
    settings["metadata"]["labels"]["app.kubernetes.io/part-of"] = "platform"
    objects.append(settings)


def binding(namespace: str) -> Object:
    subjects = [{"kind": "ServiceAccount", "name": "argocd-server", "namespace": namespace}]
    role = item("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "argocd-server", subjects=subjects)
    del role["metadata"]["namespace"]
    return role


def certificate(namespace: str) -> Object:
    return item(
        "cert-manager.io/v1",
        "Certificate",
        "cd",
        namespace,
        spec={"secretName": "argocd-certificate", "dnsNames": ["argocd.example.com"]},
    )


def redis(replicas: int) -> Object:
    template = {"spec": {"containers": [{"name": "redis"}]}}
    return item("apps/v1", "Deployment", "argocd-redis", spec={"replicas": replicas, "template": template})


def address(url: str) -> Breaking:
    config = item("v1", "ConfigMap", "argocd-cm", data={"url": url})
    config["metadata"]["labels"] = {"app.kubernetes.io/part-of": "argocd"}
    return plus(config)


SIMPLE = {"tls": {"mode": "SIMPLE"}}

MORE: list[Row] = [
    (
        "A05",
        "a TCP port",
        "termination",
        lambda objects: (
            gateway(objects)["servers"][1].update(port={"number": 443, "name": "tcp", "protocol": "TCP"}, tls={}),
            routes(objects).update(tcp=[{"route": routes(objects)["http"][0]["route"]}]),
        ),
        [
            'argocd-server speaks plain HTTP (server.insecure: "true") to a TCP port: passwords cross in clear text',
        ],
    ),
    (
        "A10",
        "no tls block",
        "passthrough",
        lambda objects: (
            gateway(objects)["servers"][1].pop("tls"),
            routes(objects).update(tcp=[{"route": routes(objects)["tls"][0]["route"]}]),
        ),
        [
            "no tls block: Istio refuses a TLS server without one",
        ],
    ),
    (
        "A28",
        "no CA, and a certificate that argocd-server signed",
        "termination",
        plus(rule(trafficPolicy={"tls": {"mode": "SIMPLE"}}), tls),
        [
            "DestinationRule argocd/argocd-server checks argocd-server's certificate against the system's CAs: "
            "a self-signed one is refused, and the gateway answers 503"
        ],
    ),
    (
        "A29",
        "mutual TLS of a mesh without pods in it",
        "termination",
        plus(rule(trafficPolicy={"tls": {"mode": "ISTIO_MUTUAL"}})),
        ["DestinationRule argocd/argocd-server sets ISTIO_MUTUAL, and the pods are not in the mesh: 503"],
    ),
    (
        "A29",
        "mutual TLS of a mesh to the program's own TLS",
        "termination",
        after(
            tls,
            plus(
                rule(trafficPolicy={"tls": {"mode": "ISTIO_MUTUAL"}}),
                lambda objects: objects.remove(one(objects, "Namespace")),
            ),
        ),
        [
            "DestinationRule argocd/argocd-server sets ISTIO_MUTUAL, and argocd-server has no certificate of the mesh "
            '(server.insecure: "false"): 503'
        ],
    ),
    (
        "A34",
        "TLS around the client's TLS",
        "passthrough",
        plus(rule(trafficPolicy={"tls": {"mode": "SIMPLE", "caCertificates": "/ca.pem"}})),
        ["DestinationRule argocd/argocd-server wraps the client's TLS in TLS: the handshake fails"],
    ),
    (
        "A03",
        "a wildcard DestinationRule",
        "termination",
        plus(rule(host="*.argocd.svc.cluster.local", trafficPolicy={"tls": {"mode": "SIMPLE"}})),
        ['argocd-server speaks plain HTTP (server.insecure: "true"), but the gateway sends TLS: it answers 503'],
    ),
    (
        "A14",
        "the CLI's user agent to the browser's port",
        "termination",
        lambda objects: routes(objects)["http"].insert(
            0, {**routes(objects)["http"][0], "match": [{"headers": {"user-agent": {"prefix": "argocd-client"}}}]}
        ),
        ["native gRPC fails: the gateway speaks HTTP/1.1 to this port"],
    ),
    (
        "A32",
        "a subset that nothing defines",
        "termination",
        lambda objects: routes(objects)["http"][0]["route"][0]["destination"].update(subset="v1"),
        ["no DestinationRule here has subset v1: the gateway answers 503"],
    ),
    (
        "A33",
        "a rule without a destination",
        "grpc-routing",
        lambda objects: routes(objects)["http"][0].pop("route"),
        ["no destination: a new gateway answers 404"],
    ),
    (
        "C01",
        "every host",
        "termination",
        both_hosts("*"),
        ["the host * matches every name: Argo CD receives the requests of all applications behind it"],
    ),
    (
        "C02",
        "a wildcard host",
        "grpc-routing",
        both_hosts("*.acme.io"),
        ["*.acme.io is a wildcard: Argo CD's own links and single sign-on need one name"],
    ),
    (
        "C04",
        "a VirtualService for another host",
        "termination",
        lambda objects: routes(objects).update(hosts=["cd.acme.io"]),
        [
            "no http route for this host: port 80 answers 404 instead of the redirect",
            "VirtualService argocd/argocd names cd.acme.io, which its Gateway does not take",
            "no VirtualService routes this host: the gateway answers 404",
            NO_WAY,
        ],
    ),
    (
        "C09",
        "capitals",
        "passthrough",
        after(
            both_hosts("CD.acme.io"),
            lambda objects: routes(objects)["tls"][0]["match"][0].update(sniHosts=["CD.acme.io"]),
        ),
        ["CD.acme.io has capitals: where another object writes cd.acme.io, the gateway answers 404"],
    ),
    (
        "C14",
        "a host with a port",
        "grpc-routing",
        both_hosts("cd.acme.io:8443"),
        ["cd.acme.io:8443 is more than a host name: Istio refuses it, or no request matches it"],
    ),
    (
        "C18",
        "a host twice",
        "termination",
        both_hosts("cd.acme.io", "cd.acme.io"),
        [
            "cd.acme.io is listed twice in VirtualService argocd/argocd: Istio refuses it",
            "./cd.acme.io is listed twice in the server",
        ],
    ),
    (
        "C19",
        "two Gateways for one host",
        "termination",
        second_gateway,
        ["Gateways argocd/argocd and argocd/old take port 443 of this host on the same pods: Istio skips one of them"],
    ),
    (
        "C26",
        "a host that nothing routes",
        "termination",
        lambda objects: gateway(objects)["servers"][1]["hosts"].append("./other.acme.io"),
        ["no VirtualService routes this host: the gateway answers 404"],
    ),
    (
        "D06",
        "a VirtualService that the gateway does not see",
        "termination",
        lambda objects: (
            routes(objects).update(exportTo=["."]),
            [server.update(hosts=["argocd.example.com"]) for server in gateway(objects)["servers"]],
        ),
        ["exportTo hides VirtualService argocd/argocd from the gateway's pods: the gateway answers 404", NO_WAY],
    ),
    (
        "A02",
        "a DestinationRule that the gateway does not see",
        "termination",
        plus(rule(exportTo=["."], trafficPolicy={"tls": {"mode": "SIMPLE", "caCertificates": "/ca.pem"}}), tls),
        [
            'redirect loop: argocd-server expects TLS (server.insecure: "false") and redirects clear text to https',
            "exportTo hides DestinationRule argocd/argocd-server from the gateway's pods: its TLS is not used",
        ],
    ),
    (
        "D07",
        "mutual TLS that the gateway does not see",
        "termination",
        plus(rule(exportTo=["shop", "."], trafficPolicy={"tls": {"mode": "ISTIO_MUTUAL"}})),
        ["exportTo hides DestinationRule argocd/argocd-server from the gateway's pods: its TLS is not used"],
    ),
    (
        "D08",
        "the certificate in Argo CD's namespace",
        "grpc-routing",
        plus(certificate("argocd")),
        [
            "Certificate argocd/cd creates Secret argocd/argocd-certificate, "
            "but the gateway reads istio-system/argocd-certificate: it opens no port"
        ],
    ),
    (
        "D22",
        "one object twice",
        "termination",
        lambda objects: objects.insert(0, item("v1", "ConfigMap", "argocd-cmd-params-cm", data={"a": "b"})),
        ["ConfigMap argocd/argocd-cmd-params-cm exists 2 times with different contents: the last one counts"],
    ),
    (
        "D26",
        "a Service that the gateway does not see",
        "termination",
        lambda objects: one(objects, "Service", "argocd-server")["metadata"].update(
            annotations={"networking.istio.io/exportTo": "., shop"}
        ),
        ["networking.istio.io/exportTo hides Service argocd/argocd-server from the gateway's pods: 503"],
    ),
    ("E12", "an injected namespace", "grpc-routing", after(without_sidecar, injected), [E12]),
    (
        "E12",
        "an injected pod",
        "grpc-routing",
        after(without_sidecar, lambda objects: pod(objects)["labels"].update({"sidecar.istio.io/inject": "true"})),
        [E12],
    ),
    (
        "E12",
        "an injected pod behind passthrough",
        "passthrough",
        after(without_sidecar, injected),
        ["the sidecar reads the client's TLS as HTTP: every request fails"],
    ),
    (
        "E12",
        "a Sidecar that says HTTP",
        "grpc-routing",
        after(without_sidecar, plus(sidecar("own", "HTTP"), injected)),
        [E12],
    ),
    (
        "E13",
        "a port that the sidecar does not take",
        "grpc-routing",
        after(
            injected,
            lambda objects: pod(objects).update(
                annotations={"traffic.sidecar.istio.io/excludeInboundPorts": "8083, 8080"}
            ),
        ),
        ["excludeInboundPorts excludes port 8080 from the sidecar, and the gateway speaks mTLS: 503"],
    ),
    (
        "E15",
        "two Sidecars",
        "grpc-routing",
        plus(sidecar("other", "TCP"), injected),
        ["Sidecars argocd/argocd-server and argocd/other select the same pods: only the older one counts"],
    ),
    (
        "F24",
        "a Service that selects others too",
        "termination",
        lambda objects: objects.append(
            item(
                "apps/v1",
                "Deployment",
                "argocd-dex-server",
                spec={"template": {"metadata": {"labels": service(objects)["selector"]}, "spec": {"containers": []}}},
            )
        ),
        ["Service argocd/argocd-server also selects argocd-dex-server: some requests reach the wrong pods"],
    ),
    (
        "G10",
        "an address with a path",
        "termination",
        address("https://argocd.example.com/cd"),
        ["url has the path /cd, and argocd-server serves /: links and single sign-on lead nowhere"],
    ),
    (
        "G11",
        "a prefix that is taken away",
        "termination",
        lambda objects: routes(objects)["http"][0].update(match=[{"uri": {"prefix": "/cd/"}}], rewrite={"uri": "/"}),
        ["/cd/ is rewritten to /, and argocd-server does not know that path: the page stays blank"],
    ),
    (
        "H01",
        "a timeout",
        "termination",
        lambda objects: routes(objects)["http"][0].update(timeout="30s"),
        ["the timeout of 30s cuts event streams, logs and the terminal"],
    ),
    (
        "H07",
        "another application alone",
        "termination",
        lambda objects: routes(objects)["http"][0]["route"][0]["destination"].update(host="web.shop.svc.cluster.local"),
        [NO_WAY],
    ),
    (
        "I11",
        "a text for a list",
        "termination",
        lambda objects: routes(objects).update(hosts="argocd.example.com"),
        [
            "no http route for this host: port 80 answers 404 instead of the redirect",
            "no VirtualService routes this host: the gateway answers 404",
            "spec.hosts of VirtualService argocd/argocd is a text: the API server refuses the object",
            NO_WAY,
        ],
    ),
    (
        "I12",
        "another label part-of",
        "termination",
        part_of,
        ["label app.kubernetes.io/part-of of ConfigMap argocd/argocd-cm is platform: Argo CD does not find it"],
    ),
    (
        "I14",
        "several Redis",
        "termination",
        plus(redis(3)),
        ["Deployment argocd/argocd-redis has 3 replicas that share no data: logins and caches come and go"],
    ),
    (
        "K05",
        "two installs with one role",
        "termination",
        lambda objects: objects.append(binding("delivery")),
        [
            "ClusterRoleBinding argocd-server exists 2 times, for argocd/argocd-server and delivery/argocd-server: "
            "the last install takes its role"
        ],
    ),
]

SPARED: list[tuple[str, str, Breaking, str]] = [
    ("an injected namespace", "grpc-routing", injected, "HTTP/2 in mTLS of the mesh"),
    ("an injected namespace behind passthrough", "passthrough", injected, "with sidecars"),
    (
        "a consumer's own Sidecar in the place of ours",
        "grpc-routing",
        after(without_sidecar, plus(sidecar("own", "TCP"), injected)),
        "HTTP/2 in mTLS of the mesh",
    ),
    ("a sidecar in termination", "termination", injected, "HTTP/1.1 in mTLS of the mesh"),
    (
        "a pod that refuses the sidecar",
        "grpc-routing",
        after(injected, lambda objects: pod(objects)["labels"].update({"sidecar.istio.io/inject": "false"})),
        "HTTP/2 in clear text",
    ),
    (
        "a certificate where the gateway reads it",
        "termination",
        lambda objects: objects.extend([certificate("istio-system"), certificate("argocd")]),
        "Secret istio-system/argocd-certificate",
    ),
    (
        "a path that argocd-server knows",
        "termination",
        after(
            address("https://argocd.example.com/cd"),
            lambda objects: container(objects)["args"].append("--rootpath=/cd"),
        ),
        "plain HTTP",
    ),
    ("one Redis", "termination", plus(redis(1)), "plain HTTP"),
    (
        "no timeout",
        "termination",
        lambda objects: routes(objects)["http"][0].update(timeout="0s"),
        "at most 0s",
    ),
    (
        "a certificate of argocd-server in these files",
        "termination",
        after(
            tls, lambda objects: objects.extend([rule(trafficPolicy=SIMPLE), item("v1", "Secret", "argocd-server-tls")])
        ),
        "HTTP/1.1 in TLS, checked against the system's CAs",
    ),
    (
        "mutual TLS to pods in the mesh",
        "termination",
        plus(rule(trafficPolicy={"tls": {"mode": "ISTIO_MUTUAL"}}), injected),
        "HTTP/1.1 in mTLS of the mesh",
    ),
    (
        "the same object twice",
        "termination",
        lambda objects: objects.append(copy.deepcopy(one(objects, "Gateway"))),
        "plain HTTP",
    ),
    (
        "a redirect that kubectl reads as one",
        "termination",
        lambda objects: gateway(objects)["servers"][0]["tls"].update(httpsRedirect=True),
        "301 to https",
    ),
]
