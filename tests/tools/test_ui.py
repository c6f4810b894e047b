"""What is changed in the sources of Argo CD's UI, before they are built."""

from __future__ import annotations

import pytest

from tools import ui
from tools.build import ToolError, argocd_module


@pytest.mark.parametrize("name", ["package.json", "pnpm-lock.yaml"])
def test_every_package_has_an_integrity_hash(name: str) -> None:
    text = ui.locked(name, (argocd_module() / "ui" / name).read_text())
    assert "git+https" not in text and "codeload" not in text and "tarball:" not in text
    assert text.count("resolution: {") == text.count("resolution: {integrity: sha512-")
    assert (ui.ARGO_UI_INTEGRITY in text) == (name == "pnpm-lock.yaml")


def test_a_lock_without_argo_ui_is_an_error() -> None:
    with pytest.raises(ToolError, match=r"^ui/package.json of \S+: no match of .*; adapt _LOCKED in tools/ui/"):
        ui.locked("package.json", "{}")


@pytest.mark.parametrize(("text", "count"), [("other", 0), ("old, old", 2)])
def test_an_edit_must_match_exactly_once(text: str, count: int) -> None:
    with pytest.raises(ToolError, match=f'^tools/ui/edits.yaml: a.tsx: found {count} times, expected once: "old"; '):
        ui.edited({"file": "a.tsx", "find": "old", "replace": "new"}, text)
