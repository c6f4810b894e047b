"""The parts of a bubblewrap command line that builds and the live cluster's containers share."""

from __future__ import annotations

from pathlib import Path


def system() -> list[str]:
    """Options that mount the machine's own programs and libraries, read-only."""
    words = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        path = Path("/", name)
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), str(path)]
        elif path.exists():
            words += ["--ro-bind", str(path), str(path)]
    for name in ("ld.so.cache", "alternatives", "ssl"):
        words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return words
