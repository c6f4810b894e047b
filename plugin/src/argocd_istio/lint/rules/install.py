"""The objects of Argo CD's install."""

from __future__ import annotations

from collections.abc import Iterator

from argocd_istio.lint.rule import Fault, Rule
from argocd_istio.render.install import PART_OF
from argocd_istio.render.model import Facts
from argocd_istio.render.shapes import TEXT


def _part_of(facts: Facts) -> Iterator[Fault]:
    """`util/settings/settings.go` of Argo CD looks by this label only."""
    for config in facts.install.configs:
        if config.part_of != "argocd" and config.namespace in facts.install.namespaces:
            found = f"is {config.part_of}" if config.part_of else "is missing"
            message = f"label app.kubernetes.io/part-of of {config.place.object} {found}: Argo CD does not find it"
            place = config.place.at("metadata").at("labels").at(PART_OF)
            yield Fault(None, place, message, "set it to argocd, and leave this key out of common labels")


def _refused(facts: Facts, config: bool) -> Iterator[Fault]:
    for misfit in facts.install.misfits:
        if config is (misfit.place.object.kind == "ConfigMap"):
            message = f"{misfit.field} of {misfit.place.object} is {misfit.found}: the API server refuses the object"
            quoted = misfit.wanted == TEXT and misfit.found not in ("a list", "a mapping")
            yield Fault(None, misfit.place, message, "put it in quotes" if quoted else f"write {misfit.wanted}")


def _roles(facts: Facts) -> Iterator[Fault]:
    for twice in facts.install.twice:
        if twice.subjects:
            message = f"{twice.name} exists {twice.times} times, for other accounts: the last install takes its role"
            yield Fault(None, twice.place, message, "give the bindings of each install their own name")


def _twice(facts: Facts) -> Iterator[Fault]:
    for twice in facts.install.twice:
        if not twice.subjects:
            message = f"{twice.name} exists {twice.times} times with different contents: the last one counts"
            yield Fault(None, twice.place, message, "keep one")


def _redis(facts: Facts) -> Iterator[Fault]:
    for redis in facts.install.redis:
        if redis.replicas > 1 and redis.ours and not redis.together:
            whose = f"{redis.place.object} has {redis.replicas} replicas"
            message = f"{whose} that share no data: logins and caches come and go"
            yield Fault(None, redis.place, message, "set replicas: 1, or add components/high-availability")


RULES = (
    Rule("A12", "config-value-without-quotes", "error", lambda facts: _refused(facts, True)),
    Rule("D22", "object-twice", "warning", _twice),
    Rule("I11", "refused-by-the-api", "error", lambda facts: _refused(facts, False)),
    Rule("I12", "label-part-of", "error", _part_of),
    Rule("I14", "several-redis", "error", _redis),
    Rule("K05", "cluster-role-taken", "error", _roles),
)
