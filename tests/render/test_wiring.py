"""The picture and the table of components/exposure/README.md say what the kustomizations do."""

from __future__ import annotations

import re

import yaml

from tests.render.render import ROOT
from tests.render.test_ways import EACH

TEXT = (ROOT / "components/exposure/README.md").read_text()
WIRING = "components/exposure"
# The fields that the wiring makes for itself: they are between an Exposure and the same Exposure.
STEPS = {"spec.address": "spec.hosts", "spec.settings": "spec.additionalUrls"}

Wire = tuple[str, str, str, str]
"""The component, the field of the Exposure, the object that gets its value, and the field of that object."""


def shown(field: str) -> str:
    """The field of a replacement's target as the picture writes it: `servers.*.hosts` as `servers[*].hosts`."""
    return re.sub(r"\.(\*|\d+)(?=\.|$)", r"[\1]", re.sub(r"\.\[(\w+)=\^(\w+)\$\]", r"[\1=\2]", field))


def wired() -> set[Wire]:
    """Every replacement of every component that copies from an Exposure into an object."""
    found = set()
    for path in (ROOT / "components").rglob("kustomization.yaml"):
        for replacement in yaml.safe_load(path.read_text()).get("replacements", []):
            source = replacement["source"]
            if source.get("kind") == "Exposure":
                field = shown(STEPS.get(source["fieldPath"], source["fieldPath"]))
                for target in replacement["targets"]:
                    select = target["select"]
                    for place in target["fieldPaths"]:
                        # The wiring reads the map, adds the key, and writes the map back.
                        to = f"data.{field.removeprefix('spec.')}" if place == "data" else shown(place)
                        part = str(path.parent.relative_to(ROOT))
                        found.add((part, field, f"{select['kind']} {select['name']}" if "name" in select else "", to))
    return {wire for wire in found if wire[2]}


def drawn() -> set[Wire]:
    """The same, of the two pictures; their numbers name the components."""
    parts = {"": WIRING} | dict(re.findall(r"^(\d+)\. In `([\w/-]+)`", TEXT, re.M))
    found, field, to = set(), "", ""
    for line in "".join(TEXT.split("```")[1::2]).splitlines():
        if arrow := re.match(r"(\S*) *[─├└┬]+(\d*)─+▶ +(\w+ [\w-]+) +(.+)", line):
            field = arrow[1] or field
            to = to if arrow[4] == "the same" else arrow[4].partition(",")[0]
            found.add((parts[arrow[2]], field, arrow[3], to))
    return found


def test_the_picture_shows_every_replacement() -> None:
    assert drawn() == wired() != set()


def lists(listed: str, words: set[str]) -> bool:
    """Whether the last column of the table includes a path with these words."""
    for clause in filter(None, listed.replace("everything", "").split(";")):
        among = words & set(re.findall(r"no way|(?<=`)[^`, ]+(?=`)", clause))
        if bool(among) == clause.strip().startswith("not "):
            return False
    return True


def test_the_table_says_which_path_lists_which_part() -> None:
    rows = re.findall(r"^\| `([\w./<>-]+)` \| .* \| (.+) \|$", TEXT, re.M)
    found = {}
    for case in EACH:
        words = {case.way or "no way", case.mode, case.amount}
        named = {
            f"{WIRING}/{part}".removesuffix("/.").replace("<mode>", case.mode)
            for part, listed in rows
            if lists(listed.replace("<mode>", case.mode), words)
        }
        folder = ROOT / "components" / str(case)
        components = yaml.safe_load((folder / "kustomization.yaml").read_text())["components"]
        paths = {str((folder / entry).resolve().relative_to(ROOT)) for entry in components}
        found[str(case)] = named, {entry for entry in paths if entry.startswith(WIRING)}
    assert [name for name, (table, listed) in found.items() if table != listed] == [] != rows
