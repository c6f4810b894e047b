"""The UI, exposed by Istio's API."""

from __future__ import annotations

from tests.live import ways
from tests.live.table import GRPC_ROUTING, MODES
from tests.live.ui.journeys import (
    test_a_person_logs_in_and_out,
    test_deep_link_leads_through_the_login,
    test_tree_shows_a_sync_without_reload,
)
from tests.live.ways import OURS, OWN, Case

__all__ = [
    "test_a_person_logs_in_and_out",
    "test_deep_link_leads_through_the_login",
    "test_tree_shows_a_sync_without_reload",
]

CASES = [
    *(Case(OWN, mode) for mode in MODES),
    *(case for case in ways.CASES if case.install == OURS or case.mode == GRPC_ROUTING),
]
