"""Work is counted and not timed: the count is the same on any machine, however slow or busy.

One call of C is one step, however long it takes: a loop in Python is seen, a search in a long text is not. What is
endless in C, such as a regular expression that tries everything, is left to the guards against a hang.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

Input = TypeVar("Input")

HANG = 120
"""Seconds after which something counts as endless. Only a guard: no test says how fast a thing is."""


def steps(work: Callable[[], object]) -> int:
    """How many lines and calls of Python, and calls of C, `work` takes."""
    count = 0

    def line(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        if event == "line":
            count += 1
        return line

    def begin(_frame: FrameType, _event: str, _argument: Any) -> Any:
        nonlocal count
        count += 1
        return line

    def call(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        if event == "c_call":
            count += 1

    before = sys.gettrace(), sys.getprofile()
    sys.setprofile(call)
    sys.settrace(begin)
    try:
        work()
    finally:
        sys.settrace(before[0])
        sys.setprofile(before[1])
    return count


def growth(work: Callable[[Input], object], small: Input, large: Input) -> float:
    """How many times the steps `work` takes for the large input. Ten times the size is about 10 where it is linear."""
    work(small)  # what is done once only, such as an import, is done
    return steps(lambda: work(large)) / steps(lambda: work(small))


LINEAR = 12
"""What the growth for ten times the size stays below; it is near 100 where each looks at each."""


def steps_a_byte(work: Callable[[bytes], object], data: bytes) -> float:
    """The steps for each byte of the data; what any input takes, however short, counts as a hundred bytes."""
    return steps(lambda: work(data)) / (len(data) + 100)


MOST_A_BYTE = 200
"""What these steps stay below for broken input of any kind: twice what the worst of them takes."""


@contextmanager
def no_hang() -> Iterator[None]:
    """Raise TimeoutError where the block seems endless."""

    def late(*_: object) -> None:
        raise TimeoutError(f"no end after {HANG} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(HANG)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
