"""An install of Argo CD, read from a file: its objects, namespace and release."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from argocd_istio.drift.compare import CLUSTER_SCOPED, NAMESPACE, Object
from argocd_istio.drift.defaults import DEFAULTS
from argocd_istio.drift.prepare import CORE, group
from argocd_istio.exposure.names import shown
from argocd_istio.syntax.source import Node, Source, SourceError
from argocd_istio.syntax.values import refuse, value

SERVER = "argocd-server"
MARK = "argocd-"
"""The start of `installationID`, before the name of the instance."""
CRD = "CustomResourceDefinition"

RELEASES = "https://raw.githubusercontent.com/argoproj/argo-cd"

_TAG = re.compile(r":(v?(\d{1,9})\.(\d{1,9})\.(\d{1,9})([0-9A-Za-z.+-]*))(?:@.*)?")
# The objects that identify upstream's two installs, and ours for the second.
_PLAIN = ("Deployment/argocd-redis",)
_HIGHLY_AVAILABLE = ("StatefulSet/argocd-redis-sentinel", "StatefulSet/argocd-redis-ha-server")
# Without any of these, a part of this library's Redis decides.
_PARTS = ("Service/argocd-redis-sentinel", "PodDisruptionBudget/argocd-redis-sentinel")


@dataclass(frozen=True)
class Install:
    """`objects` by the names that the report shows, as they were read.

    `instance` is the end of the names of its cluster roles, "" if they have upstream's names.
    `own` is the namespace that the install states, "" if none; an object without one is then not in it. `image` is
    that of argocd-server, `version` its tag, "" if the image has none. `high_availability` is None
    if it has no Redis.
    """

    file: str
    objects: dict[str, Object]
    own: str
    image: str
    version: str
    high_availability: bool | None
    instance: str

    @property
    def namespace(self) -> str:
        """The namespace it is installed in: upstream's manifests leave that to whoever applies them."""
        return self.own or NAMESPACE

    @property
    def minor(self) -> tuple[int, int] | None:
        """The first two numbers of the version."""
        found = _TAG.fullmatch(f":{self.version}")
        return (int(found[2]), int(found[3])) if found else None

    def older(self, other: Install) -> bool:
        """Whether this is an earlier release than the other one; False if one of the two is unknown."""
        own, its = _release(self.version), _release(other.version)
        return bool(own and its and own < its)


def _release(version: str) -> tuple[Any, ...]:
    """A sort key for versions: a release comes after its candidates; () without a version."""
    found = _TAG.fullmatch(f":{version}")
    if not found:
        return ()
    candidate = found[5].partition("+")[0]
    # rc10 is after rc2.
    parts = [(int(part) if part.isdigit() else -1, part) for part in re.findall(r"\d{1,9}|[^\d]+", candidate)]
    return (int(found[2]), int(found[3]), int(found[4]), not candidate.startswith("-"), parts)


def _kind_of(item: Any) -> str:
    words = {dict: "a mapping", list: "a list", str: "a text", bool: "a boolean", int: "a number", float: "a number"}
    return words.get(type(item), "nothing")


def _members(node: Node | None) -> Iterator[Node]:
    """An object, or those of a List."""
    if node is None:
        return
    kind, items = node.find("kind"), node.find("items")
    listed = items.target if items else None
    members = getattr(listed, "items", None)
    if kind and str(getattr(kind.target, "value", "")).endswith("List") and members is not None:
        for member in members:
            yield from _members(member.target)
    else:
        yield node.target


def _checked(source: Source, node: Node) -> Object:
    """An object with readable kind, name and labels. Raises SourceError."""
    item = value(node)
    hint = "name what kustomize build prints, or an install.yaml"
    if not isinstance(item, dict):
        raise source.error(node, _kind_of(item), "an object of Kubernetes", hint)
    kind, metadata = item.get("kind"), item.get("metadata")
    if not isinstance(kind, str) or not kind:
        raise source.error(node, "an object without a kind", "an object of Kubernetes", hint)
    for place, found in (("apiVersion", item.get("apiVersion", "")), ("metadata", metadata)):
        wanted = str if place == "apiVersion" else dict
        if not isinstance(found, wanted):
            found = f"{place} of {shown(kind)} that is {_kind_of(found)}"
            raise source.error(node, found, "a text" if wanted is str else "a mapping", "write it")
    assert isinstance(metadata, dict)
    name = metadata.get("name") or metadata.get("generateName")
    if not isinstance(name, str):
        raise source.error(node, f"a {shown(kind)} without metadata.name", "a name", "write it")
    for key, wanted in (("namespace", str), ("labels", dict), ("annotations", dict)):
        if not isinstance(metadata.get(key, wanted()), wanted):
            found = f"metadata.{key} of {shown(kind)} that is {_kind_of(metadata[key])}"
            raise source.error(node, found, _kind_of(wanted()), "correct it")
    return item


def title(item: Object, own: str) -> str:
    """`Kind/name`, with the group of kinds outside an official install, and with any namespace other than `own`."""
    known = group(item) in CORE or "." not in group(item)
    kind = item["kind"] if known else f"{item['kind']}.{group(item)}"
    metadata = item["metadata"]
    name = metadata.get("name") or metadata["generateName"]
    namespace = metadata.get("namespace", "")
    elsewhere = namespace and namespace != own and item["kind"] not in CLUSTER_SCOPED
    return f"{kind}/{namespace}/{name}" if elsewhere else f"{kind}/{name}"


