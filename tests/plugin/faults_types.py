"""Fields with a type that the API refuses; rows as in `faults`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.plugin.faults import NO_WAY, Row
from tests.plugin.renders import Breaking, container, gateway, parameters, plus, routes, rule, service
from tests.render.consumer import one

SIMPLE = {"tls": {"mode": "SIMPLE"}}
VS, GATEWAY, RULE = (f"{kind} argocd/argocd" for kind in ("VirtualService", "Gateway", "DestinationRule"))
RULE += "-server"


def refused(field: str, whose: str, found: str) -> str:
    return f"{field} of {whose} is {found}: the API server refuses the object"


def first(key: str, value: Any) -> Breaking:
    return lambda objects: routes(objects)["http"][0].update({key: value})


def server(number: int, change: Callable[[Any], Any]) -> Breaking:
    return lambda objects: change(gateway(objects)["servers"][number])


def settings(value: Any) -> Breaking:
    return lambda objects: parameters(objects).update({"server.insecure": value})


CONFIG = "ConfigMap argocd/argocd-cmd-params-cm"

TYPES: list[Row] = [
    (
        "A12",
        "a setting without quotes",
        "termination",
        settings(True),
        [refused("data[server.insecure]", CONFIG, "a boolean")],
    ),
    (
        "I11",
        "exportTo as a text",
        "termination",
        lambda objects: routes(objects).update(exportTo="."),
        [refused("spec.exportTo", VS, "a text")],
    ),
    (
        "I11",
        "one match",
        "termination",
        first("match", {"uri": {"prefix": "/"}}),
        [refused("spec.http[0].match", VS, "a mapping")],
    ),
    (
        "I11",
        "a port as a number",
        "termination",
        lambda objects: routes(objects)["http"][0]["route"][0]["destination"].update(port=80),
        [refused("spec.http[0].route[0].destination.port", VS, "a whole number")],
    ),
    (
        "I11",
        "a redirect as a text",
        "termination",
        server(0, lambda server: server["tls"].update(httpsRedirect="true")),
        [refused("spec.servers[0].tls.httpsRedirect", GATEWAY, "a text")],
    ),
    (
        "I11",
        "a listener's port as a text",
        "termination",
        server(1, lambda server: server["port"].update(number="443")),
        [refused("spec.servers[1].port.number", GATEWAY, "a text")],
    ),
    (
        "I11",
        "one host",
        "termination",
        server(1, lambda server: server.update(hosts="argocd.example.com")),
        [refused("spec.servers[1].hosts", GATEWAY, "a text"), NO_WAY],
    ),
    (
        "I11",
        "TLS as a list",
        "termination",
        plus(rule(trafficPolicy={"tls": ["SIMPLE"]})),
        [refused("spec.trafficPolicy.tls", RULE, "a list")],
    ),
    (
        "I11",
        "one port of a policy",
        "termination",
        plus(rule(trafficPolicy={"portLevelSettings": {"port": {"number": 80}, **SIMPLE}})),
        [refused("spec.trafficPolicy.portLevelSettings", RULE, "a mapping")],
    ),
    (
        "I11",
        "a Service's port as a text",
        "termination",
        lambda objects: service(objects)["ports"][0].update(port="80"),
        [refused("spec.ports[0].port", "Service argocd/argocd-server", "a text")],
    ),
    (
        "I11",
        "a number among the words of a command",
        "termination",
        lambda objects: container(objects)["args"].extend(["--port", 8080]),
        [refused("spec.template.spec.containers[0].args[2]", "Deployment argocd/argocd-server", "a whole number")],
    ),
    (
        "I11",
        "a number for a label",
        "termination",
        lambda objects: one(objects, "Service", "argocd-server")["metadata"]["labels"].update(version=1.5),
        [refused("metadata.labels.version", "Service argocd/argocd-server", "a number")],
    ),
]
