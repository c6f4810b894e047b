"""Change the library to another release of Argo CD, completely or not at all.

    make bump                       the newest release with a Go module
    make bump ARGOCD=v3.6.4         that release of the module
    make bump RELEASE=v3.6.4        install a release without a module yet

Pins, CRDs, the authored install and the pages are edited in a copy of the work tree, which replaces the files only
after every step has succeeded. Changes that cannot be edited automatically are printed and marked in their files;
`make check` fails until a person has made them.

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
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from argocd_istio.drift.compare import ABSENT
from tools.build import HERE, ToolError, say
from tools.bump import modules, pins
from tools.bump.install import BASE, MARK, Left, Outcome, bring, build, line, unequal, upstream_install
from tools.versions import module, release, versions

ROOT = HERE.parent
RELEASES = Path("docs/releases.md")
CRDS = Path("base/crds")
HIGH_AVAILABILITY = Path("components/high-availability")


class UsageError(Exception):
    """The arguments are invalid; the message is one line that says what to do."""


@dataclass(frozen=True)
class Target:
    """The release to install, and the release of the module to build from."""

    release: str
    module: str


def target(argocd: str, ahead: str) -> Target:
    """The target of `ARGOCD=` and `RELEASE=`; "" for an omitted one.

    The default module is the newest that fits; the default release is the module's, but never older than the
    installed one of the same minor. Raises UsageError, ToolError.
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
    """The changed files of the work tree by git, including new ones."""
    command = ["git", "status", "--porcelain", "--untracked-files=all", "-z"]
    listing = _git(root, *command[1:])
    return [entry[3:] for entry in listing.split("\0") if entry]


def tracked(root: Path) -> list[Path]:
    """Every file that git tracks, by its path from the root."""
    return [Path(name) for name in _git(root, "ls-files", "-z").split("\0") if name]


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ToolError(f"{root}: git {words[0]} failed: {' '.join(done.stderr.split())}; it must be a checkout")
    return done.stdout


def pages(root: Path) -> list[Path]:
    """The files that name the release: every page except those about the past, and golden files."""
    return [
        root / path
        for path in tracked(ROOT)
        if path.suffix in (".md", ".txt")
        and path.parts[0] in ("README.md", "base", "components", "docs", "live", "overlays", "tests")
        and path != RELEASES
        and not path.name.startswith("requirements")
        and (root / path).is_file()
    ]


def run(root: Path, goal: Target) -> Outcome:
    """Bump the copy at `root`. Raises ToolError."""
    before = versions()
    manifests = modules.source(goal.module) / "manifests"
    upstream = upstream_install(manifests)
    say(f"Argo CD {release()} (module {module()}) to {goal.release} (module {goal.module})")
    if goal.module != module():
        modules.pin(root, goal.module)
    pins.set_tag(root, goal.module)  # the same as upstream's install, until it is compared
    outcome = bring(root, upstream)
    _parity(root, manifests, goal.module, outcome)
    after = {"argocd": goal.release, "argocd-module": goal.module, **_images(root)}
    pins.set_tag(root, goal.release)
    pins.set_versions(root, after)
    for name in ("argocd", "dex", "redis"):
        if name in after:
            pins.replace(pages(root), before[name], after[name])
        else:
            why = "its image has another name; pin it in versions.yaml by hand"
            outcome.left.append(Left("versions.yaml", name, "", before[name], ABSENT, why))
    if goal.module != module():
        _python(root, "-m", "tools.crds", "update")
    outcome.left += _crds(root, manifests)
    _python(root, "-m", "tools.reference", "update")
    outcome.left += _named_elsewhere(root, outcome.gone)
    return outcome


def _images(root: Path) -> dict[str, str]:
    """The tags of the images other than Argo CD's, by the last part of their names."""
    found = {}
    for item in build(root / BASE):
        for container in item.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
            name, _, tag = container["image"].rpartition("/")[2].partition(":")
            if name in ("dex", "redis"):
                found[name] = tag
    return found


