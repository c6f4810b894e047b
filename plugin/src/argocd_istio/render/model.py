"""The ways of requests, from a host name to a pod, as facts without judgement.

`ways` and `gateway_api` create them, the rules of `lint` check them, `explain` draws them. Each fact has its place.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeVar

from argocd_istio.render.objects import Place
from argocd_istio.render.parts import Beside, Caller, Edges, Networks

Hop = Literal["clear text", "TLS", "mTLS", "the client's TLS", "the client's bytes"]
"""How bytes travel between gateway and pod: `TLS` is a TLS connection of the gateway itself, `mTLS` of the mesh."""

Membership = Literal["sidecar", "ambient", "none", ""]
"""Whether pods are in the mesh; empty if unknown."""

Rules = Literal["http", "tls", "tcp"]
"""The list of a VirtualService with the rules for a server."""

Found = Literal["port", "service", "not here", "nothing"]

Ends = Literal["", "another name", "endpoints here", "endpoints elsewhere"]

Verifies = Literal["", "the system's CAs", "a given CA", "nothing"]

Unrouted = Literal["", "no route", "no rule", "no match", "not admitted", "not exported"]
"""Why a listener has no route for a host: no object routes it; the object has no rule for this kind of listener, or
none with conditions that can apply; the Gateway does not admit the object; the gateway's pods do not see it."""


Thing = TypeVar("Thing")
Fact = TypeVar("Fact", bound=Hashable)


class Shared(tuple[Thing, ...]):
    """A tuple that many facts share: its hash is computed once, so that a long tuple is still a cheap key."""

    @cached_property
    def _hash(self) -> int:
        return super().__hash__()

    def __hash__(self) -> int:
        return self._hash


@dataclass(frozen=True)
class Certificate:
    """The certificate that `holder` shows. `secret` is empty if it is not in a Secret, `namespace` if unknown.

    `file` is a path inside the pod. `granted` is whether the Secret's namespace lets the gateway read it, None if
    these files have neither a ReferenceGrant nor the Secret.
    """

    holder: Literal["gateway", "argocd-server"]
    secret: str
    namespace: str
    file: str = ""
    granted: bool | None = True


@dataclass(frozen=True)
class Sidecar:
    """A Sidecar object that selects pods, and the protocol that it declares for their port, empty if none."""

    name: str
    protocol: str
    place: Place = field(compare=False, repr=False)


class Sidecars(Shared[Sidecar]):
    """The Sidecar objects that select the same pods."""

    @cached_property
    def opaque(self) -> bool:
        """Whether one of them declares the port as TCP or TLS, so that the sidecar does not read HTTP."""
        return any(each.protocol in ("TCP", "TLS", "HTTPS") for each in self)


@dataclass(frozen=True)
class MutualTls:
    """The PeerAuthentication in effect for a port of pods; `selected` is whether it selects them by labels."""

    name: str
    mode: str
    selected: bool
    place: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class Authorization:
    """An AuthorizationPolicy for pods; `of_requests` is whether it uses fields that a TCP port does not have."""

    name: str
    action: str
    selected: bool
    of_requests: bool
    place: Place = field(compare=False, repr=False)
    callers: tuple[Caller, ...] = field(default=(), compare=False, repr=False)


class Authorizations(Shared[Authorization]):
    """The AuthorizationPolicies for the same pods."""

    @cached_property
    def selected(self) -> tuple[Authorization, ...]:
        """The policies that select the pods by labels."""
        return tuple(each for each in self if each.selected)

    @cached_property
    def allowing(self) -> tuple[Authorization, ...]:
        """The policies that admit callers."""
        return tuple(each for each in self if each.action == "ALLOW")

    @cached_property
    def of_requests(self) -> tuple[Authorization, ...]:
        """The policies that use fields of requests."""
        return tuple(each for each in self if each.of_requests)


