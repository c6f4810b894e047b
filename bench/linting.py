"""Measures `argocd-istio lint` on a full render, beside other tools on the same file, and how it grows."""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from argocd_istio.lint.run import judge
from argocd_istio.render.objects import Objects
from argocd_istio.render.ways import facts
from argocd_istio.syntax.source import Source, parse
from bench.builds import ROOT, Sample, Spread, measure
from tests.plugin import many
from tools import plugin
from tools.build import program, wheel

RENDER = "overlays/grpc-routing"
WALL, MEMORY, RULES, VERSION = 0.6, 150 * 2**20, 0.1, 0.1
"""The highest seconds of a lint and its memory, the seconds of it in the rules, and those of `--version`."""
SIZES = (5_000, 10_000, 20_000)
LINT, RUN_VERSION = "argocd-istio lint", "argocd-istio --version"


@dataclass(frozen=True)
class Row:
    """A whole process: seconds, the highest memory in bytes, and the ratio to lint of the same round."""

    name: str
    wall: Spread
    memory: int
    ratio: Spread


@dataclass(frozen=True)
class Linting:
    """`rules` are the seconds of the rules alone; `growth` are seconds by the number of objects."""

    bytes: int
    objects: int
    rows: list[Row]
    rules: Spread
    growth: dict[int, float]

    @property
    def slope(self) -> float:
        """The power of the number of objects that the time grows with, over the sizes: 1 is linear."""
        first, last = min(self.growth), max(self.growth)
        return math.log(self.growth[last] / self.growth[first]) / math.log(last / first)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "slope": self.slope}


def compare(rounds: int, *, peers: bool = True, sizes: tuple[int, ...] = SIZES) -> Linting:
    """Time each once per round, with the package installed from its wheel. Raises ToolError if one fails."""
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        file = top / "render.yaml"
        measure([str(program("kustomize")), "build", str(ROOT / RENDER), "--output", str(file)])
        runs = {**_own(top, file), **(_peers(file) if peers else {})}
        samples: dict[str, list[Sample]] = {name: [] for name in runs}
        if rounds > 1:  # one round is no measurement
            for run in runs.values():
                run()  # fills the page cache
        for number in range(rounds):
            # Every other round in reverse order: a drift of speed within a round then affects all alike.
            for each in list(runs)[:: -1 if number % 2 else 1]:
                samples[each].append(runs[each]())
        data = file.read_bytes()
    whole = parse(data, "render.yaml")
    rules = Spread.of([_rules(whole) for _ in range(rounds)])
    rows = [_row(name, found, samples[LINT]) for name, found in samples.items()]
    growth = {size: _grown(size) for size in sizes}
    return Linting(len(data), len(whole.documents), rows, rules, growth)


def _own(top: Path, file: Path) -> dict[str, Callable[[], Sample]]:
    scripts = plugin.install(plugin.build(top), top / "environment")
    env, command = plugin.environment(scripts), str(scripts / "argocd-istio")
    return {
        # The host in the overlay is an example, which C17 reports.
        LINT: lambda: measure([command, "lint", "--ignore", "C17", str(file)], env=env),
        RUN_VERSION: lambda: measure([command, "--version"], env=env),
    }


def _peers(file: Path) -> dict[str, Callable[[], Sample]]:
    analyze = [str(program("istioctl")), "analyze", "--use-kube=false", "--all-namespaces", str(file)]
    check = [sys.executable, "-W", "ignore", "-m", "checkov.main", "--framework", "kubernetes", "--soft-fail"]
    check += ["--quiet", "--compact", "--skip-download", "--file", str(file)]
    env = {"PYTHONPATH": str(wheel("checkov", sys.version))}
    return {"istioctl analyze": lambda: measure(analyze), "checkov": lambda: measure(check, env=env)}


def _rules(whole: Source) -> float:
    """The seconds of the rules on the facts of a render."""
    found = facts(Objects(whole), "istio-system")
    start = time.perf_counter()
    judge(found)
    return time.perf_counter() - start


def _grown(size: int) -> float:
    """The seconds from bytes to findings, of a render with about so many objects: ten of each application."""
    data = many.render(many.mixed, size // 10).text.encode()
    start = time.perf_counter()
    judge(facts(Objects(parse(data, "render.yaml")), "istio-system"))
    return time.perf_counter() - start


def _row(name: str, found: list[Sample], lint: list[Sample]) -> Row:
    ratios = [one.wall / other.wall for one, other in zip(found, lint, strict=True)]
    return Row(name, Spread.of([one.wall for one in found]), max(one.memory for one in found), Spread.of(ratios))


def table(found: Linting) -> str:
    """The figures for people."""

    def limit(value: float, highest: float, unit: str) -> str:
        return f"at most {highest:g} {unit}: {'reached' if value <= highest else 'MISSED'}"

    lines = [f"{'lint, ' + RENDER:28}{'wall s':>8}{'MiB':>6}  {'ratio':18}limit"]
    for row in found.rows:
        ratio = f"{row.ratio.median:.2f} ({row.ratio.min:.2f}-{row.ratio.max:.2f})"
        targets = {
            LINT: f"{limit(row.wall.median, WALL, 's')}; {limit(row.memory / 2**20, MEMORY / 2**20, 'MiB')}",
            RUN_VERSION: limit(row.wall.median, VERSION, "s"),
        }
        lines.append(
            f"{row.name:28}{row.wall.median:8.3f}{row.memory / 2**20:6.0f}  {ratio:18}{targets.get(row.name, '')}"
        )
    rules = f"{found.rules.median:.3f} s ({limit(found.rules.median, RULES, 's')})"
    lines.append(f"{found.objects} objects, {found.bytes:,} bytes; in the rules {rules}")
    grown = ", ".join(f"{size:,} objects {seconds:.1f} s" for size, seconds in found.growth.items())
    lines.append(f"{grown}: the time grows with the power {found.slope:.2f} of the number")
    return "\n".join(lines)
