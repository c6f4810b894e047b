"""Reads versions.yaml, and the releases of Argo CD that are installed, built and compared with."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

FILE = Path(__file__).resolve().parents[1] / "versions.yaml"


@cache
def versions() -> dict[str, str]:
    """versions.yaml as one mapping; the images' tags are beside the programs' versions."""
    entries = yaml.safe_load(FILE.read_text())
    images = entries.pop("images")
    return {name: str(version) for name, version in {**entries, **images}.items()}


def release() -> str:
    """The release of Argo CD that is installed, the tag of its image."""
    return versions()["argocd"]


def module() -> str:
    """The release of Argo CD's Go module, which everything is built from and the install is compared with.

    It equals `release` once that release's module is available.
    """
    return versions()["argocd-module"]


def argocd_image(version: str) -> str:
    """The image of a release."""
    return f"quay.io/argoproj/argocd:{version}"
