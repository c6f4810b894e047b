"""The process around the commands: signals, streams and exit codes."""

# Nothing but what Python itself has loaded is imported here: an interrupt while this file is read has no handler yet.
from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

CODES = {
    "0": "Done",
    "1": "Something is wrong with what was looked at: `check`, `generate` or `set` found an error (with `--strict` a "
    "warning too), a generated file is stale, `explain` marked something, `drift` found a difference without a reason",
    "2": "The input cannot be used, or the command line is wrong",
    "3": "A file or the output cannot be read or written",
    "130, 143": "Interrupted; nothing half-written is left",
    "141": "Nobody reads the output any more",
}
"""What an exit code means, for every command."""
INTERRUPTED, TERMINATED = 2, 15
"""The numbers of SIGINT and SIGTERM: the module that names them takes longer to load than everything here."""


class _Terminated(SystemExit):
    """SIGTERM: what is open is cleaned up on the way out."""


def _end(number: int, frame: FrameType | None) -> None:
    """End by a signal: at once while modules are loaded, else by an exception that cleans up on its way."""
    while frame:
        # Nothing is open while a module is loaded, and an exception in there may be printed and lost.
        if frame.f_globals.get("__name__") in ("_frozen_importlib", "importlib._bootstrap"):
            os._exit(128 + number)
        frame = frame.f_back
    raise KeyboardInterrupt if number == INTERRUPTED else _Terminated(128 + number)


def main() -> int:
    """Run the command line once; the exit code."""
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
        # It is done: what comes now would only interrupt Python on its way out.
        signal(INTERRUPTED, SIG_IGN)
        signal(TERMINATED, SIG_IGN)
    return code


def run(arguments: list[str]) -> int:
    """Run one command; the exit code."""
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
        # All of stdout at once, at the end, in one place: nothing half, and no encoding of the terminal's.
        with contextlib.redirect_stdout(output):
            code = command.main(arguments, prog_name="argocd-istio", standalone_mode=False)
    except SystemExit as end:  # completion ends so
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
