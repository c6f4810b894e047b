"""What commands read: a file, stdin, or a folder that is built."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

from argocd_istio import consumer
from argocd_istio.streams import tell
from argocd_istio.syntax.source import LIMITS, Source

STDIN = "-"

_FILE = "The file with the Exposure or ExposureGenerator"
File = Annotated[
    str | None,
    typer.Option("--file", "-f", metavar="FILE", help=f"{_FILE}. Default: exposure.yaml.", show_default=False),
]
OldFile = Annotated[
    str | None, typer.Argument(metavar="FILE", help="The file, instead of --file FILE.", show_default=False)
]
Readable = Annotated[
    str, typer.Argument(metavar="FILE", help=f"{_FILE}; - is stdin. Default: exposure.yaml.", show_default=False)
]
Name = Annotated[str | None, typer.Option(metavar="NAME", help="Its metadata.name, if the file has several.")]
Substitute = Annotated[
    bool, typer.Option("--substitute", help="Accept ${NAME} as text that Flux substitutes after the build.")
]
Hosts = Annotated[
    list[str] | None,
    typer.Option("--host", metavar="HOST", help="For this host only (tls.secretNames); repeat it for more."),
]
Diff = Annotated[bool, typer.Option("--diff", help="Show the change and write nothing.")]
Force = Annotated[bool, typer.Option("--force", help="Write even what check refuses.")]


def format_option(forms: Sequence[str], more: str = "") -> Any:
    """The option --format: one of `forms`, the first by default."""

    def known(form: str) -> str:
        if form not in forms:
            raise typer.BadParameter(f"{form!r} is not one of {', '.join(forms)}", param_hint="--format")
        return form

    return typer.Option(
        "--format",
        metavar="FORMAT",
        help=f"One of {', '.join(forms)}. Default: {forms[0]}.{more}",
        show_default=False,
        autocompletion=lambda: list(forms),
        callback=known,
    )


def listed(words: Iterable[str]) -> list[str]:
    """The words, split at commas."""
    return [part.strip() for word in words for part in word.split(",")]


def file_of(positional: str | None, option: str | None) -> str:
    """The named file, by argument or option; for a folder its exposure.yaml."""
    if positional is not None and option is not None:
        raise typer.BadParameter("the file is named twice; leave one of them out", param_hint="--file")
    path = option or positional or consumer.EXPOSURE
    inside = os.path.join(path, consumer.EXPOSURE)  # noqa: PTH118
    return inside if os.path.isfile(inside) else path  # noqa: PTH113


def split_words(words: list[str], option: str | None) -> tuple[list[str], str]:
    """The values and the file: the option, or the last word if it can only be a file."""
    last = words[-1]
    if len(words) > 1 and ("/" in last.partition("=")[0] or last.endswith((".yaml", ".yml", ".json"))):
        return words[:-1], file_of(last, option)
    return words, file_of(None, option)


def content(file: str) -> bytes:
    """The bytes of a file, of stdin for `-`, or of a shell's process substitution."""
    from argocd_istio.files import FileError, read, read_pipe

    number = _descriptor(file)
    if number is None:
        return read_pipe(file, PATIENCE) if _is_pipe(file) else read(file)
    try:
        if os.isatty(number):
            name = "stdin" if number == 0 else file
            raise typer.BadParameter(f"{name} is a terminal; name a file, or pipe something in", param_hint=file)
        with open(number, "rb", closefd=False) as opened:
            # One byte more than the limit, to refuse larger input without reading it all.
            return opened.read(LIMITS.bytes + 1)
    except OSError as error:
        raise FileError(_name(file), f"{error.strerror}; name a file, or pipe something in") from error


PATIENCE = 10.0
"""Seconds to wait for the first byte of a named pipe."""


def _descriptor(file: str) -> int | None:
    """The file descriptor that a path such as /dev/fd/3 names, else None."""
    if file in (STDIN, "/dev/stdin"):
        return 0
    folder, _, number = file.rpartition("/")
    return int(number) if folder in ("/dev/fd", "/proc/self/fd") and number.isdecimal() and len(number) < 6 else None


def _is_pipe(file: str) -> bool:
    try:
        return stat.S_ISFIFO(os.stat(file).st_mode)  # noqa: PTH116
    except (OSError, ValueError):
        return False


def _name(file: str) -> str:
    return "stdin" if _descriptor(file) == 0 else file


def source_of(file: str) -> Source:
    from argocd_istio.syntax.source import parse

    return parse(content(file), _name(file))


def built(path: str, enable_exec: bool) -> Source:
    """The build of a folder, or a file or stdin with a finished build."""
    from argocd_istio.render.build import render
    from argocd_istio.syntax.source import parse

    if not os.path.isdir(path):  # noqa: PTH112
        return source_of(path)
    return parse(render(path, enable_exec=enable_exec, waiting=_waiting), path)


def has_kustomization(folder: str) -> bool:
    from argocd_istio.exposure.component import KUSTOMIZATIONS

    return any(os.path.lexists(os.path.join(folder, name)) for name in KUSTOMIZATIONS)  # noqa: PTH118


def _waiting(text: str) -> None:
    """Report that a step takes more than a second."""
    if os.isatty(2):
        tell(text)
