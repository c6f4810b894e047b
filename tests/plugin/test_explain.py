"""The picture follows the objects, in each mode, and marks what is broken on the way."""

from __future__ import annotations

import copy
import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from argocd_istio.explain import FORMATS, draw, svg, tree
from argocd_istio.exposure.check import check
from argocd_istio.exposure.fields import complete
from argocd_istio.render import istio
from argocd_istio.render.model import Explanation
from argocd_istio.render.objects import Objects
from argocd_istio.render.read import explain
from argocd_istio.syntax.source import Source, read
from argocd_istio.terminal import Terminal
from tests.render.consumer import MODES, consumer, one
from tests.render.render import Object, build
from tests.work import LINEAR, growth

PICTURES = {
    "passthrough": """\
argocd.example.com
├─ port 80, HTTP (Gateway argocd/argocd on istio=ingressgateway)
│  └─ 301 to https
└─ port 443, TLS (Gateway argocd/argocd on istio=ingressgateway)
   ├─ TLS is passed on unopened
   └─ SNI is the host (VirtualService argocd/argocd)
      └─ Service argocd/argocd-server, port 443: the client's TLS
         └─ pods argocd-server, port 8080: TLS (server.insecure: "false")
            └─ TLS ends here: Secret argocd/argocd-server-tls, else self-signed
""",
    "termination": """\
argocd.example.com
├─ port 80, HTTP (Gateway argocd/argocd on istio=ingressgateway)
│  └─ 301 to https
└─ port 443, HTTPS (Gateway argocd/argocd on istio=ingressgateway)
   ├─ TLS ends here: Secret istio-system/argocd-certificate
   └─ everything (VirtualService argocd/argocd: http)
      └─ Service argocd/argocd-server, port 80: HTTP/1.1 in clear text
         └─ pods argocd-server, port 8080: plain HTTP (server.insecure: "true")
""",
    "grpc-routing": """\
argocd.example.com
├─ port 80, HTTP (Gateway argocd/argocd on istio=ingressgateway)
│  └─ 301 to https
└─ port 443, HTTPS (Gateway argocd/argocd on istio=ingressgateway)
   ├─ TLS ends here: Secret istio-system/argocd-certificate
   ├─ content-type is application/grpc (VirtualService argocd/argocd: grpc)
   │  └─ Service argocd/argocd-server-grpc, port 443: HTTP/2 in clear text
   │     └─ pods argocd-server, port 8080: plain HTTP (server.insecure: "true")
   └─ everything else (VirtualService argocd/argocd: http)
      └─ Service argocd/argocd-server, port 80: HTTP/1.1 in clear text
         └─ pods argocd-server, port 8080: plain HTTP (server.insecure: "true")
""",
}


def source(objects: list[Object]) -> Source:
    return read(yaml.dump_all(objects, Dumper=yaml.CSafeDumper).encode(), "render.yaml")


def explained(objects: list[Object], namespace: str = "istio-system") -> Explanation:
    return explain(Objects(source(objects)), namespace)


def overlay(mode: str) -> list[Object]:
    """A copy of the objects of a mode that a request meets, to break."""
    names = ("argocd", "argocd-server", "argocd-server-grpc", "argocd-cmd-params-cm")
    return [copy.deepcopy(item) for item in whole(mode) if item["metadata"]["name"] in names]


def whole(mode: str) -> list[Object]:
    return build(f"overlays/{mode}/without-crds")


def drawn(objects: list[Object]) -> str:
    return tree.draw(explained(objects))


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_is_drawn_without_a_problem(mode: str) -> None:
    assert drawn(whole(mode)) == PICTURES[mode]
    assert explained(whole(mode)).all_problems() == []
    assert explained(whole(mode)) == explained(overlay(mode))


def two_certificates(folder: Path) -> list[Object]:
    """Two hosts, each with a certificate of its own, in grpc-routing."""
    spec = {"mode": "grpc-routing", "hosts": ["cd.acme.io", "cd.acme.dev"], "gateway": {"namespace": "edge"}}
    spec["tls"] = {"secretName": "acme-io", "secretNames": {"cd.acme.dev": "acme-dev"}}
    head = {
        "apiVersion": "argocd-istio.github.io/v1alpha1",
        "kind": "ExposureGenerator",
        "metadata": {"name": "argocd"},
    }
    source = read(yaml.safe_dump(head | {"spec": spec}).encode(), "exposure.yaml")
    exposure, findings = check(source, source.documents[0].root)
    assert exposure and not findings
    return build(consumer(folder, "grpc-routing/without-crds", complete(exposure)))


