"""The objects of a render, looked up by kind and name, and workloads by the labels that a Service selects.

Nothing is dropped: `twice` has repeated objects, `shapes` finds fields with a wrong type.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from argocd_istio.syntax.nodes import items, text
from argocd_istio.syntax.source import Node, Source

CORE, APPS, ISTIO, GATEWAY_API = "", "apps", "networking.istio.io", "gateway.networking.k8s.io"
_WITHOUT_NAMESPACE = ("Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "GatewayClass")
NAMESPACE = "default"
"""The namespace of an object that states none: kubectl's default."""


class Object:
    """An object of a render. `group` is empty for Kubernetes' core; `source` is its file."""

    __slots__ = ("group", "kind", "name", "namespace", "node", "source", "spec")

    def __init__(self, node: Node, source: Source) -> None:
        version = text(node, "apiVersion")
        self.node, self.source = node, source
        self.group = version.rpartition("/")[0]
        self.kind = text(node, "kind")
        self.name = text(node, "metadata", "name")
        self.namespace = text(node, "metadata", "namespace") or NAMESPACE
        self.spec = node.find("spec")

    @property
    def title(self) -> str:
        """namespace/name."""
        return f"{self.namespace}/{self.name}"

    def __str__(self) -> str:
        return f"{self.kind} {self.name if self.kind in _WITHOUT_NAMESPACE else self.title}"


class Place:
    """A place in a file: the object, the path of the field in it, as text and as keys, and its node."""

    __slots__ = ("keys", "node", "object", "path")

    def __init__(
        self, item: Object, path: str = "", node: Node | None = None, keys: tuple[str | int, ...] = ()
    ) -> None:
        self.object, self.path, self.node, self.keys = item, path, node or item.node, keys

    def at(self, *path: str | int) -> Place:
        """The place of a field below, or this place if the field does not exist."""
        node = self.node.find(*path)
        if node is None:
            return self
        written = "".join(f".{key}" if isinstance(key, str) and not {*"./"} & {*key} else f"[{key}]" for key in path)
        return Place(self.object, (self.path + written).removeprefix("."), node, (*self.keys, *path))


Thing = TypeVar("Thing")


class Chosen(Generic[Thing]):
    """An index of labelled things by namespace. A selector only looks at things with its rarest label."""

    def __init__(self) -> None:
        self._by_pair: dict[tuple[str, str, str], list[tuple[dict[str, str], Thing]]] = {}

    def add(self, namespace: str, own: dict[str, str], thing: Thing) -> None:
        for key, value in own.items():
            self._by_pair.setdefault((namespace, key, value), []).append((own, thing))

    def of(self, namespace: str, selector: Mapping[str, str]) -> list[Thing]:
        """The things with all the labels; an empty selector selects nothing."""
        if not selector:
            return []
        pools = [self._by_pair.get((namespace, key, value), []) for key, value in selector.items()]
        return [thing for own, thing in min(pools, key=len) if selector.items() <= own.items()]


class Selectors(Generic[Thing]):
    """An index of selectors by namespace, each stored under its rarest label only."""

    def __init__(self, things: Iterable[tuple[str, Mapping[str, str], Thing]]) -> None:
        things = list(things)
        often = Counter((namespace, *pair) for namespace, selector, _ in things for pair in selector.items())
        self._by_pair: dict[tuple[str, str, str], list[tuple[int, Mapping[str, str], Thing]]] = {}
        for order, (namespace, selector, thing) in enumerate(things):
            if selector:
                rarest = min(((namespace, *pair) for pair in selector.items()), key=often.__getitem__)
                self._by_pair.setdefault(rarest, []).append((order, selector, thing))

    def of(self, namespace: str, own: Mapping[str, str]) -> list[Thing]:
        """The things that select these labels, in order; an empty selector selects nothing."""
        pools = [self._by_pair.get((namespace, *pair), []) for pair in own.items()]
        found = [(order, thing) for pool in pools for order, wanted, thing in pool if wanted.items() <= own.items()]
        return [thing for _, thing in sorted(found, key=lambda each: each[0])]

    def first(self, namespace: str, own: Mapping[str, str]) -> Thing | None:
        """The first of these; the search stops at the first in each pool."""
        pools = [self._by_pair.get((namespace, *pair), []) for pair in own.items()]
        firsts = [next((each for each in pool if each[1].items() <= own.items()), None) for pool in pools]
        return min((each for each in firsts if each), key=lambda each: each[0], default=(0, {}, None))[2]


_Key = tuple[str, str, str, str | int]
"""Group, kind, namespace and name of an object; a number if it has no name."""


def _order(each: tuple[_Key, list[Object]]) -> tuple[str, str, str, str]:
    group, kind, namespace, name = each[0]
    return group, kind, namespace, name if isinstance(name, str) else ""


class Objects:
    """Every object in the files; the members of a List count as separate objects.

    The last of repeated objects counts, as in kubectl apply; `twice` has all of them. Those without a name stay in the
    order of the files.
    """

    def __init__(self, *sources: Source) -> None:
        self.file = sources[0].file if len(sources) == 1 else ""
        """The file of all objects; empty if there are several files."""
        found: dict[_Key, list[Object]] = {}
        roots = [(document.root, source) for source in sources for document in source.documents]
        for item in (Object(node, source) for root, source in roots for node in _members(root)):
            key = (item.group, item.kind, item.namespace, item.name or id(item))
            found.setdefault(key, []).append(item)
        self.twice = [same for _, same in sorted(found.items(), key=_order) if len(same) > 1]
        self._all: dict[tuple[str, str], list[Object]] = {}
        self._one: dict[tuple[str, str, str, str], Object] = {}
        # In the order of names: the order of the files decides nothing that is reported.
        for _, same in sorted(found.items(), key=_order):
            item = same[-1]
            self._all.setdefault((item.group, item.kind), []).append(item)
            self._one[item.group, item.kind, item.namespace, item.name] = item

    def of(self, group: str, kind: str) -> list[Object]:
        """All of a kind, in the order of their names."""
        return self._all.get((group, kind), [])

    def one(self, group: str, kind: str, namespace: str, name: str) -> Object | None:
        """The object of that name."""
        return self._one.get((group, kind, namespace, name))

    def __iter__(self) -> Iterator[Object]:
        return (item for same in self._all.values() for item in same)


def _members(node: Node | None) -> Iterator[Node]:
    if node is None:
        return
    members = items(node, "items") if text(node, "kind").endswith("List") else []
    if not members:
        yield node.target
    for member in members:
        yield from _members(member)
