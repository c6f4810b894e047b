"""Checks a whole file: each Exposure in it, and the other objects."""

from __future__ import annotations

import re
from collections.abc import Iterator

from argocd_istio.exposure.check import check
from argocd_istio.exposure.fields import FUNCTIONS, GENERATOR, KINDS, nearest
from argocd_istio.exposure.names import shown
from argocd_istio.exposure.wired import Wired
from argocd_istio.findings import ERROR, Finding
from argocd_istio.syntax.nodes import text
from argocd_istio.syntax.source import Mapping, Node, Sequence, Source, SourceError

# Directives that kustomize does not read.
_DIRECTIVE = re.compile(r"\ufeff?(?:[ \t]*(?:#[^\r\n]*)?(?:\r\n|[\r\n]))*(%\S*)")


def check_file(source: Source, *, substitute: bool = False, component: Wired | None = None) -> list[Finding]:
    """All findings of a file; see `check`. Raises SourceError if it has no Exposure."""
    roots = exposures(source)
    findings = list(directive(source))
    for root in roots:
        findings += check(source, root, substitute=substitute, component=component)[1]
    return [*findings, *_several(source, roots), *_beside(source, roots)]


def exposures(source: Source) -> list[Node]:
    """The objects that are an Exposure or ExposureGenerator, in a List too; a SourceError if there is none."""
    roots = [root for document in source.documents if document.root for root in _members(document.root)]
    kinds = [text(root, "kind") for root in roots]
    found = [root for root, kind in zip(roots, kinds, strict=True) if kind in KINDS]
    if found:
        return found
    expected = f"a document of kind {' or '.join(KINDS)}"
    hint = nearest(kinds[0], KINDS) if len(kinds) == 1 else ""
    there = f"kind {kinds[0]}" if len(kinds) == 1 and kinds[0] else "none"
    if not source.text.strip("\ufeff \t\r\n"):
        there, hint = "an empty file", "name the file that has it, or write it again"
    elif not roots:
        there = "comments only"
    if "{{" in source.text:
        hint = "this looks like a template: render it first"
    raise SourceError(source.file, 0, 0, there, expected, hint or "name the file that has it")


def _members(root: Node) -> Iterator[Node]:
    """The object itself, or the items of a List."""
    items = root.find("items") if text(root, "kind") == "List" else None
    inside = items.target if items else None
    yield from [item.target for item in inside.items] if isinstance(inside, Sequence) and inside.items else [root]


def _finding(source: Source, line: int, found: str, expected: str, hint: str) -> Finding:
    return Finding(ERROR, source.file, line, "", f"found {found}, expected {expected}; {hint}")


def directive(source: Source) -> Iterator[Finding]:
    """A directive before the first document."""
    found = _DIRECTIVE.match(source.text)
    if found:
        line = source.text[: found.start(1)].count("\n") + 1
        yield _finding(source, line, f"the directive {found[1]}", "none: kustomize reads none", "remove the line")


def _several(source: Source, roots: list[Node]) -> Iterator[Finding]:
    """A second Exposure of any name: the build fails."""
    if len(roots) > 1:
        kind, name = text(roots[1], "kind"), text(roots[1], "metadata", "name")
        found = f"the {kind} {shown(name)} after the {text(roots[0], 'kind')} on line {roots[0].line}"
        if len(roots) > 2:
            found += f", and {len(roots) - 2} more"
        yield _finding(source, roots[1].line, found, "one in a build", "keep one")


def _beside(source: Source, roots: list[Node]) -> Iterator[Finding]:
    """Other objects in a file with a generator: kustomize runs each object of a file under generators:."""
    if not any(text(root, "kind") == GENERATOR for root in roots):
        return
    for root in (document.root.target for document in source.documents if document.root):
        kind = text(root, "kind")
        runs = any(text(root, "metadata", "annotations", key) for key in FUNCTIONS)
        if kind in (*KINDS, "List") or runs or text(root, "apiVersion") == "builtin":
            continue
        found = f"the {kind} {shown(text(root, 'metadata', 'name'))}" if isinstance(root, Mapping) else "no object"
        hint = "move it to a file of its own, under resources:"
        yield _finding(source, root.line, f"{found} beside an {GENERATOR}", "generators only", hint)
