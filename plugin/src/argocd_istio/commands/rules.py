"""`argocd-istio rules`."""

from __future__ import annotations

from typing import Annotated

import typer

from argocd_istio.commands.app import app


@app.command("rules")
def show_rules(
    rule: Annotated[
        str | None, typer.Argument(metavar="ID", help="The rule to explain, by ID or name.", show_default=False)
    ] = None,
) -> int:
    """List the rules of lint, or explain one.

    \b
    argocd-istio rules A02
    """
    from argocd_istio.lint.catalogue import CATALOGUE, explained

    if rule is None:
        width = max(len(each.name) for each in CATALOGUE)
        for each in CATALOGUE:
            print(f"{each.id}  {each.severity:<7}  {each.name:<{width}}  {each.effect}".rstrip())
        return 0
    for each in CATALOGUE:
        if rule.upper() in (each.id, *each.covers) or rule == each.name:
            print(explained(each), end="")
            return 0
    raise typer.BadParameter(f"{rule!r} is no rule; without an ID, rules lists all", param_hint="ID")
