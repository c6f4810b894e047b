"""Facts about what is in a render beside the ways: Argo CD's own workloads and settings, and the gateway's pods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from argocd_istio.render.objects import Place

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Container:
    """A container of Argo CD. `weak` are the fields that Pod Security's level restricted refuses, with their places.

    `begins` is the first word of its args if it has no command, `user` its runAsUser, -1 if not stated, at `user_at`.
    """

    name: str
    image: str
    requests: bool
    weak: tuple[tuple[str, Place], ...]
    user: int
    user_at: Place
    begins: str
    place: Place


@dataclass(frozen=True)
class Component:
    """A workload of Argo CD.

    `injects` is whether its Namespace injects sidecars, `opted_out` whether the pods refuse one, `enforced` the Pod
    Security level of the Namespace, `seccomp` whether the pod has a profile, `needs_token` whether its account has a
    role, `budget` whether a PodDisruptionBudget selects it. `replicas` is -1 if not stated. `reads` are the keys of
    argocd-cmd-params-cm that it reads. `ingress` and `egress` are the NetworkPolicies for its connections.
    """

    title: str
    kind: str
    server: bool
    replicas: int
    mesh: str
    injects: bool
    opted_out: bool
    enforced: str
    seccomp: bool
    weak: tuple[tuple[str, Place], ...]
    containers: tuple[Container, ...]
    mounts_token: bool
    needs_token: bool
    budget: bool
    place: Place
    reads: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    labels: Labels = field(default_factory=dict, compare=False, repr=False)
    ingress: Networks = field(default_factory=lambda: Networks(), compare=False, repr=False)
    egress: Networks = field(default_factory=lambda: Networks(), compare=False, repr=False)

    @property
    def namespace(self) -> str:
        return self.title.partition("/")[0]


@dataclass(frozen=True)
class Keys:
    """The keys of a ConfigMap of Argo CD with their values, or those of its Secret that are not empty, without them."""

    namespace: str
    name: str
    values: Labels = field(compare=False, repr=False)
    place: Place = field(compare=False, repr=False)

    def at(self, key: str) -> Place:
        """The place of a key."""
        return self.place.at("data").at(key)


@dataclass(frozen=True)
class Guard:
    """A protection of argocd-server that `setting` turns off."""

    name: str
    setting: str
    place: Place


@dataclass(frozen=True)
class Door:
    """Another way to argocd-server's pods than the gateway: `how` says which."""

    how: str
    ingress: bool
    place: Place


@dataclass(frozen=True)
class Wide:
    """A ClusterRole of Argo CD with every verb, or with changes, on every resource; `part` is whose it is."""

    name: str
    part: str
    everything: bool
    place: Place


@dataclass(frozen=True)
class Injection:
    """A Namespace with both labels that ask for sidecars."""

    name: str
    place: Place


@dataclass(frozen=True)
class Project:
    """An AppProject, and whether it takes every source to every destination."""

    title: str
    everything: bool
    place: Place


@dataclass(frozen=True)
class Old:
    """An object of an API version that has a successor, `since` the version of Istio or of the Gateway API."""

    version: str
    newer: str
    since: str
    place: Place


@dataclass(frozen=True)
class Bound:
    """A VirtualService of the mesh whose routes lead to argocd-server. `only` is whether it names no Gateway."""

    name: str
    hosts: tuple[str, ...]
    only: bool
    place: Place


@dataclass(frozen=True)
class Unresolved:
    """A Gateway that a VirtualService names and these files do not have, although they have similar ones."""

    name: str
    owner: str
    others: tuple[str, ...]
    place: Place


@dataclass(frozen=True)
class Idle:
    """An AuthorizationPolicy for pods of Argo CD that selects none of them."""

    title: str
    selector: tuple[str, ...]
    place: Place


@dataclass(frozen=True)
class HostPolicy:
    """An AuthorizationPolicy with hosts that is for none of the pods in these files.

    `provider` is the external authorizer that decides, empty if the policy itself does. `selector` has the labels of
    the pods that it is for, and `gateways` the Gateways of the Gateway API that it names.
    """

    title: str
    namespace: str
    provider: str
    selector: tuple[str, ...]
    gateways: tuple[str, ...]
    hosts: tuple[str, ...]
    place: Place


