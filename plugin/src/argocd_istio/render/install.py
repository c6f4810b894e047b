"""What a render says beside the ways: the objects that Argo CD and the gateway need, and what is there twice."""

from __future__ import annotations

from collections.abc import Iterator

from argocd_istio.render.model import Config, Given, Install, Misfit, Twice
from argocd_istio.render.objects import APPS, CORE, GATEWAY_API, ISTIO, Object, Objects, Place, number, text
from argocd_istio.syntax.nodes import labels
from argocd_istio.syntax.scalars import is_null
from argocd_istio.syntax.source import Mapping, Node, Scalar, Sequence
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
# Where an object says which Secret it makes; its own name where it does not.
_MAKERS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (CORE, "Secret", ()),
    ("cert-manager.io", "Certificate", ("spec", "secretName")),
    ("external-secrets.io", "ExternalSecret", ("spec", "target", "name")),
    ("bitnami.com", "SealedSecret", ()),
)
_TYPES: dict[str, type[Node]] = {"a list": Sequence, "a mapping": Mapping, "a text": Scalar}
# The fields that a way depends on, and what the API takes there.
_FIELDS: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    (ISTIO, "Gateway", (("selector", "a mapping"), ("servers", "a list"))),
    (
        ISTIO,
        "VirtualService",
        (("hosts", "a list"), ("gateways", "a list"), ("http", "a list"), ("tls", "a list"), ("tcp", "a list")),
    ),
    (ISTIO, "DestinationRule", (("host", "a text"), ("trafficPolicy", "a mapping"), ("subsets", "a list"))),
    (CORE, "Service", (("ports", "a list"), ("selector", "a mapping"))),
    (GATEWAY_API, "Gateway", (("listeners", "a list"),)),
    (GATEWAY_API, "HTTPRoute", (("parentRefs", "a list"), ("hostnames", "a list"), ("rules", "a list"))),
    (GATEWAY_API, "GRPCRoute", (("parentRefs", "a list"), ("hostnames", "a list"), ("rules", "a list"))),
    (GATEWAY_API, "TLSRoute", (("parentRefs", "a list"), ("hostnames", "a list"), ("rules", "a list"))),
    (GATEWAY_API, "ListenerSet", (("parentRef", "a mapping"), ("listeners", "a list"))),
    (GATEWAY_API, "ReferenceGrant", (("from", "a list"), ("to", "a list"))),
    (GATEWAY_API, "BackendTLSPolicy", (("targetRefs", "a list"), ("validation", "a mapping"))),
)


def install(objects: Objects, argocd_servers: list[Object]) -> Install:
    """What the objects say of the install."""
    return Install(
        tuple(dict.fromkeys(item.namespace for item in argocd_servers)),
        tuple(_configs(objects)),
        tuple(given(objects)),
        tuple(_twice(objects)),
        tuple(_misfits(objects)),
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
        if first.name and _differ([item.node for item in same]):
            binding = first.group == _RBAC and first.kind == "ClusterRoleBinding"
            subjects = [node for item in same if (node := item.node.find("subjects"))]
            yield Twice(str(first), len(same), binding and _differ(subjects), Place(last))


def _differ(nodes: list[Node]) -> bool:
    """Whether nodes have several values, however they are written."""
    values = [value(node) for node in nodes]
    return any(each != values[0] for each in values)


def _misfits(objects: Objects) -> Iterator[Misfit]:
    for group, kind, wanted in _FIELDS:
        for item in objects.of(group, kind):
            for key, what in wanted:
                node = item.spec.find(key) if item.spec else None
                if node and not isinstance(node.target, _TYPES[what]) and not _nothing(node):
                    yield Misfit(f"spec.{key}", _shape(node), what, Place(item).at("spec", key))


def _nothing(node: Node) -> bool:
    return isinstance(node.target, Scalar) and is_null(node.target)


def _shape(node: Node) -> str:
    return next(name for name, kind in _TYPES.items() if isinstance(node.target, kind))
