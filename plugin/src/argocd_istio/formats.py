"""Findings for programs: JSON, GitHub's workflow commands, and SARIF for code scanning."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from argocd_istio import __version__
from argocd_istio.findings import ERROR, INFO, WARNING, Finding
from argocd_istio.syntax.source import visible

FORMATS = ("text", "json", "github", "sarif")
_ADDRESS = "https://github.com/argocd-istio/argocd-istio"


def formatted(findings: Sequence[Finding], form: str) -> str:
    """The findings in a format other than text, whose lines are the findings themselves."""
    return {"json": _json, "github": _github, "sarif": _sarif}[form](findings)


def _json(findings: Sequence[Finding]) -> str:
    entries = [
        {
            "severity": one.severity,
            "file": visible(one.file),
            "line": one.line or None,
            "rule": one.rule or None,
            "field": visible(one.path) or None,
            "message": one.message,
        }
        for one in findings
    ]
    counts = {f"{level}s": sum(one.severity == level for one in findings) for level in (ERROR, WARNING, INFO)}
    return json.dumps({"findings": entries, **counts}, indent=2) + "\n"


def _github(findings: Sequence[Finding]) -> str:
    """https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions"""
    levels = {ERROR: "error", WARNING: "warning", INFO: "notice"}
    lines = []
    for one in findings:
        places = [f"file={_escaped(visible(one.file), ':,')}"] + ([f"line={one.line}"] if one.line else [])
        places += [f"title={one.rule}"] if one.rule else []
        message = f"{one.path}: {one.message}" if one.path else one.message
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
            "message": {"text": one.message},
            "locations": [{"physicalLocation": place}],
        }
        results.append(result)
    rules = [{"id": name} for name in sorted({_rule(one) for one in findings})]
    driver = {"name": "argocd-istio", "version": __version__, "informationUri": _ADDRESS, "rules": rules}
    run = {"tool": {"driver": driver}, "results": results}
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(finding: Finding) -> str:
    """The rule's ID, else the field without indexes and keys; "file" for a finding on the whole file."""
    return finding.rule or visible(re.sub(r"\[.*", "", finding.path)) or "file"
