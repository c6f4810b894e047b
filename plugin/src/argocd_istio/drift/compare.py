"""Compares two sets of manifests after API defaulting, and declares the intended differences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from argocd_istio.drift.defaults import defaulted

Object = dict[str, Any]

NAMESPACE = "argocd"
CLUSTER_SCOPED = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "Namespace"}


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


ABSENT = _Absent()
"""Stands for an object or a field that is not there."""


@dataclass(frozen=True)
class Matching:
    """In a Deviation: any value that `accepts` returns true for; `words` describe these values."""

    words: str
    accepts: Callable[[Any], bool]

    def __repr__(self) -> str:
        return self.words


ANYTHING = Matching("anything", lambda value: True)


@dataclass(frozen=True)
class Deviation:
    """An intended difference: in each of `objects` the field at `path` has the value `ours`.

    `upstream` is upstream's value; ABSENT means that the field does not exist, and the path "" is the whole object.
    A value may be a Matching or contain some. In `objects` and `path`, `*` matches any text without dots and
    brackets; a deviation with `*` may occur several times.
    """

    objects: tuple[str, ...]
    path: str
    upstream: Any
    ours: Any
    reason: str


@dataclass(frozen=True)
class Own(Deviation):
    """A deviation whose `ours` is an expected value: any other value is a difference from this library.

    If `required`, it must also occur.
    """

    required: bool = True


class Difference(NamedTuple):
    """A field of `object` (`Kind/name`) with the value `upstream` there and `ours` here; `path` "" is the whole object.

    `reason` is that of the deviation which declares it, else "". With `library`, `upstream` is this library's value.
    """

    object: str
    path: str
    upstream: Any
    ours: Any
    reason: str = ""
    library: bool = False


def name_of(item: Object) -> str:
    """`Kind/name`, which is unique in the install."""
    return f"{item.get('kind')}/{item.get('metadata', {}).get('name')}"


# Lists whose order has no meaning, with the field that names an item. A mount is known by its path,
# since one volume may be mounted twice; a port by its name, else by its number.
BY_NAME: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "ports": ("name", "port", "containerPort"),
    "servers": ("name",),
    "listeners": ("name",),
}


def item_name(item: Any, fields: tuple[str, ...]) -> str:
    """The key of an item in a list of `BY_NAME`: the first of the fields that it has, else the whole item."""
    if isinstance(item, dict):
        for field in fields:
            if field in item:
                return str(item[field])
    return repr(item)


def _named(items: list[Any], fields: tuple[str, ...]) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """The items by name, and the items whose name occurred before."""
    named: dict[str, Any] = {}
    again = []
    for item in items:
        name = item_name(item, fields)
        if name in named:
            again.append((name, item))
        named.setdefault(name, item)
    return named, again


def _form(value: Any) -> str:
    """A text that is the same for two values only if they are equal; the order of keys does not matter."""
    if isinstance(value, dict):
        return "{" + ",".join(sorted(f"{key!r}:{_form(item)}" for key, item in value.items())) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_form, value)) + "]"
    return repr(value)


def _names(items: list[Any]) -> list[str] | None:
    """The name of each item; None if an item has none."""
    names = [item.get("name") if isinstance(item, dict) else None for item in items]
    return [str(name) for name in names] if None not in names else None


def aligned(upstream: list[Any], ours: list[Any]) -> Iterator[tuple[int | None, int | None]]:
    """Pairs of indexes of corresponding items in two lists; None on the side without a counterpart.

    Equal items are paired first, so that an inserted item is one difference. Changed items between them are paired
    by name; if one has no name, in order, as far as both sides go.
    """
    if len(upstream) == len(ours) == 1:  # such as the whole schema of a CRD
        yield 0, 0
        return
    left, right = ([_form(item) for item in side] for side in (upstream, ours))
    for _, start, end, our_start, our_end in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        named, our_named = _names(upstream[start:end]), _names(ours[our_start:our_end])
        if named and our_named and named != our_named:
            for _, low, high, our_low, our_high in SequenceMatcher(None, named, our_named, False).get_opcodes():
                yield from _in_order(start + low, start + high, our_start + our_low, our_start + our_high)
        else:
            yield from _in_order(start, end, our_start, our_end)


def _in_order(start: int, end: int, our_start: int, our_end: int) -> Iterator[tuple[int | None, int | None]]:
    both = min(end - start, our_end - our_start)
    yield from ((start + step, our_start + step) for step in range(both))
    yield from ((place, None) for place in range(start + both, end))
    yield from ((None, place) for place in range(our_start + both, our_end))


def step(path: str, key: str) -> str:
    """The path of `key` in the mapping at `path`."""
    if "." in key or "/" in key:
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def walk(path: str, upstream: Any, ours: Any) -> Iterator[tuple[str, Any, Any]]:
    """Each difference at or below `path`: (path, upstream's value, ours)."""
    if type(upstream) is not type(ours):  # 1, "1" and true are different values
        yield path, upstream, ours
    elif isinstance(upstream, dict):
        for key in dict.fromkeys([*upstream, *ours]):
            yield from walk(step(path, str(key)), upstream.get(key, ABSENT), ours.get(key, ABSENT))
    elif isinstance(upstream, list):
        fields = BY_NAME.get(path.rpartition(".")[2])
        if fields:
            (left, left_again), (right, right_again) = _named(upstream, fields), _named(ours, fields)
            for name in dict.fromkeys([*left, *right]):
                yield from walk(f"{path}[{name}]", left.get(name, ABSENT), right.get(name, ABSENT))
            yield from ((f"{path}[{name}] again", item, ABSENT) for name, item in left_again)
            yield from ((f"{path}[{name}] again", ABSENT, item) for name, item in right_again)
        elif repr(upstream) != repr(ours):  # 1 and true are equal to Python
            for place, our_place in aligned(upstream, ours):
                below = f"{path}[{our_place if place is None else place}]"
                left_item = ABSENT if place is None else upstream[place]
                yield from walk(below, left_item, ABSENT if our_place is None else ours[our_place])
    elif upstream != ours:
        yield path, upstream, ours


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal for `walk`."""
    return next(walk("", left, right), None) is None


def fill(declared: Any, value: Any) -> Any:
    """The declared value of a Deviation; each Matching is replaced by the part of `value` that it accepts.

    Items of lists are paired by name, else by index.
    """
    if isinstance(declared, Matching):
        return value if value is not ABSENT and declared.accepts(value) else declared
    if isinstance(declared, dict) and isinstance(value, dict):
        return {key: fill(item, value.get(key, ABSENT)) for key, item in declared.items()}
    if isinstance(declared, list) and isinstance(value, list):
        names, found = _names(declared), _names(value)
        if names and found:
            there = dict(zip(reversed(found), reversed(value), strict=True))
            return [fill(item, there.get(name, ABSENT)) for name, item in zip(names, declared, strict=True)]
        if len(declared) == len(value):
            return [fill(item, below) for item, below in zip(declared, value, strict=True)]
    return declared


def _covers(pattern: str, text: str) -> bool:
    if "*" not in pattern:
        return pattern == text
    return re.fullmatch(r"[^.\[\]]*".join(map(re.escape, pattern.split("*"))), text) is not None


def _declares(deviation: Deviation, path: str, upstream: Any, ours: Any) -> bool:
    return (
        _covers(deviation.path, path)
        and same(fill(deviation.upstream, upstream), upstream)
        and same(fill(deviation.ours, ours), ours)
    )


def expected(upstream: Object, namespace: str = NAMESPACE) -> Object:
    """Upstream's object in the form to compare with.

    With the namespace, which upstream leaves to whoever applies it, and with the API's defaults.
    """
    result = defaulted(upstream)
    if result["kind"] not in CLUSTER_SCOPED:
        result["metadata"].setdefault("namespace", namespace)
    return result


def outside_redis(objects: Iterable[Object]) -> list[Object]:
    """The objects without the label of Redis, `app.kubernetes.io/component: redis`."""
    label = "app.kubernetes.io/component"
    return [item for item in objects if item["metadata"].get("labels", {}).get(label) != "redis"]


def repeated(objects: Iterable[Object]) -> dict[str, int]:
    """The names that occur more than once, with their count."""
    return {name: count for name, count in Counter(map(name_of, objects)).items() if count > 1}


def compare(
    ours: Iterable[Object],
    upstream: Iterable[Object],
    deviations: Iterable[Deviation] = (),
    *,
    name: Callable[[Object], str] = name_of,
    complete: Callable[[Object], Object] = defaulted,
) -> tuple[list[Difference], list[tuple[str, Deviation]]]:
    """The differences after API defaulting, and the declared ones that do not occur, each with its object.

    Objects are paired by `name`; if a name occurs twice, the last one counts (see `repeated`). Objects of `upstream`
    come from `expected`; `complete` converts ours.
    """
    ours_by_name = {name(item): item for item in ours}
    upstream_by_name = {name(item): item for item in upstream}
    unused = [(declared, deviation) for deviation in deviations for declared in deviation.objects]
    several: list[tuple[str, Deviation]] = []

    def reason(near: list[tuple[str, Deviation]], path: str, left: Any, right: Any) -> str:
        found = [item for item in near if _declares(item[1], path, left, right)]
        for item in found:
            if "*" in item[0] or "*" in item[1].path:
                several.append(item)
            else:
                unused.remove(item)
                near.remove(item)
        return found[0][1].reason if found else ""

    found = []
    for title in dict.fromkeys([*upstream_by_name, *ours_by_name]):
        our, their = ours_by_name.get(title), upstream_by_name.get(title)
        near = [item for item in unused if _covers(item[0], title)]
        if our is None or their is None:
            places = iter([("", their or ABSENT, our or ABSENT)])
        else:
            places = walk("", their, complete(our))
        for path, left, right in places:
            found.append(Difference(title, path, left, right, reason(near, path, left, right)))
    return found, [item for item in unused if item not in several]
