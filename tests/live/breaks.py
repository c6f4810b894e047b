"""A mistake on purpose, and how the truth table is seen to notice it."""

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
    """A mistake in a mode, by name.

    fail: rows that must notice, with a part of what their clients then get. hold: rows that must not notice.
    """

    name: str
    mode: str
    breaking: Breaking
    fail: dict[str, str]
    unaffected: tuple[str, ...]


def failing(client: Client, broken: Break) -> dict[str, str]:
    """What the clients get, or who served them if only that differs, in the rows not as expected."""
    found = {}
    for row in table.rows(*broken.fail, *broken.unaffected):
        cell, expected = table.measure(client, row), row.expected[broken.mode]
        if cell != expected:
            part = broken.fail.get(row.name, "")
            found[row.name] = part if part and part in cell.status else str(cell)
    return found


def eventually(client: Client, broken: Break, expected: dict[str, str]) -> dict[str, str]:
    """The failing rows once they are the expected ones, or after half a minute: configuration takes its time."""
    deadline = time.monotonic() + 30
    while (found := failing(client, broken)) != expected and time.monotonic() < deadline:
        pass
    return found
