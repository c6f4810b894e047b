"""The truth table can fail: each mistake changes the rows that it should, and no other row that is checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from live.cluster import Cluster
from tests.live import table
from tests.live.breaks import Break, Breaking, eventually
from tests.live.conftest import HOST, ROOT
from tests.live.lifecycle import intrude
from tests.live.questions import Client
from tests.live.table import GRPC_ROUTING, PASSTHROUGH, TERMINATION


def patched(kind: str, *operations: dict[str, Any]) -> Breaking:
    """Apply a JSON patch (RFC 6902) to the object `argocd` of a kind of Istio, and undo it."""

    @contextmanager
    def breaking(cluster: Cluster) -> Iterator[None]:
        target = ["-n", "argocd", f"{kind}.networking.istio.io", "argocd"]
        spec = json.loads(cluster.kubectl("get", *target, "-o", "json").stdout)["spec"]
        cluster.kubectl("patch", *target, "--type=json", "-p", json.dumps(operations))
        try:
            yield
        finally:
            cluster.kubectl("patch", *target, "--type=json", "-p", json.dumps([replaced("/spec", spec)]))

    return breaking


def replaced(path: str, value: object) -> dict[str, Any]:
    """A JSON patch operation that replaces the value at `path`."""
    return {"op": "replace", "path": path, "value": value}


def insecure(wrong: str, right: str) -> Breaking:
    """Set `server.insecure` to the value of the other mode, and undo it."""

    @contextmanager
    def breaking(cluster: Cluster) -> Iterator[None]:
        set_insecure(cluster, wrong)
        try:
            yield
        finally:
            set_insecure(cluster, right)

    return breaking


def set_insecure(cluster: Cluster, value: str) -> None:
    """Change the setting, and restart argocd-server, which reads it when it starts."""
    patch = json.dumps({"data": {"server.insecure": value}})
    cluster.kubectl("patch", "-n", "argocd", "configmap", "argocd-cmd-params-cm", "-p", patch)
    cluster.kubectl("rollout", "restart", "-n", "argocd", "deployment/argocd-server")
    cluster.kubectl("rollout", "status", "-n", "argocd", "deployment/argocd-server", "--timeout=60s")


@contextmanager
def secret_in_argocd(cluster: Cluster) -> Iterator[None]:
    """Move the certificate from the gateway's namespace to Argo CD's, and restart the gateway, which has it cached."""
    name = ["secret", "argocd-certificate"]
    secret = json.loads(cluster.kubectl("get", "-n", "istio-system", *name, "-o", "json").stdout)
    kept = {key: secret["metadata"].get(key, {}) for key in ("annotations", "labels")}
    secret["metadata"] = {"name": "argocd-certificate", "namespace": "argocd", **kept}
    cluster.kubectl("create", "-f", "-", input=json.dumps(secret))
    cluster.kubectl("delete", "-n", "istio-system", *name)
    try:
        cluster.restart_gateway()
        yield
    finally:
        cluster.kubectl("delete", "-n", "argocd", *name)
        secret["metadata"]["namespace"] = "istio-system"
        cluster.kubectl("create", "-f", "-", input=json.dumps(secret))


UI, API, CLI = "UI, HTTP/1.1", "/api/version, HTTP/2", "argocd version"
GRPC_WEB, GRPC, CLAIMED = "argocd version --grpc-web", "Python gRPC, VersionService/Version", table.CLAIMED
HTTP, HTTP_POST = "http GET", "http POST"
ON_GRPC = "/spec/http/0/match/0/headers"

UNSPLIT = {"op": "remove", "path": "/spec/http/0"}
BY_USER_AGENT = replaced(ON_GRPC, {"user-agent": {"prefix": "argocd-client"}})
BY_PREFIX = replaced(ON_GRPC, {"content-type": {"prefix": "application/grpc"}})
NO_REDIRECT = replaced("/spec/servers/0/tls/httpsRedirect", False)
BARE_HOST = replaced("/spec/servers/1/hosts/0", HOST)

BREAKS = [
    Break(
        "the browser's route takes everything",
        GRPC_ROUTING,
        patched("virtualservices", UNSPLIT),
        fail={CLI: "ok, warns to use --grpc-web", GRPC: "UNIMPLEMENTED"},
        unaffected=(UI, API, GRPC_WEB),
    ),
    Break(
        "gRPC is matched by the user agent",
        GRPC_ROUTING,
        patched("virtualservices", BY_USER_AGENT),
        fail={GRPC_WEB: "status code 415", GRPC: "UNIMPLEMENTED"},
        unaffected=(UI, API, CLI),
    ),
    Break(
        "gRPC is matched by a prefix of the content type",
        GRPC_ROUTING,
        patched("virtualservices", BY_PREFIX),
        fail={GRPC_WEB: "status code 415"},
        unaffected=(UI, API, CLI, GRPC),
    ),
    Break(
        "the certificate is in the wrong namespace",
        GRPC_ROUTING,
        secret_in_argocd,
        fail={UI: "reset", API: "reset", CLI: "failed", GRPC: "UNAVAILABLE"},
        unaffected=(HTTP,),
    ),
    Break(
        "argocd-server ends TLS too",
        TERMINATION,
        insecure("false", "true"),
        fail={UI: "307", API: "307", CLI: "failed"},
        unaffected=(HTTP,),
    ),
    Break(
        "port 80 does not redirect",
        TERMINATION,
        patched("gateways", NO_REDIRECT),
        fail={HTTP: "404", HTTP_POST: "404"},
        unaffected=(UI, API),
    ),
    Break(
        "any namespace may claim the host",
        TERMINATION,
        patched("gateways", BARE_HOST),
        fail={CLAIMED: "418"},
        unaffected=(UI, API, HTTP),
    ),
    Break(
        "any namespace may claim the host",
        PASSTHROUGH,
        patched("gateways", BARE_HOST),
        fail={UI: "reset", CLAIMED: "reset", CLI: "failed"},
        unaffected=(HTTP,),
    ),
    Break(
        "argocd-server does not end TLS",
        PASSTHROUGH,
        insecure("true", "false"),
        fail={UI: "reset", API: "reset", CLI: "failed", GRPC: "UNAVAILABLE"},
        unaffected=(HTTP,),
    ),
]


@pytest.fixture(scope="module")
def modes(cluster: Cluster) -> Callable[[str], Client]:
    """A function that applies a mode, unless it is applied already, and returns a client of it."""
    up = ""

    def bring_up(mode: str) -> Client:
        nonlocal up
        if up != mode:
            cluster.apply(ROOT / "overlays" / mode)
            intrude(cluster)
            cluster.wait_ready()
            up = mode
        return Client(cluster, HOST)

    return bring_up


def test_only_the_grpc_route_never_repeats_a_call(modes: Callable[[str], Client]) -> None:
    """Clients cannot see this: Envoy retries a failed call, unless its route disables that."""
    dump = json.loads(modes(GRPC_ROUTING).cluster.envoy_admin("/config_dump?resource=dynamic_route_configs"))
    hosts = [host for one in dump["configs"] for host in one["route_config"].get("virtual_hosts", [])]
    routes = {route["name"]: route["route"] for host in hosts for route in host.get("routes", []) if "route" in route}
    assert {name: "retry_policy" in route for name, route in routes.items()} == {"grpc": False, "http": True}


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: f"{broken.mode}: {broken.name}")
def test_a_mistake_is_noticed_by_the_table(modes: Callable[[str], Client], broken: Break) -> None:
    client = modes(broken.mode)
    assert eventually(client, broken, {}) == {}
    with broken.breaking(client.cluster):
        assert eventually(client, broken, broken.fail) == broken.fail
    assert eventually(client, broken, {}) == {}
