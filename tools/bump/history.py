"""Test the bump on past releases, and write the table of `docs/releases.md`.

It goes from today's base back to the oldest release, one release at a time, and forward again. On the way back,
the manual part is forced, so that each base equals its release; on the way forward it is counted.

    python -m tools.bump.history [FIRST]
"""

from __future__ import annotations

import difflib
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from argocd_istio.drift.compare import ABSENT, Difference, Object, expected
from tools import authored
from tools.build import HERE, ToolError, say
from tools.bump.install import BASE, MARK, Left, Outcome, bring, differences, unequal, upstream_install
from tools.bump.modules import numbers, released, source
from tools.bump.pins import set_tag

FIRST = "v3.4.0"
PAGE = HERE.parent / "docs" / "releases.md"
ENV = re.compile(r"\.env\[[^\]]+\]$")


@dataclass(frozen=True)
class Row:
    """One release: fields that upstream changed, those left after the bump, and the parity afterwards.

    Each pair is (env rows, other fields). The image of Argo CD, which changes with every release, is not counted.
    """

    release: str
    changed: tuple[int, int]
    left: tuple[int, int]
    parity: int


def _split(found: Sequence[Difference]) -> tuple[int, int]:
    env = sum(1 for one in found if ENV.search(one.path))
    return env, len(found) - env


def step(root: Path, release: str, before: Sequence[Object] | None = None) -> tuple[Row, Outcome]:
    """Bump the base below `root` to a release; `before` is the install that it equals now."""
    upstream = upstream_install(source(release) / "manifests")
    changed = differences(upstream, [expected(item) for item in before], release) if before else []
    set_tag(root, release)
    outcome = bring(root, upstream)
    after = unequal(root, upstream, release)
    return Row(release, _split(changed), _split(after), len(after)), outcome


def by_force(root: Path, outcome: Outcome) -> None:
    """Force the manual part: remove what upstream no longer has, and the marks. Raises ToolError."""
    for left in outcome.left:
        path = root / left.file
        path.write_text("".join(one for one in path.read_text().splitlines(True) if not one.startswith(MARK)))
        if left.path or left.new is not ABSENT:
            raise ToolError(f"{left.object} {left.path}: no forced edit is known; {left.why}")
        _take_away(root, left)


def _take_away(root: Path, left: Left) -> None:
    path, (kind, _, name) = root / left.file, left.object.partition("/")
    documents = authored.load(path.read_text())
    kept = [item for item in documents if (item["kind"], item["metadata"]["name"]) != (kind, name)]
    if kept:
        path.write_text(authored.dump(kept))
        return
    path.unlink()
    listing = root / BASE / "kustomization.yaml"
    entry = f"- {path.relative_to(root / BASE)}\n"
    listing.write_text(listing.read_text().replace(entry, ""))


def rows(first: str = FIRST) -> Iterator[Row | str]:
    """A row for each release of the module after `first`, and the comparison with today's base as text.

    Raises ToolError if a base on the way back does not equal its release.
    """
    releases = [one for one in released() if numbers(one) >= numbers(first)]
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        shutil.copytree(HERE.parent / BASE, root / BASE)
        today = texts(root)
        for release in reversed(releases):
            row, outcome = step(root, release)
            by_force(root, outcome)
            if found := unequal(root, upstream_install(source(release) / "manifests"), release):
                raise ToolError(
                    f"on the way back to {release}: {found[0].object} {found[0].path} differs ({len(found)})"
                )
            say(f"back at {release}: {len(outcome.edited)} edits, {len(outcome.left)} by force")
        before = upstream_install(source(releases[0]) / "manifests")
        for release in releases[1:]:
            row, outcome = step(root, release, before)
            by_force(root, outcome)
            say(f"at {release}: {len(outcome.edited)} edits, {len(outcome.left)} left")
            yield row
            before = upstream_install(source(release) / "manifests")
        yield way(today, texts(root))


def texts(root: Path) -> dict[str, list[str]]:
    """The lines of every file of the base."""
    folder = root / BASE
    return {str(path.relative_to(folder)): path.read_text().splitlines() for path in sorted(folder.rglob("*.yaml"))}


def way(today: dict[str, list[str]], after: dict[str, list[str]]) -> str:
    """How the text of the base after going back and forward differs from today's."""
    lost: list[str] = []
    for name in sorted({*today, *after}):
        changes = difflib.ndiff(today.get(name, []), after.get(name, []))
        lost += [line[2:].strip() for line in changes if line.startswith("- ")]
    comments = sum(1 for line in lost if line.startswith("#"))
    return (
        f"After going back and forward again, the base has the same objects. {len(lost)} of its "
        f"{sum(map(len, today.values()))} lines differ: {comments} comments were removed with the fields below them, "
        f"{len(lost) - comments} lines moved or changed form."
    )


def table(found: Sequence[Row]) -> str:
    """The rows as Markdown, with a sum."""

    def shares(changed: tuple[int, int], left: tuple[int, int]) -> str:
        return " | ".join(f"{all_ - rest} of {all_}" for all_, rest in zip(changed, left, strict=True))

    lines = [
        "| Release | Fields changed upstream | Env rows by machine | Others by machine | By hand | Parity afterwards |",
        "|---|---|---|---|---|---|",
    ]
    for row in found:
        equal = "equal" if not row.parity else f"{row.parity} differ"
        done = shares(row.changed, row.left)
        lines.append(f"| {row.release} | {sum(row.changed)} | {done} | {sum(row.left)} | {equal} |")
    sums = [(sum(row.changed[kind] for row in found), sum(row.left[kind] for row in found)) for kind in (0, 1)]
    changed, left = (tuple(pair[side] for pair in sums) for side in (0, 1))
    done = shares((changed[0], changed[1]), (left[0], left[1]))
    lines.append(f"| all | {sum(changed)} | {done} | {sum(left)} | |")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Write the table into the page, with today's date."""
    try:
        found = list(rows(*arguments[:1]))
    except ToolError as error:
        say(f"history: {error}")
        return 1
    *releases, text = found
    made = [row for row in releases if isinstance(row, Row)]
    page = PAGE.read_text()
    start, end = "<!-- history -->\n", "<!-- /history -->"
    head, _, rest = page.partition(start)
    _, _, tail = rest.partition(end)
    body = f"\nOf {date.today():%d %B %Y}.\n\n{table(made)}\n\n{text}\n\n"
    PAGE.write_text(head + start + body + end + tail)
    print(table(made))
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
