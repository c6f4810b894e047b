"""Installs the package like a user: built as a wheel, in a separate environment, without the network."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from tools.build import HERE

PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]


def build(folder: Path) -> Path:
    """Build the wheel into a folder, with the locked hatchling, and return its path."""
    wheel = [*PIP, "wheel", "--no-index", "--no-build-isolation", "--no-deps", "--wheel-dir", str(folder)]
    subprocess.run([*wheel, str(HERE.parent / "plugin")], check=True)
    [found] = folder.glob("*.whl")
    return found


def install(wheel: Path, folder: Path) -> Path:
    """Install a wheel into a new environment with our dependencies, and return the folder of its scripts."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    subprocess.run([*PIP, "--python", str(python), "install", "--no-index", "--no-deps", str(wheel)], check=True)
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def environment(scripts: Path) -> dict[str, str]:
    """Our environment with the scripts first on PATH, and without variables that lead Python to the sources."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return environ | {"PATH": f"{scripts}:{os.environ['PATH']}"}
