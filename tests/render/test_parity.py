"""Our render equals upstream's install, also for high availability, and the comparison misses no difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace

import pytest

from argocd_istio.drift.compare import ABSENT, Deviation, expected, name_of, outside_redis
from argocd_istio.drift.defaults import defaulted
from tests.render.consumer import write
from tests.render.parity.mutations import leaves, mutations
from tests.render.parity.upstream import HA, deviations, differences, install
from tests.render.render import Object, build

# A key whose removal changes nothing: the API server writes the same value back. Any other
# mutation that goes unseen is a hole in the comparison.
RESTORED_BY_API = {
    "ClusterRoleBinding roleRef.apiGroup",
    "Deployment spec.template.spec.containers[].env[].valueFrom.fieldRef.apiVersion",
    "Deployment spec.template.spec.containers[].livenessProbe.failureThreshold",
    "Deployment spec.template.spec.containers[].readinessProbe.periodSeconds",
    "NetworkPolicy spec.ingress[].ports[].protocol",
    "NetworkPolicy spec.policyTypes",
    "RoleBinding roleRef.apiGroup",
    "Secret type",
    "Service spec.ports[].protocol",
    "Service spec.ports[].targetPort",
    "StatefulSet spec.replicas",
    "StatefulSet spec.template.spec.containers[].readinessProbe.periodSeconds",
}


@dataclass(frozen=True)
class Pair:
    """Our render, upstream's install, and the intended differences."""

    name: str
    ours: list[Object]
    upstream: list[Object]
    deviations: tuple[Deviation, ...]


@pytest.fixture(scope="module", params=["parity", "parity-high-availability"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    name: str = request.param
    if name == "parity":
        return Pair(name, deepcopy(build("base/argocd")), list(install()), deviations(install()))
    folder = tmp_path_factory.mktemp("high-availability")
    ours = build(write(folder, {"resources": ["base/argocd"], "components": ["components/high-availability"]}))
    upstream = outside_redis(install(HA))
    return Pair(name, outside_redis(ours), upstream, deviations(upstream, high_availability=True))


def test_our_render_equals_upstreams_install(pair: Pair) -> None:
    found = list(differences(pair.ours, pair.upstream, pair.deviations))
    assert not found, "\n" + "\n".join(found)


def test_no_mutation_escapes_the_comparison(pair: Pair, report: Callable[[str, dict[str, int]], None]) -> None:
    twins = {name_of(item): item for item in pair.upstream}
    made: Counter[str] = Counter()
    equal: Counter[str] = Counter()
    escaped: list[str] = []
    for item in pair.ours:
        name, kind = name_of(item), item["kind"]
        # The declared deviations, cut down to one object.
        deviations = [replace(one, objects=(name,)) for one in pair.deviations if name in one.objects]
        twin, before = twins[name], deepcopy(item)
        for change, path in mutations(item):
            made[change] += 1
            seen = next(differences([item], [twin], deviations), None) is not None
            if change == "named list reordered":
                assert not seen, f"{name} {path}: the order of a list by name was reported"
                equal[change] += 1
            elif change == "key removed" and not seen and defaulted(item) == defaulted(before):
                equal[f"{kind} {path}"] += 1
            elif not seen:
                escaped.append(f"{name} {path}: {change}")
        assert item == before
    total = sum(map(leaves, pair.ours))
    report(
        pair.name,
        {
            "objects compared": len(pair.ours),
            "leaves compared": total,
            "deviations declared": sum(len(one.objects) for one in pair.deviations),
            "mutations made": sum(made.values()),
            **dict(sorted(made.items())),
            "equal in meaning": sum(equal.values()),
            "escaped": len(escaped),
        },
    )
    assert not escaped, "\n" + "\n".join(escaped)
    assert made["scalar changed"] == total
    assert equal.keys() == {*RESTORED_BY_API, "named list reordered"}


def test_missing_added_or_repeated_objects_are_differences() -> None:
    upstream = install()
    extra = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "extra", "namespace": "argocd"}}
    for index, item in enumerate(upstream):
        without = [*upstream[:index], *upstream[index + 1 :]]
        assert list(differences(without, upstream, ())) == [f"{name_of(item)}: expected this object, found none"]
        assert f"{name_of(item)}: 2 objects of this name in ours" in differences([*upstream, item], upstream, ())
        assert f"{name_of(item)}: 2 objects of this name in upstream" in differences(upstream, [*upstream, item], ())
    assert list(differences([*upstream, extra], upstream, ())) == [
        "ConfigMap/extra: expected no such object, found one"
    ]


def _service(*ports: dict[str, object]) -> Object:
    metadata = {"name": "s", "namespace": "argocd"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": list(ports)}}


def _differences(ours: Object, upstream: Object, *deviations: Deviation) -> list[str]:
    return list(differences([ours], [expected(upstream)], deviations))


def test_a_repeated_name_is_always_a_difference() -> None:
    port: dict[str, object] = {"name": "a", "port": 1}
    once, twice = _service(port), _service(port, port)
    for ours, upstream, lines in ((once, once, 0), (once, twice, 1), (twice, once, 1), (twice, twice, 2)):
        found = _differences(ours, upstream)
        assert len(found) == lines
        assert all(line.startswith("Service/s spec.ports[a] again: ") for line in found)


@pytest.mark.parametrize("written", ["1", True, 1.0], ids=repr)
def test_equal_looking_values_of_another_type_are_different(written: object) -> None:
    ours, upstream = _service({"port": 1, "targetPort": written}), _service({"port": 1})
    assert _differences(ours, upstream) == [f"Service/s spec.ports[1].targetPort: expected 1, found {written!r}"]


def test_a_deviation_matches_only_object_path_and_values() -> None:
    ours, upstream, path = _service({"port": 1, "targetPort": 2}), _service({"port": 1}), "spec.ports[1].targetPort"
    assert not _differences(ours, upstream, Deviation(("Service/s",), path, 1, 2, "reason"))
    for wrong in (
        Deviation(("Service/s",), path, 1, 3, "reason"),
        Deviation(("Service/s",), path, ABSENT, 2, "reason"),
        Deviation(("Service/s",), "spec.ports[1].protocol", 1, 2, "reason"),
        Deviation(("Service/t",), path, 1, 2, "reason"),
    ):
        assert _differences(ours, upstream, wrong) == [
            f"Service/s {path}: expected 1, found 2",
            f"{wrong.objects[0]} {wrong.path}: the declared deviation is not there, remove it from DEVIATIONS",
        ]


def test_defaults_are_idempotent_and_keep_written_values() -> None:
    for item in install():
        before = deepcopy(item)
        full = defaulted(item)
        assert item == before
        assert defaulted(full) == full
        assert not _lost(item, full)


def _lost(source: object, full: object) -> bool:
    if isinstance(source, dict) and isinstance(full, dict):
        return any(key not in full or _lost(value, full[key]) for key, value in source.items())
    if isinstance(source, list) and isinstance(full, list):
        return len(source) != len(full) or any(map(_lost, source, full))
    return source != full


def test_a_kind_without_known_defaults_is_refused() -> None:
    with pytest.raises(ValueError, match="no API defaults known for kind 'DaemonSet'"):
        defaulted({"kind": "DaemonSet"})
