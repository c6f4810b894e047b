"""What `lint` reports: the findings of the rules and of the kustomizations, with their ways and places in the sources.

A baseline names findings by rule, object, field and message: lines may change.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from argocd_istio.findings import ERROR, INFO, WARNING, Finding
from argocd_istio.lint.rule import IGNORE, SEVERITIES, Unchecked
from argocd_istio.lint.rule import Finding as OfRule
from argocd_istio.lint.run import Judged
from argocd_istio.render.model import Facts
from argocd_istio.render.objects import Object
from argocd_istio.streams import inert
from argocd_istio.syntax.nodes import text
from argocd_istio.syntax.source import SourceError, visible
from argocd_istio.tree.kustomizations import Document
from argocd_istio.tree.order import Tree

Key = tuple[str, str, str, str]


class Report(NamedTuple):
    """The findings to show, the numbers of those left out, and what could not be checked, by the rule's ID."""

    findings: list[Finding]
    suppressed: int
    known: int
    unchecked: dict[str, list[Unchecked]]


def findings_of(facts: Facts, judged: Judged, trees: dict[str, Tree]) -> Iterator[Finding]:
    """The findings of the rules. `trees` has the kustomizations of each folder that was built."""
    hosts = _hosts(facts)
    for one in judged.findings:
        file, line = _place(one, trees)
        way = next((hosts[id(fact)] for fact in one.facts if id(fact) in hosts), "")
        fix = one.fix
        if one.place and f"{IGNORE}{one.rule}" in _annotations(one):
            fix += f"{'; ' if fix else ''}annotation {IGNORE}{one.rule} states no reason and leaves nothing out"
        yield Finding(
            one.severity,
            file,
            line,
            one.path,
            one.message,
            _resource(one.place.object) if one.place else None,
            rule=one.rule,
            name=one.name,
            subject=one.object,
            fix=fix,
            way=way,
        )


def _resource(item: Object) -> dict[str, str]:
    texts = {key: text(item.node, key) for key in ("apiVersion", "kind")}
    texts |= {key: text(item.node, "metadata", key) for key in ("namespace", "name")}
    return {key: found for key, found in texts.items() if found}


def _annotations(one: OfRule) -> Iterable[str]:
    node = one.place.object.node.find("metadata", "annotations") if one.place else None
    return getattr(node.target, "keys", ()) if node else ()


def _hosts(facts: Facts) -> dict[int, str]:
    """The hosts of the first way that each fact is part of."""
    found: dict[int, str] = {}
    for way in facts.ways:
        named = ", ".join(way.hosts[:3]) + (f" and {len(way.hosts) - 3} more" if len(way.hosts) > 3 else "")
        found[id(way)] = named
        for listener in way.listeners:
            found.setdefault(id(listener), named)
            for route in listener.routes:
                if id(route) in found:
                    continue
                found[id(route)] = named
                for destination in route.destinations:
                    found.setdefault(id(destination), named)
                    if id(destination.pods) not in found:
                        found[id(destination.pods)] = named
                        for pods in destination.pods:
                            found.setdefault(id(pods), named)
    return found


def _place(one: OfRule, trees: dict[str, Tree]) -> tuple[str, int]:
    """File and line: of a built folder, those of the source with the field or the object, if it is read."""
    tree = trees.get(one.file)
    if tree is None or one.place is None:
        return (tree.root.file if tree and tree.root else one.file), 0 if tree else one.line
    document = document_of(one.place.object, one.place.keys, tree)
    if document is None:
        return tree.root.file if tree.root else one.file, 0
    node = document.root.find(*one.place.keys) if document.source and one.place.keys else None
    return document.file, node.line if node else document.line


def document_of(item: Object, keys: tuple[str | int, ...], tree: Tree) -> Document | None:
    """The source of an object in the kustomizations that it was built from: the first with that field, else the first.

    Patches come before the objects that they change.
    """
    bodies = [body for patch in tree.patches for body in patch.bodies]
    found = []
    for document in (*bodies, *(one.document for one in tree.documents)):
        same = (document.group, document.kind, document.name) == (item.group, item.kind, item.name)
        if same and document.namespace in ("", text(item.node, "metadata", "namespace")):
            found.append(document)
    having = (one for one in found if keys and one.source and one.root.find(*keys))
    return next(having, found[0] if found else None)


