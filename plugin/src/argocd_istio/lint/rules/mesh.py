"""What a sidecar makes of what arrives at argocd-server."""

from __future__ import annotations

from collections.abc import Iterator

from argocd_istio.lint.rule import Fault, Rule
from argocd_istio.render.istio import HTTP2, UNDECLARED
from argocd_istio.render.model import Facts, Pods

_HTTP1 = ("HTTP", "HTTP_PROXY")


def _parsed(pods: Pods) -> bool:
    """Whether the sidecar reads HTTP at the port: no Sidecar object with a selector takes it as it is."""
    return pods.mesh == "sidecar" and pods.redirected and not pods.sidecars.opaque


def _one_protocol(facts: Facts) -> Iterator[Fault]:
    """A sidecar builds one chain for a port: `reportInboundConflict` in `pilot/pkg/networking/core` of Istio; run."""
    versions: dict[tuple[str, int], set[bool]] = {}
    for protocol, pods in facts.pods(lambda _, destination: destination.protocol):
        if protocol in (*HTTP2, *_HTTP1):
            versions.setdefault((pods.name, pods.port), set()).add(protocol in HTTP2)
    for hop, pods in facts.pods(lambda _, destination: destination.hop):
        if not pods.argocd_server or not _parsed(pods):
            continue
        message = _broken(hop, pods, versions.get((pods.name, pods.port), set()))
        if message:
            fix = f"add a Sidecar that selects these pods, with ingress port {pods.port}, protocol TCP"
            yield Fault(pods, pods.place, message, fix)


def _broken(hop: str, pods: Pods, versions: set[bool]) -> str:
    if hop == "the client's TLS" and any(each in (*_HTTP1, *HTTP2) for each in pods.inbound):
        return "the sidecar takes the client's TLS for HTTP: every request fails"
    if len(versions) > 1 and UNDECLARED not in pods.inbound:
        return "a sidecar takes one protocol for a port: native gRPC or the browser fails"
    return ""


def _excluded(facts: Facts) -> Iterator[Fault]:
    """The endpoint still says that it speaks mTLS, and nothing in the pod ends it; run."""
    for hop, pods in facts.pods(lambda _, destination: destination.hop):
        if pods.mesh == "sidecar" and not pods.redirected and hop == "mTLS":
            message = f"excludeInboundPorts keeps port {pods.port} from the sidecar, and the gateway speaks mTLS: 503"
            fix = "remove the annotation, or give the Service a DestinationRule with tls mode DISABLE"
            yield Fault(pods, pods.place, message, fix)


def _two_sidecars(facts: Facts) -> Iterator[Fault]:
    for _, pods in facts.pods(lambda *_: None):
        if pods.mesh == "sidecar" and len(pods.sidecars) > 1 and pods.sidecars.opaque:
            named = " and ".join(each.name for each in pods.sidecars[:2])
            message = f"Sidecars {named} select the same pods: the older one counts alone"
            yield Fault(pods, pods.place, message, "keep one")


RULES = (
    Rule("E12", "one-protocol-for-a-port", "error", _one_protocol),
    Rule("E13", "port-kept-from-sidecar", "error", _excluded),
    Rule("E15", "two-sidecar-objects", "warning", _two_sidecars),
)