def test_hosts_with_different_certificates_are_two_trees_and_with_the_same_one_tree(tmp_path: Path) -> None:
    different = explained(two_certificates(tmp_path / "different"), "edge")
    assert different.all_problems() == []
    held = [(way.hosts, way.listeners[1].certificate) for way in different.ways]
    assert [(hosts, asdict(certificate) if certificate else None) for hosts, certificate in held] == [
        ((host,), {"holder": "gateway", "secret": secret, "namespace": "edge", "file": ""})
        for host, secret in (("cd.acme.io", "acme-io"), ("cd.acme.dev", "acme-dev"))
    ]
    objects = overlay("termination")
    for server in one(objects, "Gateway")["spec"]["servers"]:
        server["hosts"].append("./cd2.acme.io")
    one(objects, "VirtualService")["spec"]["hosts"].append("cd2.acme.io")
    [way] = explained(objects).ways
    assert way.hosts == ("argocd.example.com", "cd2.acme.io")
    assert drawn(objects).splitlines()[0] == "argocd.example.com, cd2.acme.io"


# ---- what is broken -----------------------------------------------------------------------------------------------


def gateway(objects: list[Object]) -> Any:
    return one(objects, "Gateway")["spec"]


def routes(objects: list[Object]) -> Any:
    return one(objects, "VirtualService")["spec"]


def service(objects: list[Object], name: str = "argocd-server") -> Any:
    return one(objects, "Service", name)["spec"]


def container(objects: list[Object]) -> Any:
    return one(objects, "Deployment", "argocd-server")["spec"]["template"]["spec"]["containers"][0]


def parameters(objects: list[Object]) -> Any:
    return one(objects, "ConfigMap", "argocd-cmd-params-cm")["data"]


