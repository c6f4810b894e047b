"""`argocd-istio check`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Annotated

import typer

from argocd_istio import consumer
from argocd_istio.commands.app import app
from argocd_istio.commands.inputs import exposures, source_of
from argocd_istio.findings import ERROR
from argocd_istio.streams import tell
from argocd_istio.syntax.source import Document, Node, Source, SourceError


def _again(source: Source, documents: list[Document]) -> Iterator[SourceError]:
    """Every document that has the kind, name and namespace of one before it."""
    from argocd_istio.exposure.names import shown
    from argocd_istio.syntax.nodes import text

    seen: dict[tuple[str, str, str], Node] = {}
    for root in (document.root for document in documents if document.root):
        kind, name = text(root, "kind"), text(root, "metadata", "name")
        before = seen.setdefault((kind, name, text(root, "metadata", "namespace")), root)
        if name and before is not root:
            found = f"the {kind} {shown(name)} a second time; it is on line {before.line} too"
            yield source.error(root, found, "each once", "remove one, or give it another name")


@app.command("check")
def check_files(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE|DIR", help="The files and folders to check; - is stdin. Else exposure.yaml."),
    ] = None,
) -> int:
    """Say what is wrong in files.

    There is one line for each finding, on stderr; where nothing is wrong it is silent.

    \b
    argocd-istio check exposure.yaml
    """
    from argocd_istio.exposure.check import check
    from argocd_istio.files import FileError

    worst = 0
    for file in files or [consumer.EXPOSURE]:
        try:
            if os.path.isdir(file):  # noqa: PTH112
                from argocd_istio.tree.check import check_folder

                found = check_folder(file)
                tell(*found)
                worst = max(worst, 1 if any(finding.severity == ERROR for finding in found) else 0)
                continue
            source = source_of(file)
            documents = exposures(source)
            for document in documents:
                exposure, findings = check(source, document.root)
                tell(*findings)
                worst = max(worst, 0 if exposure else 1)
            again = list(_again(source, documents))
            tell(*again)
            worst = max(worst, 1 if again else 0)
        except (SourceError, FileError) as error:
            tell(error)
            worst = max(worst, error.code if isinstance(error, FileError) else 2)
    return worst
