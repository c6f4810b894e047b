"""What the drawers say of each part, so that all say the same."""

from __future__ import annotations

from argocd_istio.render.model import Certificate, Destination, Listener, Pods, Route, Way
from argocd_istio.syntax.source import visible

CLEAR = "clear text"
_SHOWN = 4


def hosts(way: Way) -> list[str]:
    """The hosts of a way: all of them where they are few, else the first ones and how many more."""
    named = list(way.hosts) if len(way.hosts) <= _SHOWN else list(way.hosts[: _SHOWN - 1])
    rest = len(way.hosts) - len(named)
    return [*map(visible, named), *([f"and {rest} more"] if rest else [])]


def port(listener: Listener) -> str:
    return visible(f"port {listener.port}, {listener.protocol}")


def gateway(listener: Listener) -> str:
    """Where the listener stands written, and on which pods it is."""
    selector = ",".join(listener.selector)
    return visible(f"Gateway {listener.gateway}" + (f" on {selector}" if selector else ""))


def tls(listener: Listener) -> str:
    """What the gateway does with TLS; empty on a port without."""
    if listener.tls in ("PASSTHROUGH", "AUTO_PASSTHROUGH"):
        return "TLS is passed on unopened"
    if not listener.tls:
        return ""
    return _ends(listener.certificate) + (", clients show one too" if "MUTUAL" in listener.tls else "")


def _ends(found: Certificate | None) -> str:
    if found is None:
        return "TLS ends here"
    return f"TLS ends here: {certificate(found)}"


def certificate(found: Certificate) -> str:
    return visible(f"file {found.file}" if found.file else f"Secret {found.namespace}/{found.secret}")


def conditions(route: Route, first: bool) -> list[str]:
    """When a route is taken: the alternatives."""
    return [visible(each) for each in route.match] or ["everything" if first else "everything else"]


def rule(route: Route) -> str:
    """Where the route stands written."""
    return visible(f"VirtualService {route.virtual_service}" + (f": {route.name}" if route.name else ""))


def service(destination: Destination) -> str:
    share = f", weight {destination.weight}" if destination.weight is not None else ""
    return visible(f"Service {destination.name}, port {destination.port}{share}")


def sent(destination: Destination) -> str:
    """What travels between gateway and pod."""
    if destination.hop == CLEAR:
        return f"{destination.speaks or 'TCP'} in clear text"
    if destination.hop == "TLS":
        return f"{destination.speaks} in TLS"
    return "the client's TLS"


def pods(found: Pods) -> str:
    return visible(f"pods {found.name.partition('/')[2]}, port {found.port or '?'}")


def listens(found: Pods) -> str:
    """What the port speaks; empty where only its program knows."""
    return "" if found.tls is None else "TLS" if found.tls else "plain HTTP"


def because(found: Pods) -> str:
    """What says so."""
    return visible(found.because)


def held(found: Pods) -> str:
    """Which certificate argocd-server shows; empty where none."""
    return f"{_ends(found.certificate)}, else self-signed" if found.certificate else ""
