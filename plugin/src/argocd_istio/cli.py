"""The process around the commands: signals, streams and exit codes.

Exit codes: 0 done, 1 something is wrong with what was looked at, 2 bad input or usage, 3 input or output failed,
130 and 143 interrupted, 141 nobody reads the output any more.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from argocd_istio.streams import tell, write


class _Terminated(SystemExit):
    """SIGTERM: what is open is cleaned up on the way out."""


def _terminate(number: int, _frame: FrameType | None) -> None:
    raise _Terminated(128 + number)


def main() -> int:
    """Run the command line once; the exit code."""
    # A stream that is closed must not become the next file that is opened.
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)
    try:
        signal.signal(signal.SIGTERM, _terminate)
        return run(sys.argv[1:])
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0


def run(arguments: list[str]) -> int:
    """Run one command; the exit code."""
    import contextlib
    import io

    import typer

    from argocd_istio.commands import app
    from argocd_istio.consumer import ConsumerError
    from argocd_istio.files import FileError
    from argocd_istio.render.build import RenderError
    from argocd_istio.syntax.source import SourceError, visible

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
