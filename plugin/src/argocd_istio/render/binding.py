"""How objects name each other, and in which version: faults of files that no way shows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from argocd_istio.render import istio
from argocd_istio.render.destinations import Destinations, Named
from argocd_istio.render.model import Destination
from argocd_istio.render.objects import CORE, GATEWAY_API, ISTIO, Object, Objects, Place
from argocd_istio.render.parts import Bound, Old, Unresolved
from argocd_istio.syntax.nodes import items, labels, number, text, texts

_SECURITY = "security.istio.io"
# The kinds with version v1, and since when; EnvoyFilter and ProxyConfig have none.
_V1 = {
    ISTIO: (("Gateway", "VirtualService", "DestinationRule", "ServiceEntry", "Sidecar"), "Istio 1.22"),
    _SECURITY: (("AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"), "Istio 1.22"),
    GATEWAY_API: (
        ("Gateway", "GatewayClass", "HTTPRoute", "GRPCRoute", "TLSRoute", "BackendTLSPolicy"),
        "Gateway API 1.5",
    ),
}
_NAMESPACED = {
    CORE: ("ConfigMap", "Secret", "Service", "ServiceAccount", "Pod"),
    "apps": ("Deployment", "StatefulSet", "DaemonSet"),
    "networking.k8s.io": ("Ingress", "NetworkPolicy"),
    "rbac.authorization.k8s.io": ("Role", "RoleBinding"),
    ISTIO: ("Gateway", "VirtualService", "DestinationRule", "EnvoyFilter", "ServiceEntry", "Sidecar"),
    _SECURITY: ("AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"),
    GATEWAY_API: ("Gateway", "HTTPRoute", "GRPCRoute", "TLSRoute", "BackendTLSPolicy", "ReferenceGrant"),
    "cert-manager.io": ("Certificate", "Issuer"),
}
_BUNDLE = "gateway.networking.k8s.io/bundle-version"


def old(objects: Objects) -> Iterator[Old]:
    """Objects of an old version, and the Gateway API's definitions before 1.5."""
    for group, (kinds, since) in _V1.items():
        for kind in kinds:
            for item in objects.of(group, kind):
                version = text(item.node, "apiVersion")
                if not version.endswith("/v1"):
                    yield Old(version, f"{group}/v1", since, Place(item).at("apiVersion"))
    for item in objects.of("apiextensions.k8s.io", "CustomResourceDefinition"):
        bundle = labels(item.node, "metadata", "annotations").get(_BUNDLE, "")
        found = re.match(r"v?(\d{1,4})\.(\d{1,4})", bundle, re.ASCII)
        if (
            found
            and (int(found[1]), int(found[2])) < (1, 5)
            and item.name.startswith(("tlsroutes.", "backendtlspolicies."))
        ):
            place = Place(item).at("metadata", "annotations", _BUNDLE)
            yield Old(f"Gateway API {bundle}", "1.5", "Istio 1.30", place)


def unplaced(objects: Objects) -> Iterator[Place]:
    """The objects without a namespace, if others in the render have one."""
    found, placed = [], False
    for group, kinds in _NAMESPACED.items():
        for kind in kinds:
            for item in objects.of(group, kind):
                if text(item.node, "metadata", "namespace"):
                    placed = True
                else:
                    found.append(Place(item).at("metadata"))
    yield from found if placed else ()


def doubled(objects: Objects) -> Iterator[tuple[str, Place]]:
    """The names that two ports of an Istio Gateway share."""
    for item in objects.of(ISTIO, "Gateway"):
        names = [text(each, "port", "name") for each in items(item.spec, "servers")]
        often = Counter(filter(None, names))
        for at, name in enumerate(names):
            if often[name] > 1 and name in names[:at]:
                yield name, Place(item).at("spec", "servers", at, "port", "name")


def scoped(objects: Objects) -> Iterator[Place]:
    """The variable of an istiod that ignores Gateways outside the namespace of the gateway's pods."""
    for item in objects.of("apps", "Deployment"):
        for at, container in enumerate(items(item.spec, "template", "spec", "containers")):
            for number_, variable in enumerate(items(container, "env")):
                if text(variable, "name") == "PILOT_SCOPE_GATEWAY_TO_NAMESPACE" and text(variable, "value") == "true":
                    yield Place(item).at("spec", "template", "spec", "containers", at, "env", number_, "value")


def bound(objects: Objects, destinations: Destinations) -> Iterator[Bound]:
    """The VirtualServices of the mesh, with public hosts, that lead to argocd-server."""
    for item in objects.of(ISTIO, "VirtualService"):
        named = texts(item.spec, "gateways")
        if named and "mesh" not in named:
            continue
        hosts = tuple(host for host in texts(item.spec, "hosts") if _public(host))
        if hosts and any(each.to_argocd_server for each in _leads(item, destinations)):
            yield Bound(item.title, hosts, not named or named == ["mesh"], Place(item).at("spec").at("gateways"))


def _public(host: str) -> bool:
    return "." in host and not host.endswith((".svc", ".local", ".internal")) and istio.service(host, "") is None


def _leads(item: Object, destinations: Destinations) -> Iterator[Destination]:
    for rules in ("http", "tls", "tcp"):
        for at, rule in enumerate(items(item.spec, rules)):
            for entry, node in enumerate(items(rule, "route")):
                host, port = text(node, "destination", "host"), number(node, "destination", "port", "number")
                named = Named(host, item.namespace, "", "clear text", rules == "http", port, 0, "")
                yield destinations.find(named, Place(item).at("spec", rules, at, "route", entry), weight=None)


def unresolved(objects: Objects, homes: frozenset[str]) -> Iterator[Unresolved]:
    """The Gateways that VirtualServices name and that these files do not have, although they have similar ones.

    A Gateway of the same name in another namespace shows that the namespace was forgotten; in a namespace with an
    argocd-server, which these files have whole, its other Gateways show a wrong name.
    """
    here: dict[str, list[str]] = {}
    by_name: dict[str, list[str]] = {}
    for item in objects.of(ISTIO, "Gateway"):
        here.setdefault(item.namespace, []).append(item.title)
        by_name.setdefault(item.name, []).append(item.title)
    for item in objects.of(ISTIO, "VirtualService"):
        for at, written in enumerate(texts(item.spec, "gateways")):
            if written == "mesh":
                continue
            title = istio.gateway(written, item.namespace)
            namespace, _, name = title.partition("/")
            if title in here.get(namespace, ()):
                continue
            others = by_name.get(name, []) if namespace == item.namespace else []
            others = others or (here.get(namespace, []) if namespace in homes else [])
            if others:
                place = Place(item).at("spec", "gateways", at)
                yield Unresolved(title, item.title, tuple(others[:3]), place)
