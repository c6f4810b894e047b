"""Applies the rules to the facts of a render."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import replace

from argocd_istio.lint.rule import SEVERITIES, Finding, Rule, finding
from argocd_istio.lint.rules import RULES
from argocd_istio.render.model import Facts


def run(facts: Facts, rules: Iterable[Rule] = RULES) -> list[Finding]:
    """All findings, errors first, in the order of the rules, without duplicates."""
    found: dict[Finding, dict[int, Hashable]] = {}
    for rule in rules:
        for fault in rule.check(facts):
            about = found.setdefault(finding(rule, fault, facts.file), {})
            if fault.fact is not None:
                about[id(fault.fact)] = fault.fact
    whole = [replace(one, facts=tuple(about.values())) for one, about in found.items()]
    return sorted(whole, key=lambda each: SEVERITIES.index(each.severity))


def failed(findings: Iterable[Finding]) -> bool:
    """Whether something must be fixed: an error or a warning."""
    return any(each.severity != "info" for each in findings)
