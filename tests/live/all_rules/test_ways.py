"""Mistakes with the Gateway API, and behind a load balancer."""

from __future__ import annotations

from tests.live.all_rules.lines import test_a_mistake_fails_as_its_rule_says
from tests.live.mistakes.data import load
from tests.live.ways import BALANCER

__all__ = ["test_a_mistake_fails_as_its_rule_says"]

MISTAKES = sorted(load("ways"), key=lambda each: (each.place.startswith(BALANCER), each.place))
