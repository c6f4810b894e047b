"""How a render differs from an official install: changed, added, missing and explained fields."""

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
    Matching,
    Object,
    Own,
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

HIDDEN = "(hidden)"
"""Printed instead of a value of a Secret."""

_SHOWN_OF_SECRET = ("apiVersion", "kind", "metadata", "type", "immutable")


class Entry(NamedTuple):
    """A field of an object, or the whole object if `field` is "".

    `render` and `upstream` are its values, None if it does not exist. `reason` explains an intended difference.
    With `library`, the field is this library's own, and `upstream` is this library's value.
    """

    object: str
    field: str
    render: Any
    upstream: Any
    reason: str = ""
    library: bool = False


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

        def listed(entries: list[Entry], *keys: str) -> list[dict[str, Any]]:
            return [{key: getattr(entry, key) for key in (*Entry._fields[:4], *keys)} for entry in entries]

        return {
            "render": self.render.file,
            "against": self.against.file,
            "versions": {"render": self.render.version or None, "against": self.against.version or None},
            "namespace": self.render.namespace,
            "changed": listed(self.changed),
            "added": listed(self.added),
            "missing": listed(self.missing),
            "explained": listed(self.explained, "reason"),
        }


def _hidden(name: str, field: str, value: Any) -> Any:
    """The value without the contents of a Secret; kubectl apply may keep a copy in an annotation."""
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


def _at(item: Any, path: str) -> Any:
    """The value at a path of `walk`, ABSENT if there is none."""
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
    """A value of a prepared object without the added defaults, if the author's object has it."""
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
    return dict(
        _upstreams_name(name, prepared(item, namespace, install.own), install) for name, item in objects.items()
    )


def _upstreams_name(title: str, item: Object, install: Install) -> tuple[str, Object]:
    """A prepared object, with upstream's names if it is a cluster role of an instance."""
    end = f"-{install.instance}"
    if not install.instance or item["kind"] not in ("ClusterRole", "ClusterRoleBinding") or not title.endswith(end):
        return title, item
    item["metadata"]["name"] = item["metadata"]["name"].removesuffix(end)
    role = item.get("roleRef")
    if isinstance(role, dict) and isinstance(role.get("name"), str):
        item["roleRef"] = {**role, "name": role["name"].removesuffix(end)}
    return title.removesuffix(end), item


def _words(value: Any) -> Any:
    """An expected value with each Matching as its words."""
    if isinstance(value, Matching):
        return value.words
    if isinstance(value, dict):
        return {key: _words(item) for key, item in value.items()}
    return [_words(item) for item in value] if isinstance(value, list) else value


def _of_library(row: Own, name: str, ours: dict[str, Object]) -> Iterator[Difference]:
    """The differences of an object from the value that `row`, one of this library's, expects."""
    item: Any = ours.get(name, ABSENT)
    value = _at(item, row.path)
    if value is ABSENT:
        # A missing object has no missing fields.
        if row.required and (item is not ABSENT or not row.path):
            yield Difference(name, row.path, _words(row.ours), ABSENT, library=True)
        return
    places = list(walk(row.path, fill(row.ours, value), value))
    if places and not row.path:
        yield Difference(name, "", ABSENT, value, row.reason)
    yield from (Difference(name, path, _words(wanted), found, library=True) for path, wanted, found in places)


def _shown(
    found: list[Difference], unused: list[tuple[str, Deviation]], ours: dict[str, Object], upstream: dict[str, Object]
) -> Iterator[Difference]:
    """The differences; this library's own objects and fields are compared with its values instead of upstream's."""
    own = {
        (name, row.path): row
        for name, row in unused
        if isinstance(row, Own) and not (name in upstream and not row.path)
    }
    by_object: dict[str, list[Difference]] = {}
    for one in found:
        if one.reason or (one.object, one.path) not in own:
            by_object.setdefault(one.object, []).append(one)
    for (name, _), row in own.items():
        by_object.setdefault(name, []).extend(_of_library(row, name, ours))
    for listed in by_object.values():
        yield from listed


def compared(
    render: Install, against: Install
) -> tuple[list[Difference], list[tuple[str, Deviation]], tuple[Deviation, ...]]:
    """The differences between two installs, the deviations that do not occur, and all that may occur."""
    ours, upstream = _side(render, render.namespace), _side(against, render.namespace)
    names = {id(item): name for side in (ours, upstream) for name, item in side.items()}
    rows = declared(render, against, list(upstream.values()), ours)
    found, unused = compare(
        ours.values(), upstream.values(), rows, name=lambda item: names[id(item)], complete=lambda item: item
    )
    return list(_shown(found, unused, ours, upstream)), unused, rows


def report(render: Install, against: Install) -> Report:
    """Compare a render with an official install. Raises SourceError if the two are of different kinds."""
    comparable(render, against)
    result = Report(render, against, [], [], [], [])
    for name, path, theirs, our, reason, library in compared(render, against)[0]:
        our = _as_read(render, name, path, our)
        theirs = theirs if library else _as_read(against, name, path, theirs)
        kind = result.missing if our is ABSENT else result.added if theirs is ABSENT else result.changed
        entry = Entry(name, path, _hidden(name, path, our), _hidden(name, path, theirs), reason, library)
        (result.explained if reason else kind).append(entry)
    return result