def rule(**more: Any) -> Object:
    """A DestinationRule of argocd-server."""
    metadata = {"name": "argocd-server", "namespace": "argocd"}
    spec = {"host": "argocd-server.argocd.svc.cluster.local", **more}
    return {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": metadata, "spec": spec}


def drop(kind: str, name: str) -> Callable[[list[Object]], None]:
    return lambda objects: objects.remove(one(objects, kind, name))


def plus(added: Object, change: Breaking | None = None) -> Breaking:
    """Another object, after a change of those that are there."""

    def breaking(objects: list[Object]) -> None:
        if change:
            change(objects)
        objects.append(added)

    return breaking


Breaking = Callable[[list[Object]], Any]
TLS_WANTED = 'redirect loop: argocd-server wants TLS (server.insecure: "false") and sends clear text to https again'
WRONG_VERSION = (
    "to the gateway this port is HTTP/2: argocd-server takes HTTP/2 only with content-type application/grpc; "
    "match exactly that, and send all else to a port named http"
)
NO_H2 = "native gRPC fails: to the gateway this port is HTTP/1.1; it needs appProtocol: kubernetes.io/h2c"

BREAKS: list[tuple[str, str, Breaking, list[str]]] = [
    (
        "argocd-server ends TLS too",
        "termination",
        lambda objects: parameters(objects).update({"server.insecure": "false"}),
        [TLS_WANTED],
    ),
    (
        "a value that does not count",
        "termination",
        lambda objects: parameters(objects).update({"server.insecure": "yes"}),
        [TLS_WANTED.replace('"false"', '"yes", which counts as false')],
    ),
    (
        "no value at all",
        "termination",
        lambda objects: parameters(objects).pop("server.insecure"),
        [TLS_WANTED.replace(': "false"', " not set")],
    ),
    (
        "the flag counts before the ConfigMap",
        "termination",
        lambda objects: container(objects)["args"].append("--insecure=false"),
        [TLS_WANTED.replace('server.insecure: "false"', "--insecure=false")],
    ),
    (
        "the variable counts before the ConfigMap",
        "termination",
        lambda objects: container(objects).update(env=[{"name": "ARGOCD_SERVER_INSECURE", "value": "false"}]),
        [TLS_WANTED.replace("server.insecure", "ARGOCD_SERVER_INSECURE")],
    ),
    (
        "argocd-server does not end TLS",
        "passthrough",
        lambda objects: parameters(objects).update({"server.insecure": "true"}),
        ['argocd-server speaks plain HTTP (server.insecure: "true"): the TLS handshake fails'],
    ),
    (
        "TLS to a plain server",
        "termination",
        plus(rule(trafficPolicy={"tls": {"mode": "SIMPLE"}})),
        ['argocd-server speaks plain HTTP (server.insecure: "true"), the gateway TLS: it answers 503'],
    ),
    (
        "no redirect on 80",
        "termination",
        lambda objects: gateway(objects)["servers"][0]["tls"].update(httpsRedirect=False),
        ["no httpsRedirect: passwords and tokens cross the network in clear text"],
    ),
    (
        "nothing on 80",
        "grpc-routing",
        lambda objects: gateway(objects)["servers"].pop(0),
        ["nothing listens on port 80: http:// addresses are not redirected to https://"],
    ),
    (
        "the redirect of a host with a namespace needs an http route",
        "passthrough",
        lambda objects: routes(objects).pop("http"),
        ["no http route for this host: port 80 answers 404 instead of the redirect"],
    ),
    (
        "no Service",
        "grpc-routing",
        drop("Service", "argocd-server-grpc"),
        ["no Service argocd/argocd-server-grpc here: the gateway answers 503"],
    ),
    (
        "a Service of another namespace",
        "termination",
        lambda objects: routes(objects)["http"][0]["route"][0]["destination"].update(host="argocd-server.cd.svc.x.y"),
        ["no Service cd/argocd-server here: the gateway answers 503"],
    ),
    (
        "a name with a dot is taken as it stands",
        "termination",
        lambda objects: routes(objects)["http"][0]["route"][0]["destination"].update(host="argocd-server.argocd"),
        ["no Service argocd-server.argocd here: the gateway answers 503"],
    ),
    (
        "a port that the Service lacks",
        "termination",
        lambda objects: routes(objects)["http"][0]["route"][0]["destination"].update(port={"number": 8080}),
        ["no port 8080 in Service argocd/argocd-server, which has 80, 443: the gateway answers 503"],
    ),
    (
        "the metrics port of the pod",
        "termination",
        lambda objects: service(objects)["ports"][0].update(targetPort=8083),
        ["argocd-server listens on port 8080, not on 8083"],
    ),
    (
        "a named port that no container has",
        "termination",
        lambda objects: service(objects)["ports"][0].update(targetPort="web"),
        ["no container has a port named web: the gateway answers 503"],
    ),
    (
        "--port moves argocd-server",
        "termination",
        lambda objects: container(objects)["args"].extend(["--port", "9090"]),
        ["argocd-server listens on port 9090, not on 8080"],
    ),
    (
        "a selector that matches nothing",
        "termination",
        lambda objects: service(objects).update(selector={"app": "other"}),
        ["the selector app=other matches no pods here: the gateway answers 503"],
    ),
    (
        "pods of another namespace",
        "termination",
        lambda objects: one(objects, "Deployment", "argocd-server")["metadata"].update(namespace="delivery"),
        [
            "the selector app.kubernetes.io/name=argocd-server matches no pods here: the gateway answers 503",
        ],
    ),
    (
        "TLS again, on another port only",
        "termination",
        plus(
            rule(trafficPolicy={"portLevelSettings": [{"port": {"number": 443}, "tls": {"mode": "SIMPLE"}}]}),
            lambda objects: parameters(objects).update({"server.insecure": "false"}),
        ),
        [TLS_WANTED],
    ),
    (
        "gRPC to the browser's port",
        "grpc-routing",
        lambda objects: service(objects, "argocd-server-grpc")["ports"][0].update(name="https", appProtocol="https"),
        [NO_H2],
    ),
    (
        "gRPC is told by a prefix",
        "grpc-routing",
        lambda objects: routes(objects)["http"][0].update(
            match=[{"headers": {"content-type": {"prefix": "application/grpc"}}}]
        ),
        [WRONG_VERSION],
    ),
    (
        "gRPC is told by the user agent",
        "grpc-routing",
        lambda objects: routes(objects)["http"][0].update(
            match=[{"headers": {"user-agent": {"prefix": "argocd-client"}}}]
        ),
        [WRONG_VERSION],
    ),
    (
        "the browser on an HTTP/2 port",
        "termination",
        lambda objects: service(objects)["ports"][0].update(appProtocol="kubernetes.io/h2c"),
        [WRONG_VERSION],
    ),
    (
        "a port whose name says no protocol",
        "termination",
        lambda objects: service(objects)["ports"][0].update(name="web"),
        [WRONG_VERSION.replace("HTTP/2:", "the client's HTTP version:")],
    ),
    (
        "a policy that upgrades to HTTP/2",
        "termination",
        plus(rule(trafficPolicy={"connectionPool": {"http": {"h2UpgradePolicy": "UPGRADE"}}})),
        [WRONG_VERSION],
    ),
    (
        "the gRPC route comes last",
        "grpc-routing",
        lambda objects: routes(objects)["http"].reverse(),
        ["never reached: the route before it takes everything"],
    ),
    (
        "a route for each kind of server",
        "passthrough",
        lambda objects: routes(objects).pop("tls"),
        ["VirtualService argocd/argocd has no tls route with this host's SNI: the connection is reset"],
    ),
    (
        "SNI of another host",
        "passthrough",
        lambda objects: routes(objects)["tls"][0]["match"][0].update(sniHosts=["cd.acme.io"]),
        ["VirtualService argocd/argocd has no tls route with this host's SNI: the connection is reset"],
    ),
    (
        "only tls routes behind a gateway that ends TLS",
        "termination",
        lambda objects: routes(objects).update(tls=routes(objects).pop("http")),
        [
            "no http route for this host: port 80 answers 404 instead of the redirect",
            "VirtualService argocd/argocd has no http route for this server: the gateway answers 404",
        ],
    ),
    (
        "the VirtualService moved, the Gateway's hosts stayed",
        "termination",
        lambda objects: (
            one(objects, "VirtualService")["metadata"].update(namespace="delivery"),
            routes(objects).update(gateways=["argocd/argocd"]),
        ),
        [
            "no http route for this host: port 80 answers 404 instead of the redirect",
            "VirtualService delivery/argocd may not take this host, by the Gateway's namespace/host: "
            "the gateway answers 404",
        ],
    ),
    (
        "a host that only the VirtualService has",
        "termination",
        lambda objects: routes(objects)["hosts"].append("cd2.acme.io"),
        ["VirtualService argocd/argocd names cd2.acme.io, which its Gateway does not take"],
    ),
    (
        "a Gateway that is not there",
        "termination",
        lambda objects: routes(objects)["gateways"].append("edge/public"),
        ["VirtualService argocd/argocd names Gateway edge/public, which is not here"],
    ),
    (
        "no certificate",
        "termination",
        lambda objects: gateway(objects)["servers"][1]["tls"].pop("credentialName"),
        ["no credentialName: without a certificate the gateway opens no port"],
    ),
    (
        "no selector",
        "termination",
        lambda objects: (gateway(objects).pop("selector"), gateway(objects)["servers"].pop(0)),
        [
            "no selector: every gateway of the cluster takes this host",
            "nothing listens on port 80: http:// addresses are not redirected to https://",
        ],
    ),
    (
        "no servers",
        "termination",
        lambda objects: gateway(objects).pop("servers"),
        ["Gateway argocd/argocd has no servers"],
    ),
]


@pytest.mark.parametrize(("mode", "breaking", "problems"), [row[1:] for row in BREAKS], ids=[row[0] for row in BREAKS])
def test_what_is_broken_is_marked_with_one_line(mode: str, breaking: Breaking, problems: list[str]) -> None:
    objects = overlay(mode)
    breaking(objects)
    found = explained(objects)
    assert found.all_problems() == problems
    marked = [line.split("✗ ")[1] for line in tree.draw(found, width=500).splitlines() if "✗" in line]
    assert marked == problems


RIGHT: list[tuple[str, str, Breaking, str]] = [
    (
        "TLS again to the pod",
        "termination",
        plus(
            rule(trafficPolicy={"tls": {"mode": "SIMPLE"}}),
            lambda objects: parameters(objects).update({"server.insecure": "false"}),
        ),
        "HTTP/1.1 in TLS",
    ),
    (
        "TLS again by a policy for the port",
        "termination",
        plus(
            rule(trafficPolicy={"portLevelSettings": [{"port": {"number": 80}, "tls": {"mode": "SIMPLE"}}]}),
            lambda objects: parameters(objects).update({"server.insecure": "false"}),
        ),
        "HTTP/1.1 in TLS",
    ),
    (
        "the only port of a Service need not be named",
        "grpc-routing",
        lambda objects: (
            routes(objects)["http"][0]["route"][0]["destination"].pop("port"),
            service(objects, "argocd-server-grpc")["ports"][0].update(port=8443),
        ),
        "Service argocd/argocd-server-grpc, port 8443",
    ),
    (
        "appProtocol counts before the name",
        "grpc-routing",
        lambda objects: service(objects, "argocd-server-grpc")["ports"][0].update(name="https"),
        "HTTP/2 in clear text",
    ),
    (
        "the article's Service with a port named grpc",
        "grpc-routing",
        lambda objects: (
            service(objects)["ports"][1].update(name="grpc"),
            routes(objects)["http"][0]["route"][0]["destination"].update(host="argocd-server"),
        ),
        "Service argocd/argocd-server, port 443: HTTP/2 in clear text",
    ),
    (
        "a wildcard Gateway and a named host",
        "termination",
        lambda objects: [server.update(hosts=["./*.example.com"]) for server in gateway(objects)["servers"]],
        "argocd.example.com\n",
    ),
    (
        "hosts of any namespace",
        "termination",
        lambda objects: [server.update(hosts=["*/argocd.example.com"]) for server in gateway(objects)["servers"]],
        "TLS ends here",
    ),
    (
        "a named port of the container",
        "termination",
        lambda objects: (
            service(objects)["ports"][0].update(targetPort="web"),
            container(objects)["ports"][0].update(name="web"),
        ),
        "pods argocd-server, port 8080",
    ),
    (
        "a bare host needs no http route for its redirect",
        "passthrough",
        lambda objects: (
            routes(objects).pop("http"),
            [server.update(hosts=["argocd.example.com"]) for server in gateway(objects)["servers"]],
        ),
        "301 to https",
    ),
    (
        "a route that the gateway answers itself",
        "termination",
        lambda objects: routes(objects)["http"].insert(
            0, {"match": [{"uri": {"exact": "/argocd"}}], "redirect": {"uri": "/argocd/"}}
        ),
        "path is /argocd (VirtualService argocd/argocd)\n   │  └─ 301 to /argocd/",
    ),
    (
        "two ways by weight",
        "termination",
        lambda objects: routes(objects)["http"][0].update(
            route=[routes(objects)["http"][0]["route"][0] | {"weight": weight} for weight in (90, 10)]
        ),
        "Service argocd/argocd-server, port 80, weight 10:",
    ),
    (
        "a certificate from a file",
        "termination",
        lambda objects: gateway(objects)["servers"][1].update(
            tls={"mode": "MUTUAL", "serverCertificate": "/etc/certs/tls.crt"}
        ),
        "TLS ends here: file /etc/certs/tls.crt, clients show one too",
    ),
    (
        "a route for another port is not on the way",
        "termination",
        lambda objects: routes(objects)["http"].insert(
            0, {"match": [{"port": 8443}], "route": [{"destination": {"host": "elsewhere"}}]}
        ),
        "everything (VirtualService",
    ),
]


@pytest.mark.parametrize(("mode", "change", "shown"), [row[1:] for row in RIGHT], ids=[row[0] for row in RIGHT])
def test_other_ways_that_work_are_drawn_and_not_marked(mode: str, change: Breaking, shown: str) -> None:
    objects = overlay(mode)
    change(objects)
    assert explained(objects).all_problems() == []
    assert shown in drawn(objects)


def test_a_list_counts_as_its_members_and_shapes_that_are_not_expected_as_absent() -> None:
    objects = overlay("termination")
    assert explained([{"apiVersion": "v1", "kind": "List", "items": objects}]) == explained(objects)
    values: list[Any] = [None, 7, "text", [], {}, [None], {"": None}, [[]], [{"hosts": 7, "port": [], "tls": "x"}]]
    for value in values:
        for kind in ("Gateway", "VirtualService"):
            for key in [*one(objects, kind)["spec"], "spec"]:
                broken = [item for item in overlay("termination") if "istio" in item["apiVersion"]]
                place = one(broken, kind) if key == "spec" else one(broken, kind)["spec"]
                place[key] = value
                for form in FORMATS:
                    draw(explained(broken), form, Terminal())


def test_of_an_object_that_is_there_several_times_the_last_counts() -> None:
    objects = overlay("grpc-routing")
    changed = copy.deepcopy(objects)
    for gateway in changed:
        if gateway["kind"] == "Gateway":
            gateway["spec"]["servers"][0]["hosts"] = gateway["spec"]["servers"][1]["hosts"] = ["./other.x.io"]
    assert explained(changed) != explained(objects)
    few, many = ([*changed * others, *objects] for others in (3, 39))
    assert explained(many) == explained(objects)
    assert growth(lambda read: explain(Objects(read), ""), source(few), source(many)) < LINEAR


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(below for key in keys for below in _paths(value[key], (*path, key)))]


