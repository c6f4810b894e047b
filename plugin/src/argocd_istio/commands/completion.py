"""`argocd-istio completion`."""

from __future__ import annotations

from typing import Annotated

import typer

from argocd_istio.commands.app import app

SHELLS = ("bash", "zsh", "fish")


@app.command()
def completion(
    shell: Annotated[
        str,
        typer.Argument(metavar="SHELL", help=f"One of {', '.join(SHELLS)}.", autocompletion=lambda: list(SHELLS)),
    ],
) -> int:
    """Print the script that completes in bash, zsh or fish.

    bash and zsh load it with source <(argocd-istio completion SHELL), fish from a file.

    \b
    argocd-istio completion bash
    argocd-istio completion fish > ~/.config/fish/completions/argocd-istio.fish
    """
    from typer._completion_shared import get_completion_script

    if shell not in SHELLS:
        raise typer.BadParameter(f"{shell!r} is not one of {', '.join(SHELLS)}", param_hint="SHELL")
    print(get_completion_script(prog_name="argocd-istio", complete_var="_ARGOCD_ISTIO_COMPLETE", shell=shell))
    return 0
