"""The test that the files of this folder share."""

from __future__ import annotations

from tests.live.all_rules import results
from tests.live.mistakes.data import Mistake
from tests.live.mistakes.observe import Places, observe


def test_a_mistake_fails_as_its_rule_says(places: Places, mistake: Mistake, lines: results.Lines) -> None:
    outcome = observe(places, mistake)
    results.add(lines, mistake, outcome)
    assert mistake.rule in outcome.found
    assert outcome.named == mistake.probe
