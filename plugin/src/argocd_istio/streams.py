"""Standard output and standard error, in UTF-8 whatever the environment says."""

from __future__ import annotations

import os


def say(text: str) -> None:
    try:  # noqa: SIM105 - contextlib would take a millisecond to load
        os.write(2, text.encode(errors="backslashreplace"))
    except OSError:
        pass


def write(text: str) -> int:
    """Write to stdout, whatever its encoding is set to."""
    data = memoryview(text.encode())
    try:
        while data:
            data = data[os.write(1, data) :]
    except BrokenPipeError:
        return 141
    except OSError as error:
        say(f"stdout: cannot be written ({error.strerror}); make room or write to another place\n")
        return 3
    return 0
