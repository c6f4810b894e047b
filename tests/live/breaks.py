"""Mistakes made on purpose, and a check that the truth table notices them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from live.cluster import Cluster
from tests.live import table
from tests.live.questions import Client

Breaking = Callable[[Cluster], AbstractContextManager[None]]


@dataclass(frozen=True)
class Break:
    """A mistake in a mode.

    fail: the rows that must fail, with a part of the client's answer. unaffected: rows that must not change.
    """

    name: str
    mode: str
    breaking: Breaking
    fail: dict[str, str]
    unaffected: tuple[str, ...]


def failing(client: Client, broken: Break) -> dict[str, str]:
    """The rows that are not as expected, with the expected part of `fail` if the answer contains it, else the cell."""
    found = {}
    for row in table.rows(*broken.fail, *broken.unaffected):
        cell, expected = table.measure(client, row), row.expected[broken.mode]
        if cell != expected:
            part = broken.fail.get(row.name, "")
            found[row.name] = part if part and part in cell.status else str(cell)
    return found


def eventually(client: Client, broken: Break, expected: dict[str, str]) -> dict[str, str]:
    """The failing rows once they are as expected, or after 30 s: a new configuration takes time to arrive."""
    deadline = time.monotonic() + 30
    while (found := failing(client, broken)) != expected and time.monotonic() < deadline:
        pass
    return found
