"""Mistakes in termination with TLS, routes and port 80."""

from __future__ import annotations

from tests.live.all_rules.lines import test_a_mistake_fails_as_its_rule_says
from tests.live.mistakes.data import load
from tests.live.table import TERMINATION

__all__ = ["test_a_mistake_fails_as_its_rule_says"]

MISTAKES = [one for one in load("istio") if one.place == TERMINATION and one.rule < "C"]
