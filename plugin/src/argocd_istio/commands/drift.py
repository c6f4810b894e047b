"""`argocd-istio drift`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from argocd_istio.commands.app import app
from argocd_istio.commands.inputs import STDIN, built, format_option, source_of

FORMATS = ("text", "json")
"""Same as in `drift`, repeated here because that import is slow."""


def _official(path: str, high_availability: bool) -> str:
    """The file of an official install: the path itself, or install.yaml in an upstream folder. Raises FileError."""
    from argocd_istio.files import FileError

    if not os.path.isdir(path):  # noqa: PTH112
        return path
    name = "ha/install.yaml" if high_availability else "install.yaml"
    for place in (Path(path, name), Path(path, "manifests", name)):
        if place.is_file():
            return str(place)
    expected = f"{name} or manifests/{name}"
    raise FileError(path, f"found a folder without {expected}, expected one of them; name the file", 2)


@app.command("drift")
def show_drift(
    against: Annotated[
        str,
        typer.Option(
            metavar="FILE|DIR|-",
            help="Upstream's install.yaml, a folder with manifests/install.yaml, or - for stdin.",
        ),
    ],
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="DIR|FILE|-",
            help="A folder to build, a built file, or - for stdin. Default: piped input, or this folder.",
            show_default=False,
        ),
    ] = None,
    form: Annotated[str, format_option(FORMATS)] = FORMATS[0],
    enable_exec: Annotated[
        bool, typer.Option("--enable-exec", help="Let kustomize run the functions that the folder names.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="List every field, and each explained difference.")] = False,
) -> int:
    """Show how a render differs from an official install.

    What you changed, added and left out is listed by object and field, then the changes of this library with their
    reasons. The exit code is 1 if anything else differs.

    \b
    kustomize build cd | argocd-istio drift --against install.yaml
    argocd-istio drift cd --against install.yaml --format json
    """
    from argocd_istio.drift import draw, without_collector
    from argocd_istio.drift.install import install
    from argocd_istio.drift.report import report
    from argocd_istio.terminal import Terminal

    if path is None:
        path = "." if against == STDIN or os.isatty(0) else STDIN
    if path == against == STDIN:
        raise typer.BadParameter("stdin is already the render; name a file or a folder", param_hint="--against")
    with without_collector():
        render = install(built(path, enable_exec), piped=path == STDIN)
        official = install(source_of(_official(against, bool(render.high_availability))), piped=against == STDIN)
        found = report(render, official)
    print(draw(found, form, Terminal.of_stdout(), every=every), end="")
    return 0 if found.clean else 1
