"""The objects of Argo CD's install."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from argocd_istio.lint.rule import Fault, Rule
from argocd_istio.render.install import PART_OF
from argocd_istio.render.model import Facts


def _part_of(facts: Facts) -> Iterator[Fault]:
    """`util/settings/settings.go` of Argo CD looks by this label only."""
    for config in facts.install.configs:
        if config.part_of != "argocd" and config.namespace in facts.install.namespaces:
            found = f"is {config.part_of}" if config.part_of else "is not there"
            message = f"label app.kubernetes.io/part-of of {config.place.object} {found}: Argo CD does not find it"
            place = config.place.at("metadata").at("labels").at(PART_OF)
            yield Fault(None, place, message, "set it to argocd, and keep common labels from this key")


def _refused(facts: Facts) -> Iterator[Fault]:
    for misfit in facts.install.misfits:
        message = f"{misfit.field} of {misfit.place.object} is {misfit.found}: the API server refuses the object"
        yield Fault(None, misfit.place, message, f"write {misfit.wanted}")


def _roles(facts: Facts) -> Iterator[Fault]:
    for twice in facts.install.twice:
        if twice.subjects:
            message = f"{twice.name} is there {twice.times} times, for other accounts: the last install takes its role"
            yield Fault(None, twice.place, message, "give each install bindings of its own name")


def _twice(facts: Facts) -> Iterator[Fault]:
    for twice in facts.install.twice:
        if not twice.subjects:
            message = f"{twice.name} is there {twice.times} times with different contents: the last one counts"
            yield Fault(None, twice.place, message, "keep one")


def _redis(facts: Facts) -> Iterator[Fault]:
    for replicas, place in facts.install.redis:
        message = f"{place.object} has {replicas} replicas that share no data: logins and caches come and go"
        yield Fault(None, place, message, "set replicas: 1, or add components/high-availability")


def _path(facts: Facts) -> Iterator[Fault]:
    roots: dict[str, str | None] = {}
    for _, pods in facts.pods(lambda *_: None):
        if pods.argocd_server:
            roots[pods.name.partition("/")[0]] = pods.argocd_server.rootpath
    for config in facts.install.configs:
        try:
            path = urlsplit(config.url).path.strip("/")
        except ValueError:
            continue
        root = roots.get(config.namespace)
        if path and root is not None and not root.strip("/"):
            message = f"url has the path /{path}, and argocd-server serves /: links and single sign-on lead nowhere"
            yield Fault(
                None, config.place.at("data", "url"), message, f"set server.rootpath: /{path}, or drop the path"
            )


RULES = (
    Rule("D22", "object-twice", "warning", _twice),
    Rule("G10", "path-without-rootpath", "error", _path),
    Rule("I11", "refused-by-the-api", "error", _refused),
    Rule("I12", "label-part-of", "error", _part_of),
    Rule("I14", "several-redis", "error", _redis),
    Rule("K05", "cluster-role-taken", "error", _roles),
)
