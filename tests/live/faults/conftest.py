"""High availability on grpc-routing, for all tests of faults."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from live.cluster import Cluster
from live.render import kustomize_build
from tests.conftest import results_folder
from tests.live.faults.outage import Group, Outages
from tests.live.lifecycle import Argocd, admin_can_log_in, config_map, deliver
from tests.live.table import GRPC_ROUTING
from tests.render.consumer import write

APPLICATION = "watched"

_OUTAGES = pytest.StashKey[Outages]()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A consumer: the overlay with the component."""
    kustomization = {"resources": [f"overlays/{GRPC_ROUTING}"], "components": ["components/high-availability"]}
    return write(tmp_path_factory.mktemp("high-availability"), kustomization)


@pytest.fixture(scope="module")
def argocd(cluster: Cluster, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Argocd:
    """The running install with an Application, and an administrator who is logged in."""
    cluster.apply(folder)
    cluster.wait_ready(120)
    admin_can_log_in(cluster, tmp_path_factory.mktemp("admin"))
    admin = Argocd(cluster, tmp_path_factory.mktemp("home")).login("admin", cluster.admin_password())
    deliver(cluster, admin, APPLICATION, {"config.json": config_map(APPLICATION, {"version": "1"})})
    return admin


@pytest.fixture
def group(cluster: Cluster, argocd: Argocd) -> Group:
    """The three Redis, one master with two replicas."""
    found = Group(cluster)
    found.wait_whole()
    return found


@pytest.fixture(scope="module")
def outages(cluster: Cluster, argocd: Argocd, request: pytest.FixtureRequest) -> Outages:
    return request.config.stash.setdefault(_OUTAGES, Outages(Group(cluster).version))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes hands its outages to the first (pytest-xdist), which writes them."""
    found = session.config.stash.get(_OUTAGES, None)
    output = getattr(session.config, "workeroutput", None)
    if found and output is not None:
        output["outages"] = found.as_json()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    if found := getattr(node, "workeroutput", {}).get("outages"):
        node.config.stash.setdefault(_OUTAGES, Outages(found["redis"])).take(found)


def pytest_terminal_summary(config: pytest.Config) -> None:
    if found := config.stash.get(_OUTAGES, None):
        found.write(results_folder())


@pytest.fixture(scope="module")
def settings(cluster: Cluster, folder: Path) -> dict[str, int]:
    """What bounds the time of two masters, as rendered, in seconds by name; one that writes elsewhere fails here."""
    render = kustomize_build(folder).decode()
    found = dict(re.findall(r"^ +(min-replicas-to-write|min-replicas-max-lag|down_after)[ =](\d+)$", render, re.M))
    return {name: int(value) for name, value in found.items()}
