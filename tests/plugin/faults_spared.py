"""What looks like a fault and is none, or may be right by what is not in these files; rows as in `faults`."""

from __future__ import annotations

import copy
from typing import Any

from tests.plugin.faults import address, after, item
from tests.plugin.faults_gateway_api import ALL, UI, api_gateway, api_route, gateway_api
from tests.plugin.renders import Breaking, container, drop, gateway, plus, routes, rule
from tests.render.consumer import one
from tests.render.render import Object

AT_80: Any = {"match": [{"port": 80}], "redirect": {"scheme": "https", "redirectCode": 301}}
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
    """A Gateway of its own for port 80, whose VirtualService only redirects."""
    http, ways = copy.deepcopy(one(objects, "Gateway")), copy.deepcopy(one(objects, "VirtualService"))
    gateway(objects)["servers"].pop(0)
    http["metadata"]["name"] = ways["metadata"]["name"] = "plain"
    http["spec"]["servers"] = [{**http["spec"]["servers"][0], "tls": {}}]
    ways["spec"] |= {"gateways": ["plain"], "http": [{"redirect": {"scheme": "https"}}]}
    objects += [http, ways]


def api_redirect(**more: Any) -> Breaking:
    """The Gateway API with another redirect than 301."""
    redirect = {"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https", **more}}]}
    return gateway_api(api_gateway(**ALL), api_route("ui", "https", UI), api_route("http", "http", redirect))


SOLVER: Any = {"match": [{"uri": {"prefix": CHALLENGE}}], "route": [{"destination": {"host": "solver"}}]}

INSECURE = "ARGOCD_SERVER_INSECURE"


def environment(*env: Object, **more: Any) -> Breaking:
    """Other variables for argocd-server."""
    return lambda objects: container(objects).update(env=list(env), **more)


def read_from(kind: str) -> Object:
    return {"name": INSECURE, "valueFrom": {kind: {"name": "own", "key": "insecure"}}}


def said(value: str) -> Object:
    return {"name": INSECURE, "value": value}


OWN = item("v1", "ConfigMap", "own", data={INSECURE: "true", "insecure": "true"})
FROM_OWN = [{"configMapRef": {"name": "own"}}]
WITHOUT = drop("ConfigMap", "argocd-cmd-params-cm")
TLS_AGAIN = rule(trafficPolicy={"tls": {"mode": "SIMPLE", "caCertificates": "/ca.pem"}})
NOT_HERE = "not known: server.insecure of ConfigMap argocd/argocd-cmd-params-cm, which is not in these files"

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
    ("a setting of another variable", "termination", environment(said("$(OTHER)")), "takes another variable"),
    ("a setting of a ConfigMap", "termination", plus(OWN, environment(read_from("configMapKeyRef"))), "(insecure:"),
    ("a setting of all of a ConfigMap", "termination", plus(OWN, environment(envFrom=FROM_OWN)), f'{INSECURE}: "true"'),
    ("the last of two settings", "termination", environment(said("false"), said("true")), f'{INSECURE}: "true"'),
    ("a path that is not known", "termination", after(WITHOUT, address("https://argocd.example.com/cd")), NOT_HERE),
]
