"""Argo CD's Go module at any available version, and the go.mod that pins one."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tools.build import HERE, PROGRAMS, ToolError, go, go_env

ARGOCD = PROGRAMS["argocd"]
ARGOCD_PINS = [ARGOCD.folder, PROGRAMS["argocd-e2e"].folder]
"""The folders that pin the module: for the program, and for its end-to-end tests."""
RELEASE = re.compile(r"v\d+\.\d+\.\d+")


def numbers(version: str) -> tuple[int, ...]:
    """A release such as v3.6.1 as numbers, to compare with others."""
    return tuple(int(part) for part in version.removeprefix("v").split("."))


def _go(folder: Path, *words: str) -> str:
    env = go_env() | {"GOFLAGS": "-mod=mod -buildvcs=false"}
    done = subprocess.run([str(go()), *words], cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [
            one.strip() for one in (done.stderr or done.stdout).splitlines() if not one.startswith("go: downloading")
        ]
        raise ToolError(f"go {' '.join(words)} failed: {' '.join(lines[-2:]) or 'no output'}")
    return done.stdout


@cache
def released() -> tuple[str, ...]:
    """Every available release of the module, oldest first. Raises ToolError."""
    listed = _go(HERE / ARGOCD.folder, "list", "-m", "-versions", ARGOCD.module).split()[1:]
    return tuple(sorted((one for one in listed if RELEASE.fullmatch(one)), key=numbers))


def source(version: str) -> Path:
    """The module's folder at a version, downloaded if needed. Raises ToolError if it is not available."""
    return Path(_download(version)["Dir"])


def checksum(version: str) -> str:
    """The hash of the module's content, as go.sum has it."""
    return str(_download(version)["Sum"])


@cache
def _download(version: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(_go(HERE, "mod", "download", "-json", f"{ARGOCD.module}@{version}"))
    except ToolError as error:
        known = released()
        if version in known:
            raise
        raise ToolError(
            f"the Go module of Argo CD {version} is not available; the newest is {known[-1]}. "
            f"To install the release before its module exists: make bump RELEASE={version}"
        ) from error
    return found


def pin(root: Path, version: str) -> None:
    """Write go.mod and go.sum of each folder of ARGOCD_PINS for a version. Raises ToolError.

    They repeat the module's replacements: go only uses those of the main module. A replacement by a folder of the
    module is omitted, since the module also has it under its own path.
    """
    upstream = json.loads(_go(source(version), "mod", "edit", "-json"))
    for spec in (PROGRAMS[name] for name in ARGOCD_PINS):
        folder = root / "tools" / spec.folder
        lines = [f"module argocd-istio.github.io/tools/{spec.folder}", "", f"go {upstream['Go']}", ""]
        lines += ["replace (", *(f"\t{one}" for one in _replacements(upstream.get("Replace") or [])), ")"]
        for name in ("go.mod", "go.sum"):
            (folder / name).unlink(missing_ok=True)
        (folder / "go.mod").write_text("\n".join(lines) + "\n")
        _go(folder, "get", "-t" if spec.test else "-tool", f"{spec.package}@{version}")
        _go(folder, "mod", "edit", "-fmt")


def _replacements(replaced: Sequence[dict[str, Any]]) -> list[str]:
    """The module's replacements by another version, as lines of a go.mod."""
    return [
        f"{' '.join(filter(None, [one['Old']['Path'], one['Old'].get('Version')]))} => "
        f"{one['New']['Path']} {one['New']['Version']}"
        for one in replaced
        if one["New"].get("Version")
    ]
