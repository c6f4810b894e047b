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
            help="Folders to build, files that were built, or - for stdin: drawn together. Else this folder.",
            show_default=False,
        ),
    ] = None,
    form: Annotated[str, format_option(FORMATS)] = FORMATS[0],
    gateway_namespace: Annotated[
        str | None,
        typer.Option(
            metavar="NAMESPACE",
            help="Where the gateway's pods are; else as the render or the folder's Exposure says.",
        ),
    ] = None,
    tls_before_gateway: Annotated[
        bool,
        typer.Option(
            "--tls-before-gateway",
            help="TLS ends before the gateway, at a load balancer: HTTP may come in there, and no redirect to https.",
        ),
    ] = False,
    enable_exec: Annotated[
        bool, typer.Option("--enable-exec", help="Let kustomize run the functions that the folder names.")
    ] = False,
    ascii_only: Annotated[bool, typer.Option("--ascii", help="Draw the text with ASCII characters only.")] = False,
) -> int:
    """Draw the way of a request to Argo CD.

    From the host over gateway port, route and Service port to the pod: what travels as clear text, and who holds
    which certificate. What is broken on the way is marked, with what to do; the exit code is 1 then. What check finds
    wrong in the kustomizations of a folder stands on stderr.

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
    # What one folder says of its gateway says nothing of another input's.
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
    """What is wrong with the kustomizations of a folder, which a render need not show."""
    from argocd_istio.files import FileError
    from argocd_istio.findings import ERROR
    from argocd_istio.tree.check import check_folder

    if not os.path.isdir(path):  # noqa: PTH112
        return []
    try:
        return [each for each in check_folder(path, substitute=True) if each.severity == ERROR]
    except FileError:  # without a kustomization; what was built has another origin
        return []
