"""`argocd-istio explain`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from argocd_istio import consumer
from argocd_istio.commands.app import app
from argocd_istio.commands.inputs import built, format_option
from argocd_istio.explain import FORMATS
from argocd_istio.streams import tell
from argocd_istio.syntax.source import SourceError

if TYPE_CHECKING:
    from argocd_istio.findings import Finding


@app.command()
def explain(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DIR|FILE|-",
            help="Folders to build, built files, or - for stdin; all are drawn together. Default: this folder.",
            show_default=False,
        ),
    ] = None,
    form: Annotated[str, format_option(FORMATS)] = FORMATS[0],
    gateway_namespace: Annotated[
        str | None,
        typer.Option(
            metavar="NAMESPACE",
            help="The namespace of the gateway's pods. Default: as the render or the folder's Exposure states.",
        ),
    ] = None,
    tls_before_gateway: Annotated[
        bool,
        typer.Option(
            "--tls-before-gateway",
            help="TLS ends before the gateway, at a load balancer: the gateway may take HTTP and must not redirect it.",
        ),
    ] = False,
    enable_exec: Annotated[
        bool, typer.Option("--enable-exec", help="Let kustomize run the functions that the folder names.")
    ] = False,
    ascii_only: Annotated[bool, typer.Option("--ascii", help="Draw the text with ASCII characters only.")] = False,
) -> int:
    """Draw how a request reaches Argo CD.

    From the host through gateway port, route and Service port to the pod: what travels as clear text, and who shows
    which certificate. Faults are marked, with what to do; the exit code is then 1. What check finds in the
    kustomizations of a folder goes to stderr.

    \b
    argocd-istio explain cd
    kustomize build cd | argocd-istio explain - gateway.yaml
    argocd-istio explain cd --format svg > cd.svg
    """
    from dataclasses import replace

    from argocd_istio.explain import draw
    from argocd_istio.explain.picture import Picture
    from argocd_istio.exposure.names import namespace_problem
    from argocd_istio.lint.run import failed, run
    from argocd_istio.render.objects import Objects
    from argocd_istio.render.ways import facts
    from argocd_istio.terminal import Terminal

    problem = namespace_problem(gateway_namespace) if gateway_namespace is not None else None
    if problem:
        raise SourceError("--gateway-namespace", 0, 0, *problem)
    paths = paths or ["."]
    sources = [built(path, enable_exec) for path in paths]
    # The namespace in one folder's Exposure does not apply to other inputs.
    stated = {consumer.gateway_namespace(path) if os.path.isdir(path) else "" for path in paths}  # noqa: PTH112
    otherwise = stated.pop() if len(stated) == 1 else ""
    found = facts(Objects(*sources), gateway_namespace or "", otherwise, tls_before_gateway=tls_before_gateway)
    if not (found.ways or found.empty or found.strays or found.install.misfits):
        hint = "name a folder, or what kustomize builds of one"
        names = ", ".join(source.file for source in sources)
        raise SourceError(names, 0, 0, "no Gateway and no route", "at least one", hint)
    findings = run(found)
    terminal = Terminal.of_stdout()
    picture = Picture(found, findings)
    print(draw(picture, form, replace(terminal, unicode=terminal.unicode and not ascii_only)), end="")
    wrong = [finding for path in paths for finding in _errors(path)]
    tell(*wrong)
    return 1 if wrong or failed(findings) else 0


def _errors(path: str) -> list[Finding]:
    """The findings in the kustomizations of a folder, which the render may not show."""
    from argocd_istio.files import FileError
    from argocd_istio.findings import ERROR
    from argocd_istio.tree.check import check_folder

    if not os.path.isdir(path):  # noqa: PTH112
        return []
    try:
        return [each for each in check_folder(path, substitute=True) if each.severity == ERROR]
    except FileError:  # no kustomization here: the build came from elsewhere
        return []
