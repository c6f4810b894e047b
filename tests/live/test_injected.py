"""Argo CD in a namespace with Istio's sidecars: a sample of the truth table; `make test-mesh` runs all rows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from live import doctor
from live.cluster import Cluster
from tests.live import injected, table
from tests.live.conftest import HERE, HOST
from tests.live.injected import PEERS
from tests.live.lifecycle import erase
from tests.live.questions import Client
from tests.live.table import MODES, Row

pytestmark = pytest.mark.skipif(bool(doctor.limits()), reason="; ".join(doctor.limits()))

# A browser, gRPC-Web, gRPC, a stream, and a request that needs Argo CD's other components.
SAMPLE = table.rows(
    "UI, HTTP/1.1",
    "/api/version, HTTP/2",
    "argocd version --grpc-web",
    "Python gRPC, VersionService/Version",
    "event stream, HTTP/2",
    "argocd app diff --local --server-side-generate",
)


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[None]:
    """A new namespace: Istio injects pods when they are created."""
    erase(cluster)
    yield
    erase(cluster)


@pytest.fixture(scope="module", params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module", params=PEERS)
def peer(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def client(cluster: Cluster, namespace: None, mode: str, peer: str, tmp_path_factory: pytest.TempPathFactory) -> Client:
    injected.apply(cluster, tmp_path_factory.mktemp("injected"), mode, peer)
    cluster.kubectl("apply", "-f", str(HERE / "application.yaml"))
    return Client(cluster, HOST)


def test_pods_have_sidecars_and_the_port_is_tcp(client: Client) -> None:
    found = injected.sidecars(client.cluster)
    assert found and all(found.values()), found
    assert injected.takes(client.cluster) == "TCP"


@pytest.mark.parametrize("row", SAMPLE, ids=lambda row: row.name)
def test_cell(client: Client, mode: str, row: Row) -> None:
    assert table.measure(client, row) == row.expected[mode]
