"""Where TLS ends before the gateway: by the command line, by the annotations of its Service, or by that of a Gateway.

Source: `ServiceAnnotationLoadBalancerBEProtocol` and its neighbours in `pkg/providers/v1/aws.go` of Kubernetes'
cloud provider for AWS.
"""

from __future__ import annotations

from collections.abc import Mapping

from argocd_istio.render.model import HTTP
from argocd_istio.render.objects import CORE, Object, Objects
from argocd_istio.syntax.nodes import items, labels, number, text
from argocd_istio.syntax.source import Node

ENDS_AT, LOAD_BALANCER = "argocd-istio.github.io/tls-ends-at", "load-balancer"
"""The annotation of a Gateway behind a load balancer."""
_PREFIX = "service.beta.kubernetes.io/aws-load-balancer-"
# With these values the balancer speaks TLS to the gateway.
_AGAIN = ("https", "ssl")
# The target ports of port 80 in the Services of Istio's own gateways.
_HTTP = {"8080", "http", "http2"}


class Balancers:
    """`stated` is whether the user states that TLS ends before every gateway."""

    def __init__(self, objects: Objects, stated: bool) -> None:
        self._stated = stated
        self._ending: list[tuple[dict[str, str], set[str]]] = []
        """For each Service whose balancer ends TLS: the labels that it selects, and the gateway's ports behind it."""
        for service in objects.of(CORE, "Service"):
            given = labels(service.node, "metadata", "annotations")
            if given.get(_PREFIX + "ssl-cert") and given.get(_PREFIX + "backend-protocol", "").lower() not in _AGAIN:
                ports = {each.strip() for each in (given.get(_PREFIX + "ssl-ports") or "*").split(",")}
                self._ending.append((labels(service.spec, "selector"), _behind(items(service.spec, "ports"), ports)))

    def marked(self, gateway: Object) -> bool:
        """Whether a Gateway states that TLS ends at a load balancer, and has nothing but HTTP on port 80."""
        if labels(gateway.node, "metadata", "annotations").get(ENDS_AT) != LOAD_BALANCER:
            return False
        ports = [
            (number(server, "port", "number"), text(server, "port", "protocol").upper())
            for server in items(gateway.spec, "servers")
        ]
        return all(port == 80 and protocol in HTTP for port, protocol in ports)

    def ended(self, selector: Mapping[str, str], port: int) -> bool:
        """Whether TLS ends before a port of the pods that a Gateway selects."""
        return self._stated or any(str(port) in ports and _meet(selector, own) for own, ports in self._ending)


def _behind(ports: list[Node], ended: set[str]) -> set[str]:
    """The ports of a Gateway's servers that clear text reaches, by number.

    A server has the number of a Service port, or of the pods' port.
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
    """Whether two selectors can choose the same pods: they share keys, with equal values."""
    common = one.keys() & other.keys()
    return bool(common) and all(one[key] == other[key] for key in common)
