"""Argo CD and Flux change a kustomization before they build it: finds changes that are too late or break the install.

Argo CD: `Build` in util/kustomize/kustomize.go runs `kustomize edit` and appends patches and components.
Flux: pkg/kustomize, `generator.go`, does the same with `spec.patches`, `spec.components` and `spec.targetNamespace`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from argocd_istio import GROUP
from argocd_istio.exposure.component import KUSTOMIZATIONS
from argocd_istio.exposure.fields import PLAIN
from argocd_istio.exposure.names import shown
from argocd_istio.findings import ERROR, INFO, WARNING, Finding
from argocd_istio.syntax.nodes import fields, items, labels, text
from argocd_istio.syntax.source import Node
from argocd_istio.tree import rules
from argocd_istio.tree.kustomizations import Document, Folder, Place, Reader
from argocd_istio.tree.order import SUBSTITUTE, Labels, Patch, Setting, Tree, walk

DEPLOYED = re.compile(rb"kustomize\.toolkit\.fluxcd\.io/|kind:[ \t]*[\"']?Application(?:Set)?\b")
"""Strings that every file with such an object contains."""
_HINT = "write the value in the Exposure, or make a folder for each environment that patches before the mode"
_LEVELS = 20


@dataclass(slots=True, eq=False)
class Deployment:
    """The build of a folder by an Application, an ApplicationSet or a Flux Kustomization.

    `at` and `node` are the field path and the mapping with `patches` and similar fields; `base` is its path for
    `Document.place`.
    """

    document: Document
    tool: str
    path: str
    node: Node
    at: str
    keys: tuple[str | int, ...]
    pairs: dict[str, str] = field(default_factory=dict)
    selectors: bool = False
    templates: bool = False

    def place(self, key: str, *more: str | int) -> Place:
        """Where a field of it is."""
        number = "".join(f"[{one}]" for one in more)
        return self.document.place(f"{self.at}.{key}{number}", *self.keys, *key.split("."), *more)


def deployments(document: Document) -> Iterator[Deployment]:
    """The deployments in a document."""
    if document.group == "argoproj.io" and document.kind in ("Application", "ApplicationSet"):
        keys: tuple[str | int, ...] = ("spec",) if document.kind == "Application" else ("spec", "template", "spec")
        sources: list[tuple[str | int, ...]] = [(*keys, "source")]
        sources += [(*keys, "sources", number) for number in range(len(items(document.root, *keys, "sources")))]
        for at in sources:
            path, below = text(document.root, *at, "path"), (*at, "kustomize")
            node = document.root.find(*below) or document.root.find(*at)
            if path and node:
                node = node.target
                plain = text(node, "labelWithoutSelector") == "true"
                templates = not plain or text(node, "labelIncludeTemplates") == "true"
                pairs = labels(node, "commonLabels")
                yield Deployment(document, "Argo CD", path, node, _dotted(below), below, pairs, not plain, templates)
    elif document.group == "kustomize.toolkit.fluxcd.io" and document.kind == "Kustomization":
        node = document.root.find("spec")
        if node:
            pairs = labels(node, "commonMetadata", "labels")
            yield Deployment(document, "Flux", text(node, "path") or ".", node.target, "spec", ("spec",), pairs)


def _dotted(keys: tuple[str | int, ...]) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


def deployed(found: Iterable[Document], folder: str, reader: Reader) -> Iterator[Finding]:
    """K02 and K07: faults in how Argo CD or Flux build a folder with a mode.

    `folder` is the real path of the folder with the documents.
    """
    trees: dict[str, Tree] = {}
    clusters: dict[str, tuple[str, Deployment]] = {}
    for document in found:
        for one in deployments(document):
            yield from _deployed(one, folder, reader, trees)
            yield from _second(one, trees.get(resolve(folder, one.path)), clusters)


def _second(one: Deployment, tree: Tree | None, clusters: dict[str, tuple[str, Deployment]]) -> Iterator[Finding]:
    """K05: two deployments install into one cluster, in different namespaces, with the same roles or both with CRDs."""
    if not tree or one.document.kind == "ApplicationSet":
        return
    installs = [wiring.mode for wiring in tree.wirings if not wiring.mode.reference.exposes_only]
    if not installs:
        return
    spec = one.document.root
    cluster = text(spec, "spec", "destination", "server") or text(spec, "spec", "destination", "name")
    if one.tool == "Flux":
        cluster = text(spec, "spec", "kubeConfig", "secretRef", "name")
    namespace = text(one.node, "namespace" if one.tool == "Argo CD" else "targetNamespace")
    namespace = namespace or installs[0].namespace
    before = clusters.setdefault(f"{one.tool} {cluster} {installs[0].instance}", (namespace, one))
    if before[0] != namespace:
        found = f"a second install, in namespace {shown(namespace)}, beside that of {_title(before[1])}"
        yield one.document.place().finding(ERROR, "K05", found, "cluster roles of its own", rules.SHARED)
        return
    # No name of an instance has a dot.
    before = clusters.setdefault(f"{one.tool} {cluster} .crds", before) if installs[0].reference.crds else before
    if before[0] != namespace:
        found = f"the CRDs a second time, in {installs[0].reference.title}, beside those of {_title(before[1])}"
        hint = "add /without-crds to its path: who deletes this install would delete all Applications in the cluster"
        yield one.document.place().finding(WARNING, "K05", found, "them in one install", hint)


def _title(one: Deployment) -> str:
    document = one.document
    return f"{document.kind} {shown(document.name)} ({document.place().short})"


def _deployed(one: Deployment, root: str, reader: Reader, trees: dict[str, Tree]) -> Iterator[Finding]:
    folder = resolve(root, one.path)
    patches = list(_patches(one, reader, reader.folder(folder) if folder else None))
    if not folder:
        if any(patch.touches(PLAIN, GROUP) for patch in patches):
            found = f"a patch of an {PLAIN} by {one.tool}, and no folder {shown(one.path)} here"
            hint = "check that the folder lists no mode: the patch would come too late"
            yield patches[0].place.finding(INFO, "K02", found, "the folder, to look for a mode", hint)
        return
    if folder not in trees:
        trees[folder] = walk(reader, folder)
    tree = trees[folder]
    install = tree.wirings[0].mode if tree.wirings else None
    if not install:
        return
    for patch in patches:
        patch.mode = install
        if rules.is_late(patch):
            found = f"a patch of the {PLAIN} that {one.tool} adds after {rules.after(install)}, which has read it"
            yield patch.place.finding(ERROR, "K02", found, "none", _HINT)
    yield from _components(one, tree, reader)
    for key in ("namePrefix", "nameSuffix"):
        value = text(one.node, key)
        if value:
            whose, hint = rules.renaming(install)
            found = f"{shown(value)}, which {one.tool} adds to the names of {whose}"
            yield one.place(key).finding(ERROR, "K02", found, "none", hint)
    key = "commonLabels" if one.tool == "Argo CD" else "commonMetadata.labels"
    put = Labels(one.place(key), one.pairs, one.selectors, one.templates, install)
    for finding in rules.labelled(Tree(labels=[put])):
        finding.rule = "K02"
        yield finding
    key = "namespace" if one.tool == "Argo CD" else "targetNamespace"
    value = text(one.node, key)
    if value and tree.movable:
        away = [document for document, before in tree.movable if before != value]
        for finding in rules.moved_by(Setting(key, one.place(key), value, install, away), *rules.gateway_secrets(tree)):
            finding.rule = "K02"
            yield finding
    for login in tree.logins if value else ():
        if not login.in_root:
            for finding in rules.login_moved_by(Setting(key, one.place(key), value, install), login, tree):
                finding.rule = "K02"
                yield finding
    if one.tool == "Flux":
        yield from _substituted(one, tree)


def _patches(one: Deployment, reader: Reader, folder: Folder | None) -> Iterator[Patch]:
    """The patches of a deployment: inline, or files of the deployed folder."""
    for number, node in enumerate(items(one.node, "patches")):
        place = one.place("patches", number)
        target, inline = node.find("target"), text(node, "patch")
        bodies = reader.inline(inline, place) if inline else []
        if folder and text(node, "path"):
            bodies = reader.beside(folder, text(node, "path"), place)
        yield Patch(place, target.target if target else None, bodies)


def _components(one: Deployment, tree: Tree, reader: Reader) -> Iterator[Finding]:
    """Appended components: patches that are late only because of them."""
    assert tree.root
    before = {str(finding) for finding in rules.late_patch(tree)}
    for number, node in enumerate(items(one.node, "components")):
        place = one.place("components", number)
        value = text(node)
        if not value or "\0" in value:
            continue
        entry = reader.entry(tree.root, place, "components", value)
        if not entry.folder:
            continue
        for finding in rules.late_patch(walk(reader, tree.root.path, [entry])):
            if str(finding) not in before:
                found = f"a component that patches the {PLAIN} ({finding.file}:{finding.line}), which {one.tool} adds "
                found += f"after {rules.after(tree.wirings[0].mode)}"
                yield place.finding(ERROR, "K02", found, "none", _HINT)
                break


_NAME = "([A-Za-z_][A-Za-z0-9_]*)"
_ASSIGNED = re.compile(rf"(?:^|[\s;])(?:(?:for|read(?:\s+-r)?)\s+{_NAME}|{_NAME}=)")
_USED = re.compile(rf"(?<!\$)\$\{{{_NAME}")


def rewritten(script: str) -> str:
    """A variable that a script sets itself and uses with braces, "" if there is none."""
    used = _USED.findall(script)
    own = {name for pair in _ASSIGNED.findall(script) for name in pair} if used else set()
    return next((name for name in used if name in own), "")


def _substituted(one: Deployment, tree: Tree) -> Iterator[Finding]:
    """K07: Flux replaces a script's own variables with its values, or with nothing."""
    if not fields(one.node, "postBuild"):
        return
    place = one.place("postBuild")
    hint = f"write $name without braces, or the annotation {SUBSTITUTE}: disabled"
    expected = "no ${...} of its own"
    for at, script in _scripts(tree):
        name = rewritten(script)
        if name:
            found = f"a script whose ${{{name}}} Flux replaces ({at})"
            yield place.finding(ERROR, "K07", found, expected, hint)


def _scripts(tree: Tree) -> Iterator[tuple[str, str]]:
    for place, script in tree.texts:
        yield f"{place.file}:{place.line}", script
    for found in tree.documents:
        document = found.document
        if document.kind != "ConfigMap" or found.configures:
            continue
        marks = labels(document.root, "metadata", "annotations") | labels(document.root, "metadata", "labels")
        if marks.get(SUBSTITUTE) != "disabled":
            for value in fields(document.root, "data").values():
                yield f"{document.file}:{document.line}", text(value)


def resolve(root: str, path: str) -> str:
    """The folder for a path in the repository, "" if it does not exist.

    The repository is the git work tree around the checked folder; without one, each parent folder is tried.
    """
    if "\0" in path or "{{" in path or "${" in path:
        return ""
    here = Path(root)
    above = [here, *here.parents][:_LEVELS]
    tops = [one for one in above if (one / ".git").exists()][:1] or above
    for top in tops:
        folder = os.path.normpath(top / path.lstrip("/"))
        if Path(folder).is_relative_to(top) and any(Path(folder, name).is_file() for name in KUSTOMIZATIONS):
            return folder
    return ""
