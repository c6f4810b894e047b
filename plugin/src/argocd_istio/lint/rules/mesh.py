"""What a sidecar does with traffic to argocd-server."""

from __future__ import annotations

from collections.abc import Iterator

from argocd_istio.lint.rule import Fault, Rule, named_few
from argocd_istio.render.istio import HTTP2, UNDECLARED
from argocd_istio.render.model import Destination, Facts, Pods
from argocd_istio.render.policies import HBONE, STRICT

_HTTP1 = ("HTTP", "HTTP_PROXY")


def _parsed(pods: Pods) -> bool:
    """Whether the sidecar reads HTTP at the port: no Sidecar object with a selector declares it as TCP."""
    return pods.mesh == "sidecar" and pods.redirected and not pods.sidecars.opaque


def _one_protocol(facts: Facts) -> Iterator[Fault]:
    """A sidecar builds one chain for a port: `reportInboundConflict` in `pilot/pkg/networking/core` of Istio."""
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
            # The wrong Sidecar, else the labels that a new one would select.
            labels = pods.place.at("spec", "template").at("metadata", "labels")
            yield Fault(pods, pods.sidecars[0].place if pods.sidecars else labels, message, fix)


def _broken(hop: str, pods: Pods, versions: set[bool]) -> str:
    if hop == "the client's TLS" and any(each in (*_HTTP1, *HTTP2) for each in pods.inbound):
        return "the sidecar reads the client's TLS as HTTP: every request fails"
    if len(versions) > 1 and UNDECLARED not in pods.inbound:
        return "a sidecar accepts one protocol per port: native gRPC or the browser fails"
    return ""


def _tls(destination: Destination) -> str:
    """The TLS mode of a DestinationRule; without one the gateway uses mutual TLS to pods in the mesh."""
    return destination.policy.tls if destination.policy else ""


def _excluded(facts: Facts) -> Iterator[Fault]:
    """The endpoint is still marked for mTLS, but nothing in the pod ends it (seen in a test run)."""
    for tls, pods in facts.pods(lambda _, destination: _tls(destination)):
        if pods.mesh == "sidecar" and not pods.redirected and not pods.plain and tls in ("", "ISTIO_MUTUAL"):
            message = f"{pods.kept_by} excludes port {pods.port} from the sidecar, and the gateway speaks mTLS: 503"
            fix = "remove the annotation, or give the Service a DestinationRule with tls mode DISABLE"
            yield Fault(pods, pods.kept_at, message, fix)


def _two_sidecars(facts: Facts) -> Iterator[Fault]:
    for _, pods in facts.pods(lambda *_: None):
        if pods.mesh == "sidecar" and len(pods.sidecars) > 1 and pods.sidecars.opaque:
            named = " and ".join(each.name for each in pods.sidecars[:2])
            message = f"Sidecars {named} select the same pods: only the older one counts"
            yield Fault(pods, pods.place, message, "keep one")


def _not_enforced(facts: Facts) -> Iterator[Fault]:
    """Only a sidecar enforces the policies for pods, and only on ports that it takes."""
    for _, pods in facts.pods(lambda *_: None):
        named = [f"AuthorizationPolicy {each.name}" for each in pods.authorizations.selected]
        policy = pods.mutual_tls
        strict = policy is not None and policy.mode == STRICT
        if policy and strict and (policy.selected or not pods.redirected):
            named.insert(0, f"PeerAuthentication {policy.name}")
        if named and pods.mesh == "none":
            message = f"no sidecar: nothing enforces {' and '.join(named)}"
            fix = "label the Namespace istio-injection: enabled, or remove the policies"
            yield Fault(pods, pods.place, message, fix)
        elif named and pods.mesh == "sidecar" and not pods.redirected:
            message = f"{pods.kept_by} excludes port {pods.port} from the sidecar: {named[0]} is not enforced there"
            yield Fault(pods, pods.kept_at, message, "remove the annotation")


def _refused(facts: Facts) -> Iterator[Fault]:
    for _, _, destination in facts.argocd_servers():
        rule = destination.policy
        for pods in destination.pods.argocd_servers if rule and rule.tls not in ("", "ISTIO_MUTUAL") else ():
            policy = pods.mutual_tls
            if rule and policy and policy.mode == STRICT and pods.mesh == "sidecar" and pods.redirected:
                message = f"the pods accept only mutual TLS (PeerAuthentication {policy.name}), but DestinationRule "
                message += f"{rule.rule} sets {rule.tls}: 503"
                fix = "set its tls mode to ISTIO_MUTUAL, or remove it"
                yield Fault(destination, rule.place, message, fix)
                break


def _cut_off(facts: Facts) -> Iterator[Fault]:
    """Redis then answers EOF, and repo-server asks for a certificate (seen in a test run)."""
    for _, pods in facts.pods(lambda *_: None):
        others = [each for each in pods.strict if each != pods.name]
        if pods.argocd_server and pods.mesh == "none" and others:
            named = named_few(others)
            message = f"argocd-server has no sidecar, and only mutual TLS reaches {named}: Argo CD cannot work"
            yield Fault(pods, pods.place, message, "give its pods a sidecar too: no sidecar.istio.io/inject with false")


def _closed(facts: Facts) -> Iterator[Fault]:
    """Computed from the policies: not tested in an ambient mesh."""
    for _, pods in facts.pods(lambda *_: None):
        if pods.argocd_server and pods.mesh == "ambient" and pods.closed:
            named = named_few(pods.closed)
            message = (
                f"ambient carries connections on port {HBONE}, which the NetworkPolicies of {named} do not admit: "
            )
            message += "Argo CD's components do not reach each other"
            yield Fault(pods, pods.place, message, f"add a NetworkPolicy for all pods that admits TCP {HBONE}")


def _asks_for_requests(facts: Facts) -> Iterator[Fault]:
    """At a TCP port, an ALLOW rule with fields of requests matches nothing; a DENY rule matches without them."""
    for _, pods in facts.pods(lambda *_: None):
        for each in pods.authorizations.of_requests if pods.mesh == "sidecar" and pods.sidecars.opaque else ():
            does = "refuses more" if each.action == "DENY" else "admits nobody with them"
            message = f"AuthorizationPolicy {each.name} uses fields of requests, but the sidecar treats port "
            message += f"{pods.port} as TCP: it {does}"
            yield Fault(pods, each.place, message, "put it on the gateway; here name principals and ports only")


RULES = (
    Rule("E03", "policies-without-sidecar", "warning", _not_enforced),
    Rule("E04", "clear-text-to-strict-pods", "error", _refused),
    Rule("E09", "ambient-port-closed", "error", _closed),
    Rule("E12", "one-protocol-for-a-port", "error", _one_protocol),
    Rule("E13", "port-kept-from-sidecar", "error", _excluded),
    Rule("E14", "argocd-server-outside-strict-mesh", "error", _cut_off),
    Rule("E15", "two-sidecar-objects", "warning", _two_sidecars),
    Rule("E16", "requests-at-a-tcp-port", "error", _asks_for_requests),
)