@dataclass(frozen=True)
class Value:
    """A setting as written in one place."""

    source: str
    text: str
    place: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class ArgocdServer:
    """The settings of argocd-server. `tls` is whether it speaks TLS; `because`, `setting` and `place` say why.

    Unknown values are None. `insecure` are all places that state whether it does, `versions` the least and the most
    TLS version that it accepts, and `ciphers` its suites with colons between, as far as stated.
    """

    listens: int
    tls: bool | None
    because: str
    rootpath: str | None
    basehref: str | None
    setting: str
    place: Place = field(compare=False, repr=False)
    insecure: tuple[Value, ...] = field(default=(), compare=False, repr=False)
    versions: tuple[Value, Value] | None = field(default=None, compare=False, repr=False)
    ciphers: Value | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Pods:
    """The pods of one workload, and the port at which a request arrives: 0 if no container has the named port.

    `kept_by` is the annotation that excludes that port from the sidecar, at `kept_at`, empty if none; `inbound` are
    the protocols of the Service ports that lead to it. `plain` is whether a label turns mutual TLS off for them.
    `strict` are the workloads that argocd-server calls and that accept only mutual TLS, needed outside the mesh;
    `closed` are those of Argo CD whose NetworkPolicies block the port of an ambient mesh.
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
    networks: Networks = field(default=Networks(), compare=False, repr=False)

    @property
    def redirected(self) -> bool:
        """Whether traffic to the port goes through the sidecar."""
        return not self.kept_by


class Behind(Shared[Pods]):
    """The pods behind a Service port, in one object for all destinations that lead there."""

    @cached_property
    def argocd_servers(self) -> tuple[Pods, ...]:
        return tuple(pods for pods in self if pods.argocd_server)


@dataclass(frozen=True)
class Policy:
    """The traffic policy that a DestinationRule, or a BackendTLSPolicy, gives a Service port.

    `tls` is its mode, empty without one. `verifies` is what the gateway checks the pod's certificate with, `named`
    whether it states the name in the certificate, `seen` whether the policy is visible to the gateway's pods, None if
    unknown.
    """

    kind: str
    rule: str
    host: str
    tls: str
    verifies: Verifies
    seen: bool | None
    place: Place = field(compare=False, repr=False)
    named: bool = field(default=True, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.rule}"


@dataclass(frozen=True)
class Destination:
    """A Service port. `protocol` is Istio's word for it, `speaks` what the gateway sends, `name` is namespace/name.

    `found` is how far the name leads: to a port, to a Service without that port, to nothing in these files, or to
    nothing at all. `subset_pods` is whether the subset selects some of the Service's pods, if it has any. `ends`
    is why a Service has no selector: it is an alias, of `alias`, or its endpoints are written by hand, in these files
    or elsewhere. `ours` is whether its namespace has an argocd-server and Services in these files. `hidden` is the
    DestinationRule that the gateway's pods do not see, `seen` whether they see the Service, None if unknown.
    `granted` is whether the Service's namespace lets the route refer to it, None if these files have neither a
    ReferenceGrant nor the Service. `target` is the place where the Service states the port of the pods. `renamed` is a
    Service here whose name is this one with a prefix or suffix, `namesake` the Service of this short name beside
    argocd-server, if the name means another namespace.
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
    renamed: str = field(default="", compare=False, repr=False)
    namesake: str = field(default="", compare=False, repr=False)

    @property
    def to_argocd_server(self) -> bool:
        """Whether it leads to argocd-server; judged by the Service's name if its pods are not in these files."""
        return bool(self.pods.argocd_servers) or (not self.pods and "argocd-server" in self.name.rpartition("/")[2])


