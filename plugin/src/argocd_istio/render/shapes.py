"""The fields that this package reads of each kind, with the types in the API.

All other modules treat a field with another type as absent; this module reports it. Unread fields are not checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from argocd_istio.render.model import Misfit
from argocd_istio.render.objects import CORE, GATEWAY_API, ISTIO, Objects, Place
from argocd_istio.syntax.nodes import fields, items, text
from argocd_istio.syntax.scalars import is_null, is_text
from argocd_istio.syntax.source import Mapping, Node, Scalar, Sequence
from argocd_istio.syntax.values import plain

TEXT, NUMBER, FLAG, EITHER = "a text", "a whole number", "a boolean", "a text or a number"


@dataclass(frozen=True)
class Every:
    """A mapping with any keys, whose values all have one shape."""

    of: Shape


Shape: TypeAlias = "str | list[Shape] | dict[str, Shape] | Every"
"""A scalar by the name of its type, a list of one shape, or a mapping with its known fields."""

_TEXTS = Every(TEXT)
_LABELS: dict[str, Shape] = {"matchLabels": _TEXTS}
_METADATA: Shape = {"name": TEXT, "namespace": TEXT, "labels": _TEXTS, "annotations": _TEXTS}

_ISTIO_TLS: Shape = {
    "mode": TEXT,
    "httpsRedirect": FLAG,
    "credentialName": TEXT,
    "credentialNames": [TEXT],
    "serverCertificate": TEXT,
}
_STRING: Shape = {"exact": TEXT, "prefix": TEXT, "regex": TEXT}
_MATCH: Shape = {
    **dict.fromkeys(("uri", "scheme", "method", "authority"), _STRING),
    **dict.fromkeys(("headers", "queryParams", "withoutHeaders"), Every(_STRING)),
    "port": NUMBER,
    "gateways": [TEXT],
    "sourceNamespace": TEXT,
}
_DESTINATION: Shape = {"host": TEXT, "subset": TEXT, "port": {"number": NUMBER}}
_TO: Shape = [{"destination": _DESTINATION, "weight": NUMBER}]
_HTTP: Shape = {
    "name": TEXT,
    "match": [_MATCH],
    "route": _TO,
    "redirect": {"uri": TEXT, "authority": TEXT, "scheme": TEXT, "redirectCode": NUMBER},
    "directResponse": {"status": NUMBER},
    "delegate": {"name": TEXT, "namespace": TEXT},
    "rewrite": {"uri": TEXT, "authority": TEXT, "uriRegexRewrite": {"match": TEXT, "rewrite": TEXT}},
    "timeout": TEXT,
}
_L4: Shape = {"match": [{"sniHosts": [TEXT], "port": NUMBER, "gateways": [TEXT]}], "route": _TO}
_POLICY: dict[str, Shape] = {
    "tls": {
        "mode": TEXT,
        "caCertificates": TEXT,
        "credentialName": TEXT,
        "subjectAltNames": [TEXT],
        "insecureSkipVerify": FLAG,
    },
    "connectionPool": {"http": {"h2UpgradePolicy": TEXT, "useClientProtocol": FLAG}},
}
_POLICIES: Shape = {**_POLICY, "portLevelSettings": [{**_POLICY, "port": {"number": NUMBER}}]}

_PARENT: Shape = {"kind": TEXT, "name": TEXT, "namespace": TEXT, "sectionName": TEXT, "port": NUMBER}
_REFERENCE: Shape = {"group": TEXT, "kind": TEXT, "name": TEXT, "namespace": TEXT, "sectionName": TEXT}
_NAMESPACES: Shape = {"from": TEXT, "selector": {**_LABELS, "matchExpressions": [{}]}}
_LISTENERS: Shape = [
    {
        "name": TEXT,
        "hostname": TEXT,
        "port": NUMBER,
        "protocol": TEXT,
        "tls": {"mode": TEXT, "certificateRefs": [_REFERENCE]},
        "allowedRoutes": {"namespaces": _NAMESPACES, "kinds": [{"kind": TEXT}]},
    }
]
_NAMED: Shape = [{"name": TEXT, "type": TEXT, "value": TEXT}]
_PATH: Shape = {"type": TEXT, "replaceFullPath": TEXT, "replacePrefixMatch": TEXT}
_FILTERS: Shape = [
    {
        "type": TEXT,
        "requestRedirect": {"scheme": TEXT, "hostname": TEXT, "statusCode": NUMBER, "path": _PATH},
        "urlRewrite": {"hostname": TEXT, "path": _PATH},
    }
]


def _routes(**match: Shape) -> Shape:
    rule: Shape = {
        "name": TEXT,
        "matches": [match],
        "filters": _FILTERS,
        "backendRefs": [{"name": TEXT, "namespace": TEXT, "port": NUMBER, "weight": NUMBER}],
        "timeouts": {"request": TEXT, "backendRequest": TEXT},
    }
    return {"parentRefs": [_PARENT], "hostnames": [TEXT], "rules": [rule]}


_PORT: Shape = {"name": TEXT, "port": NUMBER, "targetPort": EITHER, "protocol": TEXT, "appProtocol": TEXT}
_ENV: Shape = {"name": TEXT, "value": TEXT, "valueFrom": {"configMapKeyRef": {"name": TEXT, "key": TEXT}}}
_CONTAINER: Shape = {
    "name": TEXT,
    "image": TEXT,
    "command": [TEXT],
    "args": [TEXT],
    "env": [_ENV],
    "ports": [{"name": TEXT, "containerPort": NUMBER}],
}
_POD: Shape = {"hostNetwork": FLAG, "containers": [_CONTAINER], "initContainers": [_CONTAINER]}
_WORKLOAD: Shape = {"replicas": NUMBER, "selector": _LABELS, "template": {"metadata": _METADATA, "spec": _POD}}

_MUTUAL: Shape = {"mode": TEXT}


def _lists(*keys: str) -> dict[str, Shape]:
    return {key: [TEXT] for key in keys}


_OPERATION: Shape = _lists("hosts", "notHosts", "paths", "notPaths", "methods", "notMethods")
_SOURCE: Shape = _lists("requestPrincipals", "notRequestPrincipals")
_RULES: Shape = [{"from": [{"source": _SOURCE}], "to": [{"operation": _OPERATION}], "when": [{"key": TEXT}]}]
_SECURITY = "security.istio.io"

_SPECS: dict[tuple[str, str], Shape] = {
    (ISTIO, "Gateway"): {
        "selector": _TEXTS,
        "servers": [
            {"port": {"number": NUMBER, "name": TEXT, "protocol": TEXT}, "hosts": [TEXT], "tls": _ISTIO_TLS},
        ],
    },
    (ISTIO, "VirtualService"): {
        **_lists("hosts", "gateways", "exportTo"),
        "http": [_HTTP],
        "tls": [_L4],
        "tcp": [_L4],
    },
    (ISTIO, "DestinationRule"): {
        "host": TEXT,
        "exportTo": [TEXT],
        "workloadSelector": _LABELS,
        "trafficPolicy": _POLICIES,
        "subsets": [{"name": TEXT, "labels": _TEXTS, "trafficPolicy": _POLICIES}],
    },
    (ISTIO, "Sidecar"): {
        "workloadSelector": {"labels": _TEXTS},
        "ingress": [{"port": {"number": NUMBER, "protocol": TEXT, "name": TEXT}}],
    },
    (_SECURITY, "PeerAuthentication"): {"selector": _LABELS, "mtls": _MUTUAL, "portLevelMtls": Every(_MUTUAL)},
    (_SECURITY, "AuthorizationPolicy"): {
        "selector": _LABELS,
        "targetRef": _REFERENCE,
        "targetRefs": [_REFERENCE],
        "action": TEXT,
        "rules": _RULES,
    },
    (CORE, "Service"): {"type": TEXT, "externalName": TEXT, "selector": _TEXTS, "ports": [_PORT]},
    (CORE, "Namespace"): {},
    (CORE, "Pod"): _POD,
    **{("apps", kind): _WORKLOAD for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")},
    ("argoproj.io", "Rollout"): _WORKLOAD,
    (GATEWAY_API, "Gateway"): {"listeners": _LISTENERS, "allowedListeners": {"namespaces": _NAMESPACES}},
    (GATEWAY_API, "ListenerSet"): {"parentRef": _PARENT, "listeners": _LISTENERS},
    (GATEWAY_API, "HTTPRoute"): _routes(
        path={"type": TEXT, "value": TEXT}, method=TEXT, headers=_NAMED, queryParams=_NAMED
    ),
    (GATEWAY_API, "GRPCRoute"): _routes(method={"service": TEXT, "method": TEXT}, headers=_NAMED),
    (GATEWAY_API, "TLSRoute"): _routes(),
    (GATEWAY_API, "TCPRoute"): _routes(),
    (GATEWAY_API, "ReferenceGrant"): {"from": [_REFERENCE], "to": [_REFERENCE]},
    (GATEWAY_API, "BackendTLSPolicy"): {
        "targetRefs": [_REFERENCE],
        "validation": {"hostname": TEXT, "wellKnownCACertificates": TEXT, "caCertificateRefs": [_REFERENCE]},
    },
    ("cert-manager.io", "Certificate"): {"secretName": TEXT},
    ("external-secrets.io", "ExternalSecret"): {"target": {"name": TEXT}},
}
_WHOLE: dict[tuple[str, str], dict[str, Shape]] = {
    **{kind: {"metadata": _METADATA, "spec": spec} for kind, spec in _SPECS.items()},
    (CORE, "ConfigMap"): {"metadata": _METADATA, "data": _TEXTS},
}


def misfits(objects: Objects) -> Iterator[Misfit]:
    """Every field with a wrong type."""
    for (group, kind), shape in _WHOLE.items():
        for item in objects.of(group, kind):
            for path, found, wanted in _wrong(item.node, shape):
                place = Place(item).at(*path)
                yield Misfit(place.path, found, wanted, place)


_PROTOCOLS = ("HTTP", "HTTPS", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY", "TLS", "TCP", "UDP", "HBONE", "DOUBLE-HBONE")
_STORES = ("MONGO", "REDIS", "MYSQL")
_SERVICE = re.compile(r"\.?[a-z_][a-z_0-9]*(\.[a-z_][a-z_0-9]*)*", re.IGNORECASE | re.ASCII)


def missing(objects: Objects) -> Iterator[Misfit]:
    """The fields that are absent, or have a value, for which the API refuses the object.

    Sources: `Parse` in `pkg/config/protocol/instance.go` of Istio, and the API's patterns.
    """
    for item in objects.of(ISTIO, "Gateway"):
        for at, server in enumerate(items(item.spec, "servers")):
            place = Place(item).at("spec", "servers", at)
            port = server.find("port")
            for field, wanted in (("name", TEXT), ("number", NUMBER), ("protocol", TEXT)):
                if port and field not in fields(port):
                    yield Misfit(f"{place.path}.port.{field}", "missing", wanted, place.at("port"))
            protocol = text(port, "protocol")
            if protocol and protocol.upper() not in (*_PROTOCOLS, *_STORES):
                found = place.at("port").at("protocol")
                yield Misfit(found.path, protocol, "a protocol such as HTTPS, HTTP or TLS", found)
    for item in objects.of(CORE, "Service"):
        ports = items(item.spec, "ports")
        for at, port in enumerate(ports):
            if len(ports) > 1 and not text(port, "name"):
                place = Place(item).at("spec", "ports", at)
                yield Misfit(f"{place.path}.name", "missing", "a name, as one of several ports", place)
    for item in objects.of(GATEWAY_API, "GRPCRoute"):
        for at, rule in enumerate(items(item.spec, "rules")):
            for one, match in enumerate(items(rule, "matches")):
                service = text(match, "method", "service")
                exact = text(match, "method", "type") in ("", "Exact")
                if service and exact and not _SERVICE.fullmatch(service):
                    place = Place(item).at("spec", "rules", at, "matches", one, "method", "service")
                    yield Misfit(place.path, service, "the name of a service", place)


Path = tuple[str | int, ...]


def _wrong(node: Node, shape: Shape) -> Iterator[tuple[Path, str, str]]:
    """Where types differ, outermost first: path, found and expected type."""
    target = node.target
    if isinstance(target, Scalar) and is_null(target):
        return
    found, wanted = _type(target), _wanted(shape)
    if found not in _FITTING.get(wanted, (wanted,)):
        yield (), found, wanted
    for key, child, inner in _children(target, shape):
        for path, *types in _wrong(child, inner):
            yield (key, *path), types[0], types[1]


def _children(target: Node, shape: Shape) -> Iterator[tuple[str | int, Node, Shape]]:
    if isinstance(target, Sequence) and isinstance(shape, list):
        yield from ((at, each, shape[0]) for at, each in enumerate(target.items))
    elif isinstance(target, Mapping) and isinstance(shape, Every):
        yield from ((key, value, shape.of) for key, (_, value) in target.keys.items())
    elif isinstance(target, Mapping) and isinstance(shape, dict):
        yield from ((key, target.keys[key][1], inner) for key, inner in shape.items() if key in target.keys)


_FITTING = {EITHER: (TEXT, NUMBER)}


def _wanted(shape: Shape) -> str:
    return shape if isinstance(shape, str) else "a list" if isinstance(shape, list) else "a mapping"


def _type(target: Node) -> str:
    if not isinstance(target, Scalar):
        return "a list" if isinstance(target, Sequence) else "a mapping"
    value = target.value if is_text(target) else plain(target.value)
    return {str: TEXT, int: NUMBER, bool: FLAG}.get(type(value), "a number")
