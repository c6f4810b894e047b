"""What the programs that kustomize runs share: their arguments, stdin, stdout and exit codes."""

from __future__ import annotations

import sys

from argocd_istio import __version__
from argocd_istio.streams import tell, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from argocd_istio.findings import Finding
    from argocd_istio.krm.function import ResourceList

    Work = Callable[[ResourceList], tuple[ResourceList, list[Finding], int]]
    """The list to print, the findings for stderr, and the exit code."""


def serve(name: str, usage: str, load: Callable[[], Work]) -> int:
    """Run the function once and return the exit code. `load` imports its work, after signals are set."""
    # Before anything else is loaded: an interrupted build ends without a traceback.
    from _signal import SIG_DFL, signal  # type: ignore[import-not-found]

    signal(2, SIG_DFL)  # SIGINT, without the import time of `signal`
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        return write(f"{name} {__version__}\n")
    if arguments == ["--help"]:
        return write(usage)
    if arguments:
        tell(f"found the argument {arguments[0]}, expected none; {usage}")
        return 2
    if sys.stdin is None or sys.stdin.isatty():
        tell(f"found no ResourceList on stdin, expected one; {usage}")
        return 2
    return _run(load())


def _run(work: Work) -> int:
    from argocd_istio.krm.function import parse_list
    from argocd_istio.syntax.source import LIMITS, SourceError

    try:
        # One byte more than the limit, to refuse larger input without reading it all.
        given = parse_list(sys.stdin.buffer.read(LIMITS.bytes + 1))
    except SourceError as error:
        tell(error)
        return 2
    except OSError as error:
        tell(f"stdin: cannot be read ({error.strerror}); run it through kustomize")
        return 3
    result, findings, code = work(given)
    tell(*findings)
    return write(result.to_yaml()) or code
