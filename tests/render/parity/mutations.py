"""Every small mutation of a manifest, to test that the comparison finds it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from argocd_istio.drift.compare import BY_NAME
from tests.render.render import Object

ADDED = "added-by-mutation"

Container = dict[str, Any] | list[Any]


def leaves(value: Any) -> int:
    """The number of scalars in a tree."""
    if isinstance(value, dict | list):
        return sum(leaves(item) for item in (value.values() if isinstance(value, dict) else value))
    return 1


def _changed(scalar: Any) -> Any:
    if isinstance(scalar, bool):
        return not scalar
    return scalar + 1 if isinstance(scalar, int | float) else f"{scalar}~"


def _containers(value: Any, path: str) -> Iterator[tuple[str, Container]]:
    if isinstance(value, dict):
        yield path, value
        for key, item in value.items():
            yield from _containers(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        yield path, value
        for item in value:
            yield from _containers(item, f"{path}[]")


def _variants(container: Container, path: str) -> Iterator[tuple[str, str, Container]]:
    """The mutations of a mapping or list: (kind of change, path, new content)."""
    if isinstance(container, dict):
        for key, value in container.items():
            below = f"{path}.{key}" if path else key
            if not isinstance(value, dict | list):
                yield "scalar changed", below, {**container, key: _changed(value)}
            yield "key removed", below, {name: item for name, item in container.items() if name != key}
        yield "key added", path, {**container, ADDED: ADDED}
        return
    for index, value in enumerate(container):
        if not isinstance(value, dict | list):
            yield "scalar changed", f"{path}[]", [*container[:index], _changed(value), *container[index + 1 :]]
    if container:
        yield "list shortened", path, container[:-1]
        yield "list duplicated", path, [*container, container[0]]
    reordered = next((order for order in (container[::-1], container[1:] + container[:1]) if order != container), None)
    if reordered:
        by_name = path.rpartition(".")[2] in BY_NAME
        yield "named list reordered" if by_name else "list reordered", path, reordered


@contextmanager
def _replaced(container: Container, content: Container) -> Iterator[None]:
    before = container.copy()
    try:
        _replace(container, content)
        yield
    finally:
        _replace(container, before)


def _replace(container: Container, content: Container) -> None:
    container.clear()
    if isinstance(container, dict) and isinstance(content, dict):
        container.update(content)
    elif isinstance(container, list) and isinstance(content, list):
        container.extend(content)


def mutations(item: Object) -> Iterator[tuple[str, str]]:
    """Change `item` in place, one mutation at a time: (kind of change, path with [] for any list item).

    Each mutation is undone before the next one and at the end.
    """
    for path, container in list(_containers(item, "")):
        for change, where, content in list(_variants(container, path)):
            with _replaced(container, content):
                yield change, where
