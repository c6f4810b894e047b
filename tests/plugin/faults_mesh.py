"""Faults of sidecars and policies at argocd-server; rows as in `faults`."""

from __future__ import annotations

from typing import Any

from tests.plugin.faults import Row, after, injected, item, pod
from tests.plugin.renders import Breaking, plus, rule
from tests.render.consumer import one
from tests.render.render import Object

SERVER = {"matchLabels": {"app.kubernetes.io/name": "argocd-server"}}
GATEWAY = [{"source": {"principals": ["cluster.local/ns/istio-system/sa/gateway"]}}]
EXCLUDED = {"traffic.sidecar.istio.io/excludeInboundPorts": "8080"}
DISABLE, MUTUAL = (rule(trafficPolicy={"tls": {"mode": mode}}) for mode in ("DISABLE", "ISTIO_MUTUAL"))
CONNECTION, HEADER = ({"key": key, "values": ["10.0.0.1"]} for key in ("source.ip", "request.headers[x]"))


def peers(mode: str = "STRICT", namespace: str = "argocd", **more: Any) -> Object:
    """A PeerAuthentication, for the whole namespace unless there is a selector."""
    spec = {"mtls": {"mode": mode}, **more}
    return item("security.istio.io/v1", "PeerAuthentication", f"peers-{mode.lower()}", namespace, spec=spec)


def callers(action: str = "ALLOW", when: list[Any] | None = None, **operation: Any) -> Object:
    """An AuthorizationPolicy for argocd-server."""
    rules: list[dict[str, Any]] = [{"from": GATEWAY, "to": [{"operation": operation or {"ports": ["8080"]}}]}]
    if when:
        rules[0]["when"] = when
    spec = {"selector": SERVER, "action": action, "rules": rules}
    return item("security.istio.io/v1", "AuthorizationPolicy", "callers", spec=spec)


def ambient(objects: list[Object]) -> None:
    one(objects, "Namespace")["metadata"]["labels"] = {"istio.io/dataplane-mode": "ambient"}


def policy(name: str, *ports: int) -> Object:
    """A NetworkPolicy that admits a port, or those from the first to the last; all without ports."""
    rule: dict[str, Any] = {"ports": [{"port": ports[0], "endPort": ports[-1]}]} if ports else {}
    return item("networking.k8s.io/v1", "NetworkPolicy", name, spec={"podSelector": {}, "ingress": [rule]})


def opted_out(objects: list[Object]) -> None:
    pod(objects)["labels"]["sidecar.istio.io/inject"] = "false"


def excluded(objects: list[Object]) -> None:
    pod(objects)["annotations"] = EXCLUDED


def labelled_plain(objects: list[Object]) -> None:
    excluded(objects)
    pod(objects)["labels"]["security.istio.io/tlsMode"] = "disabled"


def meshed(*added: Object, then: Breaking = lambda objects: None) -> Breaking:
    """The whole namespace injected, and further objects."""
    return after(injected, after(lambda objects: objects.extend(added), then))


STRICT = "PeerAuthentication argocd/peers-strict"
ASKED = "AuthorizationPolicy argocd/callers uses fields of requests, but the sidecar treats port 8080 as TCP: it "
ALONE = (
    "argocd-server has no sidecar, and only mutual TLS reaches argocd/argocd-redis, argocd/argocd-redis-1, "
    "argocd/argocd-redis-2 and 1 more: Argo CD cannot work"
)
OTHERS = [
    item("apps/v1", "Deployment", name, spec={"template": {"metadata": {"labels": {"app.kubernetes.io/name": name}}}})
    for name in ("argocd-redis", *(f"argocd-redis-{number}" for number in range(1, 4)))
]

