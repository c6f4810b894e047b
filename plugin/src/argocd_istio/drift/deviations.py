"""The differences from an official install that this library makes on purpose, each with its reason.

By scope: `DEVIATIONS` are those of `base/argocd`, `HA_DEVIATIONS` those of `components/high-availability` outside
Redis, `REDIS` upstream's Redis that it omits, `CRDS` and `APART` the CRDs; the library's additional objects are in
`own`. `declared` returns all that may occur between two installs; those of this library only for its own renders.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from argocd_istio.drift.compare import ABSENT, ANYTHING, Deviation, Matching, Object, Own, name_of, step
from argocd_istio.drift.install import MARK
from argocd_istio.drift.login import login
from argocd_istio.drift.own import COPIED, PARAMS, exposed, exposure, mesh, redis, sentinels
from argocd_istio.drift.prepare import prepared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argocd_istio.drift.install import Install

# A field that only one side states, with the API's default as its value, is not a difference: the
# `protocol: TCP` of the NetworkPolicies needs no row.
DEVIATIONS: tuple[Deviation, ...] = ()

_PARAMS = (PARAMS,)

# With components/high-availability, against upstream's install for high availability, outside Redis.
HA_DEVIATIONS: tuple[Deviation, ...] = (
    *DEVIATIONS,
    Own(
        objects=_PARAMS,
        path="data[redis.server]",
        upstream="argocd-redis-ha-haproxy:6379",
        ours="argocd-redis-sentinel:6379",
        reason="upstream puts HAProxy between Argo CD and Redis; here Argo CD asks the Sentinels instead",
    ),
    Own(
        objects=_PARAMS,
        path="data[redis.sentinel.hosts]",
        upstream=ABSENT,
        ours="argocd-redis-sentinel:26379",
        reason="the Service of the Sentinels that it asks",
    ),
    Own(
        objects=_PARAMS,
        path="data[redis.sentinel.master]",
        upstream=ABSENT,
        ours="argocd",
        reason="the name that it asks them for",
    ),
    *(
        Own(
            objects=(f"{kind}/{name}",),
            path=f"spec.template.spec.containers[{name}].env[REDIS_SENTINEL_PASSWORD]",
            upstream=ABSENT,
            ours={
                "name": "REDIS_SENTINEL_PASSWORD",
                "valueFrom": {"secretKeyRef": {"name": "argocd-redis", "key": "auth"}},
            },
            reason="whoever controls a Sentinel chooses Argo CD's Redis, so ours require a password",
        )
        for kind, name in (
            ("Deployment", "argocd-repo-server"),
            ("Deployment", "argocd-server"),
            ("StatefulSet", "argocd-application-controller"),
        )
    ),
)

# Where a render has this library's Redis for high availability, which `own.redis` describes.
REDIS: tuple[Deviation, ...] = (
    Deviation(("*/argocd-redis-ha*",), "", ANYTHING, ABSENT, "upstream's Redis for high availability and its HAProxy"),
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
        "marks the CRD as trimmed",
    ),
    *(
        Deviation(
            (_CRDS[1],),
            f"{_GENERATORS}.{outer}.properties.generators.items.properties.*.properties.template",
            ANYTHING,
            ABSENT,
            "Argo CD ignores template in nested generators, and client-side kubectl apply refuses a CRD with it",
        )
        for outer in ("matrix", "merge")
    ),
)

APART: tuple[Deviation, ...] = (
    Deviation(_CRDS, "", ANYTHING, ABSENT, "the CRDs are applied separately, as without-crds intends"),
)
"""Where a render has no CRD of Argo CD."""

# ---- what depends on the two installs -----------------------------------------------------------------------------


def _containers(item: Object) -> Iterator[tuple[str, Any]]:
    """Every container of a workload's pods with its path in the form of `walk`."""
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
    """The image of every container of `upstream` that runs Argo CD: `there` upstream, `here` in ours."""
    if there == here:
        return ()
    return tuple(
        Deviation((name_of(item),), f"{path}.image", there, here, reason)
        for item in upstream
        for path, container in _containers(item)
        if container.get("image") == there
    )


def moved(namespace: str, own: str) -> tuple[Deviation, ...]:
    """What kustomize's `namespace:` changes besides metadata.namespace; `own` is upstream's namespace."""
    reason = f"the install is in namespace {namespace}"
    space = prepared({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    rows: list[Deviation] = [
        Own(
            (f"Namespace/{namespace}",),
            "",
            ABSENT,
            space,
            "the namespace, which upstream leaves to you",
            required=False,
        ),
        Deviation(("RoleBinding/*",), "subjects[*].namespace", ABSENT, namespace, reason),
    ]
    if namespace != own:
        rows.append(Deviation(("ClusterRoleBinding/*",), "subjects[*].namespace", own, namespace, reason))
    return tuple(rows)


def instance(name: str) -> tuple[Deviation, ...]:
    """What components/instance changes besides the names of the cluster roles."""
    reason = f"components/instance: marks what {name} deploys; the names of its cluster roles end in it too"
    return (Own(("ConfigMap/argocd-cm",), "data.installationID", ABSENT, f"{MARK}{name}", reason),) if name else ()


def copied(settings: Any) -> tuple[Deviation, ...]:
    """The copy of argocd-cmd-params-cm's data on the pods of argocd-server, beside `server.insecure`."""
    return tuple(
        Deviation(("Deployment/argocd-server",), step("spec.template.metadata.annotations", key), ABSENT, value, COPIED)
        for key, value in (settings.items() if isinstance(settings, dict) else ())
        if key != "server.insecure"
    )


def patched(render: Install, against: Install, upstream: list[Object]) -> tuple[Deviation, ...]:
    """The images of another patch release."""
    if not render.minor or render.minor != against.minor or not against.image.endswith(against.version):
        return ()
    here = against.image.removesuffix(against.version) + render.version
    kind = "an older" if render.older(against) else "another"
    reason = f"{kind} patch release: {render.version}, upstream's is {against.version}"
    return released(upstream, against.image, here, reason)


def _redis_image(upstream: list[Object]) -> Any:
    """The image of upstream's Redis for high availability."""
    for item in upstream:
        if name_of(item) == "StatefulSet/argocd-redis-ha-server":
            for _, container in _containers(item):
                if container.get("name") == "redis":
                    return container.get("image")
    return Matching("the image of upstream's Redis", lambda value: False)


def declared(
    render: Install, against: Install, upstream: list[Object], ours: dict[str, Object]
) -> tuple[Deviation, ...]:
    """Every deviation that may occur between two installs; `ours` and `upstream` are their prepared objects."""
    rows = [
        *DEVIATIONS,
        *instance(render.instance),
        *moved(render.namespace, against.namespace),
        *patched(render, against, upstream),
    ]
    if exposed(ours):
        rows += [*CRDS, *exposure(ours, render), *mesh(ours, render), *login(ours, render)]
        rows += copied(ours.get(PARAMS, {}).get("data"))
    if against.high_availability and sentinels(ours):
        rows += [*HA_DEVIATIONS, *REDIS, *redis(ours, render, _redis_image(upstream))]
    # `base/argocd` has no Gateway yet. It is known by its Namespace.
    ours_to_apply = exposed(ours) or (bool(render.own) and f"Namespace/{render.own}" in ours)
    if ours_to_apply and not any(name in ours for name in _CRDS):
        rows += APART
    return tuple(rows)
