"""How readers of YAML interpret a scalar.

kustomize, kubectl and Python have different rules: what one of them reads as a number, a boolean or a
date counts as that here. YAML 1.1 types: https://yaml.org/type/ ; Go: gopkg.in/yaml.v3, resolve.go.
"""

from __future__ import annotations

import re

from argocd_istio.syntax.source import Scalar

TRUE = ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
FALSE = ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")
NULL = ("", "~", "null", "Null", "NULL")
"""The type of an unquoted word for kubectl and kustomize. All of this package uses these patterns."""
_READINGS = (
    ("the boolean", "|".join((*TRUE, *FALSE))),
    ("nothing", "|".join(word for word in NULL if word)),
    ("the merge key", r"<<"),
    ("the default key", r"="),
    ("the date", r"\d{4}-\d\d?-\d\d?(?:(?:[Tt]|[ \t]+)\d\d?:.*)?"),
    ("the number", r"[-+]?0[bB][01_]+|[-+]?0[oO][0-7_]+|[-+]?0[xX][0-9a-fA-F_]+"),
    (
        "the number",
        r"[-+]?(?:\.?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)",
    ),
    ("the number", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"),
)
_READ = re.compile("|".join(f"({pattern})" for _, pattern in _READINGS))
_STR = ("!", "tag:yaml.org,2002:str")


def plain_reading(text: str) -> str:
    """The reading of an unquoted `text`, such as "the number"; "" if all readers read it as text."""
    if not text:
        return "nothing"
    found = _READ.fullmatch(text)
    return _READINGS[(found.lastindex or 1) - 1][0] if found else ""


def is_text(scalar: Scalar) -> bool:
    """Whether quotes or the tag of a text make the scalar text."""
    return bool(scalar.style) or scalar.tag in _STR


def is_null(scalar: Scalar) -> bool:
    """Whether every reader reads it as null."""
    return not is_text(scalar) and scalar.value in NULL


def reading(scalar: Scalar) -> str:
    """What a scalar is read as, "" for text."""
    if scalar.tag:
        return "" if scalar.tag in _STR else f"the tag {tag_name(scalar.tag)}"
    return "" if scalar.style else plain_reading(scalar.value)


def tag_name(tag: str) -> str:
    """A tag as written in the file: `!!set`, `!Ref`."""
    return tag.replace("tag:yaml.org,2002:", "!!")
