"""The steps of kustomize for a folder, as facts for the rules.

The order is that of `accumulateTarget` in kusttarget.go of kustomize 5.8: resources, generators, components in the
order of their list, then the folder's own patches, namespace, prefix, suffix, labels, JSON patches, replacements,
and its transformers last. A kustomization under `resources:` is completed first and then joins its parent. A component
works on the objects that its parent has so far, with the same steps.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from argocd_istio.exposure.fields import FUNCTIONS, GENERATOR, PLAIN
from argocd_istio.exposure.names import shown
from argocd_istio.exposure.wired import LOGINS, POLICY
from argocd_istio.findings import ERROR
from argocd_istio.syntax.nodes import items, labels, text
from argocd_istio.syntax.source import Mapping, Node
from argocd_istio.tree import library
from argocd_istio.tree.kustomizations import DEPTH, Document, Entry, Folder, Place, Reader

VISITS = 10_000
"""The most visits to folders: a folder that several others list is visited for each."""

_FIRST = 3
"""The most installs or Exposures of a kustomization that are compared: even two are too many."""

_WIRINGS = 1000
"""The most modes that are checked in detail."""

_PATTERN = re.compile(r"[\w. -]*(?:\.\*)?[\w. -]*(?:\|[\w. -]*(?:\.\*)?[\w. -]*)*")


@dataclass(slots=True, eq=False)
class Install:
    """A mode or another install as listed. `namespace` is the namespace that later steps move it to.

    `further` is components/instance that is listed after it, `instance` the name that it gives it, "" without one.
    """

    entry: Entry
    reference: library.Reference
    namespace: str = "argocd"
    further: Entry | None = None
    instance: str = ""


@dataclass(slots=True, eq=False)
class Listed:
    """An entry in build order: the first install before it, and whether anything unknown came before.

    `exposes_only` is the mode before it that brings no install.
    """

    entry: Entry
    folder: Folder
    install: Install | None
    unknown: bool
    exposes_only: Install | None = None


@dataclass(slots=True, eq=False)
class Found:
    """A document of the build. `key` is its list; `configures` is whether it configures a plugin."""

    document: Document
    key: str
    configures: bool = False


@dataclass(slots=True, eq=False)
class Patch:
    """A patch, or a replacement's target. `installs` and `mode` are those before it."""

    place: Place
    target: Node | None
    bodies: list[Document]
    installs: tuple[Install, ...] = ()
    mode: Install | None = None
    configures: bool = False

    def touches(self, kind: str, group: str) -> bool:
        """Whether it applies to objects of that kind, by its target or by its own text."""
        if self.target is None:
            return any(body.kind == kind and body.group == group for body in self.bodies)
        pattern, of = text(self.target, "kind"), text(self.target, "group")
        if not pattern:
            return bool(of) and matches(of, group) and not matches(of, "apps")
        return matches(pattern, kind) and not matches(pattern, "AnyOther") and (not of or matches(of, group))

    @property
    def changes_spec(self) -> bool:
        """Whether it may change the spec: not if all of its fields are elsewhere."""
        return not self.bodies or any(_changes_spec(body.root) for body in self.bodies)

    @property
    def deletes(self) -> bool:
        """Whether it only deletes."""
        return bool(self.bodies) and all(text(body.root, "$patch") == "delete" for body in self.bodies)


@dataclass(slots=True, eq=False)
class Setting:
    """namePrefix, nameSuffix or namespace. `moved` are the documents that had another namespace before."""

    key: str
    place: Place
    value: str
    install: Install | None
    moved: list[Document] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Login:
    """A login and the mode before it. `moved` is the setting that moved its policy last, if nothing put it back.

    `in_root` is whether a replacement of the first folder puts it back: after a namespace that a tool sets there.
    `variables` are those of the ConfigMaps of its name, by namespace; None if not known.
    """

    entry: Entry
    mode: Install | None
    moved: Setting | None = None
    in_root: bool = False
    variables: dict[str, dict[str, str] | None] = field(default_factory=dict)
    unknown: bool = False


@dataclass(slots=True, eq=False)
class Labels:
    """Labels that are added to everything."""

    place: Place
    pairs: dict[str, str]
    selectors: bool
    templates: bool
    install: Install | None


@dataclass(slots=True, eq=False)
class Clash:
    """An object or install that repeats one of another install. `count` is the number of such objects in the file."""

    install: Install
    other: Install | Found
    one_scope: bool
    count: int = 1


