"""Edit the authored install, `base/argocd`, to equal upstream's."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml.comments import CommentedMap

from argocd_istio.drift.compare import (
    ABSENT,
    NAMESPACE,
    Deviation,
    Difference,
    Object,
    compare,
    expected,
    name_of,
    outside_redis,
    repeated,
)
from argocd_istio.drift.defaults import DEFAULTS, defaulted
from argocd_istio.drift.deviations import HA_DEVIATIONS
from tools import authored
from tools.build import ToolError, program
from tools.bump.edit import CannotEdit, apply, plain, styled
from tools.bump.plan import ELSEWHERE, Obstacle, Operation, Sides, plan

BASE = Path("base/argocd")
MARK = "# bump: "

# A new object of one of these kinds is copied; any other kind needs decisions.
FILES = {
    "ClusterRole": "rbac.yaml",
    "ClusterRoleBinding": "rbac.yaml",
    "ConfigMap": "configmap.yaml",
    "NetworkPolicy": "networkpolicy.yaml",
    "Role": "rbac.yaml",
    "RoleBinding": "rbac.yaml",
    "Secret": "secret.yaml",
    "Service": "service.yaml",
    "ServiceAccount": "serviceaccount.yaml",
}
COMPONENT = "app.kubernetes.io/component"


@dataclass(frozen=True)
class Left:
    """A difference that is left to a person: place, our value, upstream's value, and why no edit was made."""

    file: str
    object: str
    path: str
    old: Any
    new: Any
    why: str


@dataclass
class Outcome:
    """The edits, the comments removed with them by file, the differences left to a person, and the removed names.

    Other files may still use a removed name.
    """

    edited: list[tuple[str, Operation]] = field(default_factory=list)
    comments: list[tuple[str, str]] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


def build(folder: Path) -> list[Object]:
    """The kustomize build of a folder, as plain values. Raises ToolError."""
    built = subprocess.run(
        [str(program("kustomize")), "build", str(folder)], capture_output=True, text=True, check=False
    )
    if built.returncode != 0:
        raise ToolError(
            f"{folder}: kustomize cannot build it: {(built.stderr.strip().splitlines() or ['no output'])[-1]}"
        )
    return [item for item in plain(built.stdout) if item]


def upstream_install(manifests: Path, manifest: str = "install.yaml") -> list[Object]:
    """The Namespace and the objects of an official install, without CRDs, unchanged."""
    path = manifests / manifest
    try:
        objects = [item for item in plain(path.read_text()) if item]
    except OSError as error:
        raise ToolError(f"{path}: {error.strerror}; expected an official install of Argo CD") from error
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    return [namespace, *(item for item in objects if item.get("kind") != "CustomResourceDefinition")]


def unequal(
    root: Path, upstream: Iterable[Object], release: str, *, high_availability: bool = False
) -> list[Difference]:
    """The unintended differences of the install below `root` from upstream's, except for the image of Argo CD.

    For high availability outside Redis, as parity is tested. Raises ToolError if the install cannot be built.
    """
    if not high_availability:
        return differences(upstream, build(root / BASE), release)
    with tempfile.TemporaryDirectory(dir=root) as name:
        lists = {"resources": [f"../{BASE}"], "components": ["../components/high-availability"]}
        (Path(name) / "kustomization.yaml").write_text(yaml.safe_dump(lists))
        ours = outside_redis(build(Path(name)))
    return differences(outside_redis(upstream), ours, release, HA_DEVIATIONS)


def differences(
    upstream: Iterable[Object], ours: Iterable[Object], release: str, deviations: Iterable[Deviation] = ()
) -> list[Difference]:
    """The unintended differences between two installs, except for the image of Argo CD."""
    found, _ = compare(ours, [expected(item) for item in upstream], deviations)
    image = f"argocd:{release}"
    return [one for one in found if not one.reason and not (one.path.endswith(".image") and image in str(one.upstream))]


def bring(root: Path, upstream: Iterable[Object]) -> Outcome:
    """Edit the files of `base/argocd` below `root` until their render equals `upstream`, as far as possible.

    The image of Argo CD is not edited: the caller has set its tag in `kustomization.yaml`.
    Raises ToolError if something cannot be read or built; no file is written then.
    """
    unknown = sorted({item["kind"] for item in upstream} - DEFAULTS.keys())
    if unknown:
        raise ToolError(f"upstream installs {', '.join(unknown)}; add the API's defaults of this kind to DEFAULTS")
    wanted, refused = list(upstream), set[tuple[str, str]]()
    while True:
        install = _Install(root, refused)
        outcome = install.bring(wanted)
        install.write()
        try:
            rest = {(one.object, one.path) for one in differences(wanted, build(root / BASE), "")}
        except ToolError:
            install.restore()
            raise
        idle = {(name, operation.path) for name, operation in outcome.edited} & rest
        if not idle:
            return outcome
        # Something overrides the values of these edits, so they are undone and left to a person.
        install.restore()
        refused |= idle