@dataclass(frozen=True)
class Moved:
    """The prefix of paths at the gateway (`asked`) and at the pods (`given`).

    `one` is whether only that exact path is matched, `whole` whether `given` is the whole path at the pods.
    """

    asked: str
    given: str
    one: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Route:
    """A rule of a VirtualService or of the Gateway API. `match` are alternatives in words, empty for every request.

    `answer` is the gateway's own answer, empty if it forwards the request; `redirect` is whether that is a redirect to
    https. `continues` is the VirtualService outside these files with the further rules. `grpc` is "only" if the rule
    matches exactly the gRPC requests, "wanted" if it was meant to. `reached` is false after a route that matches
    everything. `rewrite` describes the change of the path, `moved` has it for each alternative, if known. `hosts` are
    all hosts of the object. `hsts` is whether it adds Strict-Transport-Security, `by_path` whether all its conditions
    are on the path alone. `attempts` and `retry_on` are its retries, if stated, `any_origin` whether browsers may
    send requests of every other site. `seen` is whether it is visible to the gateway's pods, `only_own` whether it is
    visible only in its own namespace.
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
    hsts: bool = field(default=False, compare=False, repr=False)
    by_path: bool = field(default=False, compare=False, repr=False)
    attempts: int = field(default=0, compare=False, repr=False)
    retry_on: str = field(default="", compare=False, repr=False)
    any_origin: bool = field(default=False, compare=False, repr=False)


@dataclass(frozen=True)
class TlsSettings:
    """The fields of a Gateway's tls block as written; `place` is the block's. `ca` is whether it names a CA.

    `mode` is empty if it is not written, `credentials` are the certificates, `files` the fields that name those or a
    CA.
    """

    mode: str
    credentials: tuple[str, ...]
    files: tuple[str, ...]
    least: str
    most: str
    ciphers: tuple[str, ...]
    redirect: bool
    ca: bool
    place: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class Listener:
    """A server of an Istio Gateway or a listener of the Gateway API, on the pods with the labels of `selector`.

    `here` is false for a listener outside these files: only its Gateway, perhaps its `name`, and its routes are then
    known. `namespace` is that of
    the pods, empty if unknown. `tls` is the mode, empty for clear text or if unknown, `tls_before` whether the
    clients' TLS ends before the gateway. `redirect` is the status code of a redirect of everything to https, empty
    without one. `confined` is the namespace before the host: only its routes are admitted. `candidate` is the route
    that `unrouted` is about, `listener_set` the ListenerSet with the listener. `hosts` are all hosts of the server.
    `settings` are of Istio's Gateways only.
    `open` is whether it admits routes of every namespace to an exact host.
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
    name: str = ""
    settings: TlsSettings | None = field(default=None, compare=False, repr=False)
    open: bool = field(default=False, compare=False, repr=False)

    @property
    def gateway_title(self) -> str:
        """Its Gateway with the kind, or the ListenerSet outside these files that has it."""
        return self.gateway.removeprefix("of ") if " " in self.gateway else f"Gateway {self.gateway}"

    @property
    def gateway_here(self) -> bool:
        """Whether its Gateway is in these files: that of a ListenerSet may be elsewhere."""
        return self.here and bool(self.selector or not self.listener_set)

    @property
    def passes_through(self) -> bool:
        return self.tls in ("PASSTHROUGH", "AUTO_PASSTHROUGH")


HTTP = ("HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY")


@dataclass(frozen=True)
class Way:
    """The hosts that share the same listeners."""

    hosts: tuple[str, ...]
    listeners: tuple[Listener, ...]

    @cached_property
    def to_argocd_server(self) -> bool:
        """Whether one of its routes leads to argocd-server, as far as known."""
        routes = (route for listener in self.listeners for route in listener.routes)
        return any(each.to_argocd_server for route in routes for each in route.destinations)

    @cached_property
    def redirects_itself(self) -> bool:
        """Whether clear text gets argocd-server's own redirect to TLS that passes through: no loop, and no secrets."""
        passed = (route for each in self.listeners if each.passes_through for route in each.routes)
        if not any(route.destinations for route in passed):
            return False
        servers = [
            pods.argocd_server
            for listener in self.listeners
            for route in listener.routes
            for each in route.destinations
            for pods in each.pods.argocd_servers
        ]
        return bool(servers) and all(server and server.tls for server in servers)


@dataclass(frozen=True)
class Stray:
    """A host of a route that none of its Gateways accepts, or a listener that they do not have; all are in these files.

    `others` is whether they accept another host of the route. `gateway` is one of the same name in another namespace
    than the route names. `refused` is whether they have the host, but only for other namespaces.
    """

    kind: str
    owner: str
    host: str
    listener: str
    others: bool
    place: Place = field(compare=False, repr=False)
    gateway: str = ""
    refused: bool = False


@dataclass(frozen=True)
class ForeignSni:
    """A sniHosts entry of a VirtualService that none of its hosts covers."""

    owner: str
    sni: str
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

    `found` is whether the Service is in these files, None if it may be elsewhere. `hostname` and `verifies` are the
    name and the CAs that the gateway checks. `unusable` says why Istio cannot use the CA.
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
class Login:
    """A way to log in that argocd-cm states: Dex with one of its connectors, or an OIDC provider.

    `redirect` is its own redirectURI, `literal` the fields with a secret in clear text.
    """

    kind: Literal["dex", "oidc"]
    name: str
    redirect: str
    literal: tuple[str, ...]


