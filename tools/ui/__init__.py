"""Argo CD's own UI, built from its Go module for the local chain only; see README.md beside this file."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import yaml

from tools import build
from tools.build import ToolError
from tools.isolate import system

HERE = Path(__file__).resolve().parent
MODULE = "github.com/argoproj/argo-cd/v3"
MINUTES = 3  # without the programs, on two cores; for the progress line only

# The only package that Argo CD's lock file takes from outside npm's registry is from a git repository. The registry
# has this release of it.
ARGO_UI = "1.0.0"
ARGO_UI_INTEGRITY = "sha512-NvV47SAcVdTZeTm59EVw09u8ZdbXUo2kPdLCveJ8kbBAsFZ3pbYgDGcB9xE61iWCgM1l82sdczUp4NAfGOdCAQ=="
_LOCKED = {
    "package.json": [(r'"git\+https://github\.com/argoproj/argo-ui\.git#\w+"', f'"{ARGO_UI}"')],
    "pnpm-lock.yaml": [
        (r"\{tarball: https://[^}]*/argo-ui/[^}]*\}", f"{{integrity: {ARGO_UI_INTEGRITY}}}"),
        (r"git\+https://github\.com/argoproj/argo-ui\.git#\w+", ARGO_UI),
        (r"https://codeload\.github\.com/argoproj/argo-ui/tar\.gz/\w+", ARGO_UI),
    ],
}
_INSTALL = ("--frozen-lockfile", "--ignore-scripts", "--reporter", "append-only")
_WEBPACK = (
    *("--config", "src/app/webpack.config.js", "--mode", "production", "--no-devtool"),
    # A page that imports a name that argo-ui does not have would fail only when somebody opens it.
    *("--module-parser-javascript-exports-presence", "error"),
)


@cache
def program() -> Path:
    """Argo CD with its UI: the program that `tools.build` builds, with the built pages embedded.

    Raises ToolError.
    """
    key = hashlib.sha256((build.build_key("argocd") + _key()).encode()).hexdigest()
    with build.stored("argocd-ui", key) as (folder, fill):
        binary = folder / "argocd"
        if fill:
            _embed(pages(), binary)
    return binary


@cache
def pages() -> Path:
    """The folder with the built pages. Raises ToolError."""
    with build.stored("ui", _key()) as (folder, fill):
        if fill:
            build.node()  # before the other downloads, because the machine may have none
            with tempfile.TemporaryDirectory(dir=folder) as work:
                source = Path(work) / "ui"
                _copy(build.argocd_module() / "ui", source)
                _download(source, Path(work) / "store")
                _shim(source)
                _webpack(source)
                (source / "dist" / "app").rename(folder / "app")
        return folder / "app"


def _key() -> str:
    """A hash of everything that the pages are built from."""
    digest = hashlib.sha256((build.HERE / "argocd" / "go.sum").read_bytes())
    digest.update(build.module_version("argocd", MODULE).encode())
    digest.update(repr((_LOCKED, _INSTALL, _WEBPACK)).encode())
    files = [build.HERE / "node" / "requirements.txt", HERE / "package-lock.json", HERE / "edits.yaml"]
    for path in [*files, *sorted(path for path in (HERE / "argo-ui").rglob("*") if path.is_file())]:
        digest.update(f"{path.relative_to(build.HERE)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _copy(source: Path, target: Path) -> None:
    """Copy a folder of the module cache, which is read-only. Hard links would make files of the cache writable."""
    shutil.copytree(source, target, copy_function=shutil.copyfile)
    subprocess.run(["chmod", "-R", "u+w", str(target)], check=True)


@cache
def _pnpm() -> Path:
    """The package manager that Argo CD's lock file is for, pinned by a lock file of our own."""
    found = sorted(build.packages("ui").glob("@pnpm/exe.*/pnpm"))
    if not found:
        raise ToolError("tools/ui/package.json: has no pnpm for this machine; the UI is built on x86-64 and arm64 only")
    return found[0]


