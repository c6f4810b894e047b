"""Compares the cost of `kustomize build` for our overlays with upstream's install.

Both are built in the same round, so that a busy machine slows both: ratios are taken within a
round, and the result is the median over the rounds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tools.build import HERE, ToolError, argocd_module, program

ROOT = HERE.parent
MODES = ("passthrough", "termination", "grpc-routing")


@dataclass(frozen=True)
class Case:
    """What to build, and the target: the highest ratio to upstream's install in CPU and wall time."""

    name: str
    folder: Path
    target: float


@dataclass(frozen=True)
class Sample:
    """One build: seconds of CPU (user and system) and of wall time, and the size of its output."""

    cpu: float
    wall: float
    bytes: int
    lines: int


@dataclass(frozen=True)
class Spread:
    """Median, lowest and highest value over the rounds."""

    median: float
    min: float
    max: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True)
class Row:
    """One case: seconds, and ratios to upstream's install; bytes and lines are the same in every round."""

    name: str
    target: float | None
    cpu: Spread
    wall: Spread
    bytes: int
    lines: int
    cpu_ratio: Spread
    wall_ratio: Spread
    bytes_ratio: float
    lines_ratio: float

    @property
    def reached(self) -> bool:
        """Whether both medians are within the target, and the bytes at most half; true without a target."""
        within = max(self.cpu_ratio.median, self.wall_ratio.median) <= (self.target or 1) and self.bytes_ratio <= 0.5
        return self.target is None or within

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "reached": self.reached}


def cases() -> list[Case]:
    """The cases that are compared with upstream's install."""
    return [
        *(Case(f"overlays/{mode}", ROOT / "overlays" / mode, 0.40) for mode in MODES),
        Case("examples/local", ROOT / "examples" / "local", 0.40),
        Case("examples/without-crds", ROOT / "examples" / "without-crds", 0.10),
        *(Case(f"overlays/{mode}/without-crds", ROOT / "overlays" / mode / "without-crds", 0.10) for mode in MODES),
    ]


@contextmanager
def upstream() -> Iterator[Path]:
    """A temporary kustomization of a copy of upstream's install.yaml: kustomize reads no file outside of its folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copyfile(argocd_module() / "manifests" / "install.yaml", folder / "install.yaml")
        (folder / "kustomization.yaml").write_text("resources: [install.yaml]\n")
        yield folder


def build(folder: Path, *flags: str, env: Mapping[str, str] | None = None) -> Sample:
    """Build once, in a separate process. Raises ToolError if kustomize fails."""
    return measure([str(program("kustomize")), "build", *flags, str(folder)], env=env)


def measure(command: list[str], data: bytes = b"", env: Mapping[str, str] | None = None) -> Sample:
    """Time one run of a program and its child processes on an input. Raises ToolError if it fails."""
    with tempfile.TemporaryFile() as input, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        input.write(data)
        input.seek(0)
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=input, stdout=output, stderr=errors, env=env)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            message = errors.read().decode().strip().splitlines() or ["no output"]
            raise ToolError(f"{' '.join(command)}: exit code {process.returncode}: {message[0]}")
        output.seek(0)
        text = output.read()
    return Sample(usage.ru_utime + usage.ru_stime, wall, len(text), text.count(b"\n"))


def compare(rounds: int) -> list[Row]:
    """Build upstream's install and every case, once a round; upstream's row is the first."""
    with upstream() as theirs:
        folders = {"upstream install": theirs, **{case.name: case.folder for case in cases()}}
        if rounds > 1:  # one round is no measurement
            for folder in folders.values():
                build(folder)  # fills the page cache
        samples: dict[str, list[Sample]] = {name: [] for name in folders}
        for number in range(rounds):
            # Every other round in reverse order: a drift of speed within a round then affects all cases alike.
            for name in list(folders)[:: -1 if number % 2 else 1]:
                samples[name].append(build(folders[name]))
    targets = {case.name: case.target for case in cases()}
    base = samples["upstream install"]
    return [_row(name, targets.get(name), found, base) for name, found in samples.items()]


def _row(name: str, target: float | None, found: list[Sample], base: list[Sample]) -> Row:
    pairs = list(zip(found, base, strict=True))
    return Row(
        name,
        target,
        Spread.of([one.cpu for one in found]),
        Spread.of([one.wall for one in found]),
        found[0].bytes,
        found[0].lines,
        Spread.of([one.cpu / other.cpu for one, other in pairs]),
        Spread.of([one.wall / other.wall for one, other in pairs]),
        found[0].bytes / base[0].bytes,
        found[0].lines / base[0].lines,
    )


def table(rows: list[Row]) -> str:
    """The rows for people."""

    def ratio(value: Spread) -> str:
        return f"{value.median:.2f} ({value.min:.2f}-{value.max:.2f})"

    lines = [
        f"{'kustomize build':34}{'CPU s':>7}  {'ratio':18}{'wall s':>7}  {'ratio':18}"
        f"{'kB':>6}{'ratio':>7}{'lines':>8}{'ratio':>7}  target"
    ]
    for row in rows:
        target = "" if row.target is None else f"{row.target:.2f} {'reached' if row.reached else 'MISSED'}"
        lines.append(
            f"{row.name:34}{row.cpu.median:7.2f}  {ratio(row.cpu_ratio):18}{row.wall.median:7.2f}  "
            f"{ratio(row.wall_ratio):18}{row.bytes / 1000:6.0f}{row.bytes_ratio:7.2f}{row.lines:8}"
            f"{row.lines_ratio:7.2f}  {target}"
        )
    return "\n".join(lines)