@dataclass(frozen=True)
class Config:
    """An object that Argo CD finds by the label part-of, and what argocd-cm states: addresses and logins."""

    namespace: str
    part_of: str
    url: str
    place: Place
    more: tuple[str, ...] = ()
    logins: tuple[Login, ...] = ()


@dataclass(frozen=True)
class Given:
    """A Secret in these files, or one that an object in them creates.

    `keys` are those of the Secret that are not empty, `private` is the one of them with a readable private key.
    `names` are the hosts of its certificate, `begins` and `ends` when that is valid, in seconds since 1970; None if
    unknown. `unread` is whether it has a certificate that needs a library that is not installed.
    """

    namespace: str
    name: str
    place: Place
    keys: tuple[str, ...] = ()
    private: str = ""
    names: tuple[str, ...] | None = None
    begins: int | None = None
    ends: int | None = None
    unread: bool = False


@dataclass(frozen=True)
class Twice:
    """An object that occurs several times with different contents.

    `accounts` are the subjects of a ClusterRoleBinding, if they differ: one takes the role from the other.
    """

    name: str
    times: int
    accounts: tuple[str, ...]
    place: Place


@dataclass(frozen=True)
class Misfit:
    """A field with a type that the API refuses."""

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
    """Facts of a render besides the ways. `namespaces` are those with an argocd-server."""

    namespaces: tuple[str, ...]
    configs: tuple[Config, ...]
    secrets: tuple[Given, ...]
    twice: tuple[Twice, ...]
    misfits: tuple[Misfit, ...]
    redis: tuple[Redis, ...]


@dataclass(frozen=True)
class Stated:
    """What the user states about the cluster; None or empty if unknown.

    `gateway_labels` are the labels of the gateway's pods, as key=value; `istio_version` is (1, 30), `mesh` whether
    Argo CD's pods are in the mesh, `cni` whether istio-cni is installed.
    `now` is the time for certificates, in seconds since 1970; 0 if they are not to be compared with it.
    """

    gateway_labels: tuple[str, ...] = ()
    istio_version: tuple[int, ...] = ()
    mesh: Membership = ""
    cni: bool | None = None
    now: float = 0


UNSTATED = Stated()


@dataclass(frozen=True)
class Facts:
    """Everything that the rules know. `namespace` is that of the gateway's pods, empty if unknown.

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
    stated: Stated = UNSTATED
    foreign_snis: tuple[ForeignSni, ...] = ()
    beside: Beside = field(default_factory=Beside, compare=False, repr=False)
    edges: Edges = field(default_factory=Edges, compare=False, repr=False)

    def listeners(self) -> Iterator[tuple[Way, Listener]]:
        for way in self.ways:
            for listener in way.listeners:
                yield way, listener

    def routes(self) -> Iterator[tuple[Listener, Route]]:
        """Each route of each listener once, even if several ways share the listener."""
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

    def pods(self, of: Callable[[Listener, Destination], Fact]) -> Iterator[tuple[Fact, Pods]]:
        """Pods, each with the result of `of` for the destinations that lead there.

        Equal pairs occur once: the work grows with routes plus pods, not with routes times pods.
        """
        seen: set[tuple[Fact, int]] = set()
        for listener, _, destination in self.destinations():
            fact = of(listener, destination)
            if (fact, id(destination.pods)) not in seen:
                seen.add((fact, id(destination.pods)))
                for pods in destination.pods:
                    yield fact, pods

    def argocd_servers(self) -> Iterator[tuple[Listener, Route, Destination]]:
        """The destinations that lead to argocd-server."""
        return (found for found in self.destinations() if found[-1].pods.argocd_servers)

    @cached_property
    def homes(self) -> frozenset[str]:
        """The namespaces with an argocd-server."""
        return frozenset(self.install.namespaces)

    @cached_property
    def stranded(self) -> bool:
        """Whether no way leads to the argocd-servers of these files, nor to unknown Services in their namespaces."""
        if not self.homes or any(self.argocd_servers()):
            return False
        elsewhere = (each for _, _, each in self.destinations() if each.found == "not here" and not each.ours)
        return all(each.name.partition("/")[0] not in self.homes for each in elsewhere)

    def of_others(self, way: Way, listener: Listener) -> bool:
        """Whether hosts without a route may have one outside these files: they are not argocd-server's."""
        if listener.unrouted != "no route" or self.stranded or listener.confined in self.homes:
            return False
        return not way.to_argocd_server