@dataclass(slots=True, eq=False)
class Wiring:
    """A mode and the Exposures before it, which it reads. `unknown`: there may be more."""

    mode: Install
    exposures: list[Found]
    unknown: bool


@dataclass(slots=True, eq=False)
class Tree:
    """All facts of a folder, each list in the order of the steps."""

    root: Folder | None = None
    listed: list[Listed] = field(default_factory=list)
    documents: list[Found] = field(default_factory=list)
    patches: list[Patch] = field(default_factory=list)
    settings: list[Setting] = field(default_factory=list)
    logins: list[Login] = field(default_factory=list)
    labels: list[Labels] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)
    clashes: list[Clash] = field(default_factory=list)
    repeated: list[tuple[Entry, Entry]] = field(default_factory=list)
    """Components of this library that are listed twice."""
    wirings: list[Wiring] = field(default_factory=list)
    texts: list[tuple[Place, str]] = field(default_factory=list)
    unread: list[Found] = field(default_factory=list)
    """The Exposures that no mode reads."""
    movable: list[tuple[Document, str]] = field(default_factory=list)
    """The objects of `MOVABLE` that state a namespace, with their final namespace."""
    unknown: bool = False
    """Whether an entry was not read."""

    @property
    def exposures(self) -> list[Found]:
        """Each Exposure and ExposureGenerator."""
        return [one for one in self.documents if one.document.ours and one.document.kind in (PLAIN, GENERATOR)]


@dataclass(slots=True, eq=False)
class _Scope:
    """The state of a kustomization so far; its components share it. `key` is the list that it is under."""

    key: str = "resources"
    configures: bool = False
    installs: list[Install] = field(default_factory=list)
    exposures: list[Found] = field(default_factory=list)
    unread: list[Found] = field(default_factory=list)
    objects: dict[tuple[str, str, str], Found] = field(default_factory=dict)
    movable: list[tuple[Document, str]] = field(default_factory=list)
    options: dict[str, Entry] = field(default_factory=dict)
    logins: list[Login] = field(default_factory=list)
    variables: dict[str, dict[str, str] | None] = field(default_factory=dict)
    all: list[Document] = field(default_factory=list)
    unknown: bool = False
    mode: Install | None = None

    @property
    def install(self) -> Install | None:
        """The first one with more than CRDs."""
        return next((one for one in self.installs[:_FIRST] if one.reference.part != library.CRDS), None)


def matches(pattern: str, value: str) -> bool:
    """Whether a target's pattern, a regular expression for the whole text, matches.

    A pattern with more than words, `.*` and `|` could run forever and counts as no match.
    """
    if not _PATTERN.fullmatch(pattern):
        return pattern.strip("^$()") == value
    return re.fullmatch(pattern, value) is not None


# The objects of every mode, by kind; a test compares them with the base.
_WORKLOADS = "applicationset-controller dex-server notifications-controller redis repo-server server"
_POLICIES = f"{_WORKLOADS} application-controller"
_ROLES = "application-controller applicationset-controller dex-server notifications-controller redis server"
OBJECTS: dict[str, frozenset[str]] = {
    kind: frozenset(f"argocd-{name}{tail}" for name in names.split())
    for kind, names, tail in (
        ("ServiceAccount", _POLICIES, ""),
        (
            "Role",
            "application-controller applicationset-controller dex-server notifications-controller redis server",
            "",
        ),
        ("ClusterRole", "application-controller applicationset-controller server", ""),
        ("ConfigMap", "cm cmd-params-cm gpg-keys-cm notifications-cm rbac-cm ssh-known-hosts-cm tls-certs-cm", ""),
        ("Secret", "notifications-secret secret", ""),
        (
            "Service",
            "application-controller applicationset-controller dex-server metrics notifications-controller-metrics "
            "redis repo-server server server-metrics",
            "",
        ),
        ("Deployment", _WORKLOADS, ""),
        ("StatefulSet", "application-controller", ""),
        ("NetworkPolicy", _POLICIES, "-network-policy"),
    )
}
OBJECTS |= {"RoleBinding": OBJECTS["Role"], "ClusterRoleBinding": OBJECTS["ClusterRole"]}
OBJECTS |= {kind: frozenset(["argocd"]) for kind in ("Gateway", "VirtualService")}
OBJECTS["Sidecar"] = frozenset(["argocd-server"])
GATEWAY_API_OBJECTS = {kind: frozenset(["argocd"]) for kind in (library.API_GATEWAY, "ListenerSet", "TLSRoute")}
GATEWAY_API_OBJECTS["HTTPRoute"] = frozenset(["argocd", "argocd-redirect"])
"""The same of the ways of the Gateway API."""
CRDS = frozenset(f"{name}.argoproj.io" for name in ("applications", "applicationsets", "appprojects"))
_NAMES = OBJECTS | GATEWAY_API_OBJECTS
_API = "gateway.networking.k8s.io"
_GROUPS = {"Service": "", "Secret": ""} | dict.fromkeys(GATEWAY_API_OBJECTS, _API)
_GROUPS |= dict.fromkeys(("Gateway", "VirtualService", "Sidecar"), "networking.istio.io")