def _download(source: Path, store: Path) -> None:
    """Download the packages of Argo CD's lock file, each checked by its hash; none of their scripts runs."""
    for name in _LOCKED:
        (source / name).write_text(locked(name, (source / name).read_text()))
    install = [str(_pnpm()), "install", *_INSTALL, "--store-dir", str(store)]
    build.run("downloading the UI's packages", install, cwd=source, env=_plain())


def locked(name: str, text: str) -> str:
    """A file of the UI, with npm's argo-ui instead of the git repository. Raises ToolError."""
    for pattern, new in _LOCKED[name]:
        text, count = re.subn(pattern, new, text)
        if not count:
            raise ToolError(f"ui/{name} of {MODULE}: no match of {pattern}; adapt _LOCKED in tools/ui/__init__.py")
    return text


def _plain() -> dict[str, str]:
    """The environment, without a variable that makes pnpm install other packages than the lock file's."""
    return {key: value for key, value in os.environ.items() if key != "NODE_ENV"} | {"CI": "true"}


def _shim(source: Path) -> None:
    """Change npm's argo-ui into what Argo CD's pages import: edits.yaml, and the files in argo-ui beside it."""
    package = (source / "node_modules" / "argo-ui").resolve()
    for edit in yaml.safe_load((HERE / "edits.yaml").read_text()):
        path = package / "src" / edit["file"]
        text = edited(edit, path.read_text())
        path.unlink()  # it may be a hard link into pnpm's store
        path.write_text(text)
    for path in (HERE / "argo-ui").rglob("*"):
        target = package / path.relative_to(HERE / "argo-ui")
        if path.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copyfile(path, target)


def edited(edit: dict[str, str], text: str) -> str:
    """A file of argo-ui after an edit. Raises ToolError."""
    if (count := text.count(edit["find"])) != 1:
        raise ToolError(
            f"tools/ui/edits.yaml: {edit['file']}: found {count} times, expected once: "
            f"{json.dumps(edit['find'])}; correct the edit"
        )
    return text.replace(edit["find"], edit["replace"])


def _webpack(source: Path) -> None:
    """Build the pages, in a sandbox without network, privileges and any other file of the machine."""
    if not shutil.which("bwrap"):
        raise ToolError("bwrap is missing, and the UI is built in it; on Debian and Ubuntu: apt-get install bubblewrap")
    sandbox = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    sandbox += ["--uid", "1000", "--gid", "1000", "--clearenv", *system(), "--proc", "/proc", "--dev", "/dev"]
    sandbox += ["--tmpfs", "/tmp", "--ro-bind", str(build.node()), "/node"]
    sandbox += ["--bind", str(source), "/ui", "--chdir", "/ui"]
    version = build.module_version("argocd", MODULE)
    for name, value in {"PATH": "/node/bin:/usr/bin", "NODE_ENV": "production", "ARGO_VERSION": version}.items():
        sandbox += ["--setenv", name, value]
    what = f"building the UI of Argo CD {version} (first time, about {MINUTES} min on two cores)"
    build.run(what, [*sandbox, "node", "node_modules/webpack-cli/bin/cli.js", *_WEBPACK], cwd=source)


def _embed(built: Path, binary: Path) -> None:
    """Build Argo CD from a copy of its module that contains the pages: they are embedded in the program."""
    with tempfile.TemporaryDirectory(dir=binary.parent) as work:
        copy, module = Path(work) / "argo-cd", Path(work) / "module"
        _copy(build.argocd_module(), copy)
        shutil.copytree(built, copy / "ui" / "dist" / "app", dirs_exist_ok=True)
        shutil.copytree(build.HERE / "argocd", module)
        replace = [str(build.go()), "mod", "edit", f"-replace={MODULE}={copy}"]
        subprocess.run(replace, cwd=module, env=build.go_env(), check=True)
        what = f"building argocd {build.module_version('argocd', MODULE)} with its UI"
        build.go_build("argocd", binary, module=module, what=what)
