"""The truth table can fail: each of these mistakes shows in the rows it breaks, and in no other of those asked."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from live.cluster import Cluster
from tests.live import table
from tests.live.conftest import HERE, HOST, ROOT
from tests.live.probes import Client
from tests.live.table import GRPC_ROUTING, PASSTHROUGH, TERMINATION

Breaking = Callable[[Cluster], AbstractContextManager[None]]


@dataclass(frozen=True)
class Break:
    """A mistake in a mode. `fail` and `hold` are rows of the table: those that must notice and those that must not."""

    name: str
    mode: str
    breaking: Breaking
    fail: tuple[str, ...]
    hold: tuple[str, ...]


def patched(kind: str, *operations: dict[str, Any]) -> Breaking:
    """A JSON patch (RFC 6902) of the object `argocd` of that kind."""

    @contextmanager
    def breaking(cluster: Cluster) -> Iterator[None]:
        cluster.kubectl("patch", "-n", "argocd", kind, "argocd", "--type=json", "-p", json.dumps(operations))
        yield

    return breaking


def replaced(path: str, value: object) -> dict[str, Any]:
    """A JSON patch operation that replaces the value at `path`."""
    return {"op": "replace", "path": path, "value": value}


def insecure(value: str) -> Breaking:
    """`server.insecure` with the other mode's value; the server reads it at start."""

    @contextmanager
    def breaking(cluster: Cluster) -> Iterator[None]:
        patch = json.dumps({"data": {"server.insecure": value}})
        cluster.kubectl("patch", "-n", "argocd", "configmap", "argocd-cmd-params-cm", "-p", patch)
        restart_server(cluster)
        yield
        apply(cluster, PASSTHROUGH if value == "true" else TERMINATION)
        restart_server(cluster)

    return breaking


def restart_server(cluster: Cluster) -> None:
    """New pods for argocd-server."""
    cluster.kubectl("rollout", "restart", "-n", "argocd", "deployment/argocd-server")
    cluster.kubectl("rollout", "status", "-n", "argocd", "deployment/argocd-server", "--timeout=60s")


@contextmanager
def secret_in_argocd(cluster: Cluster) -> Iterator[None]:
    """The certificate in Argo CD's namespace instead of the gateway's; a running gateway would keep the old one."""
    name = ["secret", "argocd-certificate"]
    secret = json.loads(cluster.kubectl("get", "-n", "istio-system", *name, "-o", "json").stdout)
    secret["metadata"] = {"name": "argocd-certificate", "namespace": "argocd"}
    cluster.kubectl("apply", "-f", "-", input=json.dumps(secret))
    cluster.kubectl("delete", "-n", "istio-system", *name)
    cluster.restart_gateway()
    try:
        yield
    finally:
        cluster.kubectl("delete", "-n", "argocd", *name)
        secret["metadata"]["namespace"] = "istio-system"
        cluster.kubectl("apply", "-f", "-", input=json.dumps(secret))


UI, API, CLI = "UI, HTTP/1.1", "/api/version, HTTP/2", "argocd version"
GRPC_WEB, GRPC, CLAIMED = "argocd version --grpc-web", "Python gRPC, VersionService/Version", table.CLAIMED
HTTP, HTTP_POST = "http GET", "http POST"
ON_GRPC = "/spec/http/0/match/0/headers"

BREAKS = [
    Break(
        "the browser's route takes everything",
        GRPC_ROUTING,
        patched("virtualservices.networking.istio.io", {"op": "remove", "path": "/spec/http/0"}),
        fail=(CLI, GRPC),
        hold=(UI, API, GRPC_WEB),
    ),
    Break(
        "gRPC is told by the user agent",
        GRPC_ROUTING,
        patched("virtualservices.networking.istio.io", replaced(ON_GRPC, {"user-agent": {"prefix": "argocd-client"}})),
        fail=(GRPC_WEB, GRPC),
        hold=(UI, API, CLI),
    ),
    Break(
        "gRPC is told by a prefix of the content type",
        GRPC_ROUTING,
        patched(
            "virtualservices.networking.istio.io", replaced(ON_GRPC, {"content-type": {"prefix": "application/grpc"}})
        ),
        fail=(GRPC_WEB,),
        hold=(UI, API, CLI, GRPC),
    ),
    Break(
        "the certificate is in the wrong namespace",
        GRPC_ROUTING,
        secret_in_argocd,
        fail=(UI, API, CLI, GRPC),
        hold=(),
    ),
    Break(
        "argocd-server ends TLS too",
        TERMINATION,
        insecure("false"),
        fail=(UI, API, CLI),
        hold=(HTTP,),
    ),
    Break(
        "port 80 does not redirect",
        TERMINATION,
        patched("gateways.networking.istio.io", replaced("/spec/servers/0/tls/httpsRedirect", False)),
        fail=(HTTP, HTTP_POST),
        hold=(UI, API),
    ),
    Break(
        "any namespace may claim the host",
        TERMINATION,
        patched("gateways.networking.istio.io", replaced("/spec/servers/1/hosts/0", HOST)),
        fail=(CLAIMED,),
        hold=(UI, API, HTTP),
    ),
    Break(
        "argocd-server does not end TLS",
        PASSTHROUGH,
        insecure("true"),
        fail=(UI, API, CLI, GRPC),
        hold=(HTTP,),
    ),
]


def apply(cluster: Cluster, mode: str) -> None:
    """The mode's overlay, which also takes a patched field back."""
    cluster.apply(ROOT / "overlays" / mode / "without-crds")


def failing(client: Client, mode: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """The rows, of those named, that are not as expected."""
    return tuple(row.name for row in table.rows(*names) if table.measure(client, row) != row.expected[mode])


def eventually(client: Client, broken: Break, expected: tuple[str, ...]) -> tuple[str, ...]:
    """The failing rows once they are the expected ones, or after half a minute: configuration takes its time."""
    deadline = time.monotonic() + 30
    while True:
        found = failing(client, broken.mode, broken.fail + broken.hold)
        if found == expected or time.monotonic() > deadline:
            return found


@pytest.fixture(scope="module")
def client(cluster: Cluster) -> Client:
    """A client of an installed Argo CD with a neighbour."""
    cluster.apply(ROOT / "overlays" / BREAKS[0].mode)
    cluster.kubectl("apply", "-f", str(HERE / "intruder.yaml"))
    return Client(cluster, HOST)


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: f"{broken.mode}: {broken.name}")
def test_break_shows_in_the_table(client: Client, broken: Break) -> None:
    apply(client.cluster, broken.mode)
    client.cluster.wait_ready()
    assert eventually(client, broken, ()) == ()
    try:
        with broken.breaking(client.cluster):
            assert eventually(client, broken, broken.fail) == broken.fail
    finally:
        apply(client.cluster, broken.mode)
    assert eventually(client, broken, ()) == ()
