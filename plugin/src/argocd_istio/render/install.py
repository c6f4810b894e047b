"""What a render says beside the ways: the objects that Argo CD and the gateway need, and what is there twice."""

from __future__ import annotations

from collections.abc import Iterator

from argocd_istio.render.model import Config, Given, Install, Twice
from argocd_istio.render.objects import APPS, CORE, Object, Objects, Place, number, text
from argocd_istio.render.shapes import misfits
from argocd_istio.syntax.nodes import labels

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
# Where an object says which Secret it makes; its own name where it does not.
_MAKERS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (CORE, "Secret", ()),
    ("cert-manager.io", "Certificate", ("spec", "secretName")),
    ("external-secrets.io", "ExternalSecret", ("spec", "target", "name")),
    ("bitnami.com", "SealedSecret", ()),
)


def install(objects: Objects, argocd_servers: list[Object]) -> Install:
    """What the objects say of the install."""
    return Install(
        tuple(dict.fromkeys(item.namespace for item in argocd_servers)),
        tuple(_configs(objects)),
        tuple(given(objects)),
        tuple(_twice(objects)),
        tuple(misfits(objects)),
        tuple(_redis(objects)),
    )


def _configs(objects: Objects) -> Iterator[Config]:
    for kind, name in _CONFIGS:
        for item in objects.of(CORE, kind):
            if item.name == name:
                label = labels(item.node, "metadata", "labels").get(PART_OF, "")
                url = text(item.node, "data", "url") if name == "argocd-cm" else ""
                yield Config(item.namespace, label, url, Place(item))


def given(objects: Objects) -> Iterator[Given]:
    """Every Secret that these files have, or that something in them makes."""
    for group, kind, path in _MAKERS:
        for item in objects.of(group, kind):
            yield Given(item.namespace, (text(item.node, *path) if path else "") or item.name, Place(item))


def _redis(objects: Objects) -> Iterator[tuple[int, Place]]:
    for item in objects.of(APPS, "Deployment"):
        if item.name == "argocd-redis" and number(item.spec, "replicas") > 1:
            yield number(item.spec, "replicas"), Place(item).at("spec", "replicas")


def _twice(objects: Objects) -> Iterator[Twice]:
    for same in objects.twice:
        first, last = same[0], same[-1]
        texts = {item.source.text_of(item.node).strip() for item in same}
        if first.name and len(texts) > 1:
            binding = first.group == _RBAC and first.kind == "ClusterRoleBinding"
            subjects = {item.source.text_of(node) for item in same if (node := item.node.find("subjects"))}
            yield Twice(str(first), len(same), binding and len(subjects) > 1, Place(last))
