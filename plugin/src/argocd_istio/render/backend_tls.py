"""BackendTLSPolicies of the Gateway API: TLS from the gateway to a Service.

Source: `BackendTLSPolicyCollection` in `pilot/pkg/config/kube/gateway/backend_policies.go` of Istio.
"""

from __future__ import annotations

from collections.abc import Iterator

from argocd_istio.render.model import TlsPolicy, Verifies
from argocd_istio.render.objects import CORE, GATEWAY_API, Object, Objects, Place
from argocd_istio.syntax.nodes import fields, items, text
from argocd_istio.syntax.source import Node

_IGNORED = "istio.io/ignore-policy-attachment"
_CA_KEYS = ("cacert", "ca.crt")


def policies(objects: Objects) -> list[Object]:
    """The policies that Istio uses."""
    return [
        item
        for item in objects.of(GATEWAY_API, "BackendTLSPolicy")
        if text(item.node, "metadata", "annotations", _IGNORED).lower() != "true"
    ]


def targets(policy: Object) -> list[Node]:
    """The Services that a policy names."""
    return [each for each in items(policy.spec, "targetRefs") if _is(each, "Service")]


def _is(reference: Node, kind: str) -> bool:
    return text(reference, "kind") == kind and text(reference, "group") == CORE


def verifies(policy: Object) -> Verifies:
    """The CAs that the gateway checks the pod's certificate with."""
    return "a given CA" if items(policy.spec, "validation", "caCertificateRefs") else "the system's CAs"


def tls_policies(objects: Objects, ours: set[str]) -> Iterator[TlsPolicy]:
    """Every target of every policy; `ours` are the namespaces with an argocd-server, whose Services are known."""
    for policy in policies(objects):
        unusable = _unusable(policy, objects)
        for at, target in enumerate(items(policy.spec, "targetRefs")):
            if not _is(target, "Service"):
                continue
            service = objects.one(CORE, "Service", policy.namespace, text(target, "name"))
            found = bool(service) or (False if policy.namespace in ours else None)
            yield TlsPolicy(
                name=policy.title,
                service=f"{policy.namespace}/{text(target, 'name')}",
                found=found,
                section=text(target, "sectionName"),
                sections=tuple(text(each, "name") for each in items(service.spec, "ports")) if service else (),
                hostname=text(policy.spec, "validation", "hostname"),
                verifies=verifies(policy),
                unusable=unusable,
                place=Place(policy).at("spec", "targetRefs", at),
            )


def _unusable(policy: Object, objects: Objects) -> str:
    """The problem of the CA: Istio uses only the first reference, and only to a ConfigMap."""
    known = text(policy.spec, "validation", "wellKnownCACertificates")
    given = items(policy.spec, "validation", "caCertificateRefs")
    if not known and not given:
        return "names no CA"
    if known and given:
        return "names CAs in two ways"
    if known:
        return "" if known == "System" else f"names the CAs {known}, which Istio does not know"
    name = text(given[0], "name")
    if not _is(given[0], "ConfigMap"):
        return f"takes its CA from {text(given[0], 'kind')} {name}, and Istio from a ConfigMap alone"
    config = objects.one(CORE, "ConfigMap", policy.namespace, name)
    if config and not any(text(fields(config.node, "data").get(key)) for key in _CA_KEYS):
        return f"takes its CA from ConfigMap {name}, which has no ca.crt"
    return ""
