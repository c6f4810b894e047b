"""Check a folder: the rules over its kustomizations, then each Exposure that they list."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain

from argocd_istio.exposure.check import MOST, check
from argocd_istio.exposure.component import KUSTOMIZATIONS
from argocd_istio.exposure.file import directive
from argocd_istio.files import FileError
from argocd_istio.findings import ERROR, Finding
from argocd_istio.tree import rules
from argocd_istio.tree.deploy import deployed
from argocd_istio.tree.order import Tree, walk
from argocd_istio.tree.read import Reader


def check_folder(path: str, *, substitute: bool = False) -> list[Finding]:
    """Everything that is wrong in a folder with a kustomization, and in what it lists of local files.

    `substitute` takes `${NAME}` for a text, as `check` does.
    Raises FileError where there is no kustomization.
    """
    if not any(os.path.lexists(os.path.join(path, name)) for name in KUSTOMIZATIONS):  # noqa: PTH118
        raise FileError(path, "is a folder without kustomization.yaml; name the folder that has it, or a file", 2)
    reader = Reader()
    tree = walk(reader, path)
    parts = [*(rule(tree) for rule in rules.RULES), rules.stale(tree, reader), deployed(tree, reader)]
    parts.append(_exposures(tree, substitute))
    # Two folders may list the same component: its findings are the same then.
    found: dict[str, Finding] = {}
    for finding in chain.from_iterable(parts):
        found[str(finding)] = finding
        if len(found) == MOST:
            more = f"found {MOST} problems, expected fewer; correct these first, there may be more"
            found[more] = Finding(ERROR, path, 0, "", more)
            break
    return list({str(finding): finding for finding in (*reader.findings, *found.values())}.values())


def _exposures(tree: Tree, substitute: bool) -> Iterator[Finding]:
    seen: set[int] = set()
    for found in tree.exposures:
        document = found.document
        if id(document.root) not in seen and document.source:
            seen.add(id(document.root))
            yield from directive(document.source)
            yield from check(document.source, document.root, substitute=substitute)[1]
