"""Gets values from a tree. A value with an unexpected shape counts as absent."""

from __future__ import annotations

from argocd_istio.syntax.scalars import is_null, is_text
from argocd_istio.syntax.source import Mapping, Node, Scalar, Sequence
from argocd_istio.syntax.values import plain


def scalar(node: Node | None, *path: str | int) -> Scalar | None:
    """The scalar at a path, None if there is none or it is null."""
    found = node.find(*path) if node else None
    target = found.target if found else None
    return target if isinstance(target, Scalar) and not is_null(target) else None


def text(node: Node | None, *path: str | int) -> str:
    """The scalar at a path as its author wrote it; empty if there is none."""
    found = scalar(node, *path)
    return found.value if found else ""


def number(node: Node | None, *path: str | int) -> int:
    """The whole number at a path, as kubectl reads it; 0 if it is not a possible port."""
    found = scalar(node, *path)
    value = plain(found.value) if found and found.value.isascii() else None
    return value if type(value) is int and 0 <= value < 100_000 else 0


def is_true(node: Node | None, *path: str | int) -> bool:
    """Whether kubectl reads the scalar at a path as true: `yes` and `on` too, unless they are quoted."""
    found = scalar(node, *path)
    return found is not None and (found.value == "true" if is_text(found) else plain(found.value) is True)


def items(node: Node | None, *path: str | int) -> list[Node]:
    """The list at a path; empty if there is none."""
    found = node.find(*path) if node else None
    target = found.target if found else None
    return [item.target for item in target.items] if isinstance(target, Sequence) else []


def texts(node: Node | None, *path: str | int) -> list[str]:
    """The scalars of the list at a path."""
    return [value for value in map(text, items(node, *path)) if value]


def fields(node: Node | None, *path: str | int) -> dict[str, Node]:
    """The mapping at a path; empty if there is none."""
    found = node.find(*path) if node else None
    target = found.target if found else None
    return {key: value.target for key, (_, value) in target.keys.items()} if isinstance(target, Mapping) else {}


def labels(node: Node | None, *path: str | int) -> dict[str, str]:
    """The mapping of texts at a path."""
    return {key: text(value) for key, value in fields(node, *path).items()}
