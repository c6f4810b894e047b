"""The program: its name, its version, and what it prints without a command."""

from __future__ import annotations

from typing import Annotated

import typer

from argocd_istio import __version__

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, context_settings={"max_content_width": 80})


def _version(wanted: bool) -> None:
    if wanted:
        print(f"argocd-istio {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def top(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Argo CD behind an Istio gateway, with Kustomize.

    Write a consumer, change it, check it, and see what it does. A consumer is a folder with two files,
    kustomization.yaml and exposure.yaml.

    \b
    argocd-istio init cd --mode grpc-routing --host cd.acme.io
    """
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(2)
