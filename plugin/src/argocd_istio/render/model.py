"""The ways that requests take, from a host name to a pod: facts without a judgement.

`ways` and `gateway_api` make them, the rules of `lint` judge them, `explain` draws them. Each fact knows its place.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeVar

from argocd_istio.render.objects import Place

Hop = Literal["clear text", "TLS", "mTLS", "the client's TLS", "the client's bytes"]
"""How bytes travel between gateway and pod: `TLS` is a connection that the gateway itself makes, `mTLS` the mesh's."""

Membership = Literal["sidecar", "ambient", "none", ""]
"""Whether pods are in the mesh; empty if these files do not say."""

Rules = Literal["http", "tls", "tcp"]
"""Which list of a VirtualService a server follows."""

Found = Literal["port", "service", "not here", "nothing"]

Ends = Literal["", "another name", "endpoints here", "endpoints elsewhere"]

Verifies = Literal["", "the system's CAs", "a given CA", "nothing"]

Unrouted = Literal["", "no route", "no rule", "no match", "not admitted", "not exported"]
"""Why a listener has no route for a host: nothing routes it; what routes it has no rule for such a listener, or none
whose conditions can hold there; the Gateway admits no such route; the gateway's pods do not see it."""


Thing = TypeVar("Thing")
Said = TypeVar("Said", bound=Hashable)


class Shared(tuple[Thing, ...]):
    """A tuple that many facts have in common: its hash is computed once, so that it may be a key however long it is."""

    @cached_property
    def _hash(self) -> int:
        return super().__hash__()

    def __hash__(self) -> int:
        return self._hash


@dataclass(frozen=True)
class Certificate:
    """Who shows which certificate. `secret` is empty if it is no Secret, `namespace` where that is not known.

    `file` is a path inside the pod. `granted` is whether the Secret's namespace lets the gateway read it, None where
    neither a ReferenceGrant nor the Secret is here.
    """

    holder: Literal["gateway", "argocd-server"]
    secret: str
    namespace: str
    file: str = ""
    granted: bool | None = True


@dataclass(frozen=True)
class Sidecar:
    """A Sidecar object that selects pods, and the protocol that it states for their port; empty if none."""

    name: str
    protocol: str
    place: Place = field(compare=False, repr=False)


class Sidecars(Shared[Sidecar]):
    """The Sidecar objects that select the same pods."""

    @cached_property
    def opaque(self) -> bool:
        """Whether one of them takes the port as it is."""
        return any(each.protocol in ("TCP", "TLS", "HTTPS") for each in self)


@dataclass(frozen=True)
class MutualTls:
    """The PeerAuthentication that counts for a port of pods; `selected` says whether it selects them by labels."""

    name: str
    mode: str
    selected: bool
    place: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class Authorization:
    """An AuthorizationPolicy for pods; `of_requests` says whether it asks for what a TCP port does not know."""

    name: str
    action: str
    selected: bool
    of_requests: bool
    place: Place = field(compare=False, repr=False)


class Authorizations(Shared[Authorization]):
    """The AuthorizationPolicies for the same pods."""

    @cached_property
    def selected(self) -> tuple[Authorization, ...]:
        """Those that select the pods by labels."""
        return tuple(each for each in self if each.selected)

    @cached_property
    def of_requests(self) -> tuple[Authorization, ...]:
        """Those that ask for what only a request has."""
        return tuple(each for each in self if each.of_requests)


@dataclass(frozen=True)
class ArgocdServer:
    """The settings of argocd-server. `tls` says whether it speaks TLS, `because` what says so: `setting` at `place`.

    What these files do not say is None.
    """

    listens: int
    tls: bool | None
    because: str
    rootpath: str | None
    basehref: str | None
    setting: str
    place: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class Pods:
    """The pods of one workload, and the port at which a request arrives: 0 if no container has the one named.

    `kept_by` is the annotation that keeps that port from a sidecar, at `kept_at`, empty if none; `inbound` are the
    protocols that Istio reads off the Service ports that lead to it. `plain` is whether a label says that they take no
    mutual TLS. `strict` are the workloads that argocd-server calls and that take mutual TLS only, of interest outside
    the mesh; `closed` are those of Argo CD whose NetworkPolicies keep out what an ambient mesh carries.
    """

    kind: str
    name: str
    port: int
    target: str
    argocd_server: ArgocdServer | None
    certificate: Certificate | None
    mesh: Membership
    kept_by: str
    inbound: tuple[str, ...]
    sidecars: Sidecars
    mutual_tls: MutualTls | None
    authorizations: Authorizations
    plain: bool
    strict: tuple[str, ...]
    closed: tuple[str, ...]
    place: Place = field(compare=False, repr=False)
    kept_at: Place = field(compare=False, repr=False)

    @property
    def redirected(self) -> bool:
        """Whether a sidecar takes the port."""
        return not self.kept_by


class Behind(Shared[Pods]):
    """The pods behind a Service port, in one object for all destinations that lead there."""

    @cached_property
    def argocd_servers(self) -> tuple[Pods, ...]:
        return tuple(pods for pods in self if pods.argocd_server)