def walk(reader: Reader, path: str, appended: Iterable[Entry] = ()) -> Tree:
    """The facts of a folder. `appended` are additional entries at the end of its components."""
    walker = _Walker(reader, list(appended))
    tree = walker.tree
    tree.root = reader.folder(path)
    if tree.root:
        scope = _Scope()
        walker.folder(tree.root, scope, 0)
        tree.unread, tree.movable, tree.logins = scope.unread, scope.movable, scope.logins
    return tree


class _Walker:
    def __init__(self, reader: Reader, appended: list[Entry]) -> None:
        self.reader, self.appended, self.tree = reader, appended, Tree()
        self.visits = 0
        self.open: set[str] = set()

    def folder(self, folder: Folder, scope: _Scope, depth: int) -> None:
        """The steps of one kustomization, in kustomize's order."""
        self.visits += 1
        self.open.add(folder.real)
        self.tree.folders.append(folder)
        for entry in self.reader.entries(folder, "resources", "bases"):
            self.resource(entry, folder, scope, depth)
        for entry in self.reader.entries(folder, "generators"):
            self.generator(entry, folder, scope, depth)
        self.own_generators(folder, scope)
        for entry in self.reader.entries(folder, "components"):
            self.component(entry, folder, scope, depth)
        if not depth:
            for entry in self.appended:
                self.component(entry, folder, scope, depth)
        self.transformers(folder, scope, depth)
        self.open.discard(folder.real)

    def enter(self, entry: Entry, depth: int) -> bool:
        """Whether to visit the folder of an entry."""
        folder = entry.folder
        assert folder
        if folder.real in self.open:
            hint = "remove one of the two references"
            found = f"{shown(entry.text)}, a folder that leads back here"
            self.reader.note(entry.place.finding(ERROR, "", found, "folders without a cycle", hint))
            return False
        if depth >= DEPTH or self.visits >= VISITS:
            found = f"more than {DEPTH} levels" if depth >= DEPTH else f"more than {VISITS} folders"
            self.reader.note(Place(entry.place.file, 0).finding(ERROR, "", found, "fewer", "check a part of them"))
            return False
        return True

    def note(self, entry: Entry, folder: Folder, scope: _Scope) -> None:
        """Process an entry."""
        only = scope.mode if scope.mode and scope.mode.reference.exposes_only else None
        self.tree.listed.append(Listed(entry, folder, scope.install, scope.unknown, only))
        if not entry.known:
            scope.unknown = self.tree.unknown = True

    def resource(self, entry: Entry, folder: Folder, scope: _Scope, depth: int) -> None:
        self.note(entry, folder, scope)
        if entry.reference:
            if entry.reference.part not in (library.MODE, library.OPTION, library.WIRING):
                self.bring(entry, scope)
        elif entry.folder and self.enter(entry, depth):
            below = _Scope(scope.key, scope.configures)
            self.folder(entry.folder, below, depth + 1)
            self.join(below, scope)
        self.add(entry.documents or (), scope)

    def generator(self, entry: Entry, folder: Folder, scope: _Scope, depth: int) -> None:
        """Process a generator or transformer. Its files have their own scope; an ExposureGenerator adds an Exposure."""
        config = _Scope("generators", configures=True)
        self.resource(entry, folder, config, depth)
        scope.unknown |= config.unknown
        for one in config.exposures:
            scope.exposures.append(one)
            scope.unread.append(one)
        if any(not document.ours for document in config.all):
            scope.unknown = True

    def component(self, entry: Entry, folder: Folder, scope: _Scope, depth: int) -> None:
        self.note(entry, folder, scope)
        if entry.reference:
            if entry.reference.part == library.MODE:
                self.bring(entry, scope)
            if entry.reference.part == library.OPTION:
                first = scope.options.setdefault(entry.reference.name, entry)
                self.tree.repeated += [(first, entry)] if first is not entry else []
                if entry.reference.name in LOGINS.values():
                    unknown = scope.unknown or self.tree.unknown
                    scope.logins.append(Login(entry, scope.mode, variables=dict(scope.variables), unknown=unknown))
                if entry.reference.name == library.INSTANCE and scope.mode:
                    scope.mode.further = entry
                    for one in scope.exposures[:1]:
                        scope.mode.instance = text(one.document.root, "spec", "instance")
            if entry.folder:
                self.own_generators(entry.folder, scope)
        elif entry.folder and self.enter(entry, depth):
            self.folder(entry.folder, scope, depth + 1)

    def bring(self, entry: Entry, scope: _Scope) -> None:
        """Process a reference to the library; a mode wires the Exposures before it."""
        assert entry.reference
        if entry.reference.part == library.OTHER:
            return
        install = Install(entry, entry.reference)
        self.compare(scope.installs, [install], one_scope=True)
        self.meet([install], scope.objects)
        scope.installs.append(install)
        if entry.reference.part == library.MODE:
            scope.mode = scope.mode or install
            if len(self.tree.wirings) < _WIRINGS:
                self.tree.wirings.append(Wiring(install, scope.exposures[:_FIRST], scope.unknown))
            scope.unread.clear()

    def add(self, documents: Iterable[Document], scope: _Scope) -> None:
        """The objects of a file."""
        new: dict[tuple[str, str, str], Found] = {}
        for document in documents:
            found = Found(document, scope.key, scope.configures)
            self.tree.documents.append(found)
            scope.all.append(document)
            kind, name = kind_of(document), document.name
            if document.ours and kind in (PLAIN, GENERATOR) and (kind == PLAIN or scope.configures):
                scope.exposures.append(found)
                scope.unread.append(found)
            elif is_object(document):
                new[kind, document.namespace, name] = found
            if kind == "ConfigMap" and name == POLICY:
                scope.variables[document.namespace] = labels(document.root, "data")
            if kind in MOVABLE and document.namespace:
                scope.movable.append((document, document.namespace))
            if any(text(document.root, "metadata", "annotations", one) for one in FUNCTIONS) and not scope.configures:
                scope.unknown = True
        if not scope.configures:
            self.meet(scope.installs, new)
            scope.objects |= new

    def compare(self, installs: list[Install], others: list[Install], one_scope: bool) -> None:
        """Record clashes of installs in one kustomization."""
        for install in installs[:_FIRST]:
            for other in others[:_FIRST]:
                if _overlap(install.reference, other.reference):
                    self.tree.clashes.append(Clash(install, other, one_scope))
                    return

    def meet(self, installs: list[Install], objects: dict[tuple[str, str, str], Found]) -> None:
        """Record clashes of installs and objects in one kustomization."""
        for install in installs[:_FIRST]:
            clashing = [found for key, found in objects.items() if _clash(install, *key)]
            by_file: dict[str, list[Found]] = {}
            for found in clashing:
                by_file.setdefault(found.document.file, []).append(found)
            for some in by_file.values():
                self.tree.clashes.append(Clash(install, some[0], one_scope=True, count=len(some)))

    def join(self, below: _Scope, scope: _Scope) -> None:
        """Merge a completed kustomization under `resources:` into its parent."""
        self.compare(scope.installs, below.installs, one_scope=False)
        self.meet(below.installs, scope.objects)
        self.meet(scope.installs, below.objects)
        scope.installs += below.installs
        scope.mode = scope.mode or below.mode
        scope.exposures += below.exposures
        scope.unread += below.unread
        scope.objects |= below.objects
        scope.movable += below.movable
        scope.logins += below.logins
        scope.variables |= below.variables
        scope.all += below.all
        scope.unknown |= below.unknown

    def own_generators(self, folder: Folder, scope: _Scope) -> None:
        """The texts that a kustomization's configMapGenerator adds, and the variables of a login."""
        for number, node in enumerate(items(folder.root, "configMapGenerator")):
            if text(node, "name") == POLICY:
                pairs = (text(literal).partition("=") for literal in items(node, "literals"))
                other = any(node.find(key) for key in ("behavior", "env", "envs", "files"))
                scope.variables[text(node, "namespace")] = None if other else {key: value for key, _, value in pairs}
            place = folder.place(f"configMapGenerator[{number}]", "configMapGenerator", number)
            options = [(node, "options"), (folder.root, "generatorOptions")]
            for key in ("annotations", "labels"):
                if any(labels(one, at, key).get(SUBSTITUTE) == "disabled" for one, at in options):
                    break
            else:
                for literal in items(node, "literals"):
                    self.tree.texts.append((place, text(literal)))
                for file in items(node, "files"):
                    name = text(file).rpartition("=")[2]
                    self.tree.texts.append((place, self.reader.content(folder, name)))

    def transformers(self, folder: Folder, scope: _Scope, depth: int) -> None:
        """The final steps of a kustomization."""
        for key in ("patchesStrategicMerge", "patches"):
            for number, node in enumerate(items(folder.root, key)):
                self.patch(folder, scope, node, Place(folder.file, node.line, f"{key}[{number}]"))
        self.namespace(folder.place("namespace", "namespace"), text(folder.root, "namespace"), scope)
        for key in ("namePrefix", "nameSuffix"):
            self.set(key, folder.place(key, key), text(folder.root, key), scope)
        self.label(folder, scope)
        for number, node in enumerate(items(folder.root, "patchesJson6902")):
            self.patch(folder, scope, node, Place(folder.file, node.line, f"patchesJson6902[{number}]"))
        for number, node in enumerate(items(folder.root, "replacements")):
            self.replacement(folder, scope, node, Place(folder.file, node.line, f"replacements[{number}]"))
        for entry in self.reader.entries(folder, "transformers"):
            config = _Scope("transformers", configures=True)
            self.resource(entry, folder, config, depth)
            for document in config.all:
                self.transformer(folder, scope, document)

    def patch(self, folder: Folder, scope: _Scope, node: Node, place: Place) -> None:
        patch = self.patch_of(folder, node, place, scope)
        self.tree.patches.append(patch)
        if patch.target and any(text(body.root, "path") == "/metadata/namespace" for body in patch.bodies):
            self.put_back(scope, patch.target)

    def patch_of(self, folder: Folder, node: Node, place: Place, scope: _Scope) -> Patch:
        found = patch_of(self.reader, folder, node, place)
        found.installs, found.mode, found.configures = tuple(scope.installs[:_FIRST]), scope.mode, scope.configures
        return found

    def replacement(self, folder: Folder, scope: _Scope, node: Node, place: Place) -> None:
        """An inline replacement, or a file with one or several."""
        path = text(node, "path")
        roots = [one.root for one in self.reader.beside(folder, path, place)] if path else [node]
        for root in roots:
            for target in items(root, "targets"):
                select = target.find("select")
                if select:
                    patch = Patch(place, select.target, [], mode=scope.mode, configures=scope.configures)
                    self.tree.patches.append(patch)
                    if "metadata.namespace" in map(text, items(target, "fieldPaths")):
                        self.put_back(scope, select.target, in_root=folder is self.tree.root)

    def put_back(self, scope: _Scope, target: Node, *, in_root: bool = False) -> None:
        """A patch or replacement writes the namespace of what a target selects; which one is the consumer's choice."""
        # components/instance puts the name of the instance at the end of the policy's.
        name = text(target, "name") if text(target, "name").startswith(f"{POLICY}-") else POLICY
        wanted = (("group", "security.istio.io"), ("kind", "AuthorizationPolicy"), ("name", name))
        if all(matches(text(target, key) or value, value) for key, value in wanted):
            for login in scope.logins:
                login.moved, login.in_root = None, login.in_root or in_root

    def set(self, key: str, place: Place, value: str, scope: _Scope) -> None:
        if value:
            self.tree.settings.append(Setting(key, place, value, scope.install))

    def namespace(self, place: Place, value: str, scope: _Scope) -> None:
        if not value:
            return
        moved = [document for document, before in scope.movable if before != value]
        setting = Setting("namespace", place, value, scope.install, moved)
        self.tree.settings.append(setting)
        for login in scope.logins:
            login.moved = setting
        if scope.variables:
            scope.variables = {value: next(iter(scope.variables.values()))}
        scope.movable = [(document, value) for document, _ in scope.movable]
        for install in scope.installs:
            install.namespace = value
        moved_to = {}
        for (kind, before, name), found in scope.objects.items():
            if kind == "Namespace":  # kustomize renames each of them
                own = next((one for one in scope.installs[:_FIRST] if one.reference.brings(kind)), None)
                if own and name != value:
                    self.tree.clashes.append(Clash(own, found, one_scope=True))
                moved_to[kind, before, value] = found
            else:
                moved_to[kind, before if kind in CLUSTER else value, name] = found
        scope.objects = moved_to

    def label(self, folder: Folder, scope: _Scope) -> None:
        pairs = labels(folder.root, "commonLabels")
        if pairs:
            place = folder.place("commonLabels", "commonLabels")
            self.tree.labels.append(Labels(place, pairs, True, True, scope.install))
        for number, node in enumerate(items(folder.root, "labels")):
            place = Place(folder.file, node.line, f"labels[{number}].pairs")
            own = [text(one, "path") for one in items(node, "fields")]
            selectors = _true(node, "includeSelectors") or any("elector" in one for one in own)
            templates = selectors or _true(node, "includeTemplates") or any("template/" in one for one in own)
            self.tree.labels.append(Labels(place, labels(node, "pairs"), selectors, templates, scope.install))

    def transformer(self, folder: Folder, scope: _Scope, document: Document) -> None:
        """The builtin transformers of kustomize, by its builtins page."""
        kind, root, place = document.kind, document.root, document.place()
        if kind in ("PatchTransformer", "PatchJson6902Transformer"):
            self.patch(folder, scope, root, place)
        elif kind == "PatchStrategicMergeTransformer":
            for node in items(root, "paths"):
                self.patch(folder, scope, node, place)
        elif kind == "ReplacementTransformer":
            for node in items(root, "replacements"):
                self.replacement(folder, scope, node, place)
        elif kind in ("PrefixTransformer", "SuffixTransformer"):
            key = kind.removesuffix("Transformer").lower()
            self.set(f"name{key.title()}", place, text(root, key), scope)
        elif kind == "LabelTransformer":
            selectors = any("elector" in text(one, "path") for one in items(root, "fieldSpecs"))
            self.tree.labels.append(Labels(place, labels(root, "labels"), selectors, selectors, scope.install))
        elif kind == "NamespaceTransformer":
            self.namespace(place, document.namespace, scope)


