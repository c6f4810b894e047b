"""Measures the cost of reading: a file at each limit of the reader, and a whole render."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from argocd_istio.syntax.source import LIMITS, parse
from bench.builds import ROOT, Spread
from tools.build import ToolError, program

RENDER = "overlays/grpc-routing"


def _bytes(count: int) -> str:
    """A block scalar, as in ConfigMaps with files."""
    lines, rest = divmod(count - 2, 64)
    return "|\n" + f" {'x' * 62}\n" * lines + (f" {'x' * (rest - 1)}" if rest else "")


def _nodes(count: int) -> str:
    """Aliases of a list with a thousand values, and of one value for the rest."""
    many, rest = divmod(count, 1000)
    return f"- &many [{'x,' * 999}]\n- &one x\n" + "- *many\n" * many + "- *one\n" * rest


FILES: dict[str, Callable[[int], str]] = {
    "bytes": _bytes,
    "depth": lambda count: "[" * count + "]" * count,
    "aliases": lambda count: "- &one x\n" + "- *one\n" * count,
    "nodes": _nodes,
    "documents": lambda count: "---\n" * count,
    "scalar": lambda count: f"'{'x' * count}'",
}
"""A function for each limit that makes a file with the given number."""


@dataclass(frozen=True)
class Row:
    """CPU seconds to read one file; `limit` is None for the render."""

    name: str
    limit: int | None
    bytes: int
    cpu: Spread

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def compare(rounds: int) -> list[Row]:
    """Read every file once per round. Raises ToolError if kustomize fails."""
    limits = {name: getattr(LIMITS, name) for name in FILES}
    files = {name: FILES[name](limit).encode() for name, limit in limits.items()}
    files[RENDER] = _render()
    cpu: dict[str, list[float]] = {name: [] for name in files}
    for _ in range(rounds):
        for name, data in files.items():
            start = time.process_time()
            parse(data, name)
            cpu[name].append(time.process_time() - start)
    return [Row(name, limits.get(name), len(data), Spread.of(cpu[name])) for name, data in files.items()]


def _render() -> bytes:
    done = subprocess.run([program("kustomize"), "build", ROOT / RENDER], capture_output=True, check=False)
    if done.returncode != 0:
        raise ToolError(f"kustomize build {RENDER}: {done.stderr.decode().strip()}")
    return done.stdout


def table(rows: list[Row]) -> str:
    """The rows for people."""
    lines = [f"{'reading a file at the limit of':32}{'':>12}{'bytes':>12}  CPU s"]
    for row in rows:
        limit = "" if row.limit is None else f"{row.limit:,}"
        cpu = f"{row.cpu.median:.4f} ({row.cpu.min:.4f}-{row.cpu.max:.4f})"
        lines.append(f"{row.name:32}{limit:>12}{row.bytes:12,}  {cpu}")
    return "\n".join(lines)