@dataclass(frozen=True)
class Policy:
    """The traffic policy that a DestinationRule, or a BackendTLSPolicy, gives a Service port.

    `tls` is its mode, empty without one. `verifies` says by what the gateway checks the certificate of the pod, `seen`
    whether the gateway's pods see it, None if that is not known.
    """

    kind: str
    rule: str
    host: str
    tls: str
    verifies: Verifies
    seen: bool | None
    place: Place = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.rule}"


@dataclass(frozen=True)
class Destination:
    """A Service port. `protocol` is Istio's word for it, `speaks` what the gateway sends, `name` is namespace/name.

    `found` says how far the name leads: to a port, to a Service without that port, to nothing in these files, or to
    nothing at all. `subset_pods` is whether the subset selects some of the Service's pods, where that has some. `ends`
    says why a Service selects none by itself: it is another name, that of `alias`, or its endpoints are written by
    hand, in these files or not. `ours` is whether an argocd-server of these files and Services are in its namespace,
    `hidden` the DestinationRule that the gateway's pods do not see, `seen` whether they see the Service; None is not
    known. `granted` is whether the Service's namespace lets the route name it, None if neither a ReferenceGrant nor
    the Service is here. `target` is where the Service names the port of the pods.
    """

    name: str
    host: str
    port: int
    protocol: str
    speaks: str
    hop: Hop
    weight: int | None
    subset: str
    subset_here: bool
    subset_pods: bool
    found: Found
    ports: Shared[int]
    selector: tuple[str, ...]
    ends: Ends
    alias: str
    ours: bool
    seen: bool | None
    granted: bool | None
    policy: Policy | None
    hidden: Policy | None
    pods: Behind
    place: Place = field(compare=False, repr=False)
    target: Place | None = field(default=None, compare=False, repr=False)

    @property
    def to_argocd_server(self) -> bool:
        """Whether it leads to argocd-server; by the Service's name where its pods are not in these files."""
        return bool(self.pods.argocd_servers) or (not self.pods and "argocd-server" in self.name.rpartition("/")[2])


