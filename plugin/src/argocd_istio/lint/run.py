"""Applies the rules to the facts of a render."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import NamedTuple

from argocd_istio.lint.rule import SEVERITIES, Finding, Rule, Unchecked, finding
from argocd_istio.lint.rules import RULES
from argocd_istio.render.model import Facts


class Judged(NamedTuple):
    """The findings, those that an annotation leaves out, and what could not be checked, by the rule's ID."""

    findings: list[Finding]
    suppressed: list[Finding]
    unchecked: dict[str, list[Unchecked]]


def run(facts: Facts, rules: Iterable[Rule] = RULES) -> list[Finding]:
    """All findings but advice, errors first, in the order of the rules, without duplicates."""
    return judge(facts, (rule for rule in rules if not rule.advice)).findings


def judge(facts: Facts, rules: Iterable[Rule] = RULES) -> Judged:
    """What the rules find, and what they cannot decide."""
    found: dict[Finding, dict[int, Hashable]] = {}
    unchecked: dict[str, dict[Unchecked, None]] = {}
    for rule in rules:
        for fault in rule.check(facts) if rule.check else ():
            if isinstance(fault, Unchecked):
                unchecked.setdefault(rule.id, {})[fault] = None
                continue
            about = found.setdefault(finding(rule, fault, facts.file), {})
            if fault.fact is not None:
                about[id(fault.fact)] = fault.fact
    whole = [replace(one, facts=tuple(about.values())) for one, about in found.items()]
    ordered = sorted(whole, key=lambda each: SEVERITIES.index(each.severity))
    parts: tuple[list[Finding], list[Finding]] = [], []
    for one in ordered:
        parts[bool(one.suppressed)].append(one)
    return Judged(*parts, {rule: list(each) for rule, each in unchecked.items()})


def failed(findings: Iterable[Finding]) -> bool:
    """Whether something must be fixed: an error or a warning."""
    return any(each.severity != "info" for each in findings)
