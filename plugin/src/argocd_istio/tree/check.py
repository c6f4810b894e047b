"""Checks a folder: first the rules on its kustomizations, then each Exposure that they list."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain

from argocd_istio.exposure.check import MOST, check
from argocd_istio.exposure.component import KUSTOMIZATIONS
from argocd_istio.exposure.file import directive
from argocd_istio.exposure.wired import LOGINS, Wired
from argocd_istio.files import FileError
from argocd_istio.findings import ERROR, Finding
from argocd_istio.syntax.nodes import text
from argocd_istio.syntax.source import Source
from argocd_istio.tree import rules
from argocd_istio.tree.deploy import deployed, deployments
from argocd_istio.tree.kustomizations import Reader, documents
from argocd_istio.tree.order import Install, Tree, walk


def check_folder(path: str, *, substitute: bool = False) -> list[Finding]:
    """All findings of a consumer's folder, without its facts; see `read_folder`."""
    found, tree = read_folder(path, substitute=substitute)
    return [*found, *rules.foreign(tree)]


def read_folder(path: str, *, substitute: bool = False) -> tuple[list[Finding], Tree]:
    """All findings of a folder with a kustomization and of the local files that it lists, and its facts.

    `substitute` accepts `${NAME}` as text, like `check`.
    Raises FileError if there is no kustomization.
    """
    if not any(os.path.lexists(os.path.join(path, name)) for name in KUSTOMIZATIONS):  # noqa: PTH118
        raise FileError(path, "is a folder without kustomization.yaml; name the folder that has it, or a file", 2)
    reader = Reader()
    tree = walk(reader, path)
    parts = [*(rule(tree) for rule in rules.RULES), rules.stale(tree, reader)]
    if tree.root:
        parts.append(deployed((one.document for one in tree.documents), tree.root.real, reader))
    parts.append(_exposures(tree, substitute))
    # If two folders list the same component, it gives the same findings twice.
    found: dict[str, Finding] = {}
    for finding in chain.from_iterable(parts):
        found[str(finding)] = finding
        if len(found) == MOST:
            more = f"found {MOST} problems, expected fewer; correct these first, there may be more"
            found[more] = Finding(ERROR, path, 0, "", more)
            break
    return list({str(finding): finding for finding in (*reader.findings, *found.values())}.values()), tree


def check_deployments(source: Source) -> list[Finding] | None:
    """The findings of the Applications and Flux Kustomizations in a file; None if it has none."""
    found = documents(source)
    if not any(True for document in found for _ in deployments(document)):
        return None
    reader = Reader()
    wrong = list(deployed(found, os.path.realpath(os.path.dirname(source.file) or "."), reader))  # noqa: PTH120
    return [*reader.findings, *wrong]


def _wired(tree: Tree, mode: Install) -> Wired | None:
    """The mode, with the login after it."""
    listed = mode.reference.wired
    if not listed:
        return None
    after = {one.entry.reference.name for one in tree.listed if one.install is mode and one.entry.reference}
    return Wired(listed.mode, listed.way, listed.amount, login=LOGINS[listed.way] in after)


def _exposures(tree: Tree, substitute: bool) -> Iterator[Finding]:
    seen: set[int] = set()
    modes: dict[int, Wired | None] = {}
    for wiring in tree.wirings:
        for one in wiring.exposures:
            modes.setdefault(id(one.document.root), _wired(tree, wiring.mode))
    for found in tree.exposures:
        document = found.document
        if id(document.root) not in seen and document.source:
            seen.add(id(document.root))
            yield from directive(document.source)
            component = modes.get(id(document.root))
            if component and text(document.root, "spec", "mode") not in ("", component.mode):
                component = None  # which is K13
            yield from check(document.source, document.root, substitute=substitute, component=component)[1]
