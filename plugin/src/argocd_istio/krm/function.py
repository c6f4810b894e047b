"""The generator as a pure function: a ResourceList in, a ResourceList out.

Specification: https://github.com/kubernetes-sigs/kustomize/blob/master/cmd/config/docs/api-conventions/functions-spec.md
"""

from __future__ import annotations

from argocd_istio import API_VERSION
from argocd_istio.exposure.check import check, noun, odd
from argocd_istio.exposure.fields import GENERATOR, PLAIN, complete
from argocd_istio.findings import ERROR, INFO, WARNING, Finding
from argocd_istio.syntax.emit import to_yaml
from argocd_istio.syntax.scalars import reading
from argocd_istio.syntax.source import LIMITS, Limits, Mapping, Node, Scalar, Sequence, Source, SourceError, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ACCEPTED = ("config.kubernetes.io/v1", "config.kubernetes.io/v1beta1")
PATH = "config.kubernetes.io/path"


class ResourceList:
    """`items` and `results` are nodes of `source`, or new values; `findings` become results too.

    `config` is the function's configuration.
    """

    __slots__ = ("api_version", "config", "findings", "items", "results", "source")

    def __init__(
        self,
        source: Source,
        api_version: str,
        items: list[Any],
        config: Node | None,
        results: list[Any],
        findings: list[Finding],
    ) -> None:
        self.source, self.api_version, self.config = source, api_version, config
        self.items, self.results, self.findings = items, results, findings

    def to_yaml(self) -> str:
        """The list in the form for kustomize. A result of an earlier run is not repeated."""
        value: dict[str, Any] = {"apiVersion": self.api_version, "kind": "ResourceList", "items": self.items}
        if self.config:
            value["functionConfig"] = self.config
        earlier = {to_yaml(result) for result in self.results}
        added = [finding.result() for finding in self.findings]
        if self.results or added:
            value["results"] = [*self.results, *(result for result in added if to_yaml(result) not in earlier)]
        return to_yaml(value)


def parse_list(data: bytes, limits: Limits = LIMITS) -> ResourceList:
    """Read the ResourceList that a function gets on stdin; problems of its items become its findings.

    Raises SourceError if the input is not a ResourceList.
    """
    source = parse(data, "stdin", limits)
    roots = [document.root for document in source.documents if document.root]
    if not roots:
        hint = "kustomize gives one; to check a file: argocd-istio check FILE"
        raise SourceError("stdin", 0, 0, "nothing", "a ResourceList", hint)
    if len(roots) > 1:
        raise source.error(roots[1], "a second document", "one ResourceList", "give one document")
    for node in source.odd:
        raise source.error(node, *odd(node))
    [root] = roots
    top = root.target
    if not isinstance(top, Mapping):
        raise source.error(root, noun(root), "a ResourceList", "to check a file: argocd-istio check FILE")
    kind, version = (_text(top.get(key)) for key in ("kind", "apiVersion"))
    if kind != "ResourceList":
        found = f"kind {kind}" if kind else "no kind"
        raise source.error(root, found, "a ResourceList", "to check a file: argocd-istio check FILE")
    if version not in ACCEPTED:
        found = f"apiVersion {version}" if version else "no apiVersion"
        raise source.error(root, found, " or ".join(ACCEPTED), "use a newer kustomize")
    findings: list[Finding] = []
    items = _items(source, top, findings)
    results, config = top.get("results"), top.get("functionConfig")
    earlier = list(results.target.items) if results and isinstance(results.target, Sequence) else []
    return ResourceList(source, version, items, None if _is_null(config) else config, earlier, findings)


def _text(node: Node | None) -> str:
    """The text of a scalar, "" for everything else."""
    inside = node.target if node else None
    return inside.value if isinstance(inside, Scalar) and not reading(inside) else ""


def _is_null(node: Node | None) -> bool:
    inside = node.target if node else None
    return inside is None or (isinstance(inside, Scalar) and reading(inside) == "nothing")


def _items(source: Source, top: Mapping, findings: list[Finding]) -> list[Any]:
    node = top.get("items")
    if node is None or _is_null(node):
        findings.append(Finding(INFO, "", 0, "items", "found nothing, expected a list; read as an empty one"))
        return []
    inside = node.target
    if not isinstance(inside, Sequence):
        raise source.error(node, f"{noun(node)} at items", "a list", "give a list of objects")
    seen: dict[tuple[str, ...], Node] = {}
    for index, item in enumerate(inside.items):
        path = f"items[{index}]"
        if not isinstance(item.target, Mapping):
            raise source.error(item, f"{noun(item)} at {path}", "an object", "remove it")
        severity, message = _oddness(item)
        if message:
            findings.append(Finding(severity, "", 0, path, message))
        identity = _identity(item)
        if identity[-1] and seen.setdefault(identity, item) is not item:
            found = f"{identity[1]} {identity[-1]} a second time at {path}; it is on line {seen[identity].line} too"
            raise source.error(item, found, "each object once", "remove one")
    return list(inside.items)


def _identity(item: Node) -> tuple[str, ...]:
    """The identity of an object: apiVersion, kind, namespace, name."""
    places = (("apiVersion",), ("kind",), ("metadata", "namespace"), ("metadata", "name"))
    return tuple(_text(item.find(*place)) for place in places)


def _oddness(item: Node) -> tuple[str, str]:
    """Severity and message for an object that other tools may refuse, else ""; it passes unchanged."""
    missing = [key for key in ("apiVersion", "kind") if not _text(item.get(key))]
    if missing:
        return WARNING, f"found no {' and no '.join(missing)}, expected an object; it passes unchanged"
    if _text(item.get("kind")).endswith("List"):
        return INFO, ""
    if not _text(item.find("metadata", "name")):
        if _text(item.find("metadata", "generateName")):
            return INFO, "found generateName, expected a name; nothing can refer to it"
        return WARNING, "found no metadata.name, expected one; it passes unchanged"
    annotations = item.find("metadata", "annotations")
    inside = annotations.target if annotations else None
    texts = isinstance(inside, Mapping) and all(
        isinstance(value.target, Scalar) and not reading(value.target) for _, value in inside.pairs
    )
    if annotations and not texts:
        return WARNING, "found annotations that are not text, expected text; they pass unchanged"
    return INFO, ""


def run(given: ResourceList) -> ResourceList:
    """The list with the completed Exposure and all findings; after an error, without the Exposure.

    kustomize passes a generator its configuration as an item too; that item is removed, or it would be built.
    """
    config, items = given.config, given.items
    if config is None:
        message = f"found nothing, expected an {GENERATOR}; list one under generators:"
        return _with(given, items, [Finding(ERROR, "", 0, "functionConfig", message)])
    path = _text(config.find("metadata", "annotations", PATH))
    exposure, findings = check(given.source, config, kinds=(GENERATOR,), file=path, lines=False)
    items = [item for item in items if _identity(item) != _identity(config)]
    if exposure:
        made, old = complete(exposure), (API_VERSION, PLAIN, "", exposure.name)
        places = [index for index, item in enumerate(items) if _identity(item) == old] or [len(items)]
        items[places[0] : places[0] + 1] = [made]
    return _with(given, items, findings)


def _with(given: ResourceList, items: list[Any], findings: list[Finding]) -> ResourceList:
    return ResourceList(
        given.source, given.api_version, items, given.config, given.results, [*given.findings, *findings]
    )
