"""All rules in the order of their IDs, and their explanations as text and as Markdown."""

from __future__ import annotations

import posixpath
import re
import textwrap
from difflib import SequenceMatcher

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


EXPOSURE = """\
apiVersion: argocd-istio.github.io/v1alpha1
kind: Exposure
metadata: {name: argocd}
spec:
  hosts: [cd.acme.io]
  gateway: {selector: {istio: ingressgateway}}
  tls: {secretName: argocd-certificate}
"""
"""The exposure.yaml of an example that lists it and does not show it."""
_FILES = "`../argocd-istio` is this library. An `exposure.yaml` that is listed, but not shown, is:"
_FILE = re.compile(r"^# (\S+\.yaml)$\n?", re.MULTILINE)


def tree_of(example: str) -> dict[str, str]:
    """The files of an example, by path; empty if it is a change of objects."""
    _, *parts = _FILE.split(example)
    found = dict(zip(parts[::2], parts[1::2], strict=True))
    for path, text in list(found.items()):
        if "exposure.yaml" in text and path.endswith("kustomization.yaml"):
            found.setdefault(posixpath.join(posixpath.dirname(path), "exposure.yaml"), EXPOSURE)
    return found


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
        lines += ["", f"{name}{_where(rule)}:", "", textwrap.indent(text, "  ")]
    return "\n".join(lines) + "\n"


def page() -> str:
    """The rules by domain, as Markdown."""
    lines = []
    for letter, title in DOMAINS.items():
        rules = [rule for rule in CATALOGUE if rule.id.startswith(letter)]
        lines += [f"## {letter}: {title}", "", "| Rule | Name | Severity |", "|---|---|---|"]
        lines += [f"| [{rule.id}](#{rule.id.lower()}-{rule.name}) | {rule.name} | {rule.severity} |" for rule in rules]
        lines.append("")
        if letter == "K":
            lines += [_FILES, "", "```yaml", EXPOSURE.rstrip(), "```", ""]
        for rule in rules:
            lines += [f"### {rule.id} {rule.name}", ""]
            lines += [f"- {name}: {_escaped(about)}" for name, about in _facts(rule).items() if about]
            if rule.wrong:
                lines += ["", f"Wrong (`-`) and right (`+`){_where(rule, '`')}:", "", "```diff", *_changed(rule), "```"]
            lines.append("")
    return "\n".join(lines).rstrip()


def _where(rule: Rule, quote: str = "") -> str:
    """The overlay that an example changes; the files of a consumer change none."""
    return "" if tree_of(examples(rule)["Wrong"]) else f", in {quote}overlays/{rule.mode}{quote}"


def _changed(rule: Rule) -> list[str]:
    """What makes the wrong example the right one, line by line."""
    old, new = (text.splitlines() for text in examples(rule).values())
    lines = []
    for kind, from_old, to_old, from_new, to_new in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            lines += [f"  {line}".rstrip() for line in old[from_old:to_old]]
        else:
            lines += [f"- {line}" for line in old[from_old:to_old]]
            lines += [f"+ {line}" for line in new[from_new:to_new]]
    return lines


def _escaped(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*")
