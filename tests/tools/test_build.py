"""Which toolchain and program is used, and what is stored."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import build


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """Results are cached for the life of a process; here each test starts with an empty cache and clears it."""
    kept = (build.go, build.wheel, build.program, build.module_version, build.module_dir)
    for function in kept:
        function.cache_clear()
    yield
    for function in kept:
        function.cache_clear()


def _script(folder: Path, name: str, body: str) -> Path:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return file


def _go(folder: Path, version: str) -> Path:
    """A stand-in for `go`: prints a version, and 'builds' a file that states how it was built."""
    body = f'[ "$1" = env ] && {{ echo {version}; exit; }}\nwhile [ "$1" != -o ]; do shift; done\necho built >"$2"'
    return _script(folder, "go", body)


@pytest.mark.parametrize(("version", "taken"), [("go1.27.0", True), ("go1.99.1", True), ("go1.26.9", False)])
def test_a_recent_user_go_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, taken: bool) -> None:
    own = _go(tmp_path, version)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("GO", raising=False)
    found = build.go()
    assert (found == own) == taken
    assert taken or found.is_relative_to(build.cache_dir())


def test_a_program_is_rebuilt_only_after_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _go(tmp_path, "go1.99.1")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("ARGOCD_ISTIO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("KUSTOMIZE", raising=False)
    first = build.program("kustomize")
    assert first.read_text() == "built\n" and first.is_relative_to(tmp_path / "cache")
    first.write_text("kept\n")
    build.program.cache_clear()
    assert build.program("kustomize").read_text() == "kept\n"
    _go(tmp_path, "go1.99.2")
    build.go.cache_clear()
    build.program.cache_clear()
    assert build.program("kustomize") != first


def test_a_failed_build_is_explained_and_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _script(tmp_path, "go", '[ "$1" = env ] && { echo go1.99.1; exit; }\necho no such package >&2; exit 3')
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("ARGOCD_ISTIO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("KUSTOMIZE", raising=False)
    with pytest.raises(build.ToolError, match=r"(?s)building kustomize .*exit code 3.*no such package"):
        build.program("kustomize")
    _go(tmp_path, "go1.99.1")
    assert build.program("kustomize").read_text() == "built\n"


def test_packages_are_installed_without_their_scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """npm is a script that makes a package of its arguments."""
    node = tmp_path / "node"
    (node / "bin").mkdir(parents=True)
    _script(
        node / "bin", "node", 'shift; mkdir node_modules; echo "$@" >node_modules/arguments; ls >node_modules/files'
    )
    monkeypatch.setattr(build, "node", lambda: node)
    monkeypatch.setenv("ARGOCD_ISTIO_CACHE", str(tmp_path / "cache"))
    build.packages.cache_clear()
    found = build.packages("oidc-provider")
    build.packages.cache_clear()
    assert (found / "arguments").read_text() == "ci --ignore-scripts --no-audit --no-fund\n"
    assert {"package.json", "package-lock.json"} <= set((found / "files").read_text().split())


def test_the_variable_selects_the_users_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = _script(tmp_path, "my-kustomize", "echo v9.9")
    monkeypatch.setenv("KUSTOMIZE", str(own))
    assert build.program("kustomize") == own


def test_a_variable_that_names_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUSTOMIZE", "true")
    with pytest.raises(build.ToolError, match="KUSTOMIZE=true: 'kustomize version' prints no version"):
        build.program("kustomize")
    monkeypatch.setenv("GO", "no-such-go")
    with pytest.raises(build.ToolError, match="GO=no-such-go: no such program"):
        build.go()


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ARGOCD_ISTIO_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.delenv("KUSTOMIZE", raising=False)
    with pytest.raises(build.ToolError, match=r"cannot write there \(Not a directory\); .* ARGOCD_ISTIO_CACHE"):
        build.program("kustomize")


def test_a_go_workspace_around_the_clone_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"GOWORK": "/elsewhere/go.work", "GO111MODULE": "off", "GOOS": "plan9"}.items():
        monkeypatch.setenv(name, value)
    assert build.argocd_module().name.endswith(build.module_version("argocd", "github.com/argoproj/argo-cd/v3"))


def test_a_variable_naming_no_program_gives_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBECTL", "no-such-kubectl")
    assert build.main(["kubectl"]) == 1
    assert capsys.readouterr().err == (
        "tools: KUBECTL=no-such-kubectl: no such program; correct the variable or unset it to use ours\n"
    )


def test_an_unknown_program_lists_the_known_ones() -> None:
    with pytest.raises(build.ToolError, match=r"no program 'flux'; known: kustomize, .*envoy"):
        build.program("flux")
