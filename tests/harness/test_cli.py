"""What `make up` and its like say where something is wrong around them."""

from __future__ import annotations

import pytest

from live import cli
from live.cluster import Cluster
from live.errors import LiveError


def test_a_damaged_folder_of_the_cluster_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def attach() -> Cluster:
        raise FileNotFoundError(2, "No such file or directory", "ca/ca.pem")

    monkeypatch.setattr(Cluster, "attach", attach)
    assert cli.main(["status"]) == 1
    error = capsys.readouterr().err
    assert "ca/ca.pem" in error and "make down, then make up" in error and error.count("\n") == 1


def test_a_variable_that_no_shell_takes_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUSTOMIZE_FLAGS", '"')
    with pytest.raises(LiveError, match='KUSTOMIZE_FLAGS=": No closing quotation; write '):
        Cluster.kustomize("overlays/termination")
