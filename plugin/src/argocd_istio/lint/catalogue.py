"""All rules in the order of their IDs, and their explanations as text and as Markdown."""

from __future__ import annotations

import textwrap

from argocd_istio.lint.rule import Rule
from argocd_istio.lint.rules import RULES, kustomizations

CATALOGUE = tuple(sorted((*RULES, *kustomizations.RULES), key=lambda rule: rule.id))
BY_ID = {rule.id: rule for rule in CATALOGUE}
DOMAINS = {
    "A": "TLS, and what argocd-server speaks",
    "B": "Plain HTTP, cookies, HSTS",
    "C": "Host names and certificates",
    "D": "Selectors, namespaces, references",
    "E": "Mesh, sidecars, mutual TLS",
    "F": "Exposure and authorization",
    "G": "Address, single sign-on, sub-paths",
    "H": "Streams, limits, hardening of the edge",
    "I": "Objects of the install",
    "J": "Gateway API",
    "K": "Kustomization files",
}


def examples(rule: Rule) -> dict[str, str]:
    """The wrong and the right YAML, without indentation."""
    found = {"Wrong": rule.wrong, "Right": rule.right}
    return {name: textwrap.dedent(text).strip("\n") for name, text in found.items() if text}


def _facts(rule: Rule) -> dict[str, str]:
    return {
        "Effect": rule.effect,
        "Decided": rule.decided,
        "Source": rule.source,
        "Includes": ", ".join(rule.covers),
        "istioctl": rule.istioctl,
    }


def explained(rule: Rule) -> str:
    """The text of `argocd-istio rules ID`."""
    lines = [f"{rule.id} {rule.name} ({rule.severity})", ""]
    for name, about in _facts(rule).items():
        if about:
            lines += textwrap.wrap(f"{name}: {about}", 79, break_long_words=False, break_on_hyphens=False)
    for name, text in examples(rule).items():
        lines += ["", f"{name}, in overlays/{rule.mode}:", "", textwrap.indent(text, "  ")]
    return "\n".join(lines) + "\n"


def page() -> str:
    """The rules by domain, as Markdown."""
    lines = []
    for letter, title in DOMAINS.items():
        rules = [rule for rule in CATALOGUE if rule.id.startswith(letter)]
        lines += [f"## {letter}: {title}", "", "| Rule | Name | Severity |", "|---|---|---|"]
        lines += [f"| [{rule.id}](#{rule.id.lower()}-{rule.name}) | {rule.name} | {rule.severity} |" for rule in rules]
        lines.append("")
        for rule in rules:
            lines += [f"### {rule.id} {rule.name}", ""]
            lines += [f"- {name}: {_escaped(about)}" for name, about in _facts(rule).items() if about]
            for name, text in examples(rule).items():
                lines += ["", f"{name}, in `overlays/{rule.mode}`:", "", "```yaml", text, "```"]
            lines.append("")
    return "\n".join(lines).rstrip()


def _escaped(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*")
