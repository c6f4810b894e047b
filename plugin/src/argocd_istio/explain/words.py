"""The texts for each part, the same in every format."""

from __future__ import annotations

from argocd_istio.lint.rule import Finding
from argocd_istio.render.model import Certificate, Destination, Listener, Pods, Route, Way
from argocd_istio.syntax.source import visible

CLEAR = "clear text"
_SHOWN = 4


def hosts(way: Way) -> list[str]:
    """The hosts of a way: all if they are few, else the first ones and the number of the others."""
    named = list(way.hosts) if len(way.hosts) <= _SHOWN else list(way.hosts[: _SHOWN - 1])
    rest = len(way.hosts) - len(named)
    return [*map(visible, named), *([f"and {rest} more"] if rest else [])]


def more(count: int) -> str:
    """Workloads that are not drawn."""
    return f"and {count} more workloads" if count > 1 else "and one more workload"


def port(listener: Listener) -> str:
    """The port and its protocol; empty if the Gateway is not in these files."""
    return visible(f"port {listener.port}, {listener.protocol}") if listener.here else ""


def gateway(listener: Listener) -> str:
    """The object with the listener, and the pods it is on."""
    name = listener.gateway_title
    if listener.listener_set:
        name = f"ListenerSet {listener.listener_set} on {name}"
    if listener.name:
        name = f"{'' if ' ' in listener.name else 'listener '}{listener.name} of {name}"
    if not listener.gateway_here:
        return visible(f"{name}, not in these files" if listener.here else f"{name} (not in these files)")
    if listener.api != "Istio":
        return visible(f"{name} of the Gateway API")
    selector = ",".join(listener.selector)
    return visible(name + (f" on {selector}" if selector else ""))


def encrypted(listener: Listener) -> bool:
    """Whether clients send TLS."""
    return bool(listener.tls) or listener.rules == "tls"


def tls(listener: Listener) -> str:
    """What the gateway does with TLS; empty on a port without TLS."""
    if listener.tls in ("PASSTHROUGH", "AUTO_PASSTHROUGH"):
        return "TLS passes through"
    if not listener.tls:
        whom = f"this gateway trusts whoever reaches port {listener.port}"
        return f"TLS ended at a load balancer before: {whom}" if listener.here and listener.tls_before else ""
    return _ends(listener.certificate) + (", clients present one too" if "MUTUAL" in listener.tls else "")


def _ends(found: Certificate | None) -> str:
    if found is None:
        return "TLS ends here"
    return f"TLS ends here: {certificate(found)}"


def certificate(found: Certificate) -> str:
    if found.file:
        return visible(f"file {found.file}")
    if not found.namespace:
        where = "in the namespace of the gateway's pods (not in these files; set --gateway-namespace)"
        return visible(f"Secret {found.secret} {where}")
    return visible(f"Secret {found.namespace}/{found.secret}")


def conditions(route: Route, first: bool) -> list[str]:
    """When a route is taken: the alternatives."""
    return [visible(each) for each in route.match] or ["everything" if first else "everything else"]


def rule(route: Route) -> str:
    """The object with the route."""
    return visible(f"{route.kind} {route.owner}" + (f": {route.name}" if route.name else ""))


def extras(route: Route) -> list[str]:
    """What else the gateway does to a request."""
    rewrite = f"the path becomes {route.rewrite}" if route.rewrite else ""
    timeout = f"at most {route.timeout}" if route.timeout else ""
    return [visible(each) for each in (rewrite, timeout) if each]


def service(destination: Destination) -> str:
    share = f", weight {destination.weight}" if destination.weight is not None else ""
    name = f"Service {destination.name}" if "/" in destination.name else destination.name or "no host"
    elsewhere = " (not in these files)" if destination.found == "not here" else ""
    if destination.found == "port" and not destination.pods:
        elsewhere = " (its pods are not in these files)"
    port = f", port {destination.port}" if destination.port else ""
    return visible(f"{name}{elsewhere}{port}{share}")


def hidden(destination: Destination) -> bool:
    """Whether the traffic from the gateway is encrypted."""
    return destination.hop not in (CLEAR, "the client's bytes")


def sent(destination: Destination) -> str:
    """What travels between gateway and pod."""
    if destination.hop == CLEAR:
        return f"{destination.speaks or 'TCP'} in clear text"
    if destination.hop == "TLS":
        verifies = destination.policy.verifies if destination.policy else ""
        checked = {"the system's CAs": ", checked against the system's CAs", "nothing": ", not checked"}
        return f"{destination.speaks or 'TCP'} in TLS{checked.get(verifies, '')}"
    if destination.hop == "mTLS":
        return f"{destination.speaks or 'TCP'} in mTLS of the mesh"
    return destination.hop


def pods(found: Pods) -> str:
    mesh = {"sidecar": " with sidecars", "ambient": " in the ambient mesh"}.get(found.mesh, "")
    return visible(f"pods {found.name.partition('/')[2]}{mesh}, port {found.port or '?'}")


def listens(found: Pods) -> str:
    """What the port speaks; empty if only its program decides it."""
    if found.argocd_server is None:
        return ""
    return {True: "TLS", False: "plain HTTP", None: "TLS or plain HTTP"}[found.argocd_server.tls]


def because(found: Pods) -> str:
    """The setting that decides it."""
    return visible(found.argocd_server.because) if found.argocd_server else ""


def shown_certificate(found: Pods) -> str:
    """Which certificate argocd-server shows; empty if none."""
    return f"{_ends(found.certificate)}, else self-signed" if found.certificate else ""


def mark(finding: Finding) -> str:
    """The sign before a finding."""
    return "·" if finding.severity == "info" else "✗"
