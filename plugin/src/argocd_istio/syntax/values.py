"""Converts a YAML tree like kubectl: plain mappings, lists, texts, numbers and booleans.

Source: `resolve` in resolve.go of go.yaml.in/yaml/v2, which kubectl reads manifests with. Besides YAML 1.1 it reads
`y`, `on` and `0755` as booleans and numbers, and dates as text.
"""

from __future__ import annotations

import math
import re
from typing import Any

from argocd_istio.syntax.scalars import FALSE, NULL, TRUE, is_text, tag_name
from argocd_istio.syntax.source import Mapping, Node, Scalar, Sequence, Source

_WORDS: dict[str, bool | None] = {**dict.fromkeys(TRUE, True), **dict.fromkeys(FALSE, False), **dict.fromkeys(NULL)}
_BASES = (
    (re.compile(r"[-+]?0[xX][0-9a-fA-F]+"), 16),
    (re.compile(r"[-+]?0[bB][01]+"), 2),
    (re.compile(r"[-+]?0[oO]?[0-7]+"), 8),
    (re.compile(r"[-+]?(?:0|[1-9][0-9]*)"), 10),
)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NUMBER = re.compile(r"[-+.0-9]")
_DIGITS = 80  # the longest number, which is one in base 2, with its sign and prefix


def _number(text: str) -> int | float | None:
    plain = text.replace("_", "")
    if len(plain) <= _DIGITS:
        for pattern, base in _BASES:
            if pattern.fullmatch(plain):
                digits = plain.replace("o", "").replace("O", "") if base == 8 else plain
                value = int(digits, base)
                if -(1 << 63) <= value < 1 << 64:
                    return value
    if not _FLOAT.fullmatch(plain):
        return None
    number = float(plain)
    if not math.isfinite(number):
        return None
    # In JSON, which the API server gets, 1.0 is 1.
    return int(number) if number.is_integer() and abs(number) < 1e21 else number


def plain(text: str) -> str | int | float | bool | None:
    """The value of an unquoted text."""
    if text in _WORDS:
        return _WORDS[text]
    number = _number(text) if _NUMBER.match(text) else None
    return text if number is None else number


def _scalar(node: Scalar) -> str | int | float | bool | None:
    return node.value if is_text(node) else plain(node.value)


def _key(node: Node) -> str:
    """A key as JSON has it: `on` is "true", `0x10` is "16"."""
    value = _scalar(node.target) if isinstance(node.target, Scalar) else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def value(node: Node) -> Any:
    """The value of a node, with aliases and merge keys expanded and without null fields.

    `refuse` must have accepted the source.
    """
    node = node.target
    if isinstance(node, Scalar):
        return _scalar(node)
    if isinstance(node, Sequence):
        return [value(item) for item in node.items]
    assert isinstance(node, Mapping)
    merged: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for key, below in node.pairs:
        if isinstance(key, Scalar) and key.value == "<<" and not key.style:
            sources = value(below)
            for one in sources if isinstance(sources, list) else [sources]:
                if isinstance(one, dict):
                    merged = {**one, **merged}
        else:
            own[_key(key)] = value(below)
    return {key: item for key, item in {**merged, **own}.items() if item is not None}


def refuse(source: Source) -> None:
    """Raise SourceError if a file has a node that no Kubernetes object has."""
    for node in source.odd:
        if node.tag:
            raise source.error(node, f"the tag {tag_name(node.tag)}", "a value without one", "render the file first")
        raise source.error(node, "a key that is not text", "a text", "quote it, or remove it")
