"""A live cluster for each file of live tests: no file depends on what another one left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from live.cluster import Cluster

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HOST = "argocd.example.com"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """The control plane and the gateway; the tests apply the rest."""
    running = Cluster.start()
    try:
        running.set_hosts([HOST])
        yield running
    finally:
        running.stop()
