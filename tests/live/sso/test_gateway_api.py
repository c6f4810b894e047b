"""Single sign-on, exposed by the Gateway API."""

from __future__ import annotations

from tests.live.sso.journeys import (
    test_a_browser_logs_in_and_out,
    test_groups_decide_what_a_person_may_do,
    test_the_cli_logs_in_and_out,
)
from tests.live.sso.results import API_CASES as CASES

__all__ = [
    "CASES",
    "test_a_browser_logs_in_and_out",
    "test_groups_decide_what_a_person_may_do",
    "test_the_cli_logs_in_and_out",
]
