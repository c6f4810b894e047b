"""A folder is built by the user's own program, within limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from argocd_istio.render.build import RenderError, render
from tests.work import no_hang


def program(folder: Path, text: str) -> str:
    path = folder / "kustomize"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("text", ["yes", "yes >&2", "exec yes", "yes | cat"])
def test_a_program_that_prints_without_end_ends(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUSTOMIZE", program(tmp_path, text))
    with no_hang(), pytest.raises(RenderError, match="printed more than 100000 bytes and was stopped; build less"):
        render(str(tmp_path), enable_exec=False, waiting=print, most=100_000)


def test_a_programs_output_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUSTOMIZE", program(tmp_path, "head -c 100000 /dev/zero; echo why >&2"))
    assert render(str(tmp_path), enable_exec=False, waiting=print, most=100_000) == b"\0" * 100_000


def test_a_missing_interpreter_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = program(tmp_path, "true")
    Path(script).write_text("#!/no/such/sh\n")
    monkeypatch.setenv("KUSTOMIZE", script)
    with pytest.raises(RenderError, match=r"cannot be run \(No such file.*interpreter after #! exists"):
        render(str(tmp_path), enable_exec=False, waiting=lambda _: None)