ODD: list[Any] = [None, True, -1, 10**40, "", "*", "./", "a/b/c", "\x00", "é", [], {}, [[]], {"a": {}}, [{"b": []}]]


@given(st.data())
@settings(max_examples=300)
def test_any_value_in_any_place_is_drawn(data: st.DataObject) -> None:
    objects = [item for item in overlay(data.draw(st.sampled_from(MODES))) if "spec" in item]
    container(objects)["env"] = [one for one in container(objects)["env"] if one["name"] == "ARGOCD_SERVER_INSECURE"]
    for _ in range(data.draw(st.integers(1, 4))):
        *way, last = data.draw(st.sampled_from([path for path in _paths(objects) if path]))
        place: Any = objects
        for key in way:
            place = place[key]
        place[last] = copy.deepcopy(data.draw(st.sampled_from(ODD)))
    found = explained(objects)
    for form in FORMATS:
        text = draw(found, form, Terminal())
        assert "\x00" not in text
        if form == "svg":
            ElementTree.fromstring(text)


@pytest.mark.parametrize(
    ("name", "app_protocol", "transport", "port", "protocol"),
    [
        ("http", "", "TCP", 80, "HTTP"),
        ("http-web", "", "TCP", 80, "HTTP"),
        ("HTTP2-x", "", "TCP", 80, "HTTP2"),
        ("grpc", "", "TCP", 443, "GRPC"),
        ("grpc-web", "", "TCP", 443, "GRPC-Web"),
        ("grpc-webber", "", "TCP", 443, "GRPC-Web"),
        ("https", "kubernetes.io/h2c", "TCP", 443, "HTTP2"),
        ("https", "kubernetes.io/ws", "TCP", 443, "HTTP"),
        ("http", "kubernetes.io/wss", "TCP", 443, "HTTPS"),
        ("https", "grpc", "TCP", 443, "GRPC"),
        ("http", "example.com/own", "TCP", 443, istio.UNDECLARED),
        ("web", "", "TCP", 80, istio.UNDECLARED),
        ("", "", "TCP", 80, istio.UNDECLARED),
        ("db", "", "TCP", 3306, "TCP"),
        ("http", "", "UDP", 80, "UDP"),
    ],
)
def test_a_port_has_the_protocol_that_istio_decides(
    name: str, app_protocol: str, transport: str, port: int, protocol: str
) -> None:
    assert istio.protocol(name, app_protocol, transport, port) == protocol


