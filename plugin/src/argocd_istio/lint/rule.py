"""What a rule is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from argocd_istio.render.model import Facts
from argocd_istio.render.objects import Place
from argocd_istio.syntax.source import visible

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")

UNROUTED = {"http": "the gateway answers 404", "tls": "the connection is reset", "tcp": "the connection is refused"}
"""What happens to a request that no route of a listener takes, by the kind of the listener's rules."""


def named_few(names: Sequence[str]) -> str:
    """The first three names, and the number of the others."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


@dataclass(frozen=True)
class Fault:
    """What a rule finds in the facts.

    `fact` is the one that it is about, None if that is not part of a way. `message` states the fault and its effect
    on a request, `fix` what to do. `severity` overrides the rule's own.
    """

    fact: Hashable = field(compare=False)
    place: Place | None = field(compare=False)
    message: str
    fix: str
    severity: Severity | None = None


@dataclass(frozen=True)
class Rule:
    """A rule only uses the facts: an unknown fact gives no error."""

    id: str
    name: str
    severity: Severity
    check: Callable[[Facts], Iterator[Fault]]


@dataclass(frozen=True)
class Finding:
    """A fault with its place. `line` counts from 1 and is 0 if unknown; `facts` are all facts that it is about."""

    rule: str
    name: str
    severity: Severity
    object: str
    path: str
    file: str
    line: int
    message: str
    fix: str
    facts: tuple[Hashable, ...] = field(default=(), compare=False, repr=False)

    def __str__(self) -> str:
        """The text in a picture, one line."""
        text = f"{self.message}; {self.fix}" if self.fix else self.message
        return visible(f"{text} [{self.rule}]")


def finding(rule: Rule, fault: Fault, file: str) -> Finding:
    """The finding of a fault."""
    place = fault.place
    return Finding(
        rule.id,
        rule.name,
        fault.severity or rule.severity,
        str(place.object) if place else "",
        place.path if place else "",
        place.object.source.file if place else file,
        place.node.line if place else 0,
        fault.message,
        fault.fix,
    )
