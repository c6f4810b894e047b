"""Facts of a render besides the ways: objects that Argo CD and the gateway need, and repeated objects."""

from __future__ import annotations

import binascii
from collections.abc import Container, Iterator
from dataclasses import replace

from argocd_istio.render.model import Config, Given, Install, Login, Redis, Twice
from argocd_istio.render.objects import CORE, Object, Objects, Place
from argocd_istio.render.shapes import misfits, missing
from argocd_istio.render.workloads import Workload
from argocd_istio.render.x509 import NoReader, decode
from argocd_istio.syntax.nodes import fields, items, labels, number, text, texts
from argocd_istio.syntax.source import Node, SourceError, parse
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
        (*misfits(objects), *missing(objects)),
        tuple(_redis(objects, workloads, homes)),
    )


def _configs(objects: Objects) -> Iterator[Config]:
    for kind, name in _CONFIGS:
        for item in objects.of(CORE, kind):
            if item.name == name:
                label = labels(item.node, "metadata", "labels").get(PART_OF, "")
                url = text(item.node, "data", "url") if name == "argocd-cm" else ""
                own = item if name == "argocd-cm" else None
                more = _list(text(own.node, "data", "additionalUrls")) if own else []
                yield Config(item.namespace, label, url, Place(item), tuple(more), tuple(_logins(own)) if own else ())


def _parsed(written: str) -> Node | None:
    """The YAML inside a value; None if it cannot be read."""
    try:
        documents = parse(written.encode(), "").documents
    except SourceError:
        return None
    return documents[0].root if documents else None


def _list(written: str) -> list[str]:
    return texts(_parsed(written)) if written else []


_SECRETS = ("clientSecret", "bindPW")


def _logins(item: Object) -> Iterator[Login]:
    """`util/dex/config.go` and `util/settings/settings.go` of Argo CD."""
    oidc = _parsed(text(item.node, "data", "oidc.config")) if text(item.node, "data", "oidc.config") else None
    if fields(oidc):
        yield Login("oidc", text(oidc, "name"), "", tuple(_literal(oidc)))
    dex = _parsed(text(item.node, "data", "dex.config")) if text(item.node, "data", "dex.config") else None
    for each in items(dex, "connectors"):
        config = each.find("config")
        redirect = text(config, "redirectURI")
        yield Login("dex", text(each, "id") or text(each, "type"), redirect, tuple(_literal(config)))
    for each in items(dex, "staticClients"):
        if text(each, "secret") and not text(each, "secret").startswith("$"):
            yield Login("dex", text(each, "id"), "", ("secret",))


def _literal(config: Node | None) -> Iterator[str]:
    return (name for name in _SECRETS if text(config, name) and not text(config, name).startswith("$"))


def given(objects: Objects) -> Iterator[Given]:
    """Every Secret in these files, or that an object in them creates."""
    for group, kind, path in _MAKERS:
        for item in objects.of(group, kind):
            name = (text(item.node, *path) if path else "") or item.name
            yield _given(item, name) if kind in ("Secret", "Certificate") else Given(item.namespace, name, Place(item))


def _given(item: Object, name: str) -> Given:
    """A Secret with its keys and its certificate, or a Certificate, whose common name is not a host for clients."""
    if item.kind == "Certificate":
        return Given(item.namespace, name, Place(item), names=tuple(texts(item.spec, "dnsNames")))
    plain = labels(item.node, "stringData")
    both = {**labels(item.node, "data"), **plain}
    contents = {key: plain[key] if key in plain else _decoded(value) for key, value in both.items() if value}
    private = next((key for key, value in contents.items() if _PRIVATE in value), "")
    found = Given(item.namespace, name, Place(item), tuple(contents), private)
    try:
        decoded = decode(contents.get("tls.crt", ""))
    except NoReader:
        return replace(found, unread=True)
    return replace(found, names=decoded.names, begins=decoded.begins, ends=decoded.ends) if decoded else found


_PRIVATE = "PRIVATE KEY-----"


def _decoded(value: str) -> str:
    """The text that Kubernetes reads; empty if it is no base64."""
    try:
        return binascii.a2b_base64(value).decode(errors="replace")
    except binascii.Error:
        return ""


# Settings of a replicated Redis, and a program that watches one.
_TOGETHER = ("sentinel", "replicaof", "slaveof", "cluster-enabled")


def _redis(objects: Objects, workloads: list[Workload], homes: Container[str]) -> Iterator[Redis]:
    """Every workload with Redis: by the name, program or image of a container."""
    scaled = {
        (item.namespace, text(item.spec, "scaleTargetRef", "kind"), text(item.spec, "scaleTargetRef", "name")): item
        for item in objects.of("autoscaling", "HorizontalPodAutoscaler")
    }
    for workload in workloads:
        item, words = workload.item, [*map(_words, workload.containers)]
        if any(map(_is_redis, workload.containers, words)):
            scaler = scaled.get((item.namespace, item.kind, item.name))
            most = number(scaler.spec, "maxReplicas") if scaler else 0
            yield Redis(
                max(number(item.spec, "replicas"), most),
                item.namespace in homes or labels(item.node, "metadata", "labels").get(PART_OF) == "argocd",
                any(mark in word for own in words for word in own for mark in _TOGETHER)
                or any(text(each, "name") == "REDIS_REPLICATION_MODE" for each in _variables(workload)),
                Place(scaler).at("spec", "maxReplicas") if scaler and most > 1 else Place(item).at("spec", "replicas"),
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
            accounts = dict.fromkeys(map(_account, (one for item in same for one in items(item.node, "subjects"))))
            yield Twice(str(first), len(same), tuple(accounts) if binding and _differ(subjects) else (), Place(last))


def _account(subject: Node) -> str:
    return "/".join(filter(None, (text(subject, "namespace"), text(subject, "name"))))


def _differ(nodes: list[Node]) -> bool:
    """Whether nodes have different values, regardless of notation."""
    values = [value(node) for node in nodes]
    return any(each != values[0] for each in values)
