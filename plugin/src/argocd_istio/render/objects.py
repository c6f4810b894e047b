"""The objects of a render, looked up by kind and name. Whatever has another shape than expected counts as absent."""

from __future__ import annotations

from collections.abc import Iterator

from argocd_istio.syntax.source import Mapping, Node, Scalar, Sequence, Source

_NULL = ("", "~", "null", "Null", "NULL")


def text(node: Node | None, *path: str | int) -> str:
    """The scalar at a path as its author wrote it; empty where there is none."""
    found = node.find(*path) if node else None
    target = found.target if found else None
    if not isinstance(target, Scalar) or (target.style == "" and target.value in _NULL):
        return ""
    return target.value


def number(node: Node | None, *path: str | int) -> int:
    """The whole number at a path; 0 where there is none that a port could be."""
    value = text(node, *path)
    return int(value) if value.isascii() and value.isdigit() and len(value) < 6 else 0


def items(node: Node | None, *path: str | int) -> list[Node]:
    """The list at a path; empty where there is none."""
    found = node.find(*path) if node else None
    target = found.target if found else None
    return [item.target for item in target.items] if isinstance(target, Sequence) else []


def texts(node: Node | None, *path: str | int) -> list[str]:
    """The scalars of the list at a path."""
    return [value for value in map(text, items(node, *path)) if value]


def fields(node: Node | None, *path: str | int) -> dict[str, Node]:
    """The mapping at a path; empty where there is none."""
    found = node.find(*path) if node else None
    target = found.target if found else None
    return {key: value.target for key, (_, value) in target.keys.items()} if isinstance(target, Mapping) else {}


def labels(node: Node | None, *path: str | int) -> dict[str, str]:
    """The mapping of texts at a path."""
    return {key: text(value) for key, value in fields(node, *path).items()}


class Object:
    """An object of a render. `group` is empty for Kubernetes' core."""

    def __init__(self, node: Node) -> None:
        version = text(node, "apiVersion")
        self.node = node
        self.group = version.rpartition("/")[0]
        self.kind = text(node, "kind")
        self.name = text(node, "metadata", "name")
        self.namespace = text(node, "metadata", "namespace") or "default"
        self.spec = node.find("spec")

    @property
    def title(self) -> str:
        """namespace/name."""
        return f"{self.namespace}/{self.name}"


class Objects:
    """Every object of a source; the members of a List count as objects of their own.

    Of an object that is there several times the last counts, as for kubectl apply.
    """

    def __init__(self, source: Source) -> None:
        found = [Object(node) for document in source.documents for node in _members(document.root)]
        last = {(item.group, item.kind, item.namespace, item.name or id(item)): item for item in found}
        self._all: dict[tuple[str, str], list[Object]] = {}
        for item in last.values():
            self._all.setdefault((item.group, item.kind), []).append(item)

    def of(self, group: str, kind: str) -> list[Object]:
        """All of a kind, in the order of the render."""
        return self._all.get((group, kind), [])

    def one(self, group: str, kind: str, namespace: str, name: str) -> Object | None:
        """The object of that name."""
        for item in self.of(group, kind):
            if item.name == name and item.namespace == namespace:
                return item
        return None


def _members(node: Node | None) -> Iterator[Node]:
    if node is None:
        return
    members = items(node, "items") if text(node, "kind").endswith("List") else []
    if not members:
        yield node.target
    for member in members:
        yield from _members(member)
