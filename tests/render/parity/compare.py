"""Two sets of manifests held against each other, and the differences that are meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.render.parity.defaults import defaulted
from tests.render.render import Object, load
from tools.build import argocd_module

NAMESPACE = "argocd"
CLUSTER_SCOPED = {"ClusterRole", "ClusterRoleBinding", "Namespace"}


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


ABSENT = _Absent()


@dataclass(frozen=True)
class Deviation:
    """A difference that is meant: in each of `objects` the field at `path` has the value `ours`.

    `upstream` is upstream's value; ABSENT stands for a field that is not there.
    """

    objects: tuple[str, ...]
    path: str
    upstream: Any
    ours: Any
    reason: str


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
    Deviation(
        objects=(
            "Deployment/argocd-repo-server",
            "Deployment/argocd-server",
            "StatefulSet/argocd-application-controller",
        ),
        path="spec.template.spec.containers[0].env[REDIS_SENTINEL_PASSWORD]",
        upstream=ABSENT,
        ours={
            "name": "REDIS_SENTINEL_PASSWORD",
            "valueFrom": {"secretKeyRef": {"name": "argocd-redis", "key": "auth"}},
        },
        reason="who commands a Sentinel decides what Argo CD takes for its Redis, so ours ask for a password",
    ),
)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:100]}... ({len(text)} characters)"


def name_of(item: Object) -> str:
    """`Kind/name`, which is unique in the install."""
    return f"{item.get('kind')}/{item.get('metadata', {}).get('name')}"


# Lists whose order has no meaning, with the field that names an item. A mount is known by its path,
# since one volume may be mounted twice; a port by its name, else by its number.
BY_NAME: dict[str, tuple[str, ...]] = {
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "ports": ("name", "port", "containerPort"),
}


def _item_name(item: Any, fields: tuple[str, ...]) -> str:
    if isinstance(item, dict):
        for field in fields:
            if field in item:
                return str(item[field])
    return repr(item)


def _named(items: list[Any], fields: tuple[str, ...]) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """The items by name, and those whose name was taken already."""
    named: dict[str, Any] = {}
    again = []
    for item in items:
        name = _item_name(item, fields)
        if name in named:
            again.append((name, item))
        named.setdefault(name, item)
    return named, again


def _step(path: str, key: str) -> str:
    if "." in key or "/" in key:
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def _walk(path: str, upstream: Any, ours: Any) -> Iterator[tuple[str, Any, Any]]:
    if type(upstream) is not type(ours):  # 1, "1" and true are three values
        yield path, upstream, ours
    elif isinstance(upstream, dict):
        for key in dict.fromkeys([*upstream, *ours]):
            yield from _walk(_step(path, str(key)), upstream.get(key, ABSENT), ours.get(key, ABSENT))
    elif isinstance(upstream, list):
        fields = BY_NAME.get(path.rpartition(".")[2])
        if fields:
            (left, left_again), (right, right_again) = _named(upstream, fields), _named(ours, fields)
            for name in dict.fromkeys([*left, *right]):
                yield from _walk(f"{path}[{name}]", left.get(name, ABSENT), right.get(name, ABSENT))
            yield from ((f"{path}[{name}] again", item, ABSENT) for name, item in left_again)
            yield from ((f"{path}[{name}] again", ABSENT, item) for name, item in right_again)
        else:
            for index in range(max(len(upstream), len(ours))):
                pair = [side[index] if index < len(side) else ABSENT for side in (upstream, ours)]
                yield from _walk(f"{path}[{index}]", *pair)
    elif upstream != ours:
        yield path, upstream, ours


def _same(left: Any, right: Any) -> bool:
    return next(_walk("", left, right), None) is None


def _declares(deviation: Deviation, path: str, upstream: Any, ours: Any) -> bool:
    return deviation.path == path and _same(deviation.upstream, upstream) and _same(deviation.ours, ours)


def expected(upstream: Object) -> Object:
    """Upstream's object as the API server must hold ours.

    With the namespace, which upstream leaves to the one who applies, and with the API's defaults.
    """
    result = defaulted(upstream)
    if result["kind"] not in CLUSTER_SCOPED:
        result["metadata"].setdefault("namespace", NAMESPACE)
    return result


@cache
def install(manifest: str = "install.yaml") -> tuple[Object, ...]:
    """The Namespace and a file of the pinned module's `manifests`, without CRDs, as `expected` makes them.

    `base/argocd` must render `install.yaml`; with `components/high-availability` it must render
    `ha/install.yaml`, outside Redis.
    """
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    upstream = load((argocd_module() / "manifests" / manifest).read_text())
    return tuple(expected(item) for item in [namespace, *upstream] if item["kind"] != "CustomResourceDefinition")


def outside_redis(objects: Iterable[Object]) -> list[Object]:
    """The objects without the label of Redis, `app.kubernetes.io/component: redis`."""
    label = "app.kubernetes.io/component"
    return [item for item in objects if item["metadata"].get("labels", {}).get(label) != "redis"]


def differences(
    ours: Iterable[Object], upstream: Iterable[Object], deviations: Iterable[Deviation] = DEVIATIONS
) -> Iterator[str]:
    """One line for each difference after API defaulting that no deviation declares, and for each unused deviation.

    Objects are paired by kind and name; those of `upstream` are as `expected` makes them.
    """
    left, right = list(upstream), list(ours)
    for side, items in (("upstream", left), ("ours", right)):
        for name, count in Counter(map(name_of, items)).items():
            if count > 1:
                yield f"{name}: {count} objects of this name in {side}"
    ours_by_name = {name_of(item): item for item in right}
    upstream_by_name = {name_of(item): item for item in left}
    unused = [(name, deviation) for deviation in deviations for name in deviation.objects]
    for name in dict.fromkeys([*upstream_by_name, *ours_by_name]):
        if name not in ours_by_name:
            yield f"{name}: expected this object, found none"
        elif name not in upstream_by_name:
            yield f"{name}: expected no such object, found one"
        else:
            for path, theirs, our in _walk("", upstream_by_name[name], defaulted(ours_by_name[name])):
                declared = [item for item in unused if item[0] == name and _declares(item[1], path, theirs, our)]
                for item in declared:
                    unused.remove(item)
                if not declared:
                    yield f"{name} {path}: expected {_short(theirs)}, found {_short(our)}"
    for name, deviation in unused:
        yield f"{name} {deviation.path}: the declared deviation is not there, remove it from DEVIATIONS"
