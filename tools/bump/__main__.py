"""Bring the library to another release of Argo CD, in one go or not at all.

    make bump                       the newest release that the Go module can be had at
    make bump ARGOCD=v3.6.4         that release of the module
    make bump RELEASE=v3.6.4        install a release whose module is not there yet

Pins, CRDs, the authored install and the pages are edited in a copy of the work tree, which takes the place of the
files only when every step is done. What no edit could do is printed and marked in its file; `make check` fails until
a person has done it.

Exit codes: 0 done, 1 something is left to a person, 2 bad usage, 3 nothing was changed because something failed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from argocd_istio.drift.compare import ABSENT
from tools.build import HERE, ToolError, say
from tools.bump import modules, pins
from tools.bump.install import BASE, Left, Outcome, bring, build, line, unequal, upstream_install
from tools.versions import module, release, versions

ROOT = HERE.parent
# What is not text of ours, or tells of the past.
NOT_EDITED = ("CHANGELOG.md", "docs/releases.md", "LICENSE", "go.mod", "go.sum", "requirements.txt")


class UsageError(Exception):
    """What was asked for cannot be; the message is one line that says what to do."""


@dataclass(frozen=True)
class Target:
    """The release to install, and the release of the module to build from."""

    release: str
    module: str


def target(argocd: str, ahead: str) -> Target:
    """What `ARGOCD=` and `RELEASE=` ask for; "" where one was left out.

    The module is the newest that fits then; the release is the module's, but never older than what is installed of
    the same minor. Raises UsageError, ToolError.
    """
    for name, value in (("ARGOCD", argocd), ("RELEASE", ahead)):
        if value and not modules.RELEASE.fullmatch(value):
            raise UsageError(f"{name}={value}: expected a release such as v3.6.4")
    if not argocd:
        fitting = [one for one in modules.released() if not ahead or _fits(one, ahead)]
        if not fitting:
            raise UsageError(f"RELEASE={ahead}: found no Go module of this minor; wait for one, or name an older minor")
        argocd = fitting[-1]
    installed = [release()] if _fits(argocd, release()) else []
    wanted = ahead or max([argocd, *installed], key=modules.numbers)
    if not _fits(argocd, wanted):
        raise UsageError(
            f"RELEASE={wanted} ARGOCD={argocd}: expected a module of the same minor as the release, and not newer"
        )
    return Target(wanted, argocd)


def _fits(argocd: str, wanted: str) -> bool:
    """Whether a module can stand for a release: of the same minor, and not newer."""
    return _minor(argocd) == _minor(wanted) and modules.numbers(argocd) <= modules.numbers(wanted)


def _minor(version: str) -> tuple[int, ...]:
    return modules.numbers(version)[:2]


def changed_files(root: Path) -> list[str]:
    """What git sees changed in the work tree, new files included."""
    command = ["git", "status", "--porcelain", "--untracked-files=all", "-z"]
    listing = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return [entry[3:] for entry in listing.stdout.split("\0") if entry]


def tracked(root: Path) -> list[Path]:
    """Every file that git tracks, by its path from the root."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True)
    return [Path(name) for name in listing.stdout.split("\0") if name]


def run(root: Path, goal: Target) -> Outcome:
    """Bump the copy at `root`. Raises ToolError."""
    before = versions()
    manifests = modules.source(goal.module) / "manifests"
    upstream = upstream_install(manifests)
    say(f"Argo CD {release()} (module {module()}) to {goal.release} (module {goal.module})")
    if goal.module != module():
        modules.pin(root, goal.module)
    pins.set_tag(root, goal.module)  # as upstream's install, until it has been compared
    outcome = bring(root, upstream)
    outcome.left += _parity(root, manifests, goal.module, outcome.left)
    after = {"argocd": goal.release, "argocd-module": goal.module, **_images(root)}
    pins.set_tag(root, goal.release)
    pins.set_versions(root, after)
    texts = [root / path for path in tracked(ROOT) if not str(path).endswith(NOT_EDITED) and (root / path).is_file()]
    readable = [path for path in texts if b"\0" not in path.read_bytes()[:1000]]
    for name in ("argocd", "dex", "redis"):
        pins.replace(readable, before[name], after[name])
    if goal.module != module():
        _python(root, "-m", "tools.crds", "update")
    _python(root, "-m", "tools.reference", "update")
    outcome.left += _named_elsewhere(root, outcome.gone)
    return outcome


def _images(root: Path) -> dict[str, str]:
    """The tags of the images that are not Argo CD's, by the last part of their names."""
    found = {}
    for item in build(root / BASE):
        for container in item.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
            name, _, tag = container["image"].rpartition("/")[2].partition(":")
            if name in ("dex", "redis"):
                found[name] = tag
    return found


