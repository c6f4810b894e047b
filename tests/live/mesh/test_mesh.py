"""The whole truth table in a namespace with Istio's sidecars, with our Sidecar and without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from live import doctor
from live.cluster import Cluster
from tests.live import injected, table
from tests.live.conftest import HERE, HOST
from tests.live.injected import PEERS, older
from tests.live.lifecycle import intrude
from tests.live.mesh.results import Results
from tests.live.questions import Client, Stream
from tests.live.table import GRPC_ROUTING, MODES, NOBODY, PASSTHROUGH, ROWS, TERMINATION, Row

pytestmark = pytest.mark.skipif(bool(doctor.limits()), reason="; ".join(doctor.limits()))

SERVED = [
    row
    for row in ROWS
    if NOBODY not in {cell.served_by for cell in row.expected.values()} and "for a minute" not in row.name
]
"""The rows that argocd-server answers in every mode, except the long streams."""

CLI, GRPC = "argocd version", "Python gRPC, VersionService/Version"
DIFF = "argocd app diff --local --server-side-generate"

# The rows that fail without our Sidecar, if argocd-server is the older Service.
WITHOUT = {
    PASSTHROUGH: [row.name for row in SERVED],
    TERMINATION: [],
    GRPC_ROUTING: [CLI, "argocd login", DIFF, GRPC, "curl application/grpc, HTTP/2"],
}


@pytest.fixture(scope="module")
def results(results_dir: Path) -> Iterator[Results]:
    collected = Results()
    yield collected
    collected.write(results_dir)


@pytest.fixture(scope="module", params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module", params=PEERS)
def peer(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("injected")


def bring_up(cluster: Cluster, folder: Path, mode: str, peer: str) -> Client:
    injected.apply(cluster, folder, mode, peer)
    cluster.kubectl("apply", "-f", str(HERE / "application.yaml"))
    return Client(cluster, HOST)


@pytest.fixture(scope="module")
def client(cluster: Cluster, folder: Path, mode: str, peer: str) -> Iterator[Client]:
    """A client of the mode, with its long streams already open: they stay open while the other rows run."""
    visitor = bring_up(cluster, folder, mode, peer)
    intrude(cluster)
    # When its configuration changes, a sidecar closes existing connections within its drain duration.
    cluster.restart_gateway()
    cluster.wait_ready()
    visitor.streams = {"h1": Stream(visitor, h2=False), "h2": Stream(visitor, h2=True)}
    yield visitor
    for left in visitor.streams.values():
        left.close()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_cell(client: Client, mode: str, peer: str, row: Row, results: Results) -> None:
    found = table.measure(client, row)
    results.cell(mode, peer, row.name, found == row.expected[mode])
    assert found == row.expected[mode]


def failing(client: Client, mode: str) -> list[str]:
    """The rows that are not as expected. If a login is refused, the rest of a row raises an error."""

    def right(row: Row) -> bool:
        try:
            return table.measure(client, row) == row.expected[mode]
        except (ValueError, LookupError):
            return False

    return [row.name for row in SERVED if not right(row)]


# After the cells: pytest runs all tests of a mode and a mutual TLS mode before it goes to the next.
def test_without_our_sidecar_the_known_rows_fail(client: Client, mode: str, peer: str, results: Results) -> None:
    without = injected.without_sidecar
    breaking = older("argocd-server", without) if mode == GRPC_ROUTING else without
    with breaking(client.cluster):
        found = failing(client, mode)
    results.without(mode, peer, found, len(SERVED))
    assert found == WITHOUT[mode]
