"""The namespace of a gateway's pods: as stated by the user, else from the workloads of the render."""

from __future__ import annotations

from collections.abc import Mapping

from argocd_istio.render.objects import Chosen
from argocd_istio.render.workloads import Workload


class GatewayPods:
    """`stated` is the namespace of all gateways' pods, `otherwise` the default if the render does not show it."""

    def __init__(self, workloads: list[Workload], stated: str, otherwise: str) -> None:
        self._stated, self._otherwise = stated, otherwise
        self._chosen: Chosen[str] = Chosen()
        for workload in workloads:
            self._chosen.add("", workload.labels, workload.item.namespace)
        self._known: dict[tuple[tuple[str, str], ...], str] = {}

    def namespace(self, selector: Mapping[str, str]) -> str:
        """The namespace of the pods with these labels; empty if unknown."""
        key = tuple(selector.items())
        if key not in self._known:
            found = set(self._chosen.of("", selector))
            self._known[key] = self._stated or (found.pop() if len(found) == 1 else self._otherwise)
        return self._known[key]
