"""What a rule is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from argocd_istio.render.model import UNSTATED, Facts, Stated
from argocd_istio.render.objects import Place
from argocd_istio.syntax.nodes import text
from argocd_istio.syntax.source import visible

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")

UNROUTED = {"http": "the gateway answers 404", "tls": "the connection is reset", "tcp": "the connection is refused"}
"""What happens to a request that no route of a listener takes, by the kind of the listener's rules."""


IGNORE = "argocd-istio.github.io/ignore-"
"""The annotation that leaves out a finding about an object, before the rule's ID; its value is the reason."""


def named_few(names: Sequence[str]) -> str:
    """The first three names, and the number of the others."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


class Mend(NamedTuple):
    """The one safe answer to a fault: the text or texts at `keys` of the place's object; None removes the field."""

    place: Place
    keys: tuple[str | int, ...]
    value: str | list[str] | None

    @classmethod
    def at(cls, place: Place, *keys: str | int, value: str | list[str] | None = None) -> Mend:
        """The change of a field below a place."""
        return cls(place, (*place.keys, *keys), value)


@dataclass(frozen=True)
class Fault:
    """What a rule finds in the facts.

    `fact` is the one that it is about, None if that is not part of a way. `message` states the fault and its effect
    on a request, `fix` what to do. `severity` overrides the rule's own. `mends` are for `lint --fix`.
    """

    fact: Hashable = field(compare=False)
    place: Place | None = field(compare=False)
    message: str
    fix: str
    severity: Severity | None = None
    mends: tuple[Mend, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class Unchecked:
    """What a rule yields instead of a fault if it needs a fact that these files do not show.

    `option` is the option of `lint` that states the fact, `why` what is not known.
    """

    option: str
    why: str


@dataclass(frozen=True)
class Rule:
    """A rule only uses the facts: an unknown fact gives no error, but an `Unchecked`.

    `check` is None if the rule is on kustomization files, in `tree`. `covers` are other IDs of the catalogue that this
    rule includes, `istioctl` is the code of `istioctl analyze` for the same fault. `advice` is for what may be meant:
    `lint` reports it, `explain` does not draw it.

    The texts are for `rules` and docs/rules.md: `effect` is what happens to users, `decided` how the rule decides,
    `source` where that was read or run. `wrong` and `right` are YAML documents, which a test merges into the objects
    of `overlays/MODE` by kind, name and namespace (default argocd): mappings merge, other values replace, null
    removes; an unknown object is added. Or they are a consumer's files, each after a line `# NAME.yaml`; an
    exposure.yaml that is not shown is `catalogue.EXPOSURE`, and ../argocd-istio is this library. The rule must report
    `wrong` and not `right`. Indentation of all is removed. `stated` is what the options state for both.
    """

    id: str
    name: str
    severity: Severity
    check: Callable[[Facts], Iterator[Fault | Unchecked]] | None
    effect: str = ""
    decided: str = ""
    wrong: str = ""
    right: str = ""
    mode: str = "termination"
    source: str = ""
    covers: tuple[str, ...] = ()
    istioctl: str = ""
    advice: bool = False
    stated: Stated = UNSTATED


@dataclass(frozen=True)
class Finding:
    """A fault with its place. `line` counts from 1 and is 0 if unknown; `facts` are all facts that it is about.

    `explain` draws it and `mend` changes its place. What commands print is `findings.Finding`, which knows no facts:
    the generator starts without them.
    """

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
    place: Place | None = field(default=None, compare=False, repr=False)
    mends: tuple[Mend, ...] = field(default=(), compare=False, repr=False)

    @property
    def suppressed(self) -> str:
        """The reason that an annotation of the object gives for leaving this out."""
        annotations = self.place and self.place.object.node.find("metadata", "annotations")
        reason = text(annotations, f"{IGNORE}{self.rule}").strip() if annotations else ""
        return reason if any(map(str.isalnum, reason)) else ""

    def __str__(self) -> str:
        """The text in a picture, one line."""
        words = f"{self.message}; {self.fix}" if self.fix else self.message
        return visible(f"{words} [{self.rule}]")


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
        place=place,
        mends=fault.mends,
    )
