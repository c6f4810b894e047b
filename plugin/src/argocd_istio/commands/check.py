"""`argocd-istio check`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from argocd_istio import consumer
from argocd_istio.commands.app import app
from argocd_istio.commands.inputs import Substitute, format_option, has_kustomization, source_of
from argocd_istio.formats import FORMATS, formatted
from argocd_istio.streams import tell

if TYPE_CHECKING:
    from argocd_istio.findings import Finding


def check_folder(path: str, *, substitute: bool = False) -> list[Finding]:
    """All findings of a folder: of what its kustomization lists, or without one, of each file with an Exposure.

    Raises FileError and SourceError.
    """
    from argocd_istio import API_VERSION
    from argocd_istio.files import FileError, read
    from argocd_istio.tree.check import check_deployments
    from argocd_istio.tree.check import check_folder as check_tree
    from argocd_istio.tree.deploy import DEPLOYED

    if has_kustomization(path):
        return check_tree(path, substitute=substitute)

    found: list[Finding] = []
    files = 0
    try:
        names = sorted(entry.name for entry in os.scandir(path) if entry.is_file())
    except OSError as error:
        raise FileError(path, error.strerror or "cannot be read") from error
    for name in names:
        file = os.path.join(path, name)  # noqa: PTH118
        data = read(file) if name.endswith((".yaml", ".yml")) else b""
        if API_VERSION.encode() in data:
            files += 1
            found += check_path(file, substitute=substitute)
        elif DEPLOYED.search(data) and (deployed := check_deployments(source_of(file))) is not None:
            files += 1
            found += deployed
    if not files:
        below = next(filter(has_kustomization, sorted(entry.path for entry in os.scandir(path) if entry.is_dir())), "")
        found_none = f"found a folder without a kustomization and without a file of {API_VERSION}, expected one"
        raise FileError(path, f"{found_none}; name {f'its folders, such as {below}' if below else 'the file'}", 2)
    return found


def check_path(file: str, *, substitute: bool = False) -> list[Finding]:
    """All findings of a file, stdin or a pipe. Raises FileError and SourceError."""
    from argocd_istio.exposure.component import wired_beside
    from argocd_istio.exposure.file import check_file
    from argocd_istio.syntax.source import SourceError
    from argocd_istio.tree.check import check_deployments

    source = source_of(file)
    deployed = check_deployments(source)
    try:
        found = check_file(source, substitute=substitute, component=wired_beside(file))
    except SourceError:
        if deployed is None:
            raise
        found = []
    return [*found, *(deployed or [])]


@app.command("check")
def check_files(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE|DIR|-",
            help="Files to check, folders with such files, or - for stdin. Default: exposure.yaml.",
            show_default=False,
        ),
    ] = None,
    form: Annotated[str, format_option(FORMATS, " All except text go to stdout.")] = FORMATS[0],
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings as errors.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Hide findings that leave the exit code as is.")] = False,
    substitute: Substitute = False,
) -> int:
    """Report what is wrong in files.

    Each finding is one line on stderr; without findings nothing is printed. If the kustomization.yaml beside a file
    lists it, the file is also compared with the mode that is listed there.

    \b
    argocd-istio check exposure.yaml
    argocd-istio check --strict --format github cd staging/exposure.yaml
    """
    from argocd_istio.files import FileError
    from argocd_istio.findings import ERROR, WARNING, Finding
    from argocd_istio.syntax.source import SourceError

    worst = 0
    counting = (ERROR, WARNING) if strict else (ERROR,)
    every: list[Finding] = []
    for path in paths or [consumer.EXPOSURE]:
        try:
            checked = check_folder if os.path.isdir(path) else check_path  # noqa: PTH112
            found = checked(path, substitute=substitute)
            worst = max(worst, 1 if any(one.severity in counting for one in found) else 0)
        except SourceError as error:
            found, worst = [Finding(ERROR, error.file, error.line, "", error.message)], max(worst, 2)
            if form == FORMATS[0]:  # with its column
                tell(error)
                continue
        except FileError as error:
            found, worst = [Finding(ERROR, error.path, 0, "", error.message)], max(worst, error.code)
        found = [one for one in found if not quiet or one.severity in counting]
        if form == FORMATS[0]:
            tell(*found)
        every += found
    if form != FORMATS[0]:
        print(formatted(every, form), end="")
    return worst