def _python(root: Path, *words: str) -> str:
    """Run a module of the copy; what it prints. Raises ToolError where it fails."""
    env = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'plugin/src'}"}
    done = subprocess.run([sys.executable, *words], cwd=root, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
        raise ToolError(f"python {' '.join(words)} failed: {last[-1]}")
    return done.stdout


def _parity(root: Path, manifests: Path, version: str, known: Sequence[Left]) -> list[Left]:
    """What parity finds and is not known yet, for the install and for high availability."""
    seen = {(left.object, left.path) for left in known}
    found = []
    for folder, manifest in ((BASE, "install.yaml"), (Path("components/high-availability"), "ha/install.yaml")):
        ha = folder != BASE
        for one in unequal(root, upstream_install(manifests, manifest), version, high_availability=ha):
            if (one.object, one.path) not in seen:
                seen.add((one.object, one.path))
                found.append(Left(str(folder), one.object, one.path, one.ours, one.upstream, "no edit removes it"))
    return found


def _named_elsewhere(root: Path, gone: Iterable[str]) -> list[Left]:
    """The places outside the install that still use a name which is gone from it: a field may have been renamed."""
    install = "\n".join(path.read_text() for path in (root / BASE).rglob("*.yaml"))
    names = {name: re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])") for name in sorted({*gone}) if len(name) > 3}
    names = {name: pattern for name, pattern in names.items() if not pattern.search(install)}
    found = []
    for path in tracked(ROOT):
        if path.suffix not in (".yaml", ".md", ".py", ".sh", ".conf") or not (root / path).is_file():
            continue
        if path.is_relative_to(BASE) or path.name in NOT_EDITED:
            continue
        for number, text in enumerate((root / path).read_text().splitlines(), 1):
            why = "the install has it no more; was it renamed?"
            found += [
                Left(f"{path}:{number}", name, "", "this name", ABSENT, why)
                for name, pattern in names.items()
                if pattern.search(text)
            ]
    return found


def copy_back(source: Path, root: Path) -> list[str]:
    """Bring what differs in the copy into the work tree; the paths, sorted. All of it or, with OSError, nothing."""
    installed = {one.relative_to(source) for one in (source / BASE).rglob("*.yaml")}
    new = [
        path
        for path in sorted({*tracked(root), *installed})
        if (source / path).is_file() and _content(source / path) != _content(root / path)
    ]
    before = {path: _content(root / path) for path in new}
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for path in new:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / path, root / path)
    except OSError:
        for path, content in before.items():
            if content is None:
                (root / path).unlink(missing_ok=True)
            else:
                (root / path).write_bytes(content)
        raise
    finally:
        signal.signal(signal.SIGINT, interrupt)
    return [str(path) for path in new]


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def report(goal: Target, outcome: Outcome, written: Sequence[str]) -> str:
    """What was done and what is left, for people."""
    lines = [f"{len(outcome.edited)} fields of the install edited, {len(written)} files written:"]
    lines += [f"  {path}" for path in written]
    if outcome.left:
        lines.append(f"left to you ({len(outcome.left)}):")
        lines += [f"  {left.file}: {line(left)}" for left in outcome.left]
    if goal.release != goal.module:
        lines.append(f"Nothing has looked at {goal.release} itself: read its notes for changes of the manifests.")
    lines.append("Read the diff and the upgrade notes, then: make test test-faults")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Bump once."""
    parser = argparse.ArgumentParser(
        prog="make bump", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--argocd", default="", metavar="ARGOCD", help="the release of the module; else the newest")
    parser.add_argument("--release", default="", metavar="RELEASE", help="the release to install; else the module's")
    given = parser.parse_args(arguments)
    os.environ.pop("ARGOCD", None)  # elsewhere this variable names a program
    try:
        goal = target(given.argocd, given.release)
        if goal == Target(release(), module()):
            print(f"Argo CD {goal.release} (module {goal.module}) is what is pinned; nothing to do")
            return 0
        if changed := changed_files(ROOT):
            raise UsageError(f"{changed[0]}: has changes that are not committed; commit or stash them first")
        with tempfile.TemporaryDirectory() as name:
            copy = Path(name)
            for path in tracked(ROOT):
                (copy / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / path, copy / path)
            outcome = run(copy, goal)
            written = copy_back(copy, ROOT)
    except UsageError as error:
        say(f"bump: {error}")
        return 2
    except (ToolError, OSError) as error:
        say(f"bump: {error}; nothing was changed")
        return 3
    except KeyboardInterrupt:
        say("bump: interrupted; nothing was changed")
        return 130
    print(report(goal, outcome, written))
    return 1 if outcome.left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
