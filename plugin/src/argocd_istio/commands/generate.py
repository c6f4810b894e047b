"""`argocd-istio generate`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from argocd_istio import consumer
from argocd_istio.commands.app import app
from argocd_istio.commands.inputs import STDIN, Readable, Substitute, source_of
from argocd_istio.streams import tell
from argocd_istio.syntax.source import SourceError, visible

if TYPE_CHECKING:
    from typing import Any


@app.command()
def generate(
    file: Readable = consumer.EXPOSURE,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to this file; if that fails, it stays as it was."),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 if the generated file is stale.")
    ] = False,
    against: Annotated[
        str,
        typer.Option(metavar="FILE", help="The generated file of --check. Default: exposure.yaml.", show_default=False),
    ] = consumer.EXPOSURE,
    substitute: Substitute = False,
) -> int:
    """Print the Exposure that the generator makes from a file.

    Commit it if your build cannot run functions.

    \b
    argocd-istio generate exposure-generator.yaml -o exposure.yaml
    argocd-istio generate exposure-generator.yaml --check
    """
    from argocd_istio.exposure.check import check
    from argocd_istio.exposure.fields import KINDS, complete
    from argocd_istio.exposure.file import exposures
    from argocd_istio.syntax.emit import to_yaml

    if compare and output is not None:
        raise typer.BadParameter("--check writes nothing; leave one of them out", param_hint="--output")
    for name, option in ((output, "--output"), (against if compare else None, "--against")):
        if name is not None and _same(file, name):
            raise typer.BadParameter(f"{visible(name)!r} is the input; name another file", param_hint=option)
    source = source_of(file)
    roots = exposures(source)
    if len(roots) > 1:
        found = f"{len(roots)} documents of kind {' or '.join(KINDS)}"
        raise SourceError(source.file, 0, 0, found, "one", "put each into a file of its own")
    exposure, findings = check(source, roots[0], generate=True, substitute=substitute)
    tell(*findings)
    if exposure is None:
        return 1
    made = complete(exposure)
    if compare:
        return _compare(made, against, file)
    if output in (None, STDIN):
        print(to_yaml(made), end="")
    else:
        _write(output, to_yaml(made).encode())
    return 0


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samestat(os.stat(one), os.stat(other))  # noqa: PTH116
    except (OSError, ValueError):
        return False


def _compare(made: dict[str, Any], against: str, file: str) -> int:
    """Return the exit code: 1, with a line on stderr, if the generated file differs."""
    from argocd_istio.exposure.check import differences
    from argocd_istio.exposure.file import exposures
    from argocd_istio.findings import ERROR, Finding

    source = source_of(against)
    [root, *more] = exposures(source)
    again = f"run 'argocd-istio generate {visible(file)} -o {visible(against)}'"
    if more:
        raise source.error(more[0], "a second Exposure", "the generated one", again)
    for path, node, found, right in differences(root, made, ""):
        message = f"found {found}, expected {right} as {visible(file)} says; {again}"
        tell(Finding(ERROR, source.file, node.line, path.lstrip("."), message))
        return 1
    return 0


def _write(output: str, data: bytes) -> None:
    """Write the Exposure to a file. Raises SourceError if the file has other content, which then stays."""
    from argocd_istio import files
    from argocd_istio.exposure.fields import PLAIN
    from argocd_istio.syntax.nodes import text
    from argocd_istio.syntax.source import parse

    if not os.path.lexists(output):
        files.create(output, data)
        return
    old = files.read(output)
    source = parse(old, output)
    for root in [document.root for document in source.documents if document.root]:
        if text(root, "kind") != PLAIN or root is not source.documents[0].root:
            kind = text(root, "kind") or "no kind"
            raise source.error(root, kind, f"a file with an {PLAIN} alone", "name another file, or remove this one")
    tell(*files.replace(output, old, data))
