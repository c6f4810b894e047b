"""Check a folder: the rules over its kustomizations, then each Exposure that they list."""

from __future__ import annotations

import os
from collections.abc import Iterator

from argocd_istio.consumer import KUSTOMIZATIONS
from argocd_istio.exposure.check import check
from argocd_istio.files import FileError
from argocd_istio.findings import Finding
from argocd_istio.tree import rules
from argocd_istio.tree.deploy import deployed
from argocd_istio.tree.order import Tree, walk
from argocd_istio.tree.read import Reader


def check_folder(path: str) -> list[Finding]:
    """Everything that is wrong in a folder with a kustomization, and in what it lists of local files.

    Raises FileError where there is no kustomization.
    """
    if not any(os.path.lexists(os.path.join(path, name)) for name in KUSTOMIZATIONS):  # noqa: PTH118
        raise FileError(path, "is a folder without kustomization.yaml; name the folder that has it, or a file", 2)
    reader = Reader()
    tree = walk(reader, path)
    found = [finding for rule in rules.RULES for finding in rule(tree)]
    found += rules.stale(tree, reader)
    found += deployed(tree, reader)
    # Two folders may list the same component: its findings are the same then.
    every = [*reader.findings, *found, *_exposures(tree)]
    return list({(str(finding), finding.rule): finding for finding in every}.values())


def _exposures(tree: Tree) -> Iterator[Finding]:
    seen: set[int] = set()
    for found in tree.exposures:
        document = found.document
        if id(document.root) not in seen and document.source:
            seen.add(id(document.root))
            yield from check(document.source, document.root)[1]
