"""Builds a folder with the user's kustomize, or with kubectl if there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from typing import IO

from argocd_istio.syntax.source import LIMITS, visible


class RenderError(Exception):
    """A folder cannot be built: the program's stderr, then one line that begins with the folder."""

    def __init__(self, folder: str, message: str, written: str = "") -> None:
        lines = [visible(line) for line in written.splitlines() if line.strip()]
        super().__init__("\n".join([*lines, f"{visible(folder)}: {message}"]))


class _Output(threading.Thread):
    """Reads a pipe to its end. A program that prints more than `most` bytes is killed."""

    def __init__(self, process: subprocess.Popen[bytes], pipe: IO[bytes] | None, most: int) -> None:
        super().__init__(daemon=True)
        assert pipe
        self._process, self._pipe, self._most = process, pipe, most
        self._data = bytearray()
        self.start()

    def run(self) -> None:
        while chunk := os.read(self._pipe.fileno(), 1 << 16):
            self._data += chunk
            if len(self._data) > self._most:
                self._process.kill()
                # Child processes of the program end when they write next.
                self._pipe.close()
                return

    def whole(self) -> bytes:
        """All bytes read, up to a little more than the limit."""
        self.join()
        return bytes(self._data)


def render(folder: str, *, enable_exec: bool, waiting: Callable[[str], None], most: int = LIMITS.bytes) -> bytes:
    """The output of `kustomize build` for a folder, at most `most` bytes.

    `enable_exec` lets kustomize run the functions that the folder names. `waiting` is called with a line
    when it takes more than a second. Raises RenderError.
    """
    command = _command(folder, enable_exec)
    try:
        # The folder goes last and after --, so that no name is taken for a flag.
        started = subprocess.Popen(
            [*command, "--", folder], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except OSError as error:
        # If a script's interpreter is missing, the system reports the script as missing.
        hint = "check that the interpreter after #! exists, or name another program in KUSTOMIZE"
        raise RenderError(folder, f"{visible(command[0])} cannot be run ({error.strerror}); {hint}") from error
    with started as process:
        try:
            outputs = _Output(process, process.stdout, most), _Output(process, process.stderr, most)
            outputs[0].join(1)
            if outputs[0].is_alive():
                waiting(f"building {visible(folder)} with {os.path.basename(command[0])}")  # noqa: PTH119
            out, err = (output.whole() for output in outputs)
            process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
    if len(out) > most or len(err) > most:
        raise RenderError(folder, f"{' '.join(command)} printed more than {most} bytes and was stopped; build less")
    if process.returncode == 0:
        return out
    written = err.decode(errors="backslashreplace")
    if "plugins disabled" in written:
        raise RenderError(folder, "it uses a function; run again with --enable-exec if you trust it", written)
    raise RenderError(folder, f"{' '.join(command)} ended with exit code {process.returncode}", written)


def _command(folder: str, enable_exec: bool) -> list[str]:
    kustomize = _program("KUSTOMIZE", "kustomize", folder)
    if kustomize:
        return [kustomize, "build", *(["--enable-alpha-plugins", "--enable-exec"] if enable_exec else [])]
    if enable_exec:
        raise RenderError(folder, "found no kustomize, and kubectl cannot run functions; install kustomize")
    kubectl = _program("KUBECTL", "kubectl", folder)
    if kubectl:
        return [kubectl, "kustomize"]
    raise RenderError(folder, "found neither kustomize nor kubectl; install one, or name it in KUSTOMIZE")


def _program(variable: str, name: str, folder: str) -> str | None:
    """The program in the variable, else the one on PATH. Raises RenderError if the variable is wrong."""
    own = os.environ.get(variable)
    found = shutil.which(own or name)
    if own and not found:
        raise RenderError(folder, f"{variable} names {visible(own)}, which is not a program")
    return found
