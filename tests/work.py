"""Work is counted and not timed: the count is the same on any machine, however slow or busy.

One call of C is one step of any duration: a loop in Python is counted, a search in a long text is not. The guards
against a hang find endless work in C, such as a regular expression with exponential backtracking.
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
"""Seconds after which work counts as endless. Only a guard: no test asserts a speed."""


def steps(work: Callable[[], object]) -> int:
    """The number of Python lines and calls, and C calls, of `work`."""
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
    """The steps for the large input, divided by those for the small one: about 10 for ten times the size if linear."""
    work(small)  # one-time work, such as an import, is done
    return steps(lambda: work(large)) / steps(lambda: work(small))


LINEAR = 12
"""The limit of the growth for ten times the size; quadratic work is near 100."""


def steps_a_byte(work: Callable[[bytes], object], data: bytes) -> float:
    """The steps per byte of data; the constant cost of any input counts as a hundred bytes."""
    return steps(lambda: work(data)) / (len(data) + 100)


MOST_A_BYTE = 200
"""The limit of these steps for any broken input: twice the worst measured."""


@contextmanager
def no_hang() -> Iterator[None]:
    """Raise TimeoutError if the block seems endless."""

    def late(*_: object) -> None:
        raise TimeoutError(f"no end after {HANG} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(HANG)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
