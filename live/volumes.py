"""A pod's volumes as folders, in a kubelet's layout."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from live.podspec import File
from live.sandbox import Mount


def nested(mounts: list[Mount]) -> list[Mount]:
    """Create, in each volume, the mount points of the volumes that are mounted inside it; returns `mounts`."""
    for outer in mounts:
        for inner in mounts:
            if inner.place.startswith(f"{outer.place}/"):
                (outer.source / inner.place.removeprefix(f"{outer.place}/")).mkdir(parents=True, exist_ok=True)
    return mounts


def write(folder: Path, files: dict[str, File]) -> None:
    """Make `folder` contain exactly `files`.

    A reader sees all old files or all new ones: the names are links through `..data`, which is replaced atomically.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "..data"
    old = folder / data.readlink() if data.is_symlink() else None
    new = Path(tempfile.mkdtemp(prefix="..", dir=folder))
    new.chmod(0o755)
    for path, file in files.items():
        target = new / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.data)
        target.chmod(file.mode)
    link = folder / "..new"
    link.symlink_to(new.name)
    link.replace(data)
    names = {Path(path).parts[0] for path in files}
    for name in names:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    for entry in folder.iterdir():
        # A real folder is the mount point of another volume.
        if entry.is_symlink() and not entry.name.startswith("..") and entry.name not in names:
            entry.unlink()
    if old:
        shutil.rmtree(old)
