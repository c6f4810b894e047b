"""Which of upstream's tests are run, what the others need, and which failures are known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tools.build import argocd_module

HERE = Path(__file__).resolve().parent
SAMPLE = "sample"


@dataclass(frozen=True)
class Known:
    """A failure that has a cause outside this library. `where` are the cells, as fields of them; empty for all.

    If it fails only `sometimes`, it is run again like any other, and may pass. Its cause explains no failure that
    happens in every run through the gateway and not past it.
    """

    test: str
    cause: str
    whose: str
    where: tuple[dict[str, str], ...] = ()
    sometimes: bool = False


@cache
def _classes() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((HERE / "classes.yaml").read_text())
    return found


def sets() -> dict[str, list[str]]:
    """The tests of each set: of each class, and of the sample."""
    classes = {name: list(entry["tests"]) for name, entry in _classes()["classes"].items()}
    return {**classes, SAMPLE: list(_classes()["sample"])}


def needs() -> dict[str, str]:
    """What the tests of each set need from the cluster."""
    found = {name: str(entry["needs"]) for name, entry in _classes()["classes"].items()}
    return {**found, SAMPLE: f"{len(sets()[SAMPLE])} tests of core"}


def plain() -> list[str]:
    """The tests that speak clear text to the address of argocd-server."""
    return list(_classes()["plain"])


def beside(test: str) -> str:
    """The part of Argo CD in whose pod's network the test runs; empty for the clients' network."""
    return next((part for part, tests in _classes()["beside"].items() if test in tests), "")


def excluded() -> dict[str, list[str]]:
    """The tests that are not run, by what they need."""
    return {entry["needs"]: list(entry["tests"]) for entry in _classes()["excluded"]}


@cache
def known() -> list[Known]:
    """Every known failure."""
    entries = yaml.safe_load((HERE / "known.yaml").read_text())
    return [
        Known(test, entry["cause"], entry["whose"], tuple(entry.get("where", ())), entry.get("sometimes", False))
        for entry in entries
        for test in entry["tests"]
    ]


def explain(test: str, cell: dict[str, str]) -> Known | None:
    """Why the test fails in a cell, given by its fields; None if it must pass."""
    found = [one for one in known() if one.test == test]
    return next(
        (one for one in found if not one.where or any(cell.items() >= where.items() for where in one.where)), None
    )


def upstream() -> list[str]:
    """The names of every test in the pinned module."""
    files = sorted((argocd_module() / "test/e2e").glob("*_test.go"))
    return [
        name for file in files for name in re.findall(r"^func (Test\w+)\(\w+ \*testing\.T\)", file.read_text(), re.M)
    ]