@dataclass(frozen=True)
class Moved:
    """How paths begin at the gateway, and how at the pods.

    `one` is whether that very path is meant, `whole` whether nothing follows at the pods.
    """

    asked: str
    given: str
    one: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Route:
    """A rule of a VirtualService or of the Gateway API. `match` holds alternatives, empty means everything.

    `answer` is what the gateway answers by itself, empty if it sends the request on; `redirect` is one to https,
    `continues` the VirtualService, not in these files, that has the rest.
    `grpc` says which requests of
    gRPC it was written for: `only` takes exactly those, `wanted` more or others. `reached` is false after a route that
    takes everything. `rewrite` says in words what becomes of the path, `moved` has it for each alternative, without
    those of which it is not known. `hosts` are all that the object names. `seen` is whether the gateway's pods see it,
    `only_own` whether it is shown to its own namespace alone.
    """

    kind: str
    owner: str
    name: str
    match: tuple[str, ...]
    paths: tuple[str, ...]
    grpc: Literal["", "only", "wanted"]
    answer: str
    redirect: bool
    continues: str
    rewrite: str
    moved: tuple[Moved, ...]
    timeout: str
    reached: bool
    seen: bool | None
    only_own: bool
    destinations: tuple[Destination, ...]
    place: Place = field(compare=False, repr=False)
    hosts: tuple[str, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class Listener:
    """A server of an Istio Gateway or a listener of the Gateway API, on the pods with the labels of `selector`.

    `here` is false for a Gateway that is not in these files: only its name and routes are known then. `namespace` is
    that of the pods, empty if it is not known. `tls` is the mode, empty if it takes clear text or is not known,
    `tls_before` whether the clients' TLS has ended before the gateway;
    `redirect` is the code with which it sends everything to https, empty if it does not. `confined` is the
    namespace before the host, whose routes alone it admits, `candidate` the route that `unrouted` speaks of,
    `listener_set` the ListenerSet that brings the listener. `hosts` are all that the server names.
    """

    api: Literal["Istio", "Gateway API"]
    gateway: str
    here: bool
    selector: tuple[str, ...]
    namespace: str
    port: int
    protocol: str
    tls: str
    tls_before: bool
    rules: Rules
    redirect: str
    confined: str
    certificate: Certificate | None
    routes: tuple[Route, ...]
    unrouted: Unrouted
    candidate: str
    listener_set: str
    place: Place = field(compare=False, repr=False)
    hosts: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @property
    def passes_through(self) -> bool:
        return self.tls in ("PASSTHROUGH", "AUTO_PASSTHROUGH")


HTTP = ("HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY")


@dataclass(frozen=True)
class Way:
    """All hosts that take the same way."""

    hosts: tuple[str, ...]
    listeners: tuple[Listener, ...]

    @property
    def to_argocd_server(self) -> bool:
        """Whether one of its routes leads there, as far as these files say."""
        routes = (route for listener in self.listeners for route in listener.routes)
        return any(each.to_argocd_server for route in routes for each in route.destinations)


@dataclass(frozen=True)
class Stray:
    """A host of a route that none of its Gateways takes, all of which are here; or a listener that they do not have.

    `others` is whether they take another host of it.
    """

    kind: str
    owner: str
    host: str
    listener: str
    others: bool
    place: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class Refused:
    """A ListenerSet that its Gateway does not admit."""

    name: str
    gateway: str
    place: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class TlsPolicy:
    """A target of a BackendTLSPolicy. `section` is the name of a port, empty for all, `sections` has the Service's.

    `found` is whether the Service is here, None if nothing says that it should be. `hostname` and `verifies` are
    what the gateway asks for and checks by. `unusable` is a CA that Istio cannot take, in words.
    """

    name: str
    service: str
    found: bool | None
    section: str
    sections: tuple[str, ...]
    hostname: str
    verifies: Verifies
    unusable: str
    place: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class Config:
    """An object that Argo CD finds by the label part-of, and the public address that it states."""

    namespace: str
    part_of: str
    url: str
    place: Place


@dataclass(frozen=True)
class Given:
    """A Secret that these files have, or that something in them makes."""

    namespace: str
    name: str
    place: Place


@dataclass(frozen=True)
class Twice:
    """An object that is there several times with different contents.

    `subjects` is whether it is a ClusterRoleBinding whose role one of them takes from the other.
    """

    name: str
    times: int
    subjects: bool
    place: Place


@dataclass(frozen=True)
class Misfit:
    """A field with another type than the API takes."""

    field: str
    found: str
    wanted: str
    place: Place


@dataclass(frozen=True)
class Redis:
    """A workload that runs Redis. `ours` is whether it is Argo CD's, `together` whether its pods share their data."""

    replicas: int
    ours: bool
    together: bool
    place: Place


@dataclass(frozen=True)
class Install:
    """What a render says beside the ways. `namespaces` are those with an argocd-server, `redis` has every Redis."""

    namespaces: tuple[str, ...]
    configs: tuple[Config, ...]
    secrets: tuple[Given, ...]
    twice: tuple[Twice, ...]
    misfits: tuple[Misfit, ...]
    redis: tuple[Redis, ...]


@dataclass(frozen=True)
class Facts:
    """Everything that the rules know. `namespace` is where the gateway's pods are, empty if that is not known.

    `empty` are the Gateways without a listener.
    """

    file: str
    namespace: str
    ways: tuple[Way, ...]
    strays: tuple[Stray, ...]
    empty: tuple[Place, ...] = field(compare=False, repr=False)
    install: Install = field(compare=False, repr=False)
    refused: tuple[Refused, ...] = ()
    tls_policies: tuple[TlsPolicy, ...] = ()

    def listeners(self) -> Iterator[tuple[Way, Listener]]:
        for way in self.ways:
            for listener in way.listeners:
                yield way, listener

    def routes(self) -> Iterator[tuple[Listener, Route]]:
        """Each route of a listener once, however many ways lead through that."""
        seen: set[int] = set()
        for _, listener in self.listeners():
            if id(listener) not in seen:
                seen.add(id(listener))
                for route in listener.routes:
                    yield listener, route

    def destinations(self) -> Iterator[tuple[Listener, Route, Destination]]:
        for listener, route in self.routes():
            for destination in route.destinations:
                yield listener, route, destination

    def pods(self, of: Callable[[Listener, Destination], Said]) -> Iterator[tuple[Said, Pods]]:
        """Pods, each with what `of` says of the destinations that lead there.

        The same is there once: many routes to many pods are as much work as both together, not each with each.
        """
        seen: set[tuple[Said, int]] = set()
        for listener, _, destination in self.destinations():
            said = of(listener, destination)
            if (said, id(destination.pods)) not in seen:
                seen.add((said, id(destination.pods)))
                for pods in destination.pods:
                    yield said, pods

    def argocd_servers(self) -> Iterator[tuple[Listener, Route, Destination]]:
        """The destinations that lead to argocd-server."""
        return (found for found in self.destinations() if found[-1].pods.argocd_servers)

    @cached_property
    def homes(self) -> frozenset[str]:
        """The namespaces with an argocd-server."""
        return frozenset(self.install.namespaces)

    @cached_property
    def stranded(self) -> bool:
        """Whether no way leads to the argocd-servers of these files, nor to what is not here of their namespaces."""
        if not self.homes or any(self.argocd_servers()):
            return False
        elsewhere = (each for _, _, each in self.destinations() if each.found == "not here" and not each.ours)
        return all(each.name.partition("/")[0] not in self.homes for each in elsewhere)

    def of_others(self, way: Way, listener: Listener) -> bool:
        """Whether hosts without a route may have one that is not in these files: they are no argocd-server's."""
        if listener.unrouted != "no route" or self.stranded or listener.confined in self.homes:
            return False
        return not way.to_argocd_server