MESH: list[Row] = [
    (
        "E03",
        "policies without a sidecar",
        "termination",
        lambda objects: objects.extend([peers(selector=SERVER), callers()]),
        [f"no sidecar: nothing enforces {STRICT} and AuthorizationPolicy argocd/callers"],
    ),
    (
        "E03",
        "STRICT for a port that the sidecar does not take",
        "termination",
        meshed(peers(), DISABLE, then=excluded),
        [f"excludeInboundPorts excludes port 8080 from the sidecar: {STRICT} is not enforced there"],
    ),
    (
        "E04",
        "clear text to STRICT pods",
        "termination",
        meshed(peers(), DISABLE),
        [
            f"the pods accept only mutual TLS ({STRICT}), but DestinationRule argocd/argocd-server sets DISABLE: 503",
        ],
    ),
    (
        "E09",
        "an ambient namespace",
        "termination",
        after(ambient, lambda objects: objects.extend([*OTHERS, policy("a", 1), policy("b", 15000, 15007)])),
        [
            "ambient carries connections on port 15008, which the NetworkPolicies of argocd-redis, argocd-redis-1, "
            "argocd-redis-2 and 2 more do not admit: Argo CD's components do not reach each other"
        ],
    ),
    (
        "E13",
        "a port kept from the sidecar behind passthrough",
        "passthrough",
        meshed(then=excluded),
        ["excludeInboundPorts excludes port 8080 from the sidecar, and the gateway speaks mTLS: 503"],
    ),
    ("E14", "argocd-server opted out", "termination", meshed(peers(), *OTHERS, then=opted_out), [ALONE]),
    (
        "E14",
        "argocd-server opted out of a STRICT mesh",
        "termination",
        meshed(peers(namespace="istio-system"), *OTHERS, then=opted_out),
        [ALONE],
    ),
    (
        "E16",
        "a path at a TCP port",
        "termination",
        meshed(callers(paths=["/api/*"])),
        [f"{ASKED}admits nobody with them"],
    ),
    ("E16", "a denied method", "termination", meshed(callers("DENY", methods=["POST"])), [f"{ASKED}refuses more"]),
    (
        "E16",
        "a header at a TCP port",
        "termination",
        meshed(callers(when=[HEADER])),
        [f"{ASKED}admits nobody with them"],
    ),
]

OTHER = {"app.kubernetes.io/name": "argocd-applicationset-controller"}
ALONE_OTHER = [item("apps/v1", "Deployment", "other", spec={"template": {"metadata": {"labels": OTHER}}})]
STRICT_OTHER = peers(selector={"matchLabels": OTHER})
MTLS, CLEAR = "in mTLS of the mesh", "in clear text"
MESH_SPARED: list[tuple[str, str, Breaking, str]] = [
    (
        "ambient, and its port is admitted",
        "termination",
        after(ambient, lambda objects: objects.extend([policy("a", 1), policy("b", 15000, 15010), policy("c", 2)])),
        MTLS,
    ),
    ("STRICT and the gateway alone", "grpc-routing", meshed(peers(selector=SERVER), callers()), MTLS),
    ("STRICT for the namespace", "passthrough", meshed(peers()), "with sidecars"),
    ("STRICT, undone for the pods", "termination", meshed(peers(), peers("PERMISSIVE", selector=SERVER)), MTLS),
    ("STRICT in another namespace", "termination", plus(peers(namespace="shop")), CLEAR),
    ("STRICT for the mesh, no sidecars", "termination", plus(peers(namespace="istio-system")), CLEAR),
    ("mutual TLS by a DestinationRule", "termination", meshed(peers(), MUTUAL), MTLS),
    ("opted out, and nothing is STRICT", "termination", meshed(peers("PERMISSIVE"), *OTHERS, then=opted_out), CLEAR),
    (
        "paths for the port of the metrics",
        "termination",
        meshed(callers("DENY", ports=["8083"], paths=["/metrics"])),
        MTLS,
    ),
    ("an audit of paths", "termination", meshed(callers("AUDIT", paths=["/api/*"])), MTLS),
    ("STRICT and a DestinationRule behind passthrough", "passthrough", meshed(peers(), MUTUAL), "with sidecars"),
    (
        "STRICT and a limit of connections behind passthrough",
        "passthrough",
        meshed(peers(), rule(trafficPolicy={"connectionPool": {"tcp": {"maxConnections": 9}}})),
        "with sidecars",
    ),
    (
        "opted out, and what it does not call is STRICT",
        "termination",
        meshed(STRICT_OTHER, *ALONE_OTHER, then=opted_out),
        CLEAR,
    ),
    ("no mutual TLS by a label", "termination", meshed(then=labelled_plain), "with sidecars"),
    ("conditions of a connection", "termination", meshed(callers(when=[CONNECTION])), MTLS),
]
