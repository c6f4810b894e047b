"""Each rule finds its fault, and nothing in working setups."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from argocd_istio.explain import tree
from argocd_istio.exposure.wired import Wired
from argocd_istio.lint.rule import Finding, Severity
from argocd_istio.lint.rules import RULES
from argocd_istio.lint.run import failed, run
from argocd_istio.render.objects import Objects
from argocd_istio.render.ways import facts
from argocd_istio.syntax.source import parse
from tests.plugin import ways_in
from tests.plugin.faults import MORE, SPARED, Row, after
from tests.plugin.faults_gateway_api import GATEWAY_API, GATEWAY_API_SPARED
from tests.plugin.faults_mesh import MESH, MESH_SPARED
from tests.plugin.faults_paths import PATHS, PATHS_SPARED
from tests.plugin.faults_reach import REACH, REACH_SPARED
from tests.plugin.faults_spared import ALARMS, LOOP, MORE_WRONG, PLACES, TLS_AGAIN, http_alone, value
from tests.plugin.faults_types import TYPES
from tests.plugin.renders import (
    Breaking,
    container,
    drawn,
    drop,
    explained,
    gateway,
    overlay,
    parameters,
    plus,
    problems_of,
    routes,
    rule,
    service,
    source,
)
from tests.render.consumer import one
from tests.render.render import Object, build

TLS_WANTED = 'redirect loop: argocd-server expects TLS (server.insecure: "false") and redirects clear text to https'
WRONG_VERSION = (
    "the gateway speaks HTTP/2 to this port: argocd-server accepts HTTP/2 only with content-type application/grpc"
)
TRUSTED = {"mode": "SIMPLE", "caCertificates": "/ca.pem", "subjectAltNames": ["argocd-server"]}
NO_WAY = "no route in these files leads to argocd-server"
NO_H2 = "native gRPC fails: the gateway speaks HTTP/1.1 to this port"

WRONG: list[Row] = [
    (
        "A02",
        "argocd-server ends TLS too",
        "termination",
        lambda objects: parameters(objects).update({"server.insecure": "false"}),
        [TLS_WANTED],
    ),
    (
        "A02",
        "a value that does not count",
        "termination",
        lambda objects: parameters(objects).update({"server.insecure": "yes"}),
        [TLS_WANTED.replace('"false"', '"yes", which counts as false'), 'server.insecure: "yes" counts as false'],
    ),
    (
        "A02",
        "no value at all",
        "termination",
        lambda objects: parameters(objects).pop("server.insecure"),
        [TLS_WANTED.replace(': "false"', " not set")],
    ),
    (
        "A02",
        "the flag counts before the ConfigMap",
        "termination",
        lambda objects: container(objects)["args"].append("--insecure=false"),
        [
            TLS_WANTED.replace('server.insecure: "false"', "--insecure=false"),
            "--insecure (false) counts, and server.insecure (true) contradicts it",
        ],
    ),
    (
        "A02",
        "the variable counts before the ConfigMap",
        "termination",
        lambda objects: container(objects).update(env=[{"name": "ARGOCD_SERVER_INSECURE", "value": "false"}]),
        [
            TLS_WANTED.replace("server.insecure", "ARGOCD_SERVER_INSECURE"),
            "ARGOCD_SERVER_INSECURE (false) counts, and server.insecure (true) contradicts it",
        ],
    ),
    (
        "A01",
        "argocd-server does not end TLS",
        "passthrough",
        lambda objects: parameters(objects).update({"server.insecure": "true"}),
        ['argocd-server speaks plain HTTP (server.insecure: "true"): the TLS handshake fails'],
    ),
    (
        "A03",
        "TLS to a plain server",
        "termination",
        plus(rule(trafficPolicy={"tls": {"mode": "SIMPLE"}})),
        ['argocd-server speaks plain HTTP (server.insecure: "true"), but the gateway sends TLS: it answers 503'],
    ),
    (
        "B01",
        "no redirect on 80",
        "termination",
        lambda objects: gateway(objects)["servers"][0]["tls"].update(httpsRedirect=False),
        ["no httpsRedirect: passwords and tokens cross the network in clear text"],
    ),
    (
        "B07",
        "nothing on 80",
        "grpc-routing",
        lambda objects: gateway(objects)["servers"].pop(0),
        ["nothing listens on port 80: http:// addresses are not redirected to https://"],
    ),
    (
        "B08",
        "the redirect of a host with a namespace needs an http route",
        "passthrough",
        lambda objects: routes(objects).pop("http"),
        ["no http route for this host: port 80 answers 404 instead of the redirect"],
    ),
    (
        "A20",
        "no Service",
        "grpc-routing",
        drop("Service", "argocd-server-grpc"),
        ["no Service argocd/argocd-server-grpc here: the gateway answers 503"],
    ),
    (
        "H07",
        "a Service of another namespace",
        "termination",
        lambda objects: routes(objects)["http"][0]["route"][0]["destination"].update(host="argocd-server.cd.svc.x.y"),
        [NO_WAY],
    ),
    (
        "A20",
        "a name with a dot is taken as it is",
        "termination",
        lambda objects: routes(objects)["http"][0]["route"][0]["destination"].update(host="argocd-server.argocd"),
        ["no Service argocd-server.argocd here: the gateway answers 503"],
    ),
    (
        "A19",
        "a port that the Service does not have",
        "termination",
        lambda objects: routes(objects)["http"][0]["route"][0]["destination"].update(port={"number": 8080}),
        ["no port 8080 in Service argocd/argocd-server, which has 80, 443: the gateway answers 503"],
    ),
    (
        "A23",
        "the metrics port of the pod",
        "termination",
        lambda objects: service(objects)["ports"][0].update(targetPort=8083),
        ["argocd-server listens on port 8080, not on 8083"],
    ),
    (
        "A23",
        "a named port that no container has",
        "termination",
        lambda objects: service(objects)["ports"][0].update(targetPort="web"),
        ["no container has a port named web: the gateway answers 503"],
    ),
    (
        "A23",
        "--port moves argocd-server",
        "termination",
        lambda objects: container(objects)["args"].extend(["--port", "9090"]),
        ["argocd-server listens on port 9090, not on 8080"],
    ),
    (
        "D25",
        "a selector that matches nothing",
        "termination",
        lambda objects: service(objects).update(selector={"app": "other"}),
        ["the selector app=other matches no pods here: the gateway answers 503"],
    ),
    (
        "D25",
        "pods of another namespace",
        "termination",
        lambda objects: one(objects, "Deployment", "argocd-server")["metadata"].update(namespace="delivery"),
        [
            "the selector app.kubernetes.io/name=argocd-server matches no pods here: the gateway answers 503",
            NO_WAY,
        ],
    ),
    (
        "A02",
        "TLS again, on another port only",
        "termination",
        plus(
            rule(trafficPolicy={"portLevelSettings": [{"port": {"number": 443}, "tls": {"mode": "SIMPLE"}}]}),
            lambda objects: parameters(objects).update({"server.insecure": "false"}),
        ),
        [TLS_WANTED],
    ),
    (
        "A14",
        "gRPC to the browser's port",
        "grpc-routing",
        lambda objects: service(objects, "argocd-server-grpc")["ports"][0].update(name="https", appProtocol="https"),
        [NO_H2],
    ),
    (
        "A16",
        "gRPC is matched by a prefix",
        "grpc-routing",
        lambda objects: routes(objects)["http"][0].update(
            match=[{"headers": {"content-type": {"prefix": "application/grpc"}}}]
        ),
        [WRONG_VERSION],
    ),
    (
        "A16",
        "gRPC is matched by the user agent",
        "grpc-routing",
        lambda objects: routes(objects)["http"][0].update(
            match=[{"headers": {"user-agent": {"prefix": "argocd-client"}}}]
        ),
        [WRONG_VERSION],
    ),
    (
        "A15",
        "the browser on an HTTP/2 port",
        "termination",
        lambda objects: service(objects)["ports"][0].update(appProtocol="kubernetes.io/h2c"),
        [WRONG_VERSION],
    ),
    (
        "A15",
        "a port whose name says no protocol",
        "termination",
        lambda objects: service(objects)["ports"][0].update(name="web"),
        [WRONG_VERSION.replace("HTTP/2", "the client's HTTP version", 1)],
    ),
    (
        "A15",
        "a policy that upgrades to HTTP/2",
        "termination",
        plus(rule(trafficPolicy={"connectionPool": {"http": {"h2UpgradePolicy": "UPGRADE"}}})),
        [WRONG_VERSION],
    ),
    (
        "A17",
        "the gRPC route comes last",
        "grpc-routing",
        lambda objects: routes(objects)["http"].reverse(),
        ["never reached: the route before it takes everything"],
    ),
    (
        "A06",
        "a route for each kind of server",
        "passthrough",
        lambda objects: routes(objects).pop("tls"),
        ["VirtualService argocd/argocd has no tls route with this host's SNI: the connection is reset", NO_WAY],
    ),
    (
        "A06",
        "SNI of another host",
        "passthrough",
        lambda objects: routes(objects)["tls"][0]["match"][0].update(sniHosts=["cd.acme.io"]),
        [
            "VirtualService argocd/argocd has no tls route with this host's SNI: the connection is reset",
            "sniHosts of VirtualService argocd/argocd has cd.acme.io, which is not in hosts: Istio refuses the object",
            NO_WAY,
        ],
    ),
    (
        "A06",
        "only tls routes behind a gateway that ends TLS",
        "termination",
        lambda objects: routes(objects).update(tls=routes(objects).pop("http")),
        [
            "VirtualService argocd/argocd has no http route for this server: the gateway answers 404",
            "no http route for this host: port 80 answers 404 instead of the redirect",
            NO_WAY,
        ],
    ),
    (
        "D24",
        "the VirtualService moved, the Gateway's hosts stayed",
        "termination",
        lambda objects: (
            one(objects, "VirtualService")["metadata"].update(namespace="delivery"),
            routes(objects).update(gateways=["argocd/argocd"]),
        ),
        [
            "no http route for this host: port 80 answers 404 instead of the redirect",
            "the Gateway's namespace/host does not admit VirtualService delivery/argocd: the gateway answers 404",
            NO_WAY,
        ],
    ),
    (
        "C05",
        "a host that only the VirtualService has",
        "termination",
        lambda objects: routes(objects)["hosts"].append("cd2.acme.io"),
        ["VirtualService argocd/argocd names cd2.acme.io, which its Gateway does not take"],
    ),
    (
        "A09",
        "no certificate",
        "termination",
        lambda objects: gateway(objects)["servers"][1]["tls"].pop("credentialName"),
        [
            "no credentialName: without a certificate the gateway shows a certificate of the mesh, "
            "which no client trusts"
        ],
    ),
    (
        "D02",
        "no selector",
        "termination",
        lambda objects: (gateway(objects).pop("selector"), gateway(objects)["servers"].pop(0)),
        [
            "no selector: every gateway of the cluster takes this host",
            "nothing listens on port 80: http:// addresses are not redirected to https://",
        ],
    ),
    (
        "D23",
        "no servers",
        "termination",
        lambda objects: gateway(objects).pop("servers"),
        ["Gateway argocd/argocd has no servers: no port is opened", NO_WAY],
    ),
    *MORE,
    *GATEWAY_API,
    *MESH,
    *TYPES,
    *PATHS,
    *REACH,
    *MORE_WRONG,
]


@pytest.mark.parametrize(
    ("rule_id", "mode", "breaking", "messages"),
    [(row[0], *row[2:]) for row in WRONG],
    ids=[f"{row[0]} {row[1]}" for row in WRONG],
)
def test_a_fault_is_found_and_marked(rule_id: str, mode: str, breaking: Breaking, messages: list[str]) -> None:
    objects = overlay(mode)
    breaking(objects)
    found = explained(objects).findings
    assert [finding.message for finding in found] == messages
    assert rule_id in {finding.rule for finding in found}
    marked = [line.split("✗ ")[1] for line in tree.draw(explained(objects), width=500).splitlines() if "✗" in line]
    assert set(marked) == {str(finding) for finding in found if finding.severity != "info"}


def test_every_rule_has_a_case() -> None:
    assert {row[0] for row in WRONG} | {rule.id for rule in RULES if rule.wrong} == {rule.id for rule in RULES}


def test_each_rule_has_one_id_and_name() -> None:
    assert len({rule.id for rule in RULES}) == len({rule.name for rule in RULES}) == len(RULES)
    assert all(re.fullmatch(r"[A-K]\d\d", rule.id) for rule in RULES)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name) for rule in RULES)


RIGHT: list[tuple[str, str, Breaking, str]] = [
    (
        "TLS again to the pod",
        "termination",
        plus(
            rule(trafficPolicy={"tls": TRUSTED}),
            lambda objects: parameters(objects).update({"server.insecure": "false"}),
        ),
        "HTTP/1.1 in TLS\n",
    ),
    (
        "TLS again by a policy for the port",
        "termination",
        plus(
            rule(trafficPolicy={"portLevelSettings": [{"port": {"number": 80}, "tls": TRUSTED}]}),
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
            tls={"mode": "MUTUAL", "serverCertificate": "/etc/certs/tls.crt", "privateKey": "/etc/certs/tls.key"}
        ),
        "TLS ends here: file /etc/certs/tls.crt, clients present one too",
    ),
    (
        "a route for another port is not on the way",
        "termination",
        lambda objects: routes(objects)["http"].insert(
            0, {"match": [{"port": 8443}], "route": [{"destination": {"host": "elsewhere"}}]}
        ),
        "everything (VirtualService",
    ),
    *SPARED,
    *GATEWAY_API_SPARED,
    *MESH_SPARED,
    *PATHS_SPARED,
    *REACH_SPARED,
    *ALARMS,
]


@pytest.mark.parametrize(("mode", "change", "shown"), [row[1:] for row in RIGHT], ids=[row[0] for row in RIGHT])
def test_other_working_setups_have_no_findings(mode: str, change: Breaking, shown: str) -> None:
    objects = overlay(mode)
    change(objects)
    assert problems_of(objects) == []
    assert shown in tree.draw(explained(objects), width=500)


@pytest.mark.parametrize(("rule_id", "mode", "change", "place"), PLACES)
def test_a_finding_has_its_values_place(rule_id: str, mode: str, change: Breaking, place: tuple[str, str, str]) -> None:
    objects = overlay(mode)
    change(objects)
    picture = explained(objects)
    [found] = [finding for finding in picture.findings if finding.rule == rule_id]
    assert (found.object, found.path) == place[:2]
    assert place[2] in source(objects).text.splitlines()[found.line - 1]


@pytest.mark.parametrize(("export_to", "text"), [(".", "false"), ("edge", "true"), ("edge", "false")])
def test_a_possibly_visible_destination_rule_is_no_error(export_to: str, text: str) -> None:
    objects = overlay("termination")
    after(value(text), plus({**TLS_AGAIN, "spec": {**TLS_AGAIN["spec"], "exportTo": [export_to]}}))(objects)
    assert {finding.severity for finding in explained(objects, "").findings} <= {"warning"}


@pytest.mark.parametrize(
    ("change", "namespace", "shown"),
    [
        (lambda spec: spec.update(exportTo=["~"]), "", "gateway's pods: the gateway answers 404; remove exportTo"),
        (lambda spec: spec.update(exportTo=["~"]), "edge", "set exportTo: [., edge], or remove it"),
        (lambda spec: spec["http"][0].update(match=[{"port": 8443}]), "", "has no http route whose match can apply"),
        (lambda spec: spec["http"][0].update(route=[{"destination": "a"}]), "", "the destination names no host: "),
    ],
)
def test_a_message_names_what_is_wrong(change: Callable[[Any], Any], namespace: str, shown: str) -> None:
    objects = overlay("termination")
    change(routes(objects))
    assert any(shown in str(finding) for finding in explained(objects, namespace).findings)


def test_tls_before_the_gateway_can_be_stated() -> None:
    def messages(objects: list[Object]) -> list[str]:
        found = facts(Objects(source(objects)), "istio-system", tls_before_gateway=True)
        return [finding.message for finding in run(found)]

    objects = overlay("grpc-routing")
    assert messages(objects) == [LOOP]
    http_alone(objects)
    assert messages(objects) == []


def test_the_order_of_keys_makes_no_difference() -> None:
    kind, subjects = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\n", "name: a, kind: Group"
    other = ", ".join(reversed(subjects.split(", ")))
    texts = [f"{kind}metadata: {{name: a}}\nsubjects: [{{{each}}}]\n" for each in (subjects, other, "name: b")]
    for count, expected in ((2, 0), (3, 1)):
        [*found] = facts(Objects(parse("---\n".join(texts[:count]).encode(), "a.yaml"))).install.twice
        assert len(found) == expected


def test_the_generator_loads_no_rules() -> None:
    code = (
        "import io, sys; sys.stdin = io.TextIOWrapper(io.BytesIO(b'kind: ResourceList'))\n"
        "from argocd_istio.krm import function, generator\n"
        "print([name for name in sys.modules if name.split('.')[1:2] in (['render'], ['lint'], ['explain'])])"
    )
    assert subprocess.check_output([sys.executable, "-c", code]) == b"[]\n"


@pytest.mark.parametrize("severity", ["error", "warning", "info"])
def test_notes_change_no_exit_code(severity: Severity) -> None:
    found = Finding("A01", "a", severity, "", "", "", 0, "message", "fix")
    assert failed([found]) is (severity != "info")
    assert str(found) == "message; fix [A01]"


def test_a_note_has_a_mark_of_its_own() -> None:
    objects = overlay("termination")
    objects.remove(one(objects, "Namespace"))
    objects.append(rule(trafficPolicy={"tls": {"mode": "ISTIO_MUTUAL"}}))
    [found] = explained(objects).findings
    assert (found.rule, found.severity) == ("A29", "info")
    text = drawn(objects)
    assert "· DestinationRule argocd/argocd-server sets ISTIO_MUTUAL" in text and "✗" not in text


def test_export_to_without_a_gateway_is_a_warning() -> None:
    objects = overlay("termination")
    routes(objects)["exportTo"] = ["."]
    [found] = explained(objects, "").findings
    assert (found.rule, found.severity) == ("D06", "warning")
    assert explained(objects, "argocd").findings == []


@pytest.mark.parametrize(("export_to", "severity"), [("~", "error"), ("shop", "error"), (".", "error"), ("*", "")])
def test_export_to_counts_for_a_gateway_elsewhere(export_to: str, severity: str) -> None:
    objects = overlay("termination")
    objects.remove(one(objects, "Gateway"))
    routes(objects).update(gateways=["edge/shared"], exportTo=[export_to])
    found = [finding.severity for finding in explained(objects, "edge").findings if finding.rule != "C28"]
    assert found == [severity] * bool(severity)


def test_a_marked_gateway_is_judged_as_stated(tmp_path: Path) -> None:
    objects = build(ways_in.consumer(tmp_path, Wired("termination", "behind-load-balancer", "without-crds")))
    shown = tree.draw(explained(objects), width=500)
    assert "TLS ended at a load balancer before: this gateway trusts whoever reaches port 80" in shown
    one(objects, "Gateway")["metadata"].pop("annotations")
    assert problems_of(objects) == [
        "nothing ends TLS for this host: passwords and tokens cross the network in clear text"
    ]
