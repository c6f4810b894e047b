"""Our install, exposed by our own Gateway of the Gateway API, with each release of its CRDs."""

from __future__ import annotations

from tests.live import ways
from tests.live.all_ways.cells import test_cell
from tests.live.ways import API, OURS

__all__ = ["test_cell"]

CASES = [case for case in ways.API_CASES if (case.way, case.install) == (API, OURS)]