@pytest.mark.parametrize(
    ("one_side", "other", "common"),
    [
        (["a.x.io"], ["a.x.io"], ["a.x.io"]),
        (["a.x.io"], ["b.x.io"], []),
        (["*.x.io"], ["a.x.io", "a.y.io"], ["a.x.io"]),
        (["a.x.io"], ["*.x.io"], ["a.x.io"]),
        (["*.x.io"], ["*.a.x.io"], ["*.a.x.io"]),
        (["*"], ["a.x.io", "*.y.io"], ["a.x.io", "*.y.io"]),
        (["*.x.io"], ["x.io"], []),
    ],
)
def test_hosts_that_two_lists_share_are_the_narrower_ones(
    one_side: list[str], other: list[str], common: list[str]
) -> None:
    assert istio.common(one_side, other) == common


# ---- the forms ----------------------------------------------------------------------------------------------------


def test_json_is_the_model() -> None:
    found = explained(overlay("grpc-routing"))
    assert json.loads(draw(found, "json", Terminal())) == json.loads(json.dumps(asdict(found)))


def test_without_unicode_the_picture_is_ascii_and_has_the_same_words() -> None:
    objects = overlay("grpc-routing")
    one(objects, "VirtualService")["spec"]["http"][0]["name"] = "größer"
    found = explained(objects)
    text = draw(found, "text", Terminal(unicode=False))
    assert text.isascii() and "gr\\xf6\\xdfer" in text
    words = re.sub(r"[├└│─]", "", draw(found, "text", Terminal())).replace("größer", "gr\\xf6\\xdfer").split()
    assert re.sub(r"[|`-]{2,}|[|]", "", text).split() == words


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_lines_keep_the_width_and_lose_no_word(width: int, tmp_path: Path) -> None:
    found = explained(two_certificates(tmp_path))
    lines = tree.draw(found, width=width).splitlines()
    longest = max(len(word) for line in lines for word in line.split())
    assert all(len(line) <= max(width, 18 + longest) for line in lines)
    assert "".join(lines).replace(" ", "").replace("│", "") == re.sub(r"[ │\n]", "", tree.draw(found, width=500))


