"""Facts of a render besides the ways: objects that Argo CD and the gateway need, and repeated objects."""

from __future__ import annotations

from collections.abc import Container, Iterator

from argocd_istio.render.model import Config, Given, Install, Redis, Twice
from argocd_istio.render.objects import CORE, Objects, Place
from argocd_istio.render.shapes import misfits
from argocd_istio.render.workloads import Workload
from argocd_istio.syntax.nodes import items, labels, number, text, texts
from argocd_istio.syntax.source import Node
from argocd_istio.syntax.values import value

PART_OF = "app.kubernetes.io/part-of"
# `GetConfigMapByName` in `util/settings/settings.go` of Argo CD looks among those with the label; so for the Secret.
_CONFIGS = (
    ("ConfigMap", "argocd-cm"),
    ("ConfigMap", "argocd-ssh-known-hosts-cm"),
    ("ConfigMap", "argocd-tls-certs-cm"),
    ("ConfigMap", "argocd-gpg-keys-cm"),
    ("Secret", "argocd-secret"),
)
_RBAC = "rbac.authorization.k8s.io"
# The field with the name of the Secret that an object creates; without the field it is the object's name.
_MAKERS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (CORE, "Secret", ()),
    ("cert-manager.io", "Certificate", ("spec", "secretName")),
    ("external-secrets.io", "ExternalSecret", ("spec", "target", "name")),
    ("bitnami.com", "SealedSecret", ()),
)


def install(objects: Objects, workloads: list[Workload]) -> Install:
    """The facts of the install."""
    homes = dict.fromkeys(each.item.namespace for each in workloads if each.argocd_server())
    return Install(
        tuple(homes),
        tuple(_configs(objects)),
        tuple(given(objects)),
        tuple(_twice(objects)),
        tuple(misfits(objects)),
        tuple(_redis(workloads, homes)),
    )


def _configs(objects: Objects) -> Iterator[Config]:
    for kind, name in _CONFIGS:
        for item in objects.of(CORE, kind):
            if item.name == name:
                label = labels(item.node, "metadata", "labels").get(PART_OF, "")
                url = text(item.node, "data", "url") if name == "argocd-cm" else ""
                yield Config(item.namespace, label, url, Place(item))


def given(objects: Objects) -> Iterator[Given]:
    """Every Secret in these files, or that an object in them creates."""
    for group, kind, path in _MAKERS:
        for item in objects.of(group, kind):
            yield Given(item.namespace, (text(item.node, *path) if path else "") or item.name, Place(item))


# Settings of a replicated Redis, and a program that watches one.
_TOGETHER = ("sentinel", "replicaof", "slaveof", "cluster-enabled")


def _redis(workloads: list[Workload], homes: Container[str]) -> Iterator[Redis]:
    """Every workload with Redis: by the name, program or image of a container."""
    for workload in workloads:
        item, words = workload.item, [*map(_words, workload.containers)]
        if any(map(_is_redis, workload.containers, words)):
            yield Redis(
                number(item.spec, "replicas"),
                item.namespace in homes or labels(item.node, "metadata", "labels").get(PART_OF) == "argocd",
                any(mark in word for own in words for word in own for mark in _TOGETHER)
                or any(text(each, "name") == "REDIS_REPLICATION_MODE" for each in _variables(workload)),
                Place(item).at("spec", "replicas"),
            )


def _words(container: Node) -> list[str]:
    return [text(container, "name"), *texts(container, "command"), *texts(container, "args")]


def _variables(workload: Workload) -> Iterator[Node]:
    return (variable for container in workload.containers for variable in items(container, "env"))


def _is_redis(container: Node, words: list[str]) -> bool:
    image = text(container, "image").rpartition("/")[2].partition("@")[0].partition(":")[0]
    return "redis" in (words[0], image) or any(word.rpartition("/")[2] == "redis-server" for word in words)


def _twice(objects: Objects) -> Iterator[Twice]:
    for same in objects.twice:
        first, last = same[0], same[-1]
        if first.name and _differ([item.node for item in same]):
            binding = first.group == _RBAC and first.kind == "ClusterRoleBinding"
            subjects = [node for item in same if (node := item.node.find("subjects"))]
            yield Twice(str(first), len(same), binding and _differ(subjects), Place(last))


def _differ(nodes: list[Node]) -> bool:
    """Whether nodes have different values, regardless of notation."""
    values = [value(node) for node in nodes]
    return any(each != values[0] for each in values)
