"""Each part of `make bench` runs and gives results."""

from __future__ import annotations

from bench import applies, builds, functions, starts
from bench.applies import SERVER_SIDE
from tests.live.conftest import ROOT


def test_a_start_reaches_its_points_in_order() -> None:
    start = starts.once()
    points = [start.control_plane, start.applied, start.ready, start.synced]
    assert points == sorted(points) and points[0] > 0
    assert start.probe > 0 and f"probe {start.probe:.1f} s" in starts.table(start)
    assert f"synced {start.synced:.1f} s" in starts.table(start)


def test_an_apply_is_timed_from_nothing_and_again() -> None:
    first, again = applies.once(ROOT / "overlays" / "grpc-routing", SERVER_SIDE)
    assert first > 0 and again > 0


def test_every_build_and_function_is_compared() -> None:
    rows = builds.compare(1)
    assert "examples/local" in builds.table(rows) and all(row.cpu.median > 0 for row in rows)
    ratios = functions.compare(1)
    assert [(row.name, row.to, row.target) for row in ratios] == list(functions.RATIOS)
