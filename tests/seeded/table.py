"""The table of the seeded faults, results/seeded.md."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime

from argocd_istio.lint.catalogue import BY_ID, DOMAINS
from tests.render.render import ROOT
from tests.seeded.seeds import Found, Seed

FILE = ROOT / "results/seeded.md"


def hit(seed: Seed, found: Sequence[Found]) -> bool:
    """Whether the right rule fired."""
    return seed.rule in {one.rule for one in found}


def unrelated(seed: Seed, found: Sequence[Found]) -> list[Found]:
    """The errors that are not of this fault."""
    return [one for one in found if one.severity == "error" and one.rule not in (seed.rule, *seed.also)]


def cures(seed: Seed, found: Sequence[Found], left: Sequence[Found]) -> bool:
    """Whether the finding is gone, and no other one is new. Notes say what is true of an exposure that now works."""
    before = {(one.rule, one.subject) for one in found}
    new = [one for one in left if one.severity != "info" and (one.rule, one.subject) not in before]
    return not hit(seed, left) and not new


def markdown(found: dict[Seed, list[Found]], cured: dict[Seed, bool | None]) -> str:
    """The table, one row for each section of the rules."""
    titles = ("section", "rules with a seed", "seeds", "found", "other errors", "fixes applied", "cured")
    lines = [f"| {' | '.join(titles)} |", f"|{' --- |' * len(titles)}"]
    for letter, title in DOMAINS.items():
        seeds = [seed for seed in found if seed.letter == letter]
        if seeds:
            lines.append(_row(f"{letter}: {title}", seeds, found, cured))
    lines.append(_row("all", list(found), found, cured))
    missed = [f"- {seed}" for seed in found if not hit(seed, found[seed])]
    return "\n".join([*lines, *(["", "Not found:", "", *missed] if missed else [])]) + "\n"


def _row(title: str, seeds: list[Seed], found: dict[Seed, list[Found]], cured: dict[Seed, bool | None]) -> str:
    rules = {seed.rule for seed in seeds}
    hits = sum(hit(seed, found[seed]) for seed in seeds)
    others = sum(bool(unrelated(seed, found[seed])) for seed in seeds)
    applied = [seed for seed in seeds if cured[seed] is not None]
    good = sum(bool(cured[seed]) for seed in applied)
    return f"| {title} | {len(rules)} | {len(seeds)} | {hits} | {others} | {len(applied)} | {good} |"


def assert_current(found: dict[Seed, list[Found]], cured: dict[Seed, bool | None]) -> None:
    """Compare with the committed table, which UPDATE_GOLDEN=1 writes with the date of that day."""
    seen = sum(bool(seed.source) for seed in found)
    text = f"{_INTRODUCTION.format(seen=seen, rules=len(BY_ID))}\n{markdown(found, cured)}"
    if os.environ.get("UPDATE_GOLDEN"):
        today = datetime.now(UTC).strftime("%-d %B %Y")
        FILE.write_text(f"# Seeded faults\n\n{today}, by `make check`.\n{text}")
    assert FILE.read_text().partition("by `make check`.\n")[2] == text, "UPDATE_GOLDEN=1 make check rewrites it"


_INTRODUCTION = """
One fault at a time, seeded into renders of this library, into shapes of other installs and into consumers' folders
that have no error otherwise: `tests/seeded/faults`. {seen} of the faults are from strangers' files or from the cases
of Istio's own analyzers. `found` counts the seeds whose rule of the {rules} reports them, `other errors` those where
another rule calls something an error that this fault does not cause. `fixes applied` are those where the printed fix
was applied, by `lint --fix` or as a change of the objects; `cured` where the finding was then gone, and no new one
was there.
"""
