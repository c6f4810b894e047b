"""The differences from an official install that this library makes on purpose, each with its reason.

By scope: `DEVIATIONS` are those of `base/argocd`, `HA_DEVIATIONS` those of `components/high-availability` outside
Redis, `EXPOSED` what the modes and a consumer's Exposure add, `REDIS` the Redis for high availability, `CRDS` and
`APART` the CRDs. `declared` gives all that may be between two installs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from argocd_istio.drift.compare import ABSENT, ANYTHING, Deviation, Matching, Object, name_of, step
from argocd_istio.drift.prepare import prepared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argocd_istio.drift.install import Install

# A field that only one side writes, with the API's default as its value, is no difference: the
# `protocol: TCP` of the NetworkPolicies needs no row.
DEVIATIONS: tuple[Deviation, ...] = ()

_PARAMS = ("ConfigMap/argocd-cmd-params-cm",)

# With components/high-availability, against upstream's install for high availability, outside Redis.
HA_DEVIATIONS: tuple[Deviation, ...] = (
    *DEVIATIONS,
    Deviation(
        objects=_PARAMS,
        path="data[redis.server]",
        upstream="argocd-redis-ha-haproxy:6379",
        ours="argocd-redis-sentinel:6379",
        reason="upstream puts HAProxy between Argo CD and Redis; here Argo CD asks the Sentinels, and does not read it",
    ),
    Deviation(
        objects=_PARAMS,
        path="data[redis.sentinel.hosts]",
        upstream=ABSENT,
        ours="argocd-redis-sentinel:26379",
        reason="the Service of the Sentinels that it asks",
    ),
    Deviation(
        objects=_PARAMS,
        path="data[redis.sentinel.master]",
        upstream=ABSENT,
        ours="argocd",
        reason="the name that it asks them for",
    ),
    *(
        Deviation(
            objects=(f"{kind}/{name}",),
            path=f"spec.template.spec.containers[{name}].env[REDIS_SENTINEL_PASSWORD]",
            upstream=ABSENT,
            ours={
                "name": "REDIS_SENTINEL_PASSWORD",
                "valueFrom": {"secretKeyRef": {"name": "argocd-redis", "key": "auth"}},
            },
            reason="who commands a Sentinel decides what Argo CD takes for its Redis, so ours ask for a password",
        )
        for kind, name in (
            ("Deployment", "argocd-repo-server"),
            ("Deployment", "argocd-server"),
            ("StatefulSet", "argocd-application-controller"),
        )
    ),
)

_PART_OF = "app.kubernetes.io/part-of"
_COMPONENT = "app.kubernetes.io/component"
_NAME = "app.kubernetes.io/name"


def _labels(name: str, component: str) -> dict[str, str]:
    return {_COMPONENT: component, _NAME: name, _PART_OF: "argocd"}


def _own(api: str, kind: str, name: str, labels: dict[str, str] | None = None, **fields: Any) -> Object:
    """An object of this library in the namespace of any install, as `compare` takes it."""
    metadata: dict[str, Any] = {"name": name, "namespace": ANYTHING}
    if labels:
        metadata["labels"] = labels
    return prepared({"apiVersion": api, "kind": kind, "metadata": metadata, **fields})


# ---- the modes, and a consumer's Exposure -------------------------------------------------------------------------


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"https://[^\s/]+\S*", value) is not None


def _are_addresses(value: Any) -> bool:
    lines = value.splitlines() if isinstance(value, str) else []
    return bool(lines) and all(line.startswith("- ") and _is_address(line[2:]) for line in lines)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def _is_selector(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(isinstance(item, str) for item in value.values())


def _is_server(server: Any) -> bool:
    """A server of a Gateway as `base/istio`, a mode or the generator writes it."""
    if not isinstance(server, dict) or server.keys() != {"hosts", "name", "port", "tls"}:
        return False
    name, tls = server["name"], server["tls"]
    port, secret = {"name": name, "number": 443}, tls.get("credentialName") if isinstance(tls, dict) else None
    terminated = {"mode": "SIMPLE", "minProtocolVersion": "TLSV1_2", "credentialName": secret}
    known = (
        ({"name": name, "number": 80, "protocol": "HTTP"}, {"httpsRedirect": True}),
        ({**port, "protocol": "TLS"}, {"mode": "PASSTHROUGH"}),
        *([({**port, "protocol": "HTTPS"}, terminated)] if isinstance(secret, str) else []),
    )
    own = _are_texts(server["hosts"]) and all(host.startswith("./") for host in server["hosts"])
    return own and isinstance(name, str) and (server["port"], tls) in known


def _are_servers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_server, value))


_ADDRESS = Matching("an address with https", _is_address)
_ADDRESSES = Matching("a list of addresses with https", _are_addresses)
_HOSTS = Matching("host names", _are_texts)
_SELECTOR = Matching("labels", _is_selector)
_SERVERS = Matching("servers for ports 80 and 443", _are_servers)
_INSECURE = Matching('"true" or "false"', lambda value: value in ("true", "false"))


def _route(service: str, port: int) -> dict[str, Any]:
    return {"route": [{"destination": {"host": service, "port": {"number": port}}}]}


_WEB = {"name": "http", **_route("argocd-server", 80)}
_GRPC = {
    "name": "grpc",
    "match": [{"headers": {"content-type": {"exact": "application/grpc"}}}],
    "retries": {"attempts": 0},
    **_route("argocd-server-grpc", 443),
}
_UNOPENED = {"match": [{"port": 443, "sniHosts": _HOSTS}], **_route("argocd-server", 443)}

_ISTIO = "networking.istio.io/v1"
_GATEWAY = _own(_ISTIO, "Gateway", "argocd", spec={"selector": _SELECTOR, "servers": _SERVERS})


def _routes(**routes: Any) -> Object:
    return _own(_ISTIO, "VirtualService", "argocd", spec={"gateways": ["argocd"], "hosts": _HOSTS, **routes})


# What an overlay or a component of a mode has beside `base/argocd`, with the values of an Exposure.
EXPOSED: tuple[Deviation, ...] = (
    Deviation(
        ("Gateway.networking.istio.io/argocd",), "", ABSENT, _GATEWAY, "the gateway's port, host names and certificate"
    ),
    *(
        Deviation(
            ("VirtualService.networking.istio.io/argocd",), "", ABSENT, routes, "the way from the gateway to Argo CD"
        )
        for routes in (_routes(http=[_WEB]), _routes(http=[_GRPC, _WEB]), _routes(http=[_WEB], tls=[_UNOPENED]))
    ),
    Deviation(
        ("Service/argocd-server-grpc",),
        "",
        ABSENT,
        _own(
            "v1",
            "Service",
            "argocd-server-grpc",
            _labels("argocd-server-grpc", "server"),
            spec={
                "ports": [{"name": "grpc", "port": 443, "targetPort": 8080, "appProtocol": "kubernetes.io/h2c"}],
                "selector": {_NAME: "argocd-server"},
            },
        ),
        "gRPC reaches argocd-server as HTTP/2, by a Service of its own",
    ),
    Deviation(("ConfigMap/argocd-cm",), "data.url", ABSENT, _ADDRESS, "the public address"),
    Deviation(
        ("ConfigMap/argocd-cm",), "data.additionalUrls", ABSENT, _ADDRESSES, "the addresses of the further hosts"
    ),
    Deviation(_PARAMS, "data[server.insecure]", ABSENT, _INSECURE, "where TLS ends, as the mode says"),
)

# ---- Redis for high availability ----------------------------------------------------------------------------------


def _is_redis(value: Any) -> bool:
    found = value.get("metadata", {}).get("labels") if isinstance(value, dict) else None
    return isinstance(found, dict) and _labels("argocd-redis-sentinel", "redis").items() <= found.items()


_ACCOUNT = "the account of the init container that makes Redis's password; upstream's has another name"
_RBAC = "rbac.authorization.k8s.io"
_REDIS_LABELS = _labels("argocd-redis", "redis")

REDIS: tuple[Deviation, ...] = (
    Deviation(("*/argocd-redis-ha*",), "", ANYTHING, ABSENT, "upstream's Redis for high availability and its HAProxy"),
    *(
        Deviation(
            (f"{kind}/argocd-redis-sentinel*",),
            "",
            ABSENT,
            Matching("an object of Redis", _is_redis),
            "three Redis that Sentinel watches, in the place of upstream's, and not compared with them",
        )
        for kind in ("ConfigMap", "NetworkPolicy", "PodDisruptionBudget", "Service", "StatefulSet")
    ),
    Deviation(
        ("ServiceAccount/argocd-redis",),
        "",
        ABSENT,
        _own("v1", "ServiceAccount", "argocd-redis", _REDIS_LABELS),
        _ACCOUNT,
    ),
    Deviation(
        ("Role/argocd-redis",),
        "",
        ABSENT,
        _own(
            f"{_RBAC}/v1",
            "Role",
            "argocd-redis",
            _REDIS_LABELS,
            rules=[
                {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["argocd-redis"], "verbs": ["get"]},
                {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
            ],
        ),
        _ACCOUNT,
    ),
    *(
        Deviation(
            ("RoleBinding/argocd-redis",),
            "",
            ABSENT,
            _own(
                f"{_RBAC}/v1",
                "RoleBinding",
                "argocd-redis",
                _REDIS_LABELS,
                roleRef={"apiGroup": _RBAC, "kind": "Role", "name": "argocd-redis"},
                subjects=[{"kind": "ServiceAccount", "name": "argocd-redis", **namespace}],
            ),
            _ACCOUNT,
        )
        for namespace in ({}, {"namespace": ANYTHING})
    ),
)

# ---- CRDs ---------------------------------------------------------------------------------------------------------

_CRD = "CustomResourceDefinition"
_CRDS = tuple(f"{_CRD}/{name}.argoproj.io" for name in ("applications", "applicationsets", "appprojects"))
_GENERATORS = "spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.generators.items.properties"

CRDS: tuple[Deviation, ...] = (
    Deviation(
        (_CRDS[1],),
        "metadata.annotations[argocd-istio.github.io/trimmed]",
        ABSENT,
        Matching("a text", lambda value: isinstance(value, str)),
        "says that the CRD is trimmed",
    ),
    *(
        Deviation(
            (_CRDS[1],),
            f"{_GENERATORS}.{outer}.properties.generators.items.properties.*.properties.template",
            ANYTHING,
            ABSENT,
            "Argo CD ignores template in nested generators, and with it client-side kubectl apply refuses the CRD",
        )
        for outer in ("matrix", "merge")
    ),
)

APART: tuple[Deviation, ...] = (
    Deviation(_CRDS, "", ANYTHING, ABSENT, "the CRDs are applied apart, as without-crds means them to be"),
)
"""Where a render has no CRD of Argo CD."""

# ---- what depends on the two installs -----------------------------------------------------------------------------


def _containers(item: Object) -> Iterator[tuple[str, Any]]:
    """Every container of a workload's pods with its path, as `walk` has it."""
    pod: Any = item
    for key in ("spec", "template", "spec"):
        pod = pod.get(key) if isinstance(pod, dict) else None
    for key in ("containers", "initContainers"):
        listed = pod.get(key) if isinstance(pod, dict) else None
        for place, container in enumerate(listed if isinstance(listed, list) else []):
            if isinstance(container, dict):
                name = container.get("name") if key == "containers" else place
                yield f"spec.template.spec.{key}[{name}]", container


