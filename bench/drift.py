"""Compares the time of `argocd-istio drift` for a full install with PyYAML's time to read the two files."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.builds import ROOT, Spread, measure
from tools import plugin
from tools.build import argocd_module, program

TARGET = 2.0
READ = "import sys, yaml\nfor name in sys.argv[1:]: list(yaml.load_all(open(name, 'rb'), yaml.CSafeLoader))"


@dataclass(frozen=True)
class Drift:
    """Seconds of wall time for each whole process."""

    drift: Spread
    read: Spread

    @property
    def reached(self) -> bool:
        return self.drift.median <= TARGET

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "target": TARGET, "reached": self.reached}


def compare(rounds: int) -> Drift:
    """Time both once per round, with the package installed from its wheel. Raises ToolError if one fails."""
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        scripts = plugin.install(plugin.build(top), top / "environment")
        env = plugin.environment(scripts)
        render, official = top / "render.yaml", argocd_module() / "manifests" / "install.yaml"
        measure([str(program("kustomize")), "build", str(ROOT / "examples/local"), "--output", str(render)])
        files = [str(render), str(official)]
        drift = [str(scripts / "argocd-istio"), "drift", files[0], "--against", files[1]]
        read = [str(scripts / "python"), "-I", "-c", READ, *files]
        if rounds > 1:  # one round is no measurement
            measure(drift, env=env)  # fills the page cache
        walls = [(measure(drift, env=env).wall, measure(read, env=env).wall) for _ in range(rounds)]
    return Drift(Spread.of([one for one, _ in walls]), Spread.of([other for _, other in walls]))


def table(found: Drift) -> str:
    """The figures for people."""

    def seconds(value: Spread) -> str:
        return f"{value.median:.2f} s ({value.min:.2f}-{value.max:.2f})"

    reached = "reached" if found.reached else "MISSED"
    return (
        f"drift, a full install: {seconds(found.drift)} (at most {TARGET:g} s: {reached}); "
        f"CSafeLoader reads the two files in {seconds(found.read)}"
    )
