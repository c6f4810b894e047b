"""Mistakes in a namespace with Istio's sidecars."""

from __future__ import annotations

import pytest

from live import doctor
from tests.live.all_rules.lines import test_a_mistake_fails_as_its_rule_says
from tests.live.mistakes.data import load

__all__ = ["test_a_mistake_fails_as_its_rule_says"]

pytestmark = pytest.mark.skipif(bool(doctor.limits()), reason="; ".join(doctor.limits()))

MISTAKES = sorted(load("sidecars"), key=lambda each: each.place)
