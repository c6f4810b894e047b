"""How long `kubectl apply` takes on a live API server: ours both ways, beside upstream's server-side apply.

Upstream's install cannot be applied client-side: its ApplicationSet CRD is too large for the annotation.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.builds import ROOT, upstream
from live.cluster import Cluster
from live.render import kustomize_build

# The second apply of a running install has conflicts, and a client that stops at one would measure nothing.
SERVER_SIDE = ("--server-side", "--force-conflicts")


@dataclass(frozen=True)
class Apply:
    """Median seconds of `kubectl apply` on an API server without Argo CD, and of a second apply."""

    name: str
    first: float
    again: float


def once(folder: Path, options: tuple[str, ...]) -> tuple[float, float]:
    """Seconds of the first apply on a fresh cluster, and of a second apply."""
    cluster = Cluster.start()
    try:
        render = kustomize_build(folder)
        # Upstream's install has no Namespace.
        cluster.kubectl("create", "namespace", "argocd")
        times = []
        for _ in range(2):
            start = time.perf_counter()
            cluster.kubectl("apply", "-n", "argocd", *options, "-f", "-", input=render)
            times.append(time.perf_counter() - start)
        return times[0], times[1]
    finally:
        cluster.stop()


def compare(rounds: int) -> list[Apply]:
    """Apply each way to a fresh cluster, once per round. Raises LiveError if a cluster fails or refuses objects."""
    overlay = ROOT / "overlays" / "grpc-routing"
    with upstream() as theirs:
        ways = {
            "upstream install, server-side": (theirs, SERVER_SIDE),
            "overlays/grpc-routing, client-side": (overlay, ()),
            "overlays/grpc-routing, server-side": (overlay, SERVER_SIDE),
        }
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, (folder, options) in ways.items():
                found[name].append(once(folder, options))
    return [
        Apply(name, median(one for one, _ in times), median(two for _, two in times)) for name, times in found.items()
    ]


def table(rows: list[Apply]) -> str:
    """The rows for people; ratios are to the first row, upstream's."""
    lines = [f"{'kubectl apply':38}{'first s':>8}{'ratio':>7}{'again s':>9}{'ratio':>7}"]
    for row in rows:
        first, again = row.first / rows[0].first, row.again / rows[0].again
        lines.append(f"{row.name:38}{row.first:8.2f}{first:7.2f}{row.again:9.2f}{again:7.2f}")
    return "\n".join(lines)
