"""Edits the places that name a version: versions.yaml, the image's tag, and the pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tools import authored
from tools.bump.install import BASE


def set_tag(root: Path, release: str) -> None:
    """Set the release of Argo CD in the base."""
    path = root / BASE / "kustomization.yaml"
    [document] = authored.load(path.read_text())
    [image] = [one for one in document["images"] if one["name"] == "argocd"]
    image["newTag"] = release
    path.write_text(authored.dump([document]))


def set_versions(root: Path, versions: dict[str, str]) -> None:
    """Write versions into versions.yaml: of Argo CD, its module, and the images of other projects by their names."""
    path = root / "versions.yaml"
    [document] = authored.load(path.read_text())
    for name, version in versions.items():
        holder: Any = document if name in document else document["images"]
        holder[name] = version
    path.write_text(authored.dump([document]))


def replace(paths: list[Path], old: str, new: str) -> None:
    """Replace a version in files, only as a whole word (not v3.6.1 in v3.6.10)."""
    pattern = re.compile(rf"(?<![\w.]){re.escape(old)}(?![\w.]*\w)")
    for path in paths:
        text = path.read_text()
        done = pattern.sub(new, text)
        if done != text:
            path.write_text(done)