MOVABLE = ("Secret", "Certificate", "ExternalSecret", "SealedSecret", "ReferenceGrant")
"""The kinds whose namespace matters to a gateway."""
SUBSTITUTE = "kustomize.toolkit.fluxcd.io/substitute"
CLUSTER = ("Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition")


def patch_of(reader: Reader, folder: Folder, node: Node, place: Place) -> Patch:
    """A patch: an entry of `patches:`, or the path or text of a strategic merge patch."""
    mapping = isinstance(node, Mapping)
    target = node.find("target") if mapping else None
    path, inline = (text(node, "path"), text(node, "patch")) if mapping else ("", text(node))
    if not mapping and inline and "\n" not in inline and ":" not in inline:
        path, inline = inline, ""
    bodies = reader.beside(folder, path, place) if path else reader.inline(inline, place) if inline else []
    return Patch(place, target.target if target else None, bodies)


def _changes_spec(root: Node) -> bool:
    """For a strategic merge patch, or for one operation of a JSON patch."""
    if isinstance(root, Mapping) and "op" in root.keys:
        return text(root, "op") != "test" and f"{text(root, 'path')}/".startswith(("/spec/", "//"))
    return not isinstance(root, Mapping) or bool({"spec", "$patch"} & root.keys.keys())


def _true(node: Node, key: str) -> bool:
    return text(node, key) in ("true", "True", "TRUE")


