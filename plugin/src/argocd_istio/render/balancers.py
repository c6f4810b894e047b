"""Where TLS has ended before the gateway: somebody says so, or the annotations of its Service do.

Source: `ServiceAnnotationLoadBalancerBEProtocol` and its neighbours in `pkg/providers/v1/aws.go` of Kubernetes'
cloud provider for AWS.
"""

from __future__ import annotations

from collections.abc import Mapping

from argocd_istio.render.objects import CORE, Objects
from argocd_istio.syntax.nodes import items, labels, number, text
from argocd_istio.syntax.source import Node

_PREFIX = "service.beta.kubernetes.io/aws-load-balancer-"
# A balancer of these speaks TLS to the gateway again.
_AGAIN = ("https", "ssl")
# Where the pods of Istio's own gateways take what their Service has at port 80.
_HTTP = {"8080", "http", "http2"}


class Balancers:
    """`stated` is whether somebody says that TLS ends before every gateway."""

    def __init__(self, objects: Objects, stated: bool) -> None:
        self._stated = stated
        self._ending: list[tuple[dict[str, str], set[str]]] = []
        """Of each Service whose balancer ends TLS the labels that it selects, and the gateway's ports behind that."""
        for service in objects.of(CORE, "Service"):
            said = labels(service.node, "metadata", "annotations")
            if said.get(_PREFIX + "ssl-cert") and said.get(_PREFIX + "backend-protocol", "").lower() not in _AGAIN:
                ports = {each.strip() for each in (said.get(_PREFIX + "ssl-ports") or "*").split(",")}
                self._ending.append((labels(service.spec, "selector"), _behind(items(service.spec, "ports"), ports)))

    def ended(self, selector: Mapping[str, str], port: int) -> bool:
        """Whether TLS has ended before what comes in at a port of the pods that a Gateway selects."""
        return self._stated or any(str(port) in ports and _meet(selector, own) for own, ports in self._ending)


def _behind(ports: list[Node], ended: set[str]) -> set[str]:
    """The ports of a Gateway's servers that the ports where TLS ends lead to, by number.

    A server is named by a port of the Service, or by the port of the pods.
    """
    targets = {
        text(each, "targetPort") or text(each, "port")
        for each in ports
        if ended & {"*", text(each, "port"), text(each, "name")}
    }
    if targets & _HTTP:
        targets.add("80")
    same = {str(number(each, "port")) for each in ports if (text(each, "targetPort") or text(each, "port")) in targets}
    return same | targets


def _meet(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two selectors choose the same pods, as far as they can tell."""
    common = one.keys() & other.keys()
    return bool(common) and all(one[key] == other[key] for key in common)
