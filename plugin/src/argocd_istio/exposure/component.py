"""The mode that a kustomization lists under `components:`, beside the file with the Exposure."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from argocd_istio.exposure.fields import MODES, PASSTHROUGH
from argocd_istio.exposure.wired import BALANCER, EXISTING, FOLDER, LOGINS, NO_PASSTHROUGH, Wired
from argocd_istio.files import FileError, read
from argocd_istio.syntax.source import Node, Scalar, Sequence, Source, SourceError, parse

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""The names that kustomize looks for."""

# The last folder of `components`, in a path or an address of this library or of a copy.
_MODE = re.compile(rf"(?:.*/)?components/{FOLDER}/?(?:\?.*)?")

_LOGIN = re.compile(rf"(?:.*/)?components/({'|'.join(LOGINS.values())})/?(?:\?.*)?")


class Component:
    """One component that is a mode: its node in `source`, the kustomization."""

    def __init__(self, source: Source, node: Scalar, found: re.Match[str]) -> None:
        self.source, self.node, self._span = source, node, found.span(2)
        self.wired = Wired(found[2], found[1] or "", found[3] or "")

    def changed(self, mode: str) -> bytes:
        """The kustomization with another mode and no other change. Raises SourceError."""
        if self.wired.way == BALANCER and mode == PASSTHROUGH:
            found = f"{mode} behind a load balancer: {NO_PASSTHROUGH}"
            hint = f"list components/{mode} or components/{EXISTING}/{mode} first, if that is no longer so"
            raise self.source.error(self.node, found, "another mode", hint)
        login = next(_logins(self.source), None)
        if login and mode == PASSTHROUGH:
            found = f"the login {login[1]}, and mode {mode}: the gateway sees no requests there"
            raise self.source.error(login[0], found, "no login", "remove it from the list first")
        text, (start, end) = self.source.text, self._span
        at = text.find(self.node.value, self.node.start, self.node.end)
        if at < 0:
            hint = "write it on one line, or edit it by hand"
            raise self.source.error(self.node, "a component with escapes or line ends", "plain text", hint)
        return (text[: at + start] + mode + text[at + end :]).encode()


def kustomization(file: str) -> Source | None:
    """The kustomization beside a file, if it lists that file. Raises FileError and SourceError."""
    folder, name = os.path.split(file)
    for one in KUSTOMIZATIONS:
        path = os.path.join(folder, one)  # noqa: PTH118
        if not os.path.lexists(path):
            continue
        source = parse(read(path), path)
        listed = [os.path.normpath(text.value) for key in ("resources", "generators") for text in _texts(source, key)]
        return source if name in listed else None
    return None


def components(source: Source) -> list[Component]:
    """The components of a kustomization that are modes."""
    found = ((node, _MODE.fullmatch(node.value)) for node in _texts(source, "components"))
    return [Component(source, node, match) for node, match in found if match]


def the_component(file: str) -> Component:
    """The one mode that the kustomization beside a file lists. Raises FileError and SourceError if there is none."""
    source = kustomization(file)
    found = components(source) if source else []
    if len(found) == 1:
        return found[0]
    expected = f"one that is a mode: {', '.join(MODES)}"
    if source is None:
        raise SourceError(file, 0, 0, "no kustomization beside it that lists it", "one", "edit the component by hand")
    what = f"{len(found)} components that are a mode" if found else "no component that is a mode"
    raise SourceError(source.file, 0, 0, what, expected, "edit it by hand")


def wired_beside(file: str) -> Wired | None:
    """The mode that the kustomization beside a file lists, with way and amount.

    None if it lists none or several, or cannot be read.
    """
    try:
        source = kustomization(file)
    except (FileError, SourceError):
        return None
    found = components(source) if source else []
    if len(found) != 1:
        return None
    listed = found[0].wired
    login = any(name == LOGINS[listed.way] for _, name in _logins(found[0].source))
    return Wired(listed.mode, listed.way, listed.amount, login=login)


def _logins(source: Source) -> Iterator[tuple[Scalar, str]]:
    """The logins that a kustomization lists, each with its name."""
    for node in _texts(source, "components"):
        if match := _LOGIN.fullmatch(node.value):
            yield node, match[1]


def _texts(source: Source, key: str) -> Iterator[Scalar]:
    """The texts of a list at the top of a file."""
    for root in (document.root for document in source.documents):
        node: Node | None = root.get(key) if root else None
        below = node.target if node else None
        for item in below.items if isinstance(below, Sequence) else []:
            if isinstance(item.target, Scalar):
                yield item.target
