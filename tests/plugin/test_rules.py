"""The example of each rule: the wrong one is reported, the right one is not."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from typing import Any

import pytest
import yaml

from argocd_istio.lint.catalogue import BY_ID, CATALOGUE, examples, explained
from argocd_istio.lint.rule import Rule
from argocd_istio.lint.rules import RULES
from argocd_istio.lint.run import Judged, judge
from argocd_istio.render.model import Stated
from argocd_istio.render.objects import Objects
from argocd_istio.render.ways import facts
from tests.plugin import faults_around
from tests.plugin.faults_settings import CASES
from tests.plugin.renders import overlay, source
from tests.render.render import Object, build

NOW = 1_800_000_000.0
WITH_EXAMPLE = [rule for rule in RULES if rule.wrong]


def merged(objects: list[Object], text: str) -> list[Object]:
    """The objects with the documents of an example merged in."""
    for document in filter(None, yaml.safe_load_all(text)):
        metadata = {"namespace": "argocd", **document["metadata"]}
        key = (document["kind"], metadata["name"], metadata["namespace"])
        same = [each for each in objects if _key(each) == key]
        if same:
            _merge(same[0], document)
        else:
            objects.append({**document, "metadata": metadata})
    return objects


def _key(item: Object) -> tuple[str, str, str]:
    return item["kind"], item["metadata"]["name"], item["metadata"].get("namespace", "argocd")


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = copy.deepcopy(value)


def found(rule: Rule, text: str) -> list[str]:
    """The rules that report the example."""
    return [one.rule for one in judge_of(rule.mode, text, rule.stated).findings]


def judge_of(mode: str, text: str, stated: Stated) -> Judged:
    """What the rules find in an overlay with the documents of an example."""
    objects = merged(build(f"overlays/{mode}") if "/" in mode else overlay(mode), text)
    return judge(facts(Objects(source(objects)), "istio-system", stated=replace(stated, now=NOW)))


@pytest.mark.parametrize("rule", WITH_EXAMPLE, ids=lambda rule: rule.id)
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
    [(row[0], *row[2:]) for row in faults_around.SPARED],
    ids=[f"{row[0]} {row[1]}" for row in faults_around.SPARED],
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
        assert rule.effect and rule.decided, rule.id
        assert explained(rule).isascii(), rule.id
    covered = [each for rule in CATALOGUE for each in (rule.id, *rule.covers)]
    assert len(covered) == len(set(covered))
    assert all(re.fullmatch(r"[A-K]\d\d", each) for each in covered)
