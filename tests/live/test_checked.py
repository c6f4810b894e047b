"""Two hosts, each with its own certificate, by the generator: the truth table is right for both."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from live.cluster import Cluster
from tests.live import table
from tests.live.conftest import HERE, HOST
from tests.live.lifecycle import erase, intrude
from tests.live.questions import Client
from tests.live.table import MODES, PASSTHROUGH, ROWS, Cell, Row
from tests.plugin.cases import generator
from tests.render.consumer import write

SECRETS = {HOST: "argocd-certificate", "cd.acme.io": "acme-certificate"}
# Without the long streams, which do not depend on the number of hosts.
SHORT = [row for row in ROWS if "for a minute" not in row.name]


@pytest.fixture(scope="module", params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def served(cluster: Cluster, mode: str, installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A consumer that uses the generator, applied to a cluster without Argo CD."""
    spec: dict[str, object] = {"mode": mode, "hosts": [*SECRETS]}
    if mode != PASSTHROUGH:
        others = {host: secret for host, secret in SECRETS.items() if host != HOST}
        spec["tls"] = {"secretName": SECRETS[HOST], "secretNames": others}
    kustomization = {"generators": ["exposure.yaml"], "components": [f"components/{mode}"]}
    folder = write(tmp_path_factory.mktemp(mode), kustomization, exposure=generator(**spec))
    erase(cluster)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("KUSTOMIZE_FLAGS", "--enable-alpha-plugins --enable-exec")
        patched.setenv("PATH", f"{installed}{os.pathsep}{os.environ['PATH']}")
        cluster.apply(folder)
    intrude(cluster)
    cluster.kubectl("apply", "-f", str(HERE / "application.yaml"))
    cluster.wait_ready()
    yield cluster
    cluster.set_hosts([HOST])


def expected(row: Row, mode: str, host: str) -> Cell:
    """The cell of the table, with this host's name and certificate."""
    cell = row.expected[mode]
    status = cell.status.replace(HOST, host).replace("argocd-certificate", SECRETS[host])
    return replace(cell, status=status)


@pytest.mark.parametrize("row", SHORT, ids=lambda row: row.name)
@pytest.mark.parametrize("host", SECRETS)
def test_cell(served: Cluster, mode: str, host: str, row: Row) -> None:
    assert table.measure(Client(served, host), row) == expected(row, mode, host)
