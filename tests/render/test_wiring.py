"""The picture of components/exposure/README.md and the replacements say the same."""

from __future__ import annotations

import re

import yaml

from tests.render.render import ROOT

# The fields that the wiring makes for itself: they are between an Exposure and the same Exposure.
STEPS = {"spec.address": "spec.hosts", "spec.settings": "spec.additionalUrls"}


def wired() -> set[tuple[str, str]]:
    """(field of the Exposure, kind and name of an object that gets it), of every component."""
    found = set()
    for path in (ROOT / "components").rglob("kustomization.yaml"):
        for replacement in yaml.safe_load(path.read_text()).get("replacements", []):
            source = replacement["source"]
            if source.get("kind") == "Exposure":
                field = STEPS.get(source["fieldPath"], source["fieldPath"])
                selects = [target["select"] for target in replacement["targets"]]
                found |= {(field, f"{one['kind']} {one['name']}") for one in selects if one["kind"] != "Exposure"}
    return found


def drawn() -> set[tuple[str, str]]:
    """The same, of the picture."""
    text = (ROOT / "components/exposure/README.md").read_text()
    found, field = set(), ""
    for line in text.split("```")[1].splitlines():
        if arrow := re.match(r"(\S*) *[─├└┬]\S*▶ +(\w+ [\w-]+)", line):
            field = arrow[1] or field
            found.add((field, arrow[2]))
    return found


def test_the_picture_shows_every_replacement() -> None:
    assert drawn() == wired() != set()
