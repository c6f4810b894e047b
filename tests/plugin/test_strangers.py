"""Every finding of `lint` on strangers' shapes is judged in a table, which results/strangers.md shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from argocd_istio.lint.catalogue import BY_ID
from tests.plugin.cases import Called
from tests.plugin.strangers import ARTICLE, MENDED, NOTES, STRANGERS, UPSTREAM, table, upstream_example
from tests.render.consumer import assert_golden
from tests.render.test_tree import write
from tools.build import program
from tools.versions import module, release

SHAPES = STRANGERS | ARTICLE | UPSTREAM


@pytest.mark.parametrize("name", SHAPES)
def test_findings_on_strangers_are_those_judged(
    name: str, here: Path, call: Called, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUSTOMIZE", str(program("kustomize")))
    stranger = SHAPES[name]
    write(here, stranger.files or upstream_example())
    _, out, _ = call("lint", *stranger.paths, "--format", "json")
    found = {(one["rule"] or "", one.get("object", "")): one["severity"] for one in json.loads(out)["findings"]}
    # Upstream's install is of the pinned module, which can be older than the newest release.
    known = {*NOTES, *(["K11"] if name in UPSTREAM and module() != release() else [])}
    assert {key for key in found if key[0] not in known} == stranger.findings.keys()
    assert {severity for (rule, _), severity in found.items() if rule in NOTES} <= {"info"}


def test_the_table_is_written() -> None:
    assert all(shape in SHAPES and rule in BY_ID for shape, rule, _ in MENDED)
    assert_golden(table(), "strangers.md", "results")
