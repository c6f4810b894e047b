"""The example of each rule: the wrong one is reported, the right one is not."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from argocd_istio.lint.catalogue import BY_ID, CATALOGUE, examples, explained, tree_of
from argocd_istio.lint.rule import Rule
from argocd_istio.lint.rules import RULES
from argocd_istio.lint.run import Judged, judge
from argocd_istio.render.model import Stated
from argocd_istio.render.objects import Objects
from argocd_istio.render.ways import facts
from argocd_istio.tree.check import check_folder
from tests.plugin import faults_around, faults_seeded
from tests.plugin.faults_settings import CASES
from tests.plugin.renders import overlay, source
from tests.render.merge import merged
from tests.render.render import ROOT, build

NOW = 1_800_000_000.0
NEAR = [*faults_around.SPARED, *faults_seeded.SPARED]


def found(rule: Rule, text: str) -> list[str]:
    """The rules that report the example."""
    return [one.rule for one in judge_of(rule.mode, text, rule.stated).findings]


def judge_of(mode: str, text: str, stated: Stated) -> Judged:
    """What the rules find in an overlay with the documents of an example."""
    objects = merged(build(f"overlays/{mode}") if "/" in mode else overlay(mode), text)
    return judge(facts(Objects(source(objects)), "istio-system", stated=replace(stated, now=NOW)))


def in_files(folder: Path, text: str) -> list[tuple[str, str]]:
    """What is found in the files of an example: rules and severities."""
    for path, content in {**tree_of(text), ".git/HEAD": ""}.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        library = os.path.relpath(ROOT, file.parent)
        file.write_text(re.sub(r"(\.\./)+argocd-istio(?=/)", library, content))
    return [(one.rule, one.severity) for one in check_folder(str(folder))]


@pytest.mark.parametrize("rule", [rule for rule in CATALOGUE if rule.check is None], ids=lambda rule: rule.id)
def test_an_example_of_files_is_judged(rule: Rule, tmp_path: Path) -> None:
    wrong, right = (in_files(tmp_path / name, text) for name, text in examples(rule).items())
    assert (rule.id, rule.severity) in wrong
    assert rule.id not in [name for name, _ in right]
    assert [name for name, severity in right if severity == "error"] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_an_example_is_judged_as_stated(rule: Rule) -> None:
    wrong, right = examples(rule)["Wrong"], examples(rule)["Right"]
    assert rule.id in found(rule, wrong)
    assert rule.id not in found(rule, right)
    errors = [one for one in found(rule, right) if BY_ID[one].severity == "error" and not BY_ID[one].advice]
    assert errors == []


@pytest.mark.parametrize(
    ("rule", "mode", "text"),
    [(row[0], *row[2:]) for row in faults_around.WRONG],
    ids=[f"{row[0]} {row[1]}" for row in faults_around.WRONG],
)
def test_more_faults_are_found(rule: str, mode: str, text: str) -> None:
    judged = judge_of(mode, text, BY_ID[rule].stated)
    assert rule in [one.rule for one in judged.findings]


@pytest.mark.parametrize(
    ("rule", "mode", "text"),
    [(row[0], *row[2:]) for row in NEAR],
    ids=[f"{row[0]} {row[1]}" for row in NEAR],
)
def test_a_near_miss_is_spared(rule: str, mode: str, text: str) -> None:
    judged = judge_of(mode, text, BY_ID[rule].stated)
    assert rule not in [one.rule for one in judged.findings]


@pytest.mark.parametrize(
    ("rule", "option", "text", "stated"), faults_around.UNKNOWN, ids=[row[0] for row in faults_around.UNKNOWN]
)
def test_an_unknown_fact_is_stated(rule: str, option: str, text: str, stated: Stated) -> None:
    judged = judge_of("termination", text, stated)
    assert [each.option for each in judged.unchecked[rule]] == [option]
    assert rule not in [one.rule for one in judged.findings]


def test_a_certificate_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = examples(BY_ID["C25"])["Wrong"]
    monkeypatch.setitem(sys.modules, "cryptography", None)
    judged = judge_of("termination", wrong, Stated())
    assert {"C24", "C25"} <= judged.unchecked.keys() and "C25" not in [one.rule for one in judged.findings]
    [reason] = judged.unchecked["C25"]
    assert "install argocd-istio[probe]" in reason.why
    assert "C25" not in judge_of("termination", "", Stated()).unchecked


def test_the_option_states_the_mesh() -> None:
    def rules(stated: Stated, text: str = "") -> set[str]:
        objects = merged([each for each in overlay("termination") if each["kind"] != "Namespace"], text)
        judged = judge(facts(Objects(source(objects)), "istio-system", stated=stated))
        return {one.rule for one in judged.findings} | {f"not {rule}" for rule in judged.unchecked}

    refused = faults_around.server("").replace("spec:\n      rest", "metadata: {labels: {a: b}}\n    spec:\n      rest")
    assert {"not E01"} <= rules(Stated()) and "E01" not in rules(Stated())
    assert {"E01"} <= rules(Stated(mesh="none"))
    assert not {"E01", "not E01"} & rules(Stated(mesh="sidecar")) and "F09" in rules(Stated(mesh="sidecar"))
    out = refused.replace("{a: b}", "{sidecar.istio.io/inject: 'false'}")
    assert {"E01"} <= rules(Stated(mesh="sidecar"), out)


@pytest.mark.parametrize(("rule_id", "reported", "mode", "text"), CASES, ids=[f"{row[0]}-{row[1]}" for row in CASES])
def test_more_cases_are_judged(rule_id: str, reported: bool, mode: str, text: str) -> None:
    rule = BY_ID[rule_id]
    assert (rule_id in found(replace(rule, mode=mode), text)) is reported


def test_each_rule_is_explained() -> None:
    for rule in CATALOGUE:
        assert rule.effect and rule.decided and rule.wrong and rule.right, rule.id
        assert explained(rule).isascii(), rule.id
    covered = [each for rule in CATALOGUE for each in (rule.id, *rule.covers)]
    assert len(covered) == len(set(covered))
    assert all(re.fullmatch(r"[A-K]\d\d", each) for each in covered)