def chosen(findings: Iterable[Finding], select: Sequence[str], ignore: Sequence[str]) -> list[Finding]:
    """The findings whose rule is selected and not ignored: by ID, the beginning of an ID, or name."""
    return [one for one in findings if (not select or _named(one, select)) and not _named(one, ignore)]


def _named(one: Finding, words: Sequence[str]) -> bool:
    return bool(one.rule) and any(one.rule.startswith(word.upper()) or one.name == word for word in words)


def key(one: Finding) -> Key:
    """What identifies a finding in a baseline; the file only if it has no object."""
    return one.rule, one.subject or visible(one.file), visible(one.path), one.message


def baseline(findings: Iterable[Finding]) -> str:
    """The text of a baseline with these findings."""
    names = ("rule", "object", "field", "message")
    rows = [dict(zip(names, each, strict=True)) for each in sorted(map(key, findings))]
    return json.dumps({"findings": rows}, indent=2) + "\n"


def read_baseline(data: bytes, file: str) -> Counter[Key]:
    """The findings of a baseline. Raises SourceError."""
    try:
        rows = json.loads(data)["findings"]
        return Counter((row["rule"], row["object"], row["field"], row["message"]) for row in rows)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        expected = "one that lint has written"
        raise SourceError(file, 0, 0, "no baseline", expected, "write it with --write-baseline") from error


def without(findings: Iterable[Finding], known: Counter[Key]) -> list[Finding]:
    """The findings that a baseline does not have, each of it for one finding."""
    left = Counter(known)
    kept = []
    for one in findings:
        if left[key(one)] > 0:
            left[key(one)] -= 1
        else:
            kept.append(one)
    return kept


def text_of(report: Report) -> str:
    """The report for people, by way."""
    groups: dict[str, list[Finding]] = {}
    for one in report.findings:
        groups.setdefault(one.way, []).append(one)
    lines = []
    for way in sorted(groups, key=lambda each: (not each, each)):
        lines += [inert(f"{way or 'Not part of a way'}:", " ")]
        for one in sorted(groups[way], key=lambda each: SEVERITIES.index(each.severity)):
            lines += _lines(one)
        lines.append("")
    return "\n".join([*lines, *_summary(report)]) + "\n"


def _lines(one: Finding) -> list[str]:
    place = f"{visible(one.file)}:{one.line}" if one.line else visible(one.file)
    rule = f"{one.rule} {one.name}".strip()
    head = "  " + " ".join(filter(None, (one.severity, rule)))
    about = ", ".join(filter(None, (place, one.subject, visible(one.path))))
    return [f"{head}: {one.message}", f"      at {about}", *([f"      fix: {one.fix}"] if one.fix else [])]


def _summary(report: Report) -> list[str]:
    counts = Counter(one.severity for one in report.findings)
    parts = [_count(counts[level], word) for level, word in ((ERROR, "error"), (WARNING, "warning"), (INFO, "note"))]
    left = [f"{report.suppressed} left out by annotations"] if report.suppressed else []
    left += [f"{report.known} in the baseline"] if report.known else []
    lines = [", ".join([*parts, *left])]
    if report.unchecked:
        lines[0] += f"; {_count(len(report.unchecked), 'rule')} not checked:"
        for rule, why in report.unchecked.items():
            hints = dict.fromkeys(f"{each.why}; pass {each.option}" if each.option else each.why for each in why)
            lines += [f"  {rule}: {visible(hint)}" for hint in hints]
    return lines


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def unchecked_data(report: Report) -> list[dict[str, Any]]:
    """What could not be checked, for programs."""
    return [
        {"rule": rule, "option": each.option or None, "why": visible(each.why)}
        for rule, why in report.unchecked.items()
        for each in why
    ]
