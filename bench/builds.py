"""Compares the cost of `kustomize build` for our overlays with upstream's install, and of each way in with its mode.

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
UPSTREAM = "upstream install"
MODE = "components/grpc-routing"
BASES = ((MODE, UPSTREAM, None), (f"{MODE}/without-crds", UPSTREAM, None))
# The ways in that take the place of a mode's path.
WAYS = (
    "existing-gateway",
    "behind-load-balancer",
    "gateway-api",
    "gateway-api/existing-gateway",
    "gateway-api/listener-set",
)
BESIDE = {
    "components/gateway-api/redirect": "components/gateway-api/existing-gateway/grpc-routing",
    "components/gateway-api/no-retries": "components/gateway-api/grpc-routing",
}
"""The components that are listed after a way's path."""
COMPARED = (
    *((f"components/{way}/grpc-routing{end}", f"{MODE}{end}", 1.10) for end in ("", "/without-crds") for way in WAYS),
    (f"{MODE}/exposure-only", MODE, 1.10),
    *((f"{path} {component}", path, 1.15) for component, path in BESIDE.items()),
)
"""What is listed, separated by spaces; what it is compared with; and the highest ratio."""
EXPOSURE = """apiVersion: argocd-istio.github.io/v1alpha1
kind: Exposure
metadata: {name: argocd}
spec:
  hosts: [cd.acme.io]
  gateway:
    selector: {istio: ingressgateway}
    existing: istio-ingress/shared
    className: istio
    parent: {name: shared, namespace: edge, sectionName: https}
    redirectParent: {name: shared, namespace: edge, sectionName: http}
  tls: {secretName: argocd-certificate}
  server: {service: argocd-server, labels: {app.kubernetes.io/name: argocd-server}}
"""


@dataclass(frozen=True)
class Case:
    """What to build, and the target: the highest ratio to its base in CPU and wall time."""

    name: str
    folder: Path
    target: float | None
    base: str = UPSTREAM


@dataclass(frozen=True)
class Sample:
    """One build: seconds of CPU (user and system) and of wall time, the size of its output, and its memory in bytes."""

    cpu: float
    wall: float
    bytes: int
    lines: int
    memory: int


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
    """One case: seconds, and ratios to its base; bytes and lines are the same in every round."""

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
    base: str

    @property
    def reached(self) -> bool:
        """Whether both medians are within the target, and the bytes at most half of upstream's; true if it has none."""
        within = max(self.cpu_ratio.median, self.wall_ratio.median) <= (self.target or 1)
        return self.target is None or (within and (self.base != UPSTREAM or self.bytes_ratio <= 0.5))

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
def consumers() -> Iterator[list[Case]]:
    """The cases of the ways in, in temporary folders."""
    with tempfile.TemporaryDirectory() as name:
        found = []
        for number, (listed, base, target) in enumerate([*BASES, *COMPARED]):
            folder = Path(name).resolve() / str(number)
            folder.mkdir()
            (folder / "exposure.yaml").write_text(EXPOSURE)
            components = ", ".join(os.path.relpath(ROOT / path, folder) for path in listed.split())
            (folder / "kustomization.yaml").write_text(f"resources: [exposure.yaml]\ncomponents: [{components}]\n")
            found.append(Case(listed, folder, target, base))
        yield found


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
    return Sample(usage.ru_utime + usage.ru_stime, wall, len(text), text.count(b"\n"), usage.ru_maxrss * 1024)


def compare(rounds: int) -> list[Row]:
    """Build upstream's install and every case, once a round; upstream's row is the first."""
    with upstream() as theirs, consumers() as ways:
        every = [Case(UPSTREAM, theirs, None), *cases(), *ways]
        if rounds > 1:  # one round is no measurement
            for case in every:
                build(case.folder)  # fills the page cache
        samples: dict[str, list[Sample]] = {case.name: [] for case in every}
        for number in range(rounds):
            # Every other round in reverse order: a drift of speed within a round then affects all cases alike.
            for case in every[:: -1 if number % 2 else 1]:
                samples[case.name].append(build(case.folder))
    return [_row(case, samples[case.name], samples[case.base]) for case in every]


def _row(case: Case, found: list[Sample], base: list[Sample]) -> Row:
    pairs = list(zip(found, base, strict=True))
    return Row(
        case.name,
        case.target,
        Spread.of([one.cpu for one in found]),
        Spread.of([one.wall for one in found]),
        found[0].bytes,
        found[0].lines,
        Spread.of([one.cpu / other.cpu for one, other in pairs]),
        Spread.of([one.wall / other.wall for one, other in pairs]),
        found[0].bytes / base[0].bytes,
        found[0].lines / base[0].lines,
        case.base,
    )


def table(rows: list[Row]) -> str:
    """The rows for people."""

    def ratio(value: Spread) -> str:
        return f"{value.median:.2f} ({value.min:.2f}-{value.max:.2f})"

    width = 2 + max(len(row.name) for row in rows)
    lines = [
        f"{'kustomize build':{width}}{'CPU s':>7}  {'ratio':18}{'wall s':>7}  {'ratio':18}"
        f"{'kB':>6}{'ratio':>7}{'lines':>8}{'ratio':>7}  target"
    ]
    for row in rows:
        target = "" if row.target is None else f"{row.target:.2f} {'reached' if row.reached else 'MISSED'}"
        target += "" if row.base == UPSTREAM else f" (to {row.base})"
        lines.append(
            f"{row.name:{width}}{row.cpu.median:7.2f}  {ratio(row.cpu_ratio):18}{row.wall.median:7.2f}  "
            f"{ratio(row.wall_ratio):18}{row.bytes / 1000:6.0f}{row.bytes_ratio:7.2f}{row.lines:8}"
            f"{row.lines_ratio:7.2f}  {target}"
        )
    return "\n".join(lines)
