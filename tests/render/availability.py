"""Requirements on a render with high availability, so that the loss of one node causes no outage."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.render.render import Object

REDIS = "argocd-redis-sentinel"
SPREAD = (("StatefulSet", REDIS), ("Deployment", "argocd-server"), ("Deployment", "argocd-repo-server"))


def scripts(objects: list[Object]) -> str:
    """The content of the ConfigMap of the Redis pods; "" if there is none."""
    found = (item for item in objects if item["kind"] == "ConfigMap" and item["metadata"]["name"].startswith(REDIS))
    return "\n".join(next(found, {"data": {}})["data"].values())


def _setting(text: str, name: str) -> int:
    """The number after `name`, 0 if there is none or more than one (the last one would count)."""
    found = re.findall(rf"{name}[ =\"]+(\d+)", text)
    return int(found[0]) if len(found) == 1 else 0


def _selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return bool(selector) and selector.items() <= labels.items()


def _spread(item: Object) -> bool:
    """Whether two pods of this workload never share a node."""
    template = item["spec"]["template"]
    rules = template["spec"].get("affinity", {}).get("podAntiAffinity", {})
    return "nodeName" not in template["spec"] and any(
        rule["topologyKey"] == "kubernetes.io/hostname"
        # Every other field narrows the pods that the rule separates.
        and rule.keys() == {"topologyKey", "labelSelector"}
        and rule["labelSelector"].keys() == {"matchLabels"}
        and _selects(rule["labelSelector"]["matchLabels"], template["metadata"]["labels"])
        for rule in rules.get("requiredDuringSchedulingIgnoredDuringExecution", [])
    )


def faults(objects: list[Object]) -> Iterator[str]:
    """One line for each part of a render with components/high-availability that would not survive a lost node."""
    by_name: dict[tuple[str, str], Any] = {(item["kind"], item["metadata"]["name"]): item for item in objects}
    missing = [
        f"{kind}/{name}: expected this object, found none" for kind, name in SPREAD if (kind, name) not in by_name
    ]
    yield from missing
    if missing:
        return
    for kind, name in SPREAD:
        least = 3 if name == REDIS else 2
        count = by_name[kind, name]["spec"].get("replicas", 1)
        if count < least:
            yield f"{kind}/{name} spec.replicas: expected {least} or more, found {count}"
        if not _spread(by_name[kind, name]):
            yield f"{kind}/{name}: expected a required anti-affinity by kubernetes.io/hostname, found none"

    replicas = by_name["StatefulSet", REDIS]["spec"]["replicas"]
    labels = by_name["StatefulSet", REDIS]["spec"]["template"]["metadata"]["labels"]
    if replicas % 2 == 0:
        yield f"StatefulSet/{REDIS} spec.replicas: expected an odd number, found {replicas}"
    text = scripts(objects)
    quorum = _setting(text, "quorum")
    if quorum != replicas // 2 + 1:
        yield f"redis.sh quorum: expected {replicas // 2 + 1}, a majority of {replicas}, found {quorum}"

    if not re.search(r'down-after-milliseconds "\$down_after"', text):
        yield "redis.sh down-after-milliseconds: expected the down_after that is set above it, found another"
    if 'monitor argocd "$master" 6379 "$quorum"' not in text:
        yield "redis.sh monitor: expected the quorum that is set above it, found another"
    asked = re.findall(r"\$group-\d+", "".join(re.findall(r'^pods="(.*)"$', text, re.M)))
    if asked != [f"$group-{number}" for number in range(replicas)]:
        yield f"lib.sh pods: expected each of the {replicas}, found {' '.join(asked)}"

    # More than the lag in whole seconds, one more because they are whole, one because they are counted once a second.
    lag, down_after = _setting(text, "min-replicas-max-lag"), _setting(text, "down_after")
    if not (_setting(text, "min-replicas-to-write") and lag and (lag + 2) * 1000 < down_after):
        below = f"with min-replicas-to-write and below {down_after // 1000 - 2}, for down_after {down_after}"
        yield f"redis.conf min-replicas-max-lag: expected one {below}, found {lag}"

    services = {name: item["spec"] for (kind, name), item in by_name.items() if kind == "Service"}
    for pod in (f"{REDIS}-{number}" for number in range(replicas)):
        spec = services.get(pod, {})
        if spec.get("selector") != {"statefulset.kubernetes.io/pod-name": pod}:
            yield f"Service/{pod}: expected one that selects the pod of this name, found none"
        elif not spec.get("publishNotReadyAddresses"):
            yield f"Service/{pod} spec.publishNotReadyAddresses: expected true: the pods meet before they are ready"
    hosts = by_name["ConfigMap", "argocd-cmd-params-cm"]["data"].get("redis.sentinel.hosts", "")
    spec = services.get(hosts.removesuffix(":26379"), {})
    if not (spec.get("clusterIP") == "None" and spec.get("publishNotReadyAddresses")) or not _selects(
        spec.get("selector", {}), labels
    ):
        expected = "expected port 26379 of a headless Service of all Sentinels, ready or not"
        yield f"ConfigMap/argocd-cmd-params-cm data[redis.sentinel.hosts]: {expected}, found {hosts!r}"
    budgets = [item["spec"] for (kind, _), item in by_name.items() if kind == "PodDisruptionBudget"]
    if not any(_selects(one["selector"]["matchLabels"], labels) and one.get("maxUnavailable") == 1 for one in budgets):
        yield f"StatefulSet/{REDIS}: expected a PodDisruptionBudget with maxUnavailable 1, found none"
