"""The comparison runs, and its figures have the right magnitude."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from argocd_istio.syntax.source import LIMITS, SourceError, parse
from bench import fleet, linting, reader
from tests.render.consumer import one
from tests.render.render import ROOT, build, build_text


def test_bench_compares_the_bytes_that_kustomize_prints(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    few = ["--rounds", "1", "--live", "0", "--consumers", "2", "--without-peers"]
    command = [sys.executable, "-m", "bench", *few, "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    figures = json.loads(file.read_text())
    rows, files = ({row["name"]: row for row in figures[part]} for part in ("builds", "reader"))
    assert all(name in done.stdout for name in (*rows, *files))
    assert files.keys() == {*LIMITS.__slots__, reader.RENDER}
    assert files[reader.RENDER]["bytes"] == len(build_text(reader.RENDER).encode())
    assert figures["drift"]["drift"]["median"] > 0 and "drift, a full install: " in done.stdout
    assert [row["name"] for row in figures["lint"]["rows"]] == [linting.LINT, linting.RUN_VERSION]
    assert all(row["memory"] > 2**23 and row["wall"]["median"] > 0 for row in figures["lint"]["rows"])
    assert figures["lint"]["bytes"] == files[reader.RENDER]["bytes"] and "grows with the power" in done.stdout
    assert figures["fleet"]["consumers"] == 2 and figures["fleet"]["memory"] > 2**24
    assert "2 consumers of one repository, " in done.stdout
    assert rows["upstream install"]["bytes_ratio"] == 1
    ours = rows["overlays/grpc-routing"]
    assert ours["bytes"] == len(build_text("overlays/grpc-routing").encode())
    assert ours["bytes_ratio"] <= 0.5


def test_every_consumer_of_the_bench_is_another(tmp_path: Path) -> None:
    folders = fleet.write(tmp_path, 3)
    urls = {one(build(folder), "ConfigMap", "argocd-cm")["data"]["url"] for folder in folders}
    assert urls == {f"https://cd.site-00{number}.acme.io" for number in range(3)}
    assert len({(folder / "kustomization.yaml").read_text() for folder in folders}) == 1


@pytest.mark.parametrize("name", reader.FILES)
def test_a_bench_file_has_the_maximum_size(name: str) -> None:
    limit = getattr(LIMITS, name)
    parse(reader.FILES[name](limit).encode(), name)
    with pytest.raises(SourceError, match=rf"\b{limit}\b"):
        parse(reader.FILES[name](limit + 1).encode(), name)
