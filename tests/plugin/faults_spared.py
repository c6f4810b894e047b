"""What looks like a fault and is none, or may be right by what is not in these files; rows as in `faults`."""

from __future__ import annotations

import copy
from typing import Any

from tests.plugin.faults import after
from tests.plugin.faults_gateway_api import ALL, UI, api_gateway, api_route, gateway_api
from tests.plugin.renders import Breaking, gateway, routes
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

ALARMS: list[tuple[str, str, Breaking, str]] = [
    ("a redirect by a route for port 80", "termination", after(plain, first(AT_80)), "301 to https\n"),
    ("a redirect by a VirtualService alone", "termination", plain_gateway, "301 to https\n"),
    ("a redirect beside a challenge", "termination", after(plain, first(SOLVER, AT_80)), "begins with " + CHALLENGE),
    ("a redirect by the Gateway API's default", "termination", api_redirect(), "302 to https\n"),
    ("a redirect that keeps the method", "termination", api_redirect(statusCode=308), "308 to https\n"),
]
