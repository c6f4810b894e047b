"""Standard output and standard error, in UTF-8 whatever the environment says."""

from __future__ import annotations

import os


def say(text: str) -> None:
    """Write to stderr; where it is closed or full, the exit code has to do."""
    try:  # noqa: SIM105 - contextlib would take a millisecond to load
        os.write(2, text.encode(errors="backslashreplace"))
    except OSError:
        pass


def inert(line: str, guard: str) -> str:
    """A line that is no command of a CI log, which begins with `::`; the guard then stands before it."""
    return guard + line if line.startswith("::") else line


def tell(*messages: object) -> None:
    """Write each message to stderr as lines of its own."""
    lines = [line for message in messages for line in str(message).split("\n")]
    say("".join(inert(line, "./") + "\n" for line in lines))


def write(text: str) -> int:
    """Write to stdout; the exit code: 141 where nobody reads any more, 3 and a line where it cannot be written."""
    # A path may have bytes that are no UTF-8; they go out as they came in.
    data = memoryview(text.encode(errors="surrogateescape"))
    try:
        while data:
            data = data[os.write(1, data) :]
    except BrokenPipeError:
        return 141
    except OSError as error:
        say(f"stdout: cannot be written ({error.strerror}); make room or write to another place\n")
        return 3
    return 0
