"""The process around the commands: signals, streams and exit codes."""

# Imports only modules that Python has already loaded: an interrupt during this import has no handler yet.
from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

CODES = {
    "0": "Done",
    "1": "A problem was found: `check`, `generate` or `set` reported an error (with `--strict` a warning too), a "
    "generated file is stale, `lint` found an error, `explain` marked a fault, `drift` found a difference that it "
    "cannot explain, `probe` found an error (with `--strict` a warning too) or `--watch` an outage",
    "2": "The input cannot be used, or the command line is wrong",
    "3": "A file or the output cannot be read or written",
    "130, 143": "Interrupted; nothing half-written is left",
    "141": "The reader of the output has closed the pipe",
}
"""What an exit code means, for every command."""
INTERRUPTED, TERMINATED = 2, 15
"""The numbers of SIGINT and SIGTERM: importing `signal` would take longer than all of this module."""


class _Terminated(SystemExit):
    """SIGTERM as an exception, so that open resources are cleaned up."""


def _end(number: int, frame: FrameType | None) -> None:
    """Exit on a signal: at once during imports, else by an exception, so that cleanup runs."""
    while frame:
        # During an import nothing is open, and an exception could be printed and swallowed.
        if frame.f_globals.get("__name__") in ("_frozen_importlib", "importlib._bootstrap"):
            os._exit(128 + number)
        frame = frame.f_back
    raise KeyboardInterrupt if number == INTERRUPTED else _Terminated(128 + number)


def main() -> int:
    """Run the command line once and return the exit code."""
    from _signal import SIG_IGN, signal  # type: ignore[import-not-found]

    code = 128 + INTERRUPTED
    try:
        signal(INTERRUPTED, _end)
        signal(TERMINATED, _end)
        # A stream that is closed must not become the next file that is opened.
        for number in (0, 1, 2):
            try:
                os.fstat(number)
            except OSError:
                os.open(os.devnull, os.O_RDONLY)
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        pass
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    finally:
        # The work is done: a signal now would only disturb Python's own exit.
        signal(INTERRUPTED, SIG_IGN)
        signal(TERMINATED, SIG_IGN)
    return code


def run(arguments: list[str]) -> int:
    """Run one command and return the exit code."""
    if arguments == ["--version"]:  # without the import time of the commands
        from argocd_istio import __version__
        from argocd_istio.streams import write

        return write(f"argocd-istio {__version__}\n")
    import contextlib
    import io

    import typer
    from typer._completion_classes import completion_init

    from argocd_istio.commands import app
    from argocd_istio.consumer import ConsumerError
    from argocd_istio.files import FileError
    from argocd_istio.render.build import RenderError
    from argocd_istio.streams import tell, write
    from argocd_istio.syntax.source import SourceError, visible

    completion_init()
    command = typer.main.get_command(app)
    output = io.StringIO()
    try:
        # Write all of stdout at the end, at once: no partial output, and always UTF-8.
        with contextlib.redirect_stdout(output):
            code = command.main(arguments, prog_name="argocd-istio", standalone_mode=False)
    except SystemExit as end:  # how completion exits
        code = end.code
    except (SourceError, ConsumerError, RenderError) as error:
        tell(error)
        return 2
    except FileError as error:
        tell(error)
        return error.code
    except OSError as error:
        tell(f"{visible(str(error.filename or 'argocd-istio'))}: {error.strerror}")
        return 3
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "argocd-istio"
        tell(f"{path}: {visible(error.format_message().rstrip('.'))}; see {path} --help")
        return 2
    return write(output.getvalue()) or (code if isinstance(code, int) else 0)


if __name__ == "__main__":
    sys.exit(main())
