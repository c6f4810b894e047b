"""Standard output and standard error, always in UTF-8."""

from __future__ import annotations

import os


def say(text: str) -> None:
    """Write to stderr; if that fails, only the exit code reports the problem."""
    try:  # noqa: SIM105 - contextlib would take a millisecond to load
        os.write(2, text.encode(errors="backslashreplace"))
    except OSError:
        pass


def inert(line: str, guard: str) -> str:
    """A line that CI logs do not run as a command (`::...`): `guard` is put before such a line."""
    return guard + line if line.startswith("::") else line


def tell(*messages: object) -> None:
    """Write each message to stderr as lines of its own."""
    lines = [line for message in messages for line in str(message).split("\n")]
    say("".join(inert(line, "./") + "\n" for line in lines))


def write(text: str) -> int:
    """Write to stdout and return the exit code: 141 for a closed pipe; 3, with a line on stderr, for other errors."""
    # A path may contain bytes that are not UTF-8; they are written unchanged.
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
