"""Findings for programs: JSON, GitHub's workflow commands, SARIF for code scanning, and JUnit for test reports."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from argocd_istio import __version__
from argocd_istio.findings import ERROR, INFO, WARNING, Finding
from argocd_istio.syntax.source import visible

FORMATS = ("text", "json", "github", "sarif", "junit")
_ADDRESS = "https://github.com/argocd-istio/argocd-istio"


def formatted(findings: Sequence[Finding], form: str, **more: Any) -> str:
    """The findings in a format other than text, whose lines are the findings themselves. `more` is for JSON."""
    if form == "json":
        return _json(findings, more)
    return {"github": _github, "sarif": _sarif, "junit": _junit}[form](findings)


def _text(one: Finding) -> str:
    """The message with the object and what to do."""
    # Some messages begin with the object themselves.
    named = not one.subject or one.message.startswith(f"{one.subject} ")
    text = one.message if named else f"{one.subject}: {one.message}"
    return f"{text}; {one.fix}" if one.fix else text


def _json(findings: Sequence[Finding], more: dict[str, Any]) -> str:
    entries = [
        {
            "severity": one.severity,
            "file": visible(one.file),
            "line": one.line or None,
            "rule": one.rule or None,
            "field": visible(one.path) or None,
            "message": one.message,
            **{key: value for key in ("name", "way", "fix") if (value := getattr(one, key))},
            **({"object": one.subject} if one.subject else {}),
        }
        for one in findings
    ]
    counts = {f"{level}s": sum(one.severity == level for one in findings) for level in (ERROR, WARNING, INFO)}
    return json.dumps({"findings": entries, **counts, **more}, indent=2) + "\n"


def _github(findings: Sequence[Finding]) -> str:
    """https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions"""
    levels = {ERROR: "error", WARNING: "warning", INFO: "notice"}
    lines = []
    for one in findings:
        places = [f"file={_escaped(visible(one.file), ':,')}"] + ([f"line={one.line}"] if one.line else [])
        places += [f"title={one.rule}"] if one.rule else []
        message = f"{one.path}: {_text(one)}" if one.path else _text(one)
        lines.append(f"::{levels[one.severity]} {','.join(places)}::{_escaped(visible(message))}\n")
    return "".join(lines)


def _escaped(text: str, more: str = "") -> str:
    return re.sub(rf"[%\r\n{more}]", lambda found: f"%{ord(found[0]):02X}", text)


def _sarif(findings: Sequence[Finding]) -> str:
    """https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html"""
    levels = {ERROR: "error", WARNING: "warning", INFO: "note"}
    results: list[dict[str, Any]] = []
    for one in findings:
        place: dict[str, Any] = {"artifactLocation": {"uri": quote(one.file, errors="surrogateescape")}}
        if one.line:
            place["region"] = {"startLine": one.line}
        result = {
            "ruleId": _rule(one),
            "level": levels[one.severity],
            "message": {"text": _text(one)},
            "locations": [{"physicalLocation": place}],
        }
        results.append(result)
    names = {_rule(one): one.name for one in findings}
    rules = [{"id": each, **_described(each, name)} for each, name in sorted(names.items())]
    driver = {"name": "argocd-istio", "version": __version__, "informationUri": _ADDRESS, "rules": rules}
    run = {"tool": {"driver": driver}, "results": results}
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _described(rule: str, name: str) -> dict[str, Any]:
    """Name and page of a rule of lint."""
    return {"name": name, "helpUri": f"{_ADDRESS}/blob/main/docs/rules.md#{rule.lower()}-{name}"} if name else {}


def _junit(findings: Sequence[Finding]) -> str:
    """https://github.com/testmoapp/junitxml: a test case for each finding, or one that passes."""
    from xml.sax.saxutils import escape, quoteattr

    cases = []
    for one in findings:
        place = f"{visible(one.file)}:{one.line}" if one.line else visible(one.file)
        attributes = {"classname": visible(one.file), "name": f"{_rule(one)} {one.subject or one.path}".strip()}
        failure = {"type": one.severity, "message": _text(one)}
        written = (
            " ".join(f"{key}={quoteattr(value)}" for key, value in each.items()) for each in (attributes, failure)
        )
        case, failed = written
        # A note is no failure.
        shown = f"<failure {failed}>{escape(place)}</failure>"
        shown = f"<system-out>{escape(_text(one))}</system-out>" if one.severity == INFO else shown
        cases.append(f"    <testcase {case}>{shown}</testcase>")
    if not cases:
        cases = ['    <testcase classname="argocd-istio" name="no findings"/>']
    counts = f'tests="{len(cases)}" failures="{sum(one.severity != INFO for one in findings)}"'
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites {counts}>\n  <testsuite name="argocd-istio" {counts}>'
    return "\n".join([head, *cases, "  </testsuite>", "</testsuites>", ""])


def _rule(finding: Finding) -> str:
    """The rule's ID, else the field without indexes and keys; "file" for a finding on the whole file."""
    return finding.rule or visible(re.sub(r"\[.*", "", finding.path)) or "file"