@dataclass(frozen=True)
class Beside:
    """Everything in a render that is not on a way.

    `crds` are Argo CD's CustomResourceDefinitions, `unplaced` the objects without a namespace beside objects with
    one, `doubled` the Gateways' port names that occur twice, `scoped` the istiod that ignores Gateways of other
    namespaces, `namespaces` the labels of each Namespace, `cni` whether istio-cni is here.
    """

    components: tuple[Component, ...] = ()
    keys: tuple[Keys, ...] = ()
    guards: tuple[Guard, ...] = ()
    doors: tuple[Door, ...] = ()
    wide: tuple[Wide, ...] = ()
    injections: tuple[Injection, ...] = ()
    projects: tuple[Project, ...] = ()
    crds: tuple[Place, ...] = ()
    old: tuple[Old, ...] = ()
    unplaced: tuple[Place, ...] = ()
    doubled: tuple[tuple[str, Place], ...] = ()
    scoped: tuple[Place, ...] = ()
    bound: tuple[Bound, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()
    idle: tuple[Idle, ...] = ()
    of_hosts: tuple[HostPolicy, ...] = ()
    namespaces: Mapping[str, Labels] = field(default_factory=dict)
    cni: bool = False

    def named(self, name: str) -> tuple[Keys, ...]:
        """The ConfigMaps or Secrets of that name."""
        return tuple(each for each in self.keys if each.name == name)


@dataclass(frozen=True)
class EdgeService:
    """A Service of the gateway's pods. `ports` has its ports and their targets, `local` is externalTrafficPolicy."""

    title: str
    ports: frozenset[int]
    local: bool
    place: Place


@dataclass(frozen=True)
class EdgePolicy:
    """An AuthorizationPolicy for the gateway's pods.

    `of_requests` is whether its rules for all ports use fields of requests, `paths` those of paths, `blocks` those
    of the clients' addresses.
    """

    title: str
    action: str
    of_requests: bool
    paths: bool
    blocks: bool
    place: Place


@dataclass(frozen=True)
class Edge:
    """What applies to the gateway's pods with some labels. `here` is whether their workload is in these files.

    `labels` are all that are known of the pods, `accounts` their service accounts, `ports` those of the host, `trusted`
    whether they count trusted proxies, `profile` that of their connections, `place` where the workload states it.
    """

    here: bool
    labels: Labels
    accounts: tuple[str, ...]
    ports: frozenset[int]
    services: tuple[EdgeService, ...]
    policies: tuple[EdgePolicy, ...]
    trusted: bool
    profile: str
    place: Place | None

    @cached_property
    def served(self) -> frozenset[int]:
        """The ports that clients reach, by number or by that of the pods."""
        return self.ports.union(*(each.ports for each in self.services))


@dataclass(frozen=True)
class Filter:
    """An EnvoyFilter without priority and with operations that depend on the order; `place` is the first of them."""

    title: str
    operation: str
    place: Place


@dataclass(frozen=True)
class MeshConfig:
    """The settings of the mesh in its ConfigMap; empty texts if not stated."""

    normalization: str
    profile: str
    trusted: bool
    place: Place


@dataclass(frozen=True)
class Edges:
    """The gateways' surroundings. `of` has those of each listener, by namespace and selector."""

    of: Mapping[tuple[str, tuple[str, ...]], Edge] = field(default_factory=dict)
    filters: tuple[Filter, ...] = ()
    mesh: MeshConfig | None = None


@dataclass(frozen=True)
class Peer:
    """Who may connect, by the labels of namespaces and pods: None if not asked for. `vague` if by expressions."""

    namespaces: Labels | None
    pods: Labels | None
    block: str
    vague: bool
    place: Place


@dataclass(frozen=True)
class Allowed:
    """A rule of a NetworkPolicy. Empty `ports` are all, else the first and last of ranges.

    Names are those of the pods' own ports, `lost` those that no container has; for egress they count as (0, 0).
    """

    ports: tuple[tuple[int, int], ...]
    peers: tuple[Peer, ...] | None
    place: Place
    lost: tuple[str, ...] = ()

    def has(self, port: int) -> bool:
        """Whether it admits a port; a name may be any port."""
        return not self.ports or any(first <= port <= last or not first for first, last in self.ports)


@dataclass(frozen=True)
class Network:
    """A NetworkPolicy for connections to pods."""

    title: str
    allowed: tuple[Allowed, ...]
    place: Place


class Networks(tuple[Network, ...]):
    """The NetworkPolicies for the same pods, in one object for all of these."""


@dataclass(frozen=True)
class Caller:
    """Whom a rule of an AuthorizationPolicy means: principals and namespaces; both empty for anybody.

    `but` are the principals and the namespaces that it leaves out, `other` is whether it asks for something else, too.
    """

    principals: tuple[str, ...]
    namespaces: tuple[str, ...]
    other: bool
    but: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
