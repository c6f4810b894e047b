"""An install of somebody else, exposed by our own Gateway of the Gateway API."""

from __future__ import annotations

from tests.live import ways
from tests.live.all_ways.cells import test_cell
from tests.live.ways import API, OURS

__all__ = ["test_cell"]

CASES = [case for case in ways.API_CASES if case.way == API and case.install != OURS]
