"""References across namespaces: ReferenceGrants of the Gateway API.

Source: `ReferenceGrantsCollection` in `pilot/pkg/config/kube/gatewaycommon/references.go` of Istio.
"""

from __future__ import annotations

from argocd_istio.render.objects import CORE, GATEWAY_API, Objects
from argocd_istio.syntax.nodes import items, text


class Grants:
    """Every grant by its `from` and its `to` entries; one grant must have both."""

    def __init__(self, objects: Objects) -> None:
        self._trusted: dict[tuple[str, str, str], set[int]] = {}
        self._opened: dict[tuple[str, str, str], set[int]] = {}
        for number, grant in enumerate(objects.of(GATEWAY_API, "ReferenceGrant")):
            for each in items(grant.spec, "from"):
                if text(each, "group") == GATEWAY_API:
                    key = (grant.namespace, text(each, "kind"), text(each, "namespace"))
                    self._trusted.setdefault(key, set()).add(number)
            for each in items(grant.spec, "to"):
                if text(each, "group") == CORE:
                    key = (grant.namespace, text(each, "kind"), text(each, "name"))
                    self._opened.setdefault(key, set()).add(number)

    def allow(self, kind: str, namespace: str, wanted: str, owner: str, name: str) -> bool:
        """Whether objects of a kind in `namespace` may refer to this Service or Secret (`wanted`) of `owner`."""
        trusted = self._trusted.get((owner, kind, namespace), set())
        opened = (self._opened.get((owner, wanted, each), set()) for each in (name, ""))
        return namespace == owner or not all(map(trusted.isdisjoint, opened))
