"""Who may connect to pods, as PeerAuthentications and AuthorizationPolicies say.

Sources: `ComposePeerAuthentication` in `pilot/pkg/security/authn/policy_applier.go` of Istio; the fields that a TCP
port has not in `pilot/pkg/security/authz/model/model.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from argocd_istio.render.istio import ROOT
from argocd_istio.render.model import Authorization, MutualTls
from argocd_istio.render.objects import Object, Objects, Place, Selectors
from argocd_istio.render.workloads import Mesh, Workload
from argocd_istio.syntax.nodes import fields, items, labels, text
from argocd_istio.syntax.source import Node

SECURITY = "security.istio.io"
STRICT = "STRICT"
_OF_REQUESTS = {"hosts", "notHosts", "paths", "notPaths", "methods", "notMethods"}
_OF_TOKENS = {"requestPrincipals", "notRequestPrincipals"}
# What conditions know of a connection; everything else they know of a request.
_CONNECTION = ("source.", "destination.", "connection.", "experimental.envoy.filters.network.")


class _Selecting:
    """Policies, by the pods that they are for: by labels, for their namespace, or for the mesh."""

    def __init__(self, found: list[Object]) -> None:
        chosen = [(item, labels(item.spec, "selector", "matchLabels")) for item in found]
        self.by_labels = Selectors((item.namespace, selector, item) for item, selector in chosen)
        self._whole: dict[str, list[Object]] = {}
        for item, selector in chosen:
            if not selector:
                self._whole.setdefault(item.namespace, []).append(item)

    def whole(self, namespace: str) -> Iterator[Object]:
        """Those for a whole namespace, and those of the root namespace, which are for all of them."""
        yield from self._whole.get(namespace, ())
        if namespace != ROOT:
            yield from self._whole.get(ROOT, ())


class Policies:
    """The policies of these files."""

    def __init__(self, objects: Objects, workloads: list[Workload], mesh: Mesh) -> None:
        self._peers = _Selecting(objects.of(SECURITY, "PeerAuthentication"))
        callers = objects.of(SECURITY, "AuthorizationPolicy")
        # Those of the Gateway API's kind are for waypoints.
        self._callers = _Selecting(
            [item for item in callers if not (items(item.spec, "targetRefs") or fields(item.spec, "targetRef"))]
        )
        self._mesh = mesh
        self._workloads: dict[str, list[Workload]] = {}
        for workload in workloads:
            self._workloads.setdefault(workload.item.namespace, []).append(workload)
        self._strict: dict[str, tuple[str, ...]] = {}

    def mutual_tls(self, workload: Workload, port: int) -> MutualTls | None:
        """What counts at a port: the policy with a selector, then the namespace's, then the mesh's."""
        namespace = workload.item.namespace
        own = self._peers.by_labels.first(namespace, workload.labels)
        for item in chain([own] if own else [], self._peers.whole(namespace)):
            for path in (("portLevelMtls", str(port), "mode"), ("mtls", "mode")):
                mode = text(item.spec, *path)
                if mode not in ("", "UNSET"):
                    return MutualTls(item.title, mode, item is own, Place(item).at("spec", *path))
        return None

    def authorizations(self, workload: Workload) -> tuple[Authorization, ...]:
        """The policies that count for the pods."""
        namespace = workload.item.namespace
        own = [(item, True) for item in self._callers.by_labels.of(namespace, workload.labels)]
        return tuple(
            Authorization(
                item.title, text(item.spec, "action") or "ALLOW", selected, _reads_requests(item), Place(item)
            )
            for item, selected in [*own, *((item, False) for item in self._callers.whole(namespace))]
        )

    def strict(self, namespace: str) -> tuple[str, ...]:
        """The workloads of a namespace that take mutual TLS only, by namespace/name."""
        if namespace not in self._strict:
            found = []
            for workload in self._workloads.get(namespace, []):
                policy = self.mutual_tls(workload, 0)
                if policy and policy.mode == STRICT and self._mesh.membership(workload) == "sidecar":
                    found.append(workload.item.title)
            self._strict[namespace] = tuple(found)
        return self._strict[namespace]


def _reads_requests(item: Object) -> bool:
    """Whether a rule asks for what only a request has: a path, a method, a host, a header or a token."""
    for rule in items(item.spec, "rules"):
        operations = [each.find("operation") for each in items(rule, "to")]
        sources = [each.find("source") for each in items(rule, "from")]
        asked = [_OF_REQUESTS & _keys(each) for each in operations] + [_OF_TOKENS & _keys(each) for each in sources]
        conditions = [text(each, "key") for each in items(rule, "when")]
        if any(asked) or any(not key.startswith(_CONNECTION) for key in conditions):
            return True
    return False


def _keys(node: Node | None) -> set[str]:
    return set(fields(node))
