"""How a render differs from an official install: what was changed, added and left out, and what is explained."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from argocd_istio.drift.compare import (
    ABSENT,
    BY_NAME,
    Deviation,
    Difference,
    Object,
    compare,
    fill,
    item_name,
    same,
    step,
    walk,
)
from argocd_istio.drift.deviations import declared
from argocd_istio.drift.install import Install, comparable
from argocd_istio.drift.prepare import prepared

Rows = tuple[Deviation, ...]

HIDDEN = "(hidden)"
"""Stands for a value of a Secret."""

_SHOWN_OF_SECRET = ("apiVersion", "kind", "metadata", "type", "immutable")


class Entry(NamedTuple):
    """A field of an object, or the whole object where `field` is "".

    `render` and `upstream` are its values, None where it is not there. `reason` is why, for what the library explains.
    """

    object: str
    field: str
    render: Any
    upstream: Any
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """`changed` is on both sides, `added` in the render only, `missing` upstream only, `explained` the library's."""

    render: Install
    against: Install
    changed: list[Entry]
    added: list[Entry]
    missing: list[Entry]
    explained: list[Entry]

    @property
    def clean(self) -> bool:
        """Whether everything is explained."""
        return not (self.changed or self.added or self.missing)

    def as_json(self) -> dict[str, Any]:
        """The report for programs. A value that is not there is null; an unknown version is null too."""

        def listed(entries: list[Entry]) -> list[dict[str, Any]]:
            return [{key: value for key, value in entry._asdict().items() if key != "reason"} for entry in entries]

        return {
            "render": self.render.file,
            "against": self.against.file,
            "versions": {"render": self.render.version or None, "against": self.against.version or None},
            "namespace": self.render.namespace,
            "changed": listed(self.changed),
            "added": listed(self.added),
            "missing": listed(self.missing),
            "explained": [entry._asdict() for entry in self.explained],
        }


def _hidden(name: str, field: str, value: Any) -> Any:
    """The value without what a Secret keeps; who applies one may keep a copy in its annotations."""
    if value is ABSENT:
        return None
    if name.partition("/")[0].partition(".")[0] != "Secret":
        return value
    if field:
        top = re.split(r"[.\[]", field, maxsplit=1)[0]
        return value if top in _SHOWN_OF_SECRET and not field.startswith("metadata.annotations") else HIDDEN
    shown = {key: item if key in _SHOWN_OF_SECRET else HIDDEN for key, item in value.items()}
    shown["metadata"] = {key: HIDDEN if key == "annotations" else item for key, item in value["metadata"].items()}
    return shown


def _of_our_object(found: Difference, rows: Rows) -> tuple[str, list[tuple[str, Any]]] | None:
    """For an object of this library with changes, the reason of the object, and what it has beyond the library's.

    None for any other object, and for one where something of the library's is not there.
    """
    if found.path or found.upstream is not ABSENT:
        return None
    ways = [
        (row.reason, [(path, our) for path, _, our in walk("", fill(row.ours, found.ours), found.ours)])
        for row in rows
        if found.object in row.objects and not row.path and isinstance(row.ours, dict)
    ]
    if not ways:
        return None
    reason, beyond = min(ways, key=lambda way: len(way[1]))
    return None if any(value is ABSENT for _, value in beyond) else (reason, beyond)


def _shown(found: list[Difference], rows: Rows) -> Iterator[Difference]:
    """The differences, an object of this library that somebody has changed as its reason and the changes."""
    for one in found:
        library = None if one.reason else _of_our_object(one, rows)
        if library is None:
            yield one
            continue
        yield one._replace(reason=library[0])
        yield from (Difference(one.object, path, ABSENT, value) for path, value in library[1])


def _at(item: Any, path: str) -> Any:
    """The value at a path of `walk`, ABSENT where there is none."""
    where = ""
    while where != path:
        below: dict[str, Any] = {}
        if isinstance(item, dict):
            below = {step(where, key): value for key, value in item.items()}
        elif isinstance(item, list):
            fields = BY_NAME.get(where.rpartition(".")[2])
            names = [item_name(one, fields) if fields else str(place) for place, one in enumerate(item)]
            below = {f"{where}[{name}]": value for name, value in zip(names, item, strict=True)}
        ways = [way for way in below if path == way or path.startswith((f"{way}.", f"{way}["))]
        if not ways:
            return ABSENT
        where = max(ways, key=len)
        item = below[where]
    return item


def _within(part: Any, whole: Any) -> bool:
    """Whether `whole` is `part` with defaults filled in."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and _within(item, whole[key]) for key, item in part.items())
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) == len(whole) and all(map(_within, part, whole))
    return same(part, whole)


def _as_read(install: Install, name: str, path: str, value: Any) -> Any:
    """A value of a prepared object as its author wrote it, without the defaults, if it is there so."""
    item = install.objects.get(name)
    if item is None or not isinstance(value, dict | list):
        return value
    found = _at(item, path)
    return found if found is not ABSENT and (not path or _within(found, value)) else value


def _side(install: Install, namespace: str) -> dict[str, Object]:
    """The objects of an install as `compare` takes them, by name, moved to a namespace."""
    objects = dict(install.objects)
    space = objects.pop(f"Namespace/{install.namespace}", None)
    if space:
        metadata = {**space["metadata"], "name": namespace}
        objects[f"Namespace/{namespace}"] = {**space, "metadata": metadata}
    return {name: prepared(item, namespace, install.own) for name, item in objects.items()}


def compared(render: Install, against: Install) -> tuple[list[Difference], list[tuple[str, Deviation]], Rows]:
    """What `compare` finds between two installs, the deviations that are not there, and all that may be."""
    ours, upstream = _side(render, render.namespace), _side(against, render.namespace)
    names = {id(item): name for side in (ours, upstream) for name, item in side.items()}
    rows = declared(render, against, list(upstream.values()), ours)
    found, unused = compare(
        ours.values(), upstream.values(), rows, name=lambda item: names[id(item)], complete=lambda item: item
    )
    return found, unused, rows


def report(render: Install, against: Install) -> Report:
    """Compare a render with an official install. Raises SourceError where the two are of different kinds."""
    comparable(render, against)
    found, _, rows = compared(render, against)
    result = Report(render, against, [], [], [], [])
    for name, path, theirs, our, reason in _shown(found, rows):
        our, theirs = _as_read(render, name, path, our), _as_read(against, name, path, theirs)
        kind = result.missing if our is ABSENT else result.added if theirs is ABSENT else result.changed
        entry = Entry(name, path, _hidden(name, path, our), _hidden(name, path, theirs), reason)
        (result.explained if reason else kind).append(entry)
    return result
