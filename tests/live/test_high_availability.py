"""With high availability every mode serves the same, by two argocd-server; a running install goes over to it and back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from live.cluster import Cluster
from tests.live import table
from tests.live.conftest import HERE, HOST
from tests.live.lifecycle import erase, intrude
from tests.live.probes import Client
from tests.live.table import MODES, ROWS, Row
from tests.render.consumer import write

# All but the two that only last: what they wait for is in the gateway.
TABLE = [row for row in ROWS if "minute" not in row.name]


def available(mode: str, folder: Path) -> Path:
    """A consumer of the mode's overlay with high availability."""
    return write(folder, {"resources": [f"overlays/{mode}"], "components": ["components/high-availability"]})


@pytest.fixture(scope="module", autouse=True)
def _clean(cluster: Cluster) -> Iterator[None]:
    yield
    erase(cluster)


@pytest.fixture(scope="module", params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def client(cluster: Cluster, mode: str, tmp_path_factory: pytest.TempPathFactory) -> Client:
    cluster.apply(available(mode, tmp_path_factory.mktemp(mode)))
    intrude(cluster)
    cluster.kubectl("apply", "-f", HERE / "application.yaml")
    cluster.wait_ready(120)
    return Client(cluster, HOST)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_cell(client: Client, mode: str, row: Row) -> None:
    assert table.measure(client, row) == row.expected[mode]


def test_both_argocd_server_are_asked(client: Client, mode: str) -> None:
    hosts = {
        entry["upstream_host"] for entry in client.cluster.access_log() if entry["upstream_host"] not in (None, "-")
    }
    pods = {
        pod["status"]["podIP"]
        for pod in client.cluster.pods()
        if pod["metadata"]["labels"].get("app.kubernetes.io/name") == "argocd-server"
        and "deletionTimestamp" not in pod["metadata"]
    }
    assert len(pods) == 2
    assert pods <= {host.rpartition(":")[0] for host in hosts}
