"""What a user states to `lint` and to the validator. A wrong value is a SourceError that names the option or field."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from argocd_istio.exposure.names import namespace_problem, shown
from argocd_istio.findings import ERROR, INFO, WARNING
from argocd_istio.lint.catalogue import CATALOGUE
from argocd_istio.render.model import Stated
from argocd_istio.syntax.source import SourceError

LEVELS = (ERROR, WARNING, INFO)
_MESH: dict[str, Literal["sidecar", "ambient", "none"]] = {"sidecar": "sidecar", "ambient": "ambient", "none": "none"}


def failing(level: str) -> tuple[str, ...]:
    """The severities that fail, if `level` is the least one."""
    return LEVELS[: LEVELS.index(level) + 1]


def rules(words: Iterable[str], place: str) -> list[str]:
    """IDs and beginnings of IDs, of words that are IDs, beginnings or names."""
    ids = []
    for word in words:
        named = [rule.id for rule in CATALOGUE if rule.name == word or word.upper() in rule.covers]
        if not named and not (word and any(rule.id.startswith(word.upper()) for rule in CATALOGUE)):
            raise SourceError(place, 0, 0, shown(word), "a rule", "see argocd-istio rules")
        ids += named or [word.upper()]
    return ids


def wants(select: list[str], ignore: list[str]) -> Callable[[str], bool]:
    """Whether a rule is wanted, by its ID; the lists are those of `rules`."""
    return lambda rule: (not select or rule.startswith(tuple(select))) and not rule.startswith(tuple(ignore))


def stated(
    place: Callable[[str], str],
    namespace: str | None,
    labels: Mapping[str, str],
    version: str | None,
    mesh: str | None,
    cni: bool | None,
) -> Stated:
    """The facts that files do not show; None is not stated. `place` is the place of an option."""
    problem = namespace_problem(namespace) if namespace is not None else None
    if problem:
        raise SourceError(place("gateway-namespace"), 0, 0, *problem)
    numbers = re.fullmatch(r"v?(\d{1,4})\.(\d{1,4})(\..*)?", version) if version is not None else None
    if version is not None and not numbers:
        expected = "a version such as 1.30"
        raise SourceError(place("istio-version"), 0, 0, shown(version), expected, "write its first two numbers")
    if mesh is not None and mesh not in _MESH:
        raise SourceError(place("mesh"), 0, 0, shown(mesh), f"one of {', '.join(_MESH)}", "write one of them")
    return Stated(
        tuple(f"{key}={value}" for key, value in labels.items()),
        (int(numbers[1]), int(numbers[2])) if numbers else (),
        _MESH[mesh] if mesh else "",
        cni,
        time.time(),
    )
