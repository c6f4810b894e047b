"""What has to change in the file of an object so that its render becomes upstream's: pure, on plain values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from argocd_istio.drift.compare import ABSENT, BY_NAME, aligned, item_name, same, step

Step = str | int | tuple[str, str]
"""A key, a place in a list, or the name of an item with the field of the list (`("env", "REDIS_SERVER")`)."""


@dataclass(frozen=True)
class Operation:
    """Set, insert or delete what is at `steps`: `old` is there now, `new` is to be there; ABSENT is nothing.

    The places in lists count with the operations before it done. `after` are the names of the items before a new one
    upstream, the nearest first.
    """

    steps: tuple[Step, ...]
    path: str
    old: Any
    new: Any
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Obstacle:
    """A difference that no operation on this file can remove, and why."""

    path: str
    old: Any
    new: Any
    why: str


ELSEWHERE = "the value does not come from this file; change what sets it"
REPEATED = "a name comes twice in this list; compare it by eye"


def plan(file: Any, ours: Any, wanted: Any, raw: Any) -> Iterator[Operation | Obstacle]:
    """The operations, in the order in which they are to be done.

    `file` is what the file has, `ours` what is rendered of it and `wanted` what upstream has, all three with the
    API's defaults; `raw` is upstream's without them. A difference can be removed in the file only where the render
    takes its value from there.
    """
    yield from _value((), "", file, ours, wanted, raw)


def _value(
    steps: tuple[Step, ...], path: str, file: Any, ours: Any, wanted: Any, raw: Any, after: tuple[str, ...] = ()
) -> Iterator[Operation | Obstacle]:
    if same(ours, wanted):
        return
    kinds = {type(side) for side in (file, ours, wanted)}
    if kinds == {dict} and raw is not ABSENT:
        for key in dict.fromkeys([*wanted, *ours]):
            file_, ours_, wanted_, raw_ = (side.get(key, ABSENT) for side in (file, ours, wanted, raw))
            yield from _value((*steps, key), step(path, str(key)), file_, ours_, wanted_, raw_)
    elif kinds == {list} and raw is not ABSENT:
        fields = BY_NAME.get(path.rpartition(".")[2])
        yield from (_by_name if fields else _by_place)(steps, path, file, ours, wanted, raw)
    elif not same(file, ours):
        yield Obstacle(path, ours, wanted, ELSEWHERE)
    else:
        yield Operation(steps, path, ours, raw, after)


def _by_name(
    steps: tuple[Step, ...], path: str, file: Any, ours: Any, wanted: Any, raw: Any
) -> Iterator[Operation | Obstacle]:
    kind = path.rpartition(".")[2]
    named = [{item_name(item, BY_NAME[kind]): item for item in side} for side in (file, ours, wanted, raw)]
    if any(len(names) != len(side) for names, side in zip(named, (file, ours, wanted, raw), strict=True)):
        yield Obstacle(path, ours, wanted, REPEATED)
        return
    order = list(named[2])
    for name in dict.fromkeys([*order, *named[1]]):
        file_, ours_, wanted_, raw_ = (names.get(name, ABSENT) for names in named)
        before = tuple(reversed(order[: order.index(name)])) if name in order else ()
        yield from _value((*steps, (kind, name)), f"{path}[{name}]", file_, ours_, wanted_, raw_, before)


def _by_place(
    steps: tuple[Step, ...], path: str, file: Any, ours: Any, wanted: Any, raw: Any
) -> Iterator[Operation | Obstacle]:
    if len(file) != len(ours):
        yield Obstacle(path, ours, wanted, ELSEWHERE)
        return
    pairs = list(aligned(wanted, ours))
    for place, own in pairs:
        if place is not None and own is not None:
            yield from _value((*steps, own), f"{path}[{own}]", file[own], ours[own], wanted[place], raw[place])
    for place, own in reversed(pairs):
        if place is None and own is not None:
            yield Operation((*steps, own), f"{path}[{own}]", file[own], ABSENT)
    for place, own in pairs:
        if place is not None and own is None:
            yield Operation((*steps, place), f"{path}[{place}]", ABSENT, raw[place])
