"""Measures the builds of many consumers in one repository, each with its own Exposure, one after the other."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml

from bench.builds import ROOT, Sample, Spread, build

CONSUMERS = 200
COMMON = ROOT / "examples/environments/common"
ENVIRONMENT = ROOT / "examples/environments/production"


@dataclass(frozen=True)
class Fleet:
    """Seconds of CPU and wall time of one build, over all consumers; and the highest memory of one, in bytes.

    `lines` is the number of lines that a consumer has for itself.
    """

    consumers: int
    wall: Spread
    cpu: Spread
    total: float
    memory: int
    lines: int


def write(folder: Path, consumers: int) -> list[Path]:
    """Write consumers that differ in host and certificate, and share examples/environments/common."""
    exposure = yaml.safe_load((ENVIRONMENT / "exposure.yaml").read_text())
    common = os.path.relpath(COMMON, folder / "environments/site")
    found = []
    for number in range(consumers):
        name = f"site-{number:03}"
        here = folder / "environments" / name
        here.mkdir(parents=True)
        exposure["spec"] |= {"hosts": [f"cd.{name}.acme.io"], "tls": {"secretName": name}}
        (here / "exposure.yaml").write_text(yaml.safe_dump(exposure))
        (here / "kustomization.yaml").write_text(f"resources: [exposure.yaml]\ncomponents: [{common}]\n")
        found.append(here)
    return found


def measure(consumers: int = CONSUMERS) -> Fleet:
    """Build each consumer once. Raises ToolError if a build fails."""
    with tempfile.TemporaryDirectory() as name:
        folders = write(Path(name).resolve(), consumers)
        build(folders[0])  # fills the page cache
        samples: list[Sample] = [build(folder) for folder in folders]
        lines = sum(len(file.read_text().splitlines()) for file in folders[0].iterdir())
    walls = [one.wall for one in samples]
    cpus = Spread.of([one.cpu for one in samples])
    return Fleet(consumers, Spread.of(walls), cpus, sum(walls), max(one.memory for one in samples), lines)


def table(fleet: Fleet) -> str:
    """The figures for people."""
    return (
        f"{fleet.consumers} consumers of one repository, {fleet.lines} lines each, built one by one: "
        f"{fleet.total:.0f} s, each {fleet.wall.median:.2f} s ({fleet.wall.min:.2f}-{fleet.wall.max:.2f}), "
        f"CPU {fleet.cpu.median:.2f} s, memory at most {fleet.memory / 2**20:.0f} MiB"
    )