def _image(argocd: Object) -> str:
    """The image of the container argocd-server; "" if there is none."""
    found: Any = argocd
    for key in ("spec", "template", "spec", "containers"):
        found = found.get(key) if isinstance(found, dict) else None
    for container in found if isinstance(found, list) else []:
        if isinstance(container, dict) and container.get("name") == SERVER:
            return str(container.get("image", ""))
    return ""


def _no_install(source: Source, items: list[Object], *, piped: bool) -> SourceError:
    """The error for a file without argocd-server."""
    kinds = [item["kind"] for item in items]
    names = [str(item["metadata"].get("name", "")) for item in items if item["kind"] == "Deployment"]
    chart = next((name for name in names if name.endswith(f"-{SERVER}")), "")
    found = f"{len(kinds)} objects without a Deployment {SERVER}" if len(kinds) != 1 else f"one object, {kinds[0]}"
    hint = "name what kustomize build prints, or upstream's install.yaml"
    if not kinds:
        found = "no object"
        hint = "check whether the command before the pipe failed" if piped else hint
    elif "Kustomization" in kinds or "Component" in kinds:
        hint = "name its folder, or what kustomize build prints of it"
    elif "Exposure" in kinds or "ExposureGenerator" in kinds:
        hint = "name the folder that the build reads it from"
    elif {"VirtualService", "HTTPRoute", "TLSRoute"} & {*kinds} and not {"Deployment", "StatefulSet"} & {*kinds}:
        hint = "these are routes to an install of somebody else, as of exposure-only: compare that install"
    elif chart:
        hint = f"{shown(chart)} is a name of a Helm chart: render it with fullnameOverride: argocd"
    elif "StatefulSet" in kinds:
        hint += ": core-install.yaml has no argocd-server"
    return SourceError(source.file, 0, 0, found, "an install of Argo CD", hint)


def _namespace(argocd: Object, items: list[Object]) -> str:
    """The namespace of argocd-server, else the one that most objects of the install state."""
    named = argocd["metadata"].get("namespace", "")
    known = [item for item in items if item["kind"] in DEFAULTS and item["kind"] not in CLUSTER_SCOPED]
    [(most, count)] = Counter(item["metadata"].get("namespace", "") for item in known).most_common(1)
    return str(named or (most if 2 * count > len(known) else ""))


def _instance(objects: dict[str, Object]) -> str:
    """The name that components/instance gives an install: it is in argocd-cm and in the names of all cluster roles."""
    data = objects.get("ConfigMap/argocd-cm", {}).get("data")
    marked = data.get("installationID") if isinstance(data, dict) else None
    name = marked.removeprefix(MARK) if isinstance(marked, str) and marked.startswith(MARK) else ""
    return name if name and f"ClusterRoleBinding/{SERVER}-{name}" in objects else ""


def install(source: Source, *, piped: bool = False) -> Install:
    """The install of a source. Raises SourceError if it has none or two, or an object twice.

    `piped` says that it came from a pipe.
    """
    refuse(source)
    nodes = [node for document in source.documents for node in _members(document.root)]
    items = [(node, _checked(source, node)) for node in nodes]
    servers = [
        (node, item)
        for node, item in items
        if item["kind"] == "Deployment" and item["metadata"].get("name") == SERVER and group(item) in CORE
    ]
    if not servers:
        raise _no_install(source, [item for _, item in items], piped=piped)
    if len(servers) > 1:
        node, item = servers[1]
        found = f"the Deployment {SERVER} a second time; it is on line {servers[0][0].line} too"
        raise source.error(node, found, "one install", "give each a file of its own")
    own = _namespace(servers[0][1], [item for _, item in items])
    objects: dict[str, Object] = {}
    lines: dict[str, int] = {}
    for node, item in items:
        name = title(item, own)
        if name in objects:
            found = f"{shown(name)} a second time; it is on line {lines[name]} too"
            raise source.error(node, found, "each object once", "remove one")
        objects[name], lines[name] = item, node.line
    image = _image(servers[0][1])
    tag = _TAG.search(image)
    plain, available, part = (any(name in objects for name in names) for names in (_PLAIN, _HIGHLY_AVAILABLE, _PARTS))
    return Install(
        file=source.file,
        objects=objects,
        own=own,
        image=image,
        version=tag[1] if tag and tag.end() == len(image) else "",
        high_availability=available or (not plain if plain or part else None),
        instance=_instance(objects),
    )


def address(version: str, *, high_availability: bool) -> str:
    """The address of upstream's install for a version."""
    folder = "manifests/ha" if high_availability else "manifests"
    tag = version if version.startswith("v") else f"v{version}"
    return f"{RELEASES}/{tag}/{folder}/install.yaml"


def comparable(render: Install, against: Install) -> None:
    """Raise SourceError if two installs are of different minor versions or kinds, and so not comparable."""
    wanted = bool(render.high_availability)
    take = f"take {address(render.version or 'VERSION', high_availability=wanted)}"
    if render.minor and against.minor and render.minor != against.minor:
        expected = f"v{render.minor[0]}.{render.minor[1]}, as {render.file} has {render.version}"
        raise SourceError(against.file, 0, 0, f"Argo CD {against.version}", expected, take)
    if None not in (render.high_availability, against.high_availability) and wanted != against.high_availability:
        kinds = ("the plain install", "the install for high availability")
        expected = f"{kinds[wanted]}, as {render.file} is one"
        raise SourceError(against.file, 0, 0, kinds[not wanted], expected, take)
