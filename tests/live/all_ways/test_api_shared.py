"""Our install, exposed by the Gateway API on a Gateway of another team."""

from __future__ import annotations

from tests.live import ways
from tests.live.all_ways.cells import test_cell
from tests.live.ways import API

__all__ = ["test_cell"]

CASES = [case for case in ways.API_CASES if case.way != API]
