"""The UI, exposed by the Gateway API."""

from __future__ import annotations

from tests.live import ways
from tests.live.table import GRPC_ROUTING
from tests.live.ui.journeys import (
    test_a_person_logs_in_and_out,
    test_deep_link_leads_through_the_login,
    test_tree_shows_a_sync_without_reload,
)
from tests.live.ways import OURS
from tools.build import NEWEST_GATEWAY_API

__all__ = [
    "test_a_person_logs_in_and_out",
    "test_deep_link_leads_through_the_login",
    "test_tree_shows_a_sync_without_reload",
]

CASES = [
    case
    for case in ways.API_CASES
    if case.pin == NEWEST_GATEWAY_API and (case.install == OURS or case.mode == GRPC_ROUTING)
]
