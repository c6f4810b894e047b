"""Computes the changes in an object's file that make its render equal upstream's: pure, on plain values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from argocd_istio.drift.compare import ABSENT, BY_NAME, aligned, item_name, same, step

Step = str | int | tuple[str, str]
"""A key, an index in a list, or the list's field and an item's name (`("env", "REDIS_SERVER")`)."""


@dataclass(frozen=True)
class Operation:
    """Set, insert or delete the value at `steps`: from `old` to `new`; ABSENT is no value.

    Indexes in lists assume that the earlier operations are done. `after` are the names of the items before a new one
    upstream, nearest first.
    """

    steps: tuple[Step, ...]
    path: str
    old: Any
    new: Any
    after: tuple[str, ...] = ()

    @property
    def removes(self) -> bool:
        """Whether the operation only removes."""
        return self.new is ABSENT or self.new in ([], {})


@dataclass(frozen=True)
class Obstacle:
    """A difference that no operation on this file can remove, and why."""

    path: str
    old: Any
    new: Any
    why: str


ELSEWHERE = "the value does not come from this file; change what sets it"
CONTAINER = "a container was added or removed; decide what it shares with the others, and edit it by hand"
REPEATED = "a name occurs twice in this list; compare it by hand"


class Sides(NamedTuple):
    """One value on every side; ABSENT if a side has none.

    `text` is the file's value and `file` the same with the API's defaults, `ours` the rendered value and `wanted`
    upstream's, both with the defaults; `raw` is upstream's without them.
    """

    text: Any
    file: Any
    ours: Any
    wanted: Any
    raw: Any

    def of(self, key: Any) -> Sides:
        """The same for a key of mappings."""
        return Sides(*(side.get(key, ABSENT) if isinstance(side, dict) else ABSENT for side in self))


def plan(sides: Sides) -> Iterator[Operation | Obstacle]:
    """The operations on an object's file, in order.

    A difference can be removed in the file only if the render takes its value from there.
    """
    yield from _value((), "", sides)


def _value(
    steps: tuple[Step, ...], path: str, sides: Sides, after: tuple[str, ...] = ()
) -> Iterator[Operation | Obstacle]:
    text, file, ours, wanted, raw = sides
    if same(ours, wanted):
        return
    kinds = {type(side) for side in sides}
    if kinds == {dict}:
        for key in dict.fromkeys([*wanted, *ours]):
            yield from _value((*steps, key), step(path, str(key)), sides.of(key))
    elif kinds == {list} and wanted:
        fields = BY_NAME.get(path.rpartition(".")[2])
        yield from (_by_name if fields else _by_place)(steps, path, sides)
    elif not same(file, ours):
        yield Obstacle(path, ours, wanted, ELSEWHERE)
    elif path.rpartition(".")[2] in ("containers", "initContainers"):
        yield Obstacle(path, ours, wanted, CONTAINER)
    elif not same(text, raw):  # else the API's default differs because of another field
        yield Operation(steps, path, text, raw, after)


def _by_name(steps: tuple[Step, ...], path: str, sides: Sides) -> Iterator[Operation | Obstacle]:
    kind = path.rpartition(".")[2]
    named = [{item_name(item, BY_NAME[kind]): item for item in side} for side in sides]
    if any(len(names) != len(side) for names, side in zip(named, sides, strict=True)):
        yield Obstacle(path, sides.ours, sides.wanted, REPEATED)
        return
    both = Sides(*named)
    order = list(both.wanted)
    for name in dict.fromkeys([*order, *both.ours]):
        below, item = f"{path}[{name}]", both.of(name)
        if kind == "containers" and (name in both.ours) != (name in both.wanted):
            yield Obstacle(below, item.ours, item.wanted, CONTAINER)
            continue
        before = tuple(reversed(order[: order.index(name)])) if name in order else ()
        yield from _value((*steps, (kind, name)), below, item, before)


def _by_place(steps: tuple[Step, ...], path: str, sides: Sides) -> Iterator[Operation | Obstacle]:
    text, file, ours, wanted, raw = sides
    if len(file) != len(ours):
        yield Obstacle(path, ours, wanted, ELSEWHERE)
        return
    pairs = list(aligned(wanted, ours))
    if path.endswith("initContainers") and any(None in pair for pair in pairs):
        yield Obstacle(path, ours, wanted, CONTAINER)
        return
    for place, own in pairs:
        if place is not None and own is not None:
            item = Sides(text[own], file[own], ours[own], wanted[place], raw[place])
            yield from _value((*steps, own), f"{path}[{own}]", item)
    for place, own in reversed(pairs):
        if place is None and own is not None:
            yield Operation((*steps, own), f"{path}[{own}]", text[own], ABSENT)
    for place, own in pairs:
        if place is not None and own is None:
            yield Operation((*steps, place), f"{path}[{place}]", ABSENT, raw[place])
