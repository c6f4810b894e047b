"""Hand-written files stay unchanged when they are read and written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.render.render import ROOT
from tools import authored

# Files that may come out differently, with the reason.
OTHERWISE: dict[str, str] = {}


def test_authored_files_are_found() -> None:
    names = {str(path.relative_to(ROOT)) for path in authored.files(ROOT)}
    assert len(names) > 90
    assert {"base/argocd/server/deployment.yaml", "base/crds/kustomization.yaml"} <= names
    assert "base/crds/applicationset.yaml" not in names
    assert OTHERWISE.keys() <= names


@pytest.mark.parametrize("path", authored.files(ROOT), ids=lambda path: str(path.relative_to(ROOT)))
def test_reading_and_writing_keeps_every_byte(path: Path) -> None:
    text = path.read_text()
    kept = authored.dump(authored.load(text)) == text
    assert kept != (str(path.relative_to(ROOT)) in OTHERWISE)
