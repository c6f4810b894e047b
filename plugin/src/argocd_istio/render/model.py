"""The way of a request, from a host name to a pod: what `read` finds and every drawer draws.

Problems are single lines: what is wrong, what it does to a request, what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Hop = Literal["clear text", "TLS", "the client's TLS"]
"""How the bytes travel between gateway and pod: `TLS` is a connection that the gateway itself makes."""


@dataclass(frozen=True)
class Certificate:
    """Who shows which certificate. `secret` is empty where it is no Secret; `file` is a path inside the pod."""

    holder: Literal["gateway", "argocd-server"]
    secret: str
    namespace: str
    file: str = ""


@dataclass(frozen=True)
class Pods:
    """The pods of one workload. `tls` says whether the port speaks TLS, None where only argocd-server would tell."""

    kind: str
    name: str
    port: int
    tls: bool | None
    because: str
    certificate: Certificate | None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Destination:
    """A Service port. `protocol` is Istio's word for it, `speaks` what the gateway sends, `name` is namespace/name."""

    name: str
    port: int
    protocol: str
    speaks: str
    hop: Hop
    weight: int | None
    pods: tuple[Pods, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Route:
    """A rule of a VirtualService. `match` holds alternatives, empty means everything.

    `answer` is what the gateway answers by itself, empty where it sends the request on.
    """

    virtual_service: str
    name: str
    match: tuple[str, ...]
    answer: str
    destinations: tuple[Destination, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listener:
    """A server of a Gateway, on the pods with the labels of `selector`.

    `tls` is its mode, empty where it takes clear text; `redirect` is a 301 to https.
    """

    gateway: str
    selector: tuple[str, ...]
    port: int
    protocol: str
    tls: str
    redirect: bool
    certificate: Certificate | None
    routes: tuple[Route, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Way:
    """All hosts that take the same way."""

    hosts: tuple[str, ...]
    listeners: tuple[Listener, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """Every way of a render, and the problems that belong to no host."""

    ways: tuple[Way, ...]
    problems: tuple[str, ...] = ()

    def all_problems(self) -> list[str]:
        """Every problem, in the order in which they are drawn."""
        found: list[str] = []
        for way in self.ways:
            for listener in way.listeners:
                found += listener.problems
                for route in listener.routes:
                    found += route.problems
                    for destination in route.destinations:
                        found += destination.problems
                        for pods in destination.pods:
                            found += pods.problems
            found += way.problems
        return [*found, *self.problems]
