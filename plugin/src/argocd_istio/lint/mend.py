"""Applies the safe answers to faults in the files that a user wrote: one value changes, every other byte stays."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

from argocd_istio.lint.report import document_of
from argocd_istio.lint.rule import Finding, Mend
from argocd_istio.syntax.source import Node, Source, SourceError, parse
from argocd_istio.syntax.splice import change
from argocd_istio.syntax.values import value
from argocd_istio.tree.order import Tree


class Mended(NamedTuple):
    """A file with its old and new content, the rules of the findings that are mended, and what could not be changed."""

    file: str
    old: bytes
    new: bytes
    rules: tuple[str, ...]
    refused: tuple[str, ...]


def mended(findings: Iterable[Finding], trees: dict[str, Tree]) -> list[Mended]:
    """The changed files. Of a folder that was built only a source file with that very field is changed."""
    found: dict[str, Mended] = {}
    for one in findings:
        for mend in one.mends:
            where = _owned(mend, trees.get(one.file))
            if where is None:
                continue
            source, number, keys = where
            data = source.text.encode()
            now = found.setdefault(source.file, Mended(source.file, data, data, (), ()))
            try:
                new = change(parse(now.new, source.file), number, keys, mend.value)
            except SourceError as error:
                found[source.file] = now._replace(refused=tuple(dict.fromkeys((*now.refused, f"{one.rule}: {error}"))))
            else:
                rules = now.rules if new == now.new or one.rule in now.rules else (*now.rules, one.rule)
                found[source.file] = now._replace(new=new, rules=rules)
    return list(found.values())


def _owned(mend: Mend, tree: Tree | None) -> tuple[Source, int, tuple[str | int, ...]] | None:
    """The source, the number of its document, and the path there; None if that is no file of the user."""
    item = mend.place.object
    source, root, keys = item.source, item.node, mend.keys
    if tree:
        document = document_of(item, keys[: len(mend.place.keys)], tree)
        if document is None or document.source is None:
            return None
        source, root = document.source, document.root
        own, built = root.find(*keys), item.node.find(*keys)
        if own is None or built is None or value(own) != value(built):
            return None  # another file has the value
    if not os.path.isfile(source.file):  # noqa: PTH113 - stdin or a pipe
        return None
    for number, each in enumerate(source.documents):
        if each.root and (prefix := _path(each.root.target, root.target)) is not None:
            return source, number, (*prefix, *keys)
    return None


def _path(root: Node, node: Node) -> tuple[str | int, ...] | None:
    """The path of an object in a document: of a List's member its place in items."""
    if root is node:
        return ()
    for at in range(len(getattr(root.get("items"), "items", ()) or ())):
        member = root.find("items", at)
        if member and (below := _path(member.target, node)) is not None:
            return ("items", at, *below)
    return None
