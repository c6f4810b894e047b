"""An install of somebody else, exposed by Istio's API."""

from __future__ import annotations

from tests.live import ways
from tests.live.all_ways.cells import test_cell
from tests.live.ways import OURS

__all__ = ["test_cell"]

CASES = [case for case in ways.CASES if case.install != OURS]
