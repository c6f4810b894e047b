"""Counts for each tool the seeded faults that it reports.

A fault counts as found if the tool has a message on the file with the fault that it does not have on the same file
without it, about an object that the fault changed, adds or removes: it is on that object, or its text names it. A
message that comes with the change but says something else does not count: `judged` has these.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.peers import cluster, judged, tools
from tests.peers.tools import Message, Reports
from tests.render.render import BuildError, Object, load
from tests.seeded import seeds
from tests.seeded.seeds import DEFAULT, Seed

Names = frozenset[tuple[str, str]]
"""Kinds and names of objects."""


@dataclass(frozen=True)
class Case:
    """A seed with its file and that of its base, and the objects that differ; no file if kustomize builds none."""

    seed: Seed
    base: Path
    file: Path | None
    changed: Names


@dataclass
class Count:
    """What a tool makes of all cases: the messages that count, by the seed, and those on the bases."""

    found: dict[Seed, list[Message]] = field(default_factory=dict)
    other: dict[Seed, list[Message]] = field(default_factory=dict)
    bases: dict[str, list[Message]] = field(default_factory=dict)


def write(folder: Path, corpus: Iterable[Seed]) -> list[Case]:
    """Write the files of the seeds and of their bases to the folder."""
    bases: dict[str, tuple[Path, list[Object]]] = {}
    cases = []
    for number, seed in enumerate(corpus):
        name = seed.base or "consumer"
        if name not in bases:
            objects = list(seeds.base(name)) if seed.base else load(seeds.text(Seed("", "", files=DEFAULT)))
            bases[name] = (_written(folder / f"base-{name.replace('/', '-')}.yaml", seed, objects, objects), objects)
        file, objects = bases[name]
        try:
            broken = list(seeds.objects(seed)) if seed.base else load(seeds.text(seed))
        except BuildError:
            cases.append(Case(seed, file, None, frozenset()))
            continue
        cases.append(
            Case(seed, file, _written(folder / f"{number:04}.yaml", seed, objects, broken), _changed(objects, broken))
        )
    return cases


def _written(file: Path, seed: Seed, base: list[Object], objects: list[Object]) -> Path:
    """Write the objects, and beside them what a cluster has. JSON is YAML too, and much faster."""
    file.write_text(seeds.written(objects, seed.base) if seed.base else _dumped(objects))
    file.with_suffix(".cluster").write_text(_dumped(cluster.around(base, objects)))
    return file


def _dumped(objects: list[Object]) -> str:
    return "---\n".join(f"{json.dumps(one)}\n" for one in objects)


def _changed(before: Sequence[Object], after: Sequence[Object]) -> Names:
    def keyed(objects: Sequence[Object]) -> dict[tuple[str, str, str], Object]:
        return {(one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]): one for one in objects}

    old, new = keyed(before), keyed(after)
    return frozenset((key[0], key[2]) for key in old.keys() | new.keys() if old.get(key) != new.get(key))


def count(tool: str, cases: Sequence[Case]) -> Count:
    """Run a tool on all files."""
    files = sorted({file for case in cases for file in (case.base, case.file) if file})
    reports = tools.TOOLS[tool](files)
    result = Count(bases={_name(case): reports[case.base] for case in cases})
    for case in cases:
        new = _new(case, reports)
        result.found[case.seed] = [each for each in new if not judged.why_not(each, case.seed.rule)]
        result.other[case.seed] = [each for each in new if judged.why_not(each, case.seed.rule)]
    return result


def _name(case: Case) -> str:
    return case.seed.base or "consumer"


def _new(case: Case, reports: Reports) -> list[Message]:
    """The messages on the file with the fault that its base does not have, about what the fault changed."""
    if case.file is None:
        return []
    old = set(reports[case.base])
    return [each for each in dict.fromkeys(reports[case.file]) if each not in old and _about(each, case.changed)]


def _about(message: Message, changed: Names) -> bool:
    return (message.kind, message.name) in changed or any(
        re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", message.text) for _, name in changed
    )
