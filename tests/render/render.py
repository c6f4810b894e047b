"""Builds folders with kustomize, as objects."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tools.build import program

ROOT = Path(__file__).resolve().parents[2]

Object = dict[str, Any]


class BuildError(Exception):
    """`kustomize build` refused; the message is what it wrote to stderr."""


def load(text: str) -> list[Object]:
    """The objects of a YAML stream, empty documents left out."""
    return [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]


def build_text(folder: Path | str) -> str:
    """The YAML that plain `kustomize build` prints for `folder`, relative paths from the repository's root.

    Raises BuildError when kustomize fails.
    """
    command = [str(program("kustomize")), "build", str(ROOT / folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise BuildError(result.stderr.strip())
    return result.stdout


@cache
def _built(folder: Path) -> list[Object]:
    return load(build_text(folder))


def build(folder: Path | str) -> list[Object]:
    """The objects that plain `kustomize build` prints for `folder`, relative paths from the repository's root.

    A folder of the repository is built once a run: copy its objects before changing them.
    Raises BuildError when kustomize fails.
    """
    path = (ROOT / folder).resolve()
    return _built(path) if path.is_relative_to(ROOT) else load(build_text(path))
