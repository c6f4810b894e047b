"""One live cluster for all live tests of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from live.cluster import Cluster

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HOST = "argocd.example.com"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The control plane and the gateway; what is applied is the test module's affair."""
    running = Cluster.start()
    try:
        running.set_hosts([HOST])
        yield running
    finally:
        running.stop()