class _Install:
    def __init__(self, root: Path, refused: Collection[tuple[str, str]]) -> None:
        self._root, self._folder, self._refused = root, root / BASE, refused
        self._before = {path: path.read_text() for path in sorted(self._folder.rglob("*.yaml"))}
        self._files = dict(self._before)
        self._places = {
            name_of(item): (path, place)
            for path, text in self._files.items()
            for place, item in enumerate(plain(text))
            if path.name != "kustomization.yaml" and item
        }
        self._outcome = Outcome()
        self._marks: dict[Path, list[str]] = {}

    def bring(self, upstream: list[Object]) -> Outcome:
        ours = {name_of(item): item for item in build(self._folder)}
        twice = [*repeated(upstream), *repeated(ours.values())]
        if twice:
            raise ToolError(f"{twice[0]} occurs twice; expected each object once")
        raw = {name_of(item): item for item in upstream}
        for name in dict.fromkeys([*raw, *ours]):
            if name not in ours:
                self._add(name, raw[name])
            elif name not in raw:
                path, _ = self._places.get(name, (self._folder / "kustomization.yaml", 0))
                why = "upstream no longer has it; delete it here, if nothing of ours needs it"
                self._leave(path, name, "", ours[name], ABSENT, why)
                self._outcome.gone.append(name.partition("/")[2])
            else:
                self._change(name, ours[name], raw[name])
        return self._outcome

    def write(self) -> None:
        """Write the edited files, with a mark at the top for each difference that is left."""
        for path, text in self._files.items():
            marks = "".join(f"{MARK}{line}\n" for line in self._marks.get(path, []))
            if marks or text != self._before.get(path):
                path.write_text(marks + text)

    def restore(self) -> None:
        """Restore every file."""
        for path in self._files:
            if path in self._before:
                path.write_text(self._before[path])
            else:
                path.unlink()

    def _change(self, name: str, ours: Object, raw: Object) -> None:
        wanted, rendered = expected(raw), defaulted(ours)
        if name not in self._places:
            if any(compare([ours], [wanted])[0]):
                why = "no file of base/argocd has this object"
                self._leave(self._folder / "kustomization.yaml", name, "", ours, raw, why)
            return
        path, place = self._places[name]
        # A list that the API server completes is written out, or every second apply would report a change.
        raw = wanted if raw["kind"] == "NetworkPolicy" else expected_names(raw, wanted)
        text = plain(self._files[path])[place]
        for one in plan(Sides(text, defaulted(text), rendered, wanted, raw)):
            if isinstance(one, Obstacle):
                if not _is_argocd_image(one.old):
                    self._leave(path, name, one.path, one.old, one.new, one.why)
                continue
            if (name, one.path) in self._refused:
                self._leave(path, name, one.path, one.old, one.new, ELSEWHERE)
                continue
            try:
                self._files[path], gone = apply(self._files[path], place, one)
            except CannotEdit as error:
                self._leave(path, name, one.path, one.old, one.new, str(error))
                continue
            self._outcome.edited.append((name, one))
            self._outcome.comments += [(str(path.relative_to(self._root)), comment) for comment in gone]
            if one.new is ABSENT:
                self._outcome.gone.extend(_names(one))

    def _add(self, name: str, raw: Object) -> None:
        listing = self._folder / "kustomization.yaml"
        folder = self._component(raw)
        if raw["kind"] not in FILES or folder is None:
            why = "new; write its file, list it here, and add what it shares with the others"
            self._leave(listing, name, "", ABSENT, raw, why)
            return
        path = folder / FILES[raw["kind"]]
        document = styled(_with_namespace(raw))
        for key in [key for key in document if isinstance(document[key], dict)]:
            document[key].fa.set_block_style()
        text = authored.dump([document])
        if path in self._files:
            self._files[path] += f"---\n{text}"
        else:
            self._files[path] = text
            self._list(listing, path)
        self._places[name] = path, len(plain(self._files[path])) - 1
        self._outcome.edited.append((name, Operation((), "", ABSENT, raw)))

    def _component(self, raw: Object) -> Path | None:
        """The folder of the objects with the same component, `config` for an object without one."""
        label = raw["metadata"].get("labels", {}).get(COMPONENT)
        if label is None:
            return self._folder / "config"
        for name, (path, place) in self._places.items():
            item = plain(self._files[path])[place]
            if item["metadata"].get("labels", {}).get(COMPONENT) == label and path.parent != self._folder and name:
                return path.parent
        return None

    def _list(self, listing: Path, path: Path) -> None:
        [document] = authored.load(self._files[listing])
        resources, entry = document["resources"], str(path.relative_to(self._folder))
        beside = [place for place, one in enumerate(resources) if Path(one).parent == Path(entry).parent]
        resources.insert(beside[-1] + 1 if beside else len(resources), entry)
        self._files[listing] = authored.dump([document])

    def _leave(self, path: Path, name: str, place: str, old: Any, new: Any, why: str) -> None:
        left = Left(str(path.relative_to(self._root)), name, place, old, new, why)
        self._outcome.left.append(left)
        self._marks.setdefault(path, []).append(line(left))


def line(left: Left) -> str:
    """One line: object, field, our value, upstream's value, reason."""
    place = f"{left.object} {left.path}".strip()
    return f"{place}: found {short(left.old)}, upstream has {short(left.new)}; {left.why}"


def short(value: Any) -> str:
    """A value on one line, shortened if it is long."""
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:100]}... ({len(text)} characters)"


def _is_argocd_image(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("quay.io/argoproj/argocd:")


def _names(operation: Operation) -> list[str]:
    """The names that other files could use for a deleted field: its key or name, and a setting's key."""
    last = operation.steps[-1]
    names = [last[1] if isinstance(last, tuple) else last] if not isinstance(last, int) else []
    reference = operation.old.get("valueFrom", {}).get("configMapKeyRef", {}) if isinstance(operation.old, dict) else {}
    return [str(name) for name in [*names, reference.get("key")] if name]


def expected_names(raw: Object, wanted: Object) -> Object:
    """`raw` with the namespace of `wanted`: upstream leaves it to whoever applies it."""
    namespace = wanted["metadata"].get("namespace")
    return raw if namespace is None else {**raw, "metadata": {**raw["metadata"], "namespace": namespace}}


def _with_namespace(raw: Object) -> CommentedMap | Object:
    full = expected(raw)
    source = full if raw["kind"] == "NetworkPolicy" else raw
    return expected_names(source, full)
