"""Builds folders with kustomize, as objects."""

from __future__ import annotations

import pickle
import re
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


SEPARATOR = re.compile(r"^---\n", re.M)
"""Between the documents of a YAML stream."""


@cache
def _pickled(text: str) -> bytes:
    return pickle.dumps([document for document in yaml.load_all(text, yaml.CSafeLoader) if document])


def load(text: str) -> list[Object]:
    """The objects of a YAML stream, empty documents left out.

    A document is read once a run, most of all the CRDs; the objects are the caller's own.
    """
    return [item for part in SEPARATOR.split(text) for item in pickle.loads(_pickled(part))]


def _text(folder: Path) -> str:
    command = [str(program("kustomize")), "build", str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise BuildError(result.stderr.strip())
    return result.stdout


_kept_text = cache(_text)


def build_text(folder: Path | str) -> str:
    """The YAML that plain `kustomize build` prints for `folder`, relative paths from the repository's root.

    A folder of the repository is built once a run. Raises BuildError when kustomize fails.
    """
    path = (ROOT / folder).resolve()
    return _kept_text(path) if path.is_relative_to(ROOT) else _text(path)


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
