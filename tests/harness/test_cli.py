"""The messages of `make up` and similar commands about faults in their environment."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from live import cli
from live.cluster import Cluster
from live.errors import LiveError
from live.launch import Launched
from live.render import kustomize_build


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """A command handles signals itself, in this process, while it runs."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_damaged_cluster_folder_gives_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def attach() -> Cluster:
        raise FileNotFoundError(2, "No such file or directory", "ca/ca.pem")

    monkeypatch.setattr(Cluster, "attach", attach)
    assert cli.main(["status"]) == 1
    error = capsys.readouterr().err
    assert "ca/ca.pem" in error and "make down, then make up" in error and error.count("\n") == 1


def test_a_damaged_file_gives_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "exposed.json").write_text("{")
    cluster = Cluster(tmp_path, Launched(0))
    monkeypatch.setattr(cli, "_status", lambda _: cluster.hosts)
    assert cli.main(["status"]) == 1
    error = capsys.readouterr().err
    assert f"{tmp_path}/exposed.json: " in error and "make down, then make up" in error and error.count("\n") == 1


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": "1", "started": "1"}'])
def test_a_damaged_cluster_note_counts_as_no_cluster(text: str, tmp_path: Path) -> None:
    (tmp_path / "cluster.json").write_text(text)
    with pytest.raises(LiveError, match="no cluster is running; start one: make up"):
        Cluster.attach(tmp_path)


def test_a_generator_consumer_gets_the_variable_named(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("generators: [generator.yaml]\n")
    (tmp_path / "generator.yaml").write_text("apiVersion: example.com/v1\nkind: Exposure\nmetadata: {name: cd}\n")
    with pytest.raises(LiveError, match="set KUSTOMIZE_FLAGS='--enable-alpha-plugins --enable-exec'"):
        kustomize_build(tmp_path)


def test_an_unclosed_quote_in_a_variable_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUSTOMIZE_FLAGS", '"')
    with pytest.raises(LiveError, match='KUSTOMIZE_FLAGS=": No closing quotation; write '):
        kustomize_build("overlays/termination")
