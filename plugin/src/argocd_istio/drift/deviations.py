"""The differences from an official install that this library makes on purpose, each with its reason."""

from __future__ import annotations

from argocd_istio.drift.compare import ABSENT, Deviation

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