def released(upstream: list[Object], there: str, here: str, reason: str) -> tuple[Deviation, ...]:
    """The image of every container of `upstream` that runs Argo CD, where it is `there` and ours is `here`."""
    if there == here:
        return ()
    return tuple(
        Deviation((name_of(item),), f"{path}.image", there, here, reason)
        for item in upstream
        for path, container in _containers(item)
        if container.get("image") == there
    )


def moved(namespace: str, own: str) -> tuple[Deviation, ...]:
    """What kustomize's `namespace:` changes beside the place of each object; `own` is upstream's namespace."""
    reason = f"the install is in namespace {namespace}"
    space = prepared({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    rows = [
        Deviation((f"Namespace/{namespace}",), "", ABSENT, space, "the namespace, which upstream leaves to you"),
        Deviation(("RoleBinding/*",), "subjects[*].namespace", ABSENT, namespace, reason),
    ]
    if namespace != own:
        rows.append(Deviation(("ClusterRoleBinding/*",), "subjects[*].namespace", own, namespace, reason))
    return tuple(rows)


def copied(settings: dict[str, Any]) -> tuple[Deviation, ...]:
    """The copy of argocd-cmd-params-cm's data on the pods of argocd-server."""
    return tuple(
        Deviation(
            ("Deployment/argocd-server",),
            step("spec.template.metadata.annotations", key),
            ABSENT,
            value,
            "a copy of argocd-cmd-params-cm: argocd-server restarts when that changes",
        )
        for key, value in settings.items()
    )


def declared(
    render: Install, against: Install, upstream: list[Object], ours: dict[str, Object]
) -> tuple[Deviation, ...]:
    """Every deviation that may be between two installs, whose objects `ours` and `upstream` are prepared."""
    rows = [*DEVIATIONS, *EXPOSED, *CRDS, *moved(render.namespace, against.namespace)]
    if against.high_availability:
        rows += [*HA_DEVIATIONS, *REDIS]
    if not any(name in ours for name in _CRDS):
        rows += APART
    settings = ours.get(_PARAMS[0], {}).get("data")
    rows += copied(settings if isinstance(settings, dict) else {})
    if render.minor and render.minor == against.minor and against.image.endswith(against.version):
        here = against.image.removesuffix(against.version) + render.version
        reason = f"another patch release: {render.version}, upstream's is {against.version}"
        rows += released(upstream, against.image, here, reason)
    return tuple(rows)
