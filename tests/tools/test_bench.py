"""The comparison runs, and its figures are of the right size."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.render.render import ROOT, build_text


def test_bench_compares_the_bytes_that_kustomize_prints(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    command = [sys.executable, "-m", "bench", "--rounds", "1", "--live", "0", "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    figures = json.loads(file.read_text())
    assert figures["drift"]["drift"]["median"] > 0 and "drift, a full install: " in done.stdout
    rows = {row["name"]: row for row in figures["builds"]}
    assert all(name in done.stdout for name in rows)
    assert rows["upstream install"]["bytes_ratio"] == 1
    ours = rows["overlays/grpc-routing"]
    assert ours["bytes"] == len(build_text("overlays/grpc-routing").encode())
    assert ours["bytes_ratio"] <= 0.5
