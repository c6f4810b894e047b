"""Every seeded fault is found by its rule, and nothing else is called an error."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

import pytest

from argocd_istio.lint.catalogue import BY_ID, DOMAINS
from tests.seeded import table
from tests.seeded.seeds import BASES, Found, Seed, after, errors_before, findings, load, near

LEAST = 700
"""The least number of seeds."""
SEEDS = load()
LETTERS = [letter for letter in DOMAINS if any(seed.letter == letter for seed in SEEDS)]

MISSED: dict[str, str] = {}
"""Seeds whose rule does not fire, with the reason."""


MENDED = {"A08", "A12", "A24", "A25", "B03", "C03", "C09", "G03", "H01"}
"""The rules that --fix corrects."""
BY_HAND = {
    "C25": "a certificate must be issued again",
    "C28": "the Gateway belongs to somebody else",
    "D09": "a Secret must be created from a certificate",
    "D12": "the key must be renewed and kept elsewhere",
    "D14": "a Secret with a key is not for files",
}
"""Rules whose fix is no change of a field, with the reason."""


@cache
def found(seed: Seed) -> list[Found]:
    return findings(seed)


def of(letter: str) -> list[Seed]:
    return [seed for seed in SEEDS if seed.letter == letter]


@pytest.mark.parametrize("letter", LETTERS)
def test_the_right_rule_fires(letter: str) -> None:
    missed = [str(seed) for seed in of(letter) if not table.hit(seed, found(seed))]
    assert sorted(set(missed) ^ {each for each in MISSED if each.startswith(letter)}) == []


def test_few_seeds_are_missed() -> None:
    assert len(SEEDS) >= LEAST
    assert len(MISSED) <= 0.02 * len(SEEDS)


@pytest.mark.parametrize("letter", LETTERS)
def test_no_unrelated_error_appears(letter: str) -> None:
    assert [f"{seed}: {one}" for seed in of(letter) for one in table.unrelated(seed, found(seed))] == []


@pytest.mark.parametrize("letter", LETTERS)
def test_a_finding_points_to_the_line(letter: str) -> None:
    wrong = []
    for seed in of(letter):
        lines = [plain(one.text) for one in found(seed) if one.rule == seed.rule]
        if seed.line and table.hit(seed, found(seed)) and not any(plain(seed.line) in line for line in lines):
            wrong.append(f"{seed}: expected {seed.line} in {lines}")
    assert wrong == []


def plain(line: str) -> str:
    """A line without quotes, which the writer of the YAML chooses."""
    return re.sub("[\"']", "", line)


@cache
def cured(seed: Seed) -> bool | None:
    """Whether the fix removes the finding and adds none; None if there is none to apply."""
    left = after(seed) if seed.fixed or seed.rule in MENDED else None
    return None if left is None else table.cures(seed, found(seed), left)


@pytest.mark.parametrize("letter", LETTERS)
def test_a_fix_cures_and_adds_nothing(letter: str) -> None:
    assert [str(seed) for seed in of(letter) if cured(seed) is False] == []


@pytest.mark.parametrize("seed", near(), ids=str)
def test_a_near_miss_is_spared(seed: Seed) -> None:
    assert [one for one in findings(seed) if one.rule == seed.rule or one.severity == "error"] == []


def test_most_mechanical_fixes_are_shown() -> None:
    rules = {seed.rule for seed in SEEDS}
    shown = {seed.rule for seed in SEEDS if cured(seed)}
    assert MENDED & rules <= shown and not shown & BY_HAND.keys()
    assert len(shown) >= 0.8 * len(rules - BY_HAND.keys()), sorted(rules - BY_HAND.keys() - shown)


def test_seeds_are_well_formed() -> None:
    assert Counter(map(str, SEEDS)).most_common(1)[0][1] == 1
    assert [str(seed) for seed in SEEDS if len(seed.fault.split()) > 8 or bool(seed.files) == bool(seed.change)] == []
    assert {rule for seed in SEEDS for rule in (seed.rule, *seed.also)} <= BY_ID.keys()


@pytest.mark.parametrize("name", sorted({"", *BASES, *(seed.base for seed in SEEDS)}))
def test_a_base_has_no_error(name: str) -> None:
    assert errors_before(name) == []


def test_the_table_is_current() -> None:
    table.assert_current({seed: found(seed) for seed in SEEDS}, {seed: cured(seed) for seed in SEEDS})
