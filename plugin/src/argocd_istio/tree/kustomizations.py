"""Kustomizations and the files that they list: nothing is built, nothing is fetched.

Missing folders, remote resources and unreadable files are facts too: rules must know what is unknown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from argocd_istio import GROUP
from argocd_istio.exposure.component import KUSTOMIZATIONS
from argocd_istio.exposure.fields import GENERATOR
from argocd_istio.exposure.names import shown
from argocd_istio.files import FileError, read
from argocd_istio.findings import ERROR, INFO, Finding
from argocd_istio.syntax.nodes import items, text
from argocd_istio.syntax.source import MIB, Mapping, Node, Scalar, Sequence, Source, SourceError, parse
from argocd_istio.tree import library
from argocd_istio.tree.library import Reference

FILES, DEPTH = 20_000, 50
"""The most files and folders, and the most levels of kustomizations, that are read."""

_MOST = 100
"""The most findings from reading that are kept."""
_BESIDE = 1000
"""The most files of a folder that are searched for a generator."""

# Other files are not parsed: a bundle of CRDs has megabytes.
_WORDS = re.compile(
    rb"Exposure|Namespace|Secret|Certificate|ReferenceGrant|ConfigMap|Application|Kustomization|Transformer|argocd|argo"
)


@dataclass(slots=True, frozen=True)
class Place:
    """A place in a file: file, line, field."""

    file: str
    line: int
    path: str = ""

    @property
    def short(self) -> str:
        """The file's base name and the line."""
        return f"{self.file.rpartition('/')[2]}:{self.line}"

    def finding(self, severity: str, rule: str, found: str, expected: str, hint: str) -> Finding:
        """A finding at this place."""
        return Finding(
            severity, self.file, self.line, self.path, f"found {found}, expected {expected}; {hint}", rule=rule
        )


@dataclass(slots=True, eq=False)
class Document:
    """An object in a file. `source` is None for an object inside another file, such as an inline patch."""

    file: str
    line: int
    root: Node
    source: Source | None = None

    @property
    def group(self) -> str:
        return text(self.root, "apiVersion").rpartition("/")[0]

    @property
    def kind(self) -> str:
        return text(self.root, "kind")

    @property
    def name(self) -> str:
        return text(self.root, "metadata", "name")

    @property
    def namespace(self) -> str:
        return text(self.root, "metadata", "namespace")

    @property
    def ours(self) -> bool:
        """Whether it is of this library's API group."""
        return self.group == GROUP

    def place(self, path: str = "", *keys: str | int) -> Place:
        """The place of a field, or of the object itself."""
        node = self.root.find(*keys) if self.source and keys else None
        return Place(self.file, node.line if node else self.line, path)


@dataclass(slots=True, eq=False)
class Entry:
    """One entry in a list of a kustomization, and its target: one of the four fields, or nothing."""

    place: Place
    key: str
    text: str
    reference: Reference | None = None
    folder: Folder | None = None
    documents: list[Document] | None = None
    remote: bool = False

    @property
    def known(self) -> bool:
        """Whether its target was read."""
        return bool(self.reference or self.folder) or self.documents is not None


@dataclass(slots=True, eq=False)
class Folder:
    """A folder with a kustomization. `path` is the path for the user, `real` the real path."""

    path: str
    real: str
    file: str
    root: Node

    @property
    def component(self) -> bool:
        return text(self.root, "kind") == "Component"

    def place(self, path: str, *keys: str | int) -> Place:
        """The place of a field of its kustomization."""
        node = self.root.find(*keys)
        return Place(self.file, node.line if node else self.root.line, path)


