"""`lint` finds nothing in what works but what a list with reasons expects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from argocd_istio.exposure.fields import PASSTHROUGH
from argocd_istio.exposure.wired import (
    EXISTING,
    GATEWAY_API,
    LISTENERS,
    LOGINS,
    NO_RETRIES,
    PARENT,
    REDIRECT,
    WITHOUT_CRDS,
    Wired,
)
from tests.plugin import ways_in
from tests.plugin.cases import Called
from tests.plugin.strangers import INJECTED, NOTES
from tests.plugin.ways_in import COMPONENTS, folder_of
from tests.render.git_http import git_finds, published
from tests.render.render import ROOT
from tests.render.test_ways import settings
from tools import plugin
from tools.build import argocd_module, program
from tools.versions import module, release

OWNED = (EXISTING, PARENT, LISTENERS)
EXAMPLES = {
    "C17": "argocd.example.com is the documented placeholder",
    "K08": "examples name main until there is a tag",
}
"""What is found in overlays and examples besides the notes, with the reason."""
OTHERS = {
    "C28": "the Gateway belongs to somebody else, so these files do not show it",
    "K18": "the Gateway belongs to somebody else",
    "D15": "the user's certificate for passthrough is created apart",
    "K05": "no file shows whether the cluster has another Argo CD",
}
"""What is found in some ways as a note, with the reason."""


@pytest.fixture(autouse=True)
def _kustomize(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUSTOMIZE", str(program("kustomize")))


def found(call: Called, *arguments: str) -> dict[str, str]:
    """The rules that report something, with their severity; "" is a check without a rule."""
    _, out, error = call("lint", *arguments, "--format", "json")
    assert error == ""
    return {one["rule"] or "": one["severity"] for one in json.loads(out)["findings"]}


def options(wired: Wired) -> list[tuple[str, ...]]:
    """The components that are listed after a mode: each one, and all together."""
    single = [("mesh",), ("mesh", "mesh-scraper"), ("high-availability",), ("instance",)]
    if wired.amount != WITHOUT_CRDS:
        single = []
    if wired.mode != PASSTHROUGH:
        single.append((LOGINS[wired.way],))
    if wired.way in GATEWAY_API and wired.mode == "grpc-routing":
        single.append((NO_RETRIES,))
    if wired.way == PARENT:
        single.append((REDIRECT,))
    # The instance renames the policy of the login, so it is the last.
    every = tuple(sorted(dict.fromkeys(one for each in single for one in each), key=lambda one: one == "instance"))
    return [(), *dict.fromkeys([*single, *([every] if every else [])])]


MATRIX = [(wired, after) for wired in COMPONENTS for after in options(wired)]


def spec(wired: Wired, after: tuple[str, ...]) -> dict[str, Any]:
    """The least that a mode and the components after it require."""
    wanted = ways_in.spec(wired)
    if "mesh" in after:
        own = wired.way in GATEWAY_API and wired.way not in OWNED
        wanted["gateway"] |= {"namespace": "argocd" if own else "edge", "serviceAccount": "argocd-istio"}
    if LOGINS[wired.way] in after and wired.way not in GATEWAY_API:
        wanted["gateway"] |= {"namespace": "edge", "selector": {"istio": "edge"}}
    if "mesh-scraper" in after:
        wanted["scraper"] = {"namespace": "monitoring", "serviceAccount": "prometheus"}
    if "instance" in after:
        wanted["instance"] = "second"
    if REDIRECT in after:
        wanted["gateway"]["redirectParent"] = {"name": "shared", "namespace": "edge", "sectionName": "http"}
    return wanted


@pytest.mark.parametrize(
    ("wired", "after"), MATRIX, ids=[" ".join((folder_of(wired), *after)) for wired, after in MATRIX]
)
def test_every_combination_has_notes_alone(tmp_path: Path, call: Called, wired: Wired, after: tuple[str, ...]) -> None:
    listed = [folder_of(wired), *(f"components/{each}" for each in after)]
    injected: dict[str, Any] = {"patches": [{"patch": INJECTED}]} if "mesh" in after else {}
    injected |= {"configMapGenerator": [settings()]} if LOGINS[wired.way] in after else {}
    folder = ways_in.consumer(tmp_path / "cd", wired, spec(wired, after), components=listed, **injected)
    rules = found(call, str(folder))
    owner = ({"C28"} if wired.way in OWNED else set()) | ({"K18"} if wired.way in OWNED else set())
    assert {rule: severity for rule, severity in rules.items() if severity != "info"} == {}
    assert rules.keys() - NOTES.keys() - {"D15", "K05"} == owner


FOLDERS = sorted(
    file.parent.relative_to(ROOT)
    for top in ("overlays", "examples")
    for file in (ROOT / top).rglob("*.yaml")
    if file.name == "kustomization.yaml" or not (file.parent / "kustomization.yaml").exists()
    if not (file.name == "kustomization.yaml" and "kind: Component" in file.read_text())
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("git"))


@pytest.mark.parametrize("folder", dict.fromkeys(FOLDERS), ids=str)
def test_what_is_shipped_has_expected_findings(
    folder: Path, call: Called, library: Path, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (git_finds(f"file://{library}/argocd-istio.git") | plugin.environment(installed)).items():
        monkeypatch.setenv(name, value)
    rules = found(call, str(ROOT / folder), "--enable-exec")
    assert rules.keys() <= NOTES.keys() | OTHERS.keys() | EXAMPLES.keys()
    assert {rule for rule, severity in rules.items() if severity != "info"} <= EXAMPLES.keys()


@pytest.mark.parametrize(
    "file",
    ["install.yaml", "core-install.yaml", "namespace-install.yaml", "ha/install.yaml", "ha/namespace-install.yaml"],
)
def test_upstreams_install_has_notes_alone(file: str, call: Called) -> None:
    rules = found(call, str(argocd_module() / "manifests" / file))
    # The pinned module can be older than the newest release.
    older = {"K11": "warning"} if module() != release() and "core" not in file else {}
    assert {rule: severity for rule, severity in rules.items() if severity != "info"} == older
    assert rules.keys() - NOTES.keys() == older.keys()
