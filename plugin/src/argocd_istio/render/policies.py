"""Who may connect to pods, as PeerAuthentications and AuthorizationPolicies say.

Sources: `ComposePeerAuthentication` in `pilot/pkg/security/authn/policy_applier.go` of Istio; the fields that a TCP
port has not in `pilot/pkg/security/authz/model/model.go`.
"""

from __future__ import annotations

from collections.abc import Iterator

from argocd_istio.render.istio import ROOT
from argocd_istio.render.model import Authorization, MutualTls
from argocd_istio.render.objects import Object, Objects, Place
from argocd_istio.render.workloads import Mesh, Workload
from argocd_istio.syntax.nodes import fields, items, labels, text
from argocd_istio.syntax.source import Node

SECURITY = "security.istio.io"
STRICT = "STRICT"
_OF_REQUESTS = {"hosts", "notHosts", "paths", "notPaths", "methods", "notMethods"}
_OF_TOKENS = {"requestPrincipals", "notRequestPrincipals"}
# What conditions know of a connection; everything else they know of a request.
_CONNECTION = ("source.", "destination.", "connection.", "experimental.envoy.filters.network.")


class Policies:
    """The policies of these files; those of the root namespace count for the whole mesh."""

    def __init__(self, objects: Objects, workloads: list[Workload], mesh: Mesh) -> None:
        self._peers = _by_namespace(objects.of(SECURITY, "PeerAuthentication"), "selector")
        self._callers = _by_namespace(objects.of(SECURITY, "AuthorizationPolicy"), "selector")
        self._mesh = mesh
        self._workloads: dict[str, list[Workload]] = {}
        for workload in workloads:
            self._workloads.setdefault(workload.item.namespace, []).append(workload)
        self._strict: dict[str, tuple[str, ...]] = {}

    def mutual_tls(self, workload: Workload, port: int) -> MutualTls | None:
        """What counts at a port: the policy with a selector, then the namespace's, then the mesh's."""
        for selected, item in self._of(self._peers, workload):
            for path in (("portLevelMtls", str(port), "mode"), ("mtls", "mode")):
                mode = text(item.spec, *path)
                if mode not in ("", "UNSET"):
                    return MutualTls(item.title, mode, selected, Place(item).at("spec", *path))
        return None

    def authorizations(self, workload: Workload) -> tuple[Authorization, ...]:
        """The policies that count for the pods."""
        return tuple(
            Authorization(
                item.title, text(item.spec, "action") or "ALLOW", selected, _reads_requests(item), Place(item)
            )
            for selected, item in self._of(self._callers, workload)
            if not (items(item.spec, "targetRefs") or fields(item.spec, "targetRef"))
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

    @staticmethod
    def _of(
        policies: dict[str, list[tuple[dict[str, str], Object]]], workload: Workload
    ) -> Iterator[tuple[bool, Object]]:
        """Those that select the pods, those with a selector first; and whether they have one."""
        own = policies.get(workload.item.namespace, [])
        yield from ((True, item) for selector, item in own if selector and selector.items() <= workload.labels.items())
        yield from ((False, item) for selector, item in own if not selector)
        if workload.item.namespace != ROOT:
            yield from ((False, item) for selector, item in policies.get(ROOT, []) if not selector)


def _by_namespace(found: list[Object], field: str) -> dict[str, list[tuple[dict[str, str], Object]]]:
    policies: dict[str, list[tuple[dict[str, str], Object]]] = {}
    for item in found:
        selector = labels(item.spec, field, "matchLabels")
        policies.setdefault(item.namespace, []).append((selector, item))
    return policies


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