def test_colours_change_nothing_but_colours() -> None:
    found = explained(overlay("grpc-routing"))
    coloured = tree.draw(found, colour=True)
    assert "\x1b[33m" in coloured and "\x1b[32m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == tree.draw(found)


EVIL = "</text>\x1b[31m]]>&\"'`#;%%{}\n::error::"


@pytest.mark.parametrize("form", FORMATS)
def test_names_from_the_render_cannot_break_the_picture(form: str) -> None:
    objects = overlay("grpc-routing")
    one(objects, "VirtualService")["spec"]["http"][0]["name"] = EVIL
    one(objects, "VirtualService")["spec"]["http"][0]["match"][0]["headers"]["content-type"]["exact"] = EVIL
    parameters(objects)["server.insecure"] = EVIL
    for server in gateway(objects)["servers"]:
        server["hosts"] = ["./" + EVIL]
    routes(objects)["hosts"] = [EVIL]
    assert explained(objects).ways[0].listeners[1].routes
    text = draw(explained(objects), form, Terminal())
    assert "\x1b" not in text and not re.search(r"^::error", text, re.M)
    if form == "svg":
        ElementTree.fromstring(text)
    if form == "mermaid":
        assert all(re.fullmatch(r'[^"]*("[\w ./,:=()\-#;<>]*"[^"]*)?', line) for line in text.splitlines()), text


