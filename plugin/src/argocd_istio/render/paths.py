"""What a route does with paths: the prefix at the gateway, and the prefix at the pods.

Sources: `pilot/pkg/networking/core/route/route.go` of Istio. A rewrite replaces the matched prefix, or the whole path
after a match by regular expression: `rewritePathHeader` in `source/common/router/config_impl.cc` of Envoy.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from argocd_istio.render.model import Moved
from argocd_istio.syntax.nodes import fields, items, text
from argocd_istio.syntax.source import Node


class _Rewrite(NamedTuple):
    """`to` is the new prefix or whole path; with a `pattern`, `to` replaces what the pattern matches."""

    to: str
    whole: bool = False
    pattern: str = ""

    def __str__(self) -> str:
        return f"{self.to} where it matches {self.pattern}" if self.pattern else self.to


def istio(rule: Node, conditions: list[Node]) -> tuple[str, tuple[Moved, ...]]:
    """The rewrite of a VirtualService's rule in words, empty if there is none, and its effect on paths."""
    pattern = text(rule, "rewrite", "uriRegexRewrite", "match")
    rewrite = None
    if text(rule, "rewrite", "uri"):
        rewrite = _Rewrite(text(rule, "rewrite", "uri"))
    elif pattern:
        rewrite = _Rewrite(text(rule, "rewrite", "uriRegexRewrite", "rewrite"), pattern=pattern)
    asked = [next(iter(fields(each, "uri").items()), ("prefix", None)) for each in conditions]
    return _moved(rewrite, [(kind, text(value)) for kind, value in asked])


_KINDS = {"Exact": "exact", "RegularExpression": "regex"}


def gateway_api(rule: Node, conditions: list[Node]) -> tuple[str, tuple[Moved, ...]]:
    """The same for a rule of an HTTPRoute."""
    rewrite = None
    for each in items(rule, "filters"):
        for key in ("replacePrefixMatch", "replaceFullPath"):
            if text(each, "type") == "URLRewrite" and fields(each, "urlRewrite", "path").get(key):
                rewrite = _Rewrite(text(each, "urlRewrite", "path", key) or "/", key == "replaceFullPath")
    asked = [(_KINDS.get(text(each, "path", "type"), "prefix"), text(each, "path", "value")) for each in conditions]
    return _moved(rewrite, asked)


def _moved(rewrite: _Rewrite | None, asked: list[tuple[str, str]]) -> tuple[str, tuple[Moved, ...]]:
    moved = [_one(rewrite, kind, value or "/") for kind, value in asked or [("prefix", "/")]]
    return str(rewrite or ""), tuple(each for each in moved if each)


def _one(rewrite: _Rewrite | None, kind: str, value: str) -> Moved | None:
    """The effect on the paths of one condition; None if unknown."""
    start = head(value) if kind == "regex" else value
    exact = kind == "exact"
    if rewrite is None:
        return Moved(start, start, exact, exact)
    if not rewrite.pattern:
        return Moved(start, rewrite.to, exact, rewrite.whole or kind != "prefix")
    taken = head(rewrite.pattern)
    if start == "/" and taken != "/":
        return Moved(start, start)  # all other paths stay as they are
    known = start.strip("/") == taken.strip("/")
    return Moved(start, rewrite.to.partition("\\")[0] or "/", exact, exact) if known else None


LONGEST = 1000
"""Longer expressions are not analyzed."""
_PART = re.compile(r"\\.|\[\^?\]?[^\]]*\]|.", re.DOTALL)
_LITERAL = re.compile(r"[^\\.\[\](){}*+?|^$]|\\\W")


def head(pattern: str) -> str:
    """The text that all matches of a regular expression begin with; / if unknown."""
    if len(pattern) > LONGEST:
        return "/"
    parts = _PART.findall(pattern.removeprefix("^"))
    depth = 0
    for part in parts:
        depth += (part == "(") - (part == ")")
        if part == "|" and not depth:
            return "/"
    count = next((at for at, part in enumerate(parts) if not _LITERAL.fullmatch(part)), len(parts))
    if count < len(parts) and parts[count] in "*?{":
        count -= 1
    return "".join(part[-1] for part in parts[: max(count, 0)]) or "/"
