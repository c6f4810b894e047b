"""What commands read: a file, stdin, or a folder that is built."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from argocd_istio.exposure.fields import KINDS, nearest
from argocd_istio.streams import tell
from argocd_istio.syntax.source import LIMITS, Document, Source, SourceError

STDIN = "-"

_FILE = "The file with the Exposure or ExposureGenerator"
File = Annotated[str, typer.Argument(metavar="FILE", help=f"{_FILE}; else exposure.yaml.", show_default=False)]
Readable = Annotated[
    str, typer.Argument(metavar="FILE", help=f"{_FILE}; - is stdin. Else exposure.yaml.", show_default=False)
]
Name = Annotated[str | None, typer.Option(metavar="NAME", help="Its metadata.name, where the file has several.")]
Host = Annotated[str | None, typer.Option(metavar="HOST", help="For this host only: its entry in tls.secretNames.")]


def content(file: str) -> bytes:
    """The bytes of a file, or of stdin for `-`."""
    from argocd_istio.files import read

    if file != STDIN:
        return read(file)
    if os.isatty(0):
        raise typer.BadParameter("stdin is a terminal; name a file, or pipe something in", param_hint=STDIN)
    with open(0, "rb", closefd=False) as stdin:
        # One byte more than is accepted, so that more is refused without reading all of it.
        return stdin.read(LIMITS.bytes + 1)


def source_of(file: str) -> Source:
    from argocd_istio.syntax.source import read

    return read(content(file), "stdin" if file == STDIN else file)


def exposures(source: Source) -> list[Document]:
    """The documents that are an Exposure or ExposureGenerator; a SourceError where there is none."""
    from argocd_istio.syntax.nodes import text

    kinds = [text(document.root, "kind") for document in source.documents]
    found = [document for document, kind in zip(source.documents, kinds, strict=True) if kind in KINDS]
    if not found:
        there = f"kind {kinds[0]}" if len(kinds) == 1 and kinds[0] else "none"
        hint = nearest(kinds[0], KINDS) if len(kinds) == 1 else ""
        expected = f"a document of kind {' or '.join(KINDS)}"
        if "{{" in source.text:
            hint = "this looks like a template: render it first"
        raise SourceError(source.file, 0, 0, there, expected, hint or "name the file that has it")
    return found


def built(path: str, enable_exec: bool) -> Source:
    """What is built of a folder, or was built: a file, or stdin."""
    from argocd_istio.render.build import render
    from argocd_istio.syntax.source import read

    if not os.path.isdir(path):  # noqa: PTH112
        return source_of(path)
    return read(render(path, enable_exec=enable_exec, waiting=_waiting), path)


def _waiting(text: str) -> None:
    """Something takes more than a second."""
    if os.isatty(2):
        tell(text)