def _python(root: Path, *words: str) -> str:
    """Run a module of the copy and return its output. Raises ToolError if it fails."""
    env = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'plugin/src'}"}
    done = subprocess.run([sys.executable, *words], cwd=root, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
        raise ToolError(f"python {' '.join(words)} failed: {last[-1]}")
    return done.stdout


def _parity(root: Path, manifests: Path, version: str, outcome: Outcome) -> None:
    """Add and mark what only parity finds, for the install and for high availability."""
    seen = {(left.object, left.path) for left in outcome.left}
    for folder, manifest in ((BASE, "install.yaml"), (HIGH_AVAILABILITY, "ha/install.yaml")):
        file, marks = folder / "kustomization.yaml", []
        ha = folder != BASE
        for one in unequal(root, upstream_install(manifests, manifest), version, high_availability=ha):
            if (one.object, one.path) not in seen:
                seen.add((one.object, one.path))
                left = Left(str(file), one.object, one.path, one.ours, one.upstream, "no edit removes it")
                outcome.left.append(left)
                marks.append(f"{MARK}{line(left)}\n")
        if marks:
            (root / file).write_text("".join(marks) + (root / file).read_text())


def _crds(root: Path, manifests: Path) -> list[Left]:
    """CRDs in only one of the two installs: the list of files in a kustomization is edited by hand."""
    ours = {item["metadata"]["name"] for item in build(root / CRDS)}
    documents = yaml.load_all((manifests / "install.yaml").read_text(), yaml.CSafeLoader)
    theirs = {item["metadata"]["name"] for item in documents if item and item.get("kind") == "CustomResourceDefinition"}
    file = str(CRDS / "kustomization.yaml")
    return [
        *(
            Left(file, name, "", ABSENT, "this CRD", "list its files here and in full")
            for name in sorted(theirs - ours)
        ),
        *(Left(file, name, "", "this CRD", ABSENT, "upstream no longer has it") for name in sorted(ours - theirs)),
    ]


def _named_elsewhere(root: Path, gone: Iterable[str]) -> list[Left]:
    """Places outside the install that use a name which it no longer has: a field may have been renamed."""
    install = "\n".join(path.read_text() for path in (root / BASE).rglob("*.yaml"))
    names = {name: re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])") for name in sorted({*gone}) if len(name) > 3}
    names = {name: pattern for name, pattern in names.items() if not pattern.search(install)}
    found = []
    for path in tracked(ROOT):
        if path.suffix not in (".yaml", ".md", ".py", ".sh", ".conf") or not (root / path).is_file():
            continue
        if path.is_relative_to(BASE) or path.parts[0] in ("tests", "tools") or path == RELEASES:
            continue
        for number, text in enumerate((root / path).read_text().splitlines(), 1):
            why = "the install no longer has it; was it renamed?"
            found += [
                Left(f"{path}:{number}", name, "", "this name", ABSENT, why)
                for name, pattern in names.items()
                if pattern.search(text)
            ]
    return found


def copy_back(source: Path, root: Path) -> list[str]:
    """Copy changed files into the work tree and return their sorted paths. Raises OSError without any change."""
    made = {one.relative_to(source) for folder in (BASE, CRDS) for one in (source / folder).rglob("*.yaml")}
    new = [
        path
        for path in sorted({*tracked(root), *made})
        if (source / path).is_file() and _content(source / path) != _content(root / path)
    ]
    before = {path: _content(root / path) for path in new}
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
    return [str(path) for path in new]


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def report(goal: Target, outcome: Outcome, written: Sequence[str]) -> str:
    """The report for people: what was done and what is left."""
    lines = [f"{len(outcome.edited)} fields of the install edited, {len(written)} files written:"]
    lines += [f"  {path}" for path in written]
    if outcome.left:
        lines.append(f"left to you ({len(outcome.left)}):")
        lines += [f"  {left.file}: {line(left)}" for left in outcome.left]
    lines += [f"  {file}: removed with its field: {comment}" for file, comment in outcome.comments]
    if goal.release != goal.module:
        lines.append(f"{goal.release} itself was not compared: read its notes for changes of the manifests.")
    lines.append(f"Read the diff and the upgrade notes, write into {RELEASES} what {goal.release} changes, then:")
    lines.append("  make test test-faults")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Bump once."""
    parser = argparse.ArgumentParser(
        prog="make bump", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--argocd", default="", metavar="ARGOCD", help="the release of the module (default: newest)")
    parser.add_argument("--release", default="", metavar="RELEASE", help="the release to install (default: module)")
    given = parser.parse_args(arguments)
    os.environ.pop("ARGOCD", None)  # in other tools this variable names a program
    try:
        goal = target(given.argocd, given.release)
        if goal == Target(release(), module()):
            print(f"Argo CD {goal.release} (module {goal.module}) is already pinned; nothing to do")
            return 0
        if changed := changed_files(ROOT):
            raise UsageError(f"{changed[0]}: has changes that are not committed; commit or stash them first")
        with tempfile.TemporaryDirectory() as name:
            copy = Path(name)
            for path in tracked(ROOT):
                (copy / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / path, copy / path)
            outcome = run(copy, goal)
            # No interrupt from here on: a half-changed tree would be worse than a late Ctrl-C.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            written = copy_back(copy, ROOT)
    except UsageError as error:
        say(f"bump: {error}")
        return 2
    except (ToolError, OSError) as error:
        say(f"bump: {error}; nothing was changed")
        return 3
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        at = f"{Path(place.filename).name}:{place.lineno}"
        say(f"bump: {type(error).__name__} at {at}: {error}; nothing was changed; make bump cannot do this yet")
        return 3
    except KeyboardInterrupt:
        say("bump: interrupted; nothing was changed")
        return 130
    print(report(goal, outcome, written))
    return 1 if outcome.left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