class Reader:
    """Reads each file once; `findings` has the read errors. The limits apply to all files together."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self._sources: dict[str, Source | None] = {}
        self._folders: dict[str, Folder | None] = {}
        self._generators: dict[str, list[tuple[str, Document]]] = {}
        self._full = False

    def note(self, finding: Finding) -> None:
        """Add a finding."""
        if len(self.findings) < _MOST:
            self.findings.append(finding)

    def folder(self, path: str) -> Folder | None:
        """The folder with its kustomization; None, with a finding, if that cannot be read."""
        real = os.path.realpath(path)
        if real not in self._folders:
            self._folders[real] = self._folder(path, real) if self._counts(path) else None
        return self._folders[real]

    def _folder(self, path: str, real: str) -> Folder | None:
        names = [name for name in KUSTOMIZATIONS if os.path.lexists(os.path.join(real, name))]  # noqa: PTH118
        if len(names) != 1:
            found = " and ".join(names) or "no kustomization.yaml"
            hint = "keep one" if names else "name the folder that has it"
            self.note(Place(path, 0).finding(ERROR, "", found, "one kustomization", hint))
            return None
        file = _joined(path, names[0])
        source = self._read(os.path.join(real, names[0]), file, ERROR)  # noqa: PTH118
        roots = [document.root.target for document in source.documents if document.root] if source else []
        if source and (len(roots) != 1 or not isinstance(roots[0], Mapping)):
            found = f"{len(roots)} documents" if len(roots) != 1 else "no mapping"
            self.note(Place(file, 1).finding(ERROR, "", found, "a kustomization", "write its fields"))
        return Folder(path, real, file, roots[0]) if len(roots) == 1 and isinstance(roots[0], Mapping) else None

    def entries(self, folder: Folder, *keys: str) -> Iterator[Entry]:
        """The entries of a folder under the keys, in the order of the keys and of each list."""
        for key in keys:
            for number, node in enumerate(items(folder.root, key)):
                place = Place(folder.file, node.line, f"{key}[{number}]")
                if not isinstance(node, Scalar):
                    self.note(place.finding(ERROR, "", "no text", "a path or address", "write one"))
                    continue
                yield self.entry(folder, place, key, node.value)

    def entry(self, folder: Folder, place: Place, key: str, value: str) -> Entry:
        """The entry for a path or address, relative to a folder."""
        found = Entry(place, key, value)
        if "\n" in value and key in ("generators", "transformers", "validators"):
            found.documents = self.inline(value, place)
            return found
        if not value or "\0" in value:
            self.note(place.finding(ERROR, "", shown(value), "a path or address", "write one"))
            return found
        target = os.path.join(folder.real, value)  # noqa: PTH118
        path = _joined(folder.path, value)
        if os.path.isdir(target):  # noqa: PTH112
            found.reference = library.local(os.path.realpath(target))
            if not found.reference or found.reference.part == library.OPTION:
                found.folder = self.folder(path)
        elif os.path.lexists(target):
            source = self._read(target, path, INFO, words=True)
            found.documents = documents(source) if source else None
        elif library.is_remote(value):
            found.remote, found.reference = True, library.remote(value)
        elif (lost := library.local(os.path.realpath(target))) and lost.part == library.MISTAKE:
            found.reference = lost
        else:
            hint = "correct the path, or remove the entry"
            self.note(
                place.finding(ERROR, "", f"{shown(value)}, which is not there", "a file, folder or address", hint)
            )
        return found

    def inline(self, value: str, place: Place) -> list[Document]:
        """The objects of a text inside a kustomization; none if it is not YAML."""
        try:
            source = parse(value.encode(), place.file)
        except SourceError as error:
            self.note(place.finding(ERROR, "", f"a text that cannot be read ({error.found})", "YAML", error.hint))
            return []
        return [Document(place.file, place.line, one) for one in _roots(source)]

    def beside(self, folder: Folder, value: str, place: Place) -> list[Document]:
        """The objects of a kustomization's patch file; none if it cannot be read."""
        if not value or "\0" in value or library.is_remote(value):
            return []
        target = os.path.join(folder.real, value)  # noqa: PTH118
        if not os.path.lexists(target):
            hint = "correct the path"
            self.note(place.finding(ERROR, "", f"{shown(value)}, which is not there", "a file", hint))
            return []
        source = self._read(target, _joined(folder.path, value), INFO)
        return documents(source) if source else []

    def content(self, folder: Folder, name: str) -> str:
        """The text of a file that goes into a ConfigMap; empty if it cannot be read."""
        try:
            return read(os.path.join(folder.real, name), MIB).decode(errors="replace")  # noqa: PTH118
        except (FileError, ValueError):
            return ""

    def generators(self, folder: str) -> list[tuple[str, Document]]:
        """Each ExposureGenerator in the YAML files of a folder, with its file's name."""
        if folder not in self._generators:
            before = len(self.findings)
            try:
                names = sorted(path.name for path in Path(folder or ".").iterdir())[:_BESIDE]
            except OSError:
                names = []
            found: list[tuple[str, Document]] = []
            for name in names:
                path = _joined(folder, name)
                source = self._read(path, path, INFO, words=True) if name.endswith((".yaml", ".yml")) else None
                found += [(name, one) for one in (documents(source) if source else ())]
            self._generators[folder] = [one for one in found if one[1].ours and one[1].kind == GENERATOR]
            del self.findings[before:]
        return self._generators[folder]

    def _read(self, path: str, shown_as: str, severity: str, words: bool = False) -> Source | None:
        """A file by its real path. A missing file, invalid YAML or another file type gives one finding."""
        key = os.path.realpath(path)
        if key not in self._sources:
            self._sources[key] = None
            if self._counts(shown_as):
                self._sources[key] = self._parsed(path, shown_as, severity, words)
        return self._sources[key]

    def _parsed(self, path: str, shown_as: str, severity: str, words: bool) -> Source | None:
        try:
            data = read(path)
            if words and not _WORDS.search(data):
                return Source(shown_as, "")
            if severity == INFO and GROUP.encode() in data:
                severity = ERROR
            return parse(data, shown_as)
        except SourceError as error:
            self.note(Finding(severity, shown_as, error.line, "", error.message))
        except FileError as error:
            message = str(error).partition(": ")[2]
            self.note(Finding(ERROR, shown_as, 0, "", f"found a file that {message}"))
        return None

    def _counts(self, path: str) -> bool:
        """Count one more file; whether the limit allows it."""
        if len(self._sources) + len(self._folders) <= FILES:
            return True
        if not self._full:
            self._full = True
            found = f"more than {FILES} files and folders"
            self.note(Place(path, 0).finding(ERROR, "", found, "fewer", "check a part of them"))
        return False


def documents(source: Source) -> list[Document]:
    """The objects of a file."""
    return [Document(source.file, root.line, root, source) for root in _roots(source)]


def _roots(source: Source) -> Iterator[Node]:
    """Each object; the members of a List, or of a list, count as separate objects."""
    for document in source.documents:
        root = document.root.target if document.root else None
        if isinstance(root, Sequence):
            yield from (item.target for item in root.items)
        elif root and text(root, "kind").endswith("List") and items(root, "items"):
            yield from items(root, "items")
        elif root:
            yield root


def _joined(folder: str, name: str) -> str:
    return os.path.normpath(os.path.join(folder, name))  # noqa: PTH118
