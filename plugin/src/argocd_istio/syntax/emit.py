"""Writes YAML that kustomize, kubectl and Python read the same way."""

from __future__ import annotations

import re

from argocd_istio.syntax.scalars import plain_reading, reading
from argocd_istio.syntax.source import Mapping, Node, Scalar, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# YAML looks for the ':' of a key in its first 1,024 characters; a longer one needs a question mark before it.
SIMPLE_KEY = 1000
# A letter, digit, dot or slash first; nothing that is syntax in block or flow style.
_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./+@=~-]*(?::[A-Za-z0-9_./+@=~-]+)*")
_BLOCK = re.compile(r"(?:\S[^\n]*\n)+")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}


def _escape(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def needs_quotes(text: str) -> bool:
    """Whether a reader could misread the text without quotes, in block or in flow style."""
    return not _PLAIN.fullmatch(text) or bool(plain_reading(text))


def quoted(text: str) -> str:
    """`text` as a YAML scalar on one line, in double quotes if it needs them."""
    if not needs_quotes(text):
        return text
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return styled(text, '"')


def styled(text: str, style: str) -> str:
    """`text` as a scalar in a quoting style: "", "'" or '"'. Single quotes become double if they cannot express it."""
    if style == "'" and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(map(_escape, text)) + '"' if style else text


def to_yaml(value: Any) -> str:
    """A document in block style. `value` is made of dicts, lists, strings, numbers, booleans, None and Nodes.

    Nodes keep their author's scalars, so that every reader reads them as before. Aliases are written
    out: kustomize does not resolve them between items.
    """
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Any) -> list[str]:
    """The lines of a top-level value; one line for a scalar, except for a block of text."""
    value = value.target if isinstance(value, Node) else value
    if isinstance(value, Mapping):
        return _mapping(value.pairs)
    if isinstance(value, dict):
        return _mapping(value.items())
    if isinstance(value, Sequence):
        return _sequence(value.items)
    if isinstance(value, list):
        return _sequence(value)
    if isinstance(value, Scalar):
        return _scalar(value)
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool):
        return [{None: "null", True: "true", False: "false"}[value]]
    return [str(value)]


def _mapping(pairs: Any) -> list[str]:
    lines = []
    for key, value in pairs:
        name = _lines(key)[0] if isinstance(key, Node) else quoted(key)
        inner = _lines(value)
        if len(name) > SIMPLE_KEY:
            lines += ["? " + name, ": " + inner[0], *("  " + line for line in inner[1:])]
            continue
        below = value.target if isinstance(value, Node) else value
        if isinstance(below, (Mapping, dict)) and inner != ["{}"]:
            lines.append(f"{name}:")
            lines += ["  " + line for line in inner]
        elif isinstance(below, (Sequence, list)) and inner != ["[]"]:
            lines.append(f"{name}:")
            lines += inner
        else:
            lines.append(f"{name}: {inner[0]}")
            lines += ["  " + line for line in inner[1:]]
    return lines or ["{}"]


def _sequence(items: Any) -> list[str]:
    lines = []
    for item in items:
        first, *rest = _lines(item)
        lines.append("- " + first)
        lines += ["  " + line for line in rest]
    return lines or ["[]"]


def _scalar(scalar: Scalar) -> list[str]:
    if scalar.tag and reading(scalar):
        return [f"!!{scalar.tag.rpartition(':')[2]} {quoted(scalar.value)}"]
    if reading(scalar):
        return [scalar.value or "null"]
    return _text(scalar.value)


def _text(text: str) -> list[str]:
    if _BLOCK.fullmatch(text) and text.replace("\n", "").isprintable():
        return ["|", *text[:-1].split("\n")]
    return [quoted(text)]
