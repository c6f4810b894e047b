"""Read and write the hand-written YAML files: comments, order, quotes and anchors stay unchanged."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

FOLDERS = ("base", "overlays", "components", "examples")


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = sys.maxsize
    yaml.brace_single_entry_mapping_in_flow_sequence = True  # [{a: b}], not [a: b]
    return yaml


def load(text: str) -> list[Any]:
    """The documents of a file, in ruamel.yaml's round-trip form."""
    return list(_yaml().load_all(text))


def dump(documents: list[Any]) -> str:
    """The text of documents; unchanged documents from `load` give the same bytes."""
    stream = io.StringIO()
    _yaml().dump_all(documents, stream)
    return stream.getvalue()


def files(root: Path) -> list[Path]:
    """Every tracked YAML file below `FOLDERS`, except the CRDs, which are generated with other anchors."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--", *(f"{folder}/**.yaml" for folder in FOLDERS)],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [root / name for name in listing.stdout.split("\0") if name]
    return [path for path in paths if "crds" not in path.parts or path.name == "kustomization.yaml"]
