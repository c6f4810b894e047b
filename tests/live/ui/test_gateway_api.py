"""The UI, exposed by the Gateway API."""

from __future__ import annotations

from tests.live.ui.journeys import (
    test_a_person_logs_in_and_out,
    test_deep_link_leads_through_the_login,
    test_tree_shows_a_sync_without_reload,
)
from tests.live.ui.results import API_CASES as CASES

__all__ = [
    "CASES",
    "test_a_person_logs_in_and_out",
    "test_deep_link_leads_through_the_login",
    "test_tree_shows_a_sync_without_reload",
]