SVG = "{http://www.w3.org/2000/svg}"


def boxes(text: str) -> list[tuple[float, float, float, float]]:
    """Left, top, right, bottom of each box."""
    found = []
    for box in ElementTree.fromstring(text).iter(f"{SVG}rect"):
        if box.get("class") in ("box", "key", "broken"):
            x, y, width, height = (float(box.get(name, "")) for name in ("x", "y", "width", "height"))
            found.append((x, y, x + width, y + height))
    return found


def pictures(folder: Path) -> list[tuple[str, list[Object]]]:
    long = overlay("grpc-routing")
    for server in gateway(long)["servers"]:
        server["hosts"] = [f"./{'a' * 60}.{'b' * 60}.{'c' * 60}.{'d' * 60}.acme.io"]
    routes(long)["hosts"] = [gateway(long)["servers"][0]["hosts"][0][2:]]
    return [*((mode, overlay(mode)) for mode in MODES), ("two certificates", two_certificates(folder)), ("long", long)]


def test_svg_needs_nothing_from_elsewhere_and_no_box_covers_another(tmp_path: Path) -> None:
    for name, objects in pictures(tmp_path):
        text = svg.draw(explained(objects))
        assert not re.search(r"(href|src)=|@import|url\((?!#)", text), name
        assert "prefers-color-scheme: dark" in text
        found = boxes(text)
        assert len(found) >= 5
        for number, (left, top, right, bottom) in enumerate(found):
            for other in found[number + 1 :]:
                apart = other[0] >= right or other[2] <= left or other[1] >= bottom or other[3] <= top
                assert apart, f"{name}: {found[number]} {other}"
