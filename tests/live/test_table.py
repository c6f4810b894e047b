"""Check every cell of the truth table on the real programs, with each mode's overlay applied unchanged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from live.cluster import Cluster
from tests.live import table
from tests.live.conftest import HERE, HOST, ROOT
from tests.live.lifecycle import intrude
from tests.live.questions import Client, Stream
from tests.live.table import MODES, ROWS, Results, Row


@pytest.fixture(scope="module")
def results(results_dir: Path) -> Iterator[Results]:
    collected = Results()
    yield collected
    collected.write(results_dir)


@pytest.fixture(scope="module", params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def client(cluster: Cluster, mode: str) -> Iterator[Client]:
    """A client of the mode's overlay, with its long streams already open: they stay open while the other rows run."""
    cluster.apply(ROOT / "overlays" / mode)
    intrude(cluster)
    cluster.kubectl("apply", "-f", str(HERE / "application.yaml"))
    cluster.wait_ready()
    visitor = Client(cluster, HOST)
    visitor.streams = {"h1": Stream(visitor, h2=False), "h2": Stream(visitor, h2=True)}
    yield visitor
    for left in visitor.streams.values():
        left.close()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_cell(client: Client, mode: str, row: Row, results: Results) -> None:
    found = table.measure(client, row)
    results.add(row, mode, found)
    assert found == row.expected[mode]


def test_only_the_grpc_route_never_repeats_a_call(cluster: Cluster) -> None:
    """Clients cannot see this: Envoy retries a failed call, unless its route disables that. The last mode is up."""
    dump = json.loads(cluster.envoy_admin("/config_dump?resource=dynamic_route_configs"))
    hosts = [host for one in dump["configs"] for host in one["route_config"].get("virtual_hosts", [])]
    routes = {route["name"]: route["route"] for host in hosts for route in host.get("routes", []) if "route" in route}
    assert {name: "retry_policy" in route for name, route in routes.items()} == {"grpc": False, "http": True}
