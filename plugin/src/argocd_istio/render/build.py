"""Builds a folder with the user's kustomize, or with kubectl where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable

from argocd_istio.syntax.source import visible


class RenderError(Exception):
    """A folder cannot be built; one line that begins with it, after what the program wrote to stderr."""

    def __init__(self, folder: str, message: str, written: str = "") -> None:
        lines = [visible(line) for line in written.splitlines() if line.strip()]
        super().__init__("\n".join([*lines, f"{visible(folder)}: {message}"]))


def render(folder: str, *, enable_exec: bool, waiting: Callable[[str], None]) -> bytes:
    """What `kustomize build` prints for a folder.

    `enable_exec` lets kustomize run the functions that the folder names. `waiting` is called with a line
    when it takes more than a second. Raises RenderError.
    """
    command = _command(folder, enable_exec)
    # The folder goes last and after --, so that no name is taken for a flag.
    with subprocess.Popen(
        [*command, "--", folder], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            try:
                out, err = process.communicate(timeout=1)
            except subprocess.TimeoutExpired:
                waiting(f"building {visible(folder)} with {os.path.basename(command[0])}")  # noqa: PTH119
                out, err = process.communicate()
        except BaseException:
            process.kill()
            process.wait()
            raise
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
    """The program that the variable names, else the one on PATH; RenderError where the variable is wrong."""
    own = os.environ.get(variable)
    found = shutil.which(own or name)
    if own and not found:
        raise RenderError(folder, f"{variable} names {visible(own)}, which is no program")
    return found
