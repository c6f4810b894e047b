"""What was observed of every mistake, as one page with a date."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from tests.live.mistakes.data import Mistake, every
from tests.live.mistakes.observe import Outcome
from tools.versions import module, versions

Lines = dict[str, tuple[str, str, str]]
"""Lint's errors, the clients' answers and the probe's, by mistake."""

SHOWN = 90


def add(lines: Lines, mistake: Mistake, outcome: Outcome) -> None:
    """Add what was observed."""
    answers = "; ".join(f"{name}: {_short(answer)}" for name, answer in outcome.answers.items())
    errors = sorted(rule for rule, severity in outcome.found.items() if severity == "error")
    lines[str(mistake)] = (", ".join(errors), answers, outcome.named)


def _short(answer: str) -> str:
    line = " ".join(answer.split()).replace("|", "\\|").replace('{"level":"fatal","msg":"', "")
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}…"


def write(lines: Lines, folder: Path) -> None:
    """Write `rules-live.md` to the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rules-live.md").write_text(_markdown(lines))


def _markdown(lines: Lines) -> str:
    mistakes = every()
    observed = {one.rule for one in mistakes if one.rule in lines.get(str(one), ("",))[0].split(", ")}
    seen = [one for one in mistakes if str(one) in lines]
    measured = f"Argo CD {module()}, Istio {versions()['istio']}, Envoy {versions()['envoy']}"
    counts = Counter(one.probe or ("refused" if one.refused else "no") for one in seen)
    text = [
        "# Rules against reality",
        "",
        f"{datetime.now(UTC):%-d %B %Y}, by `make test-rules`: {measured}.",
        "",
        "Each mistake of `tests/live/mistakes` was made in a running Argo CD. `argocd-istio lint` of the objects in",
        "the cluster reports the rule, and clients get what the table shows. The last column: how the probe names the",
        "rule: as the likeliest (first), or among others that look the same from outside.",
        "",
        f"{len(observed)} rules of severity error were observed, in {len(seen)} of {len(mistakes)} mistakes. The probe",
        f"names the rule first in {counts['first']} of them and among others in {counts['among']}; it cannot see",
        f"{counts['no']}, and the API server, or Istio's webhook in it, refuses {counts['refused']}.",
        "",
        "| rule | way and mode | mistake | errors of lint | what clients get | probe |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for one in sorted(mistakes, key=lambda each: (each.rule, each.place)):
        errors, answers, named = lines.get(str(one), ("**not observed**", "", ""))
        probe = named or ("" if one.refused else f"no: {one.unseen}")
        text.append(f"| {one.rule} | {one.place} | {one.fault} | {errors} | {answers} | {probe} |")
    return "\n".join(text) + "\n"