def kind_of(document: Document) -> str:
    """The kind of an object, with its group for the Gateway of the Gateway API."""
    return library.API_GATEWAY if (document.kind, document.group) == ("Gateway", _API) else document.kind


def is_object(document: Document) -> bool:
    """Whether an install may contain an object of that kind and name."""
    kind, name = kind_of(document), document.name
    if kind in _GROUPS and document.group != _GROUPS[kind]:
        return False
    return kind == "Namespace" or name in _NAMES.get(kind, ()) or (kind == "CustomResourceDefinition" and name in CRDS)


def _overlap(one: library.Reference, other: library.Reference) -> bool:
    """Whether two references have the same objects."""
    if library.UPSTREAM in (one.part, other.part) and (one.exposes_only or other.exposes_only):
        return False
    whole = [each.part != library.CRDS and each.name != "crds" for each in (one, other)]
    return all(whole) or (one.crds and other.crds)


def _clash(install: Install, kind: str, namespace: str, name: str) -> bool:
    """Whether an install has an object of that kind, namespace and name. No namespace means the install's."""
    if kind == "CustomResourceDefinition":
        return install.reference.crds
    if not install.reference.brings(kind, name):
        return False
    if kind == "Namespace":
        return name == install.namespace
    return kind in CLUSTER or namespace in ("", install.namespace)
