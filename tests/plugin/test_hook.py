"""The pre-commit hook agrees with the package, which pre-commit installs from the repository's root."""

from __future__ import annotations

import re
import tomllib
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import pytest
import yaml
from hatchling.builders.wheel import WheelBuilder
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager

from argocd_istio.consumer import EXPOSURE, LIBRARY, REF
from argocd_istio.exposure.wired import Wired
from tests.plugin import ways_in
from tests.plugin.cases import Called
from tests.plugin.test_lint_command import BROKEN
from tests.render.render import ROOT
from tools.build import program
from tools.reference import every_command

PACKAGE = tomllib.loads((ROOT / "plugin/pyproject.toml").read_text())["project"]
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
HOOK, LINT = HOOKS


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_the_entry_is_an_existing_program_and_command(hook: dict[str, Any]) -> None:
    program, *command = hook["entry"].split()
    assert program in PACKAGE["scripts"] and hook["entry"] in dict(every_command())
    assert hook["id"] == "-".join([program, *command]) and hook["language"] == "python"
    assert hook["types"] == ["yaml"]


def test_the_pattern_matches_init_and_example_files() -> None:
    files = [path.relative_to(ROOT) for path in (ROOT / "examples").rglob("*") if path.is_file()]
    chosen = {path for path in files if re.search(HOOK["files"], str(path))}
    assert chosen == {path for path in files if path.name == EXPOSURE} and len(chosen) > 3
    assert re.search(HOOK["files"], EXPOSURE) and re.search(HOOK["files"], "a/b/exposure.yml")
    assert not any(
        re.search(HOOK["files"], name) for name in ("exposure.yaml.txt", "my-exposure.yaml", "exposure.json")
    )


def test_lint_gets_folders_and_not_the_changed_files(here: Path, call: Called, monkeypatch: pytest.MonkeyPatch) -> None:
    """pre-commit runs the entry with `args` in the root of the repository."""
    monkeypatch.setenv("KUSTOMIZE", str(program("kustomize")))
    assert LINT["pass_filenames"] is False and "files" not in LINT
    [own] = [hook for hook in documented()["hooks"] if hook["id"] == LINT["id"]]
    _, *words = LINT["entry"].split()
    assert call(*words)[0] == 2
    folder = ways_in.consumer(here / own["args"][0], Wired("termination", "", "without-crds"))
    assert call(*words, *own["args"])[0] == 0
    (folder / "gateway.yaml").write_text(BROKEN)
    file = folder / "kustomization.yaml"
    listed = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**listed, "resources": [*listed["resources"], "gateway.yaml"]}))
    code, out, _ = call(*words, *own["args"])
    assert code == 1 and "error A09" in out
    # Without args it is the root of the repository, whose folder is built first.
    code, _, error = call(*words)
    assert code == 2 and error.endswith("name its folders, such as ./cd\n")


def documented() -> dict[str, Any]:
    """The repository in the configuration that the page shows."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs/plugin.md").read_text(), re.M | re.S)
    [repository] = [yaml.safe_load(block)["repos"][0] for block in blocks if block.startswith("repos:")]
    assert isinstance(repository, dict)
    return repository


def test_the_documented_configuration_names_the_hooks() -> None:
    repository = documented()
    assert (repository["repo"], repository["rev"]) == (LIBRARY, REF)
    assert [hook["id"] for hook in repository["hooks"]] == [hook["id"] for hook in HOOKS]


def test_installing_the_root_installs_only_the_package(tmp_path: Path) -> None:
    core = ProjectMetadata(str(ROOT), PluginManager()).core
    [dependency] = core.dependencies
    name, _, address = dependency.partition(" @ ")
    assert name == PACKAGE["name"]
    assert Path(url2pathname(urlparse(address).path)).samefile(ROOT / "plugin")
    assert core.requires_python == PACKAGE["requires-python"]
    [wheel] = WheelBuilder(str(ROOT)).build(directory=str(tmp_path))
    assert all(".dist-info/" in member for member in zipfile.ZipFile(wheel).namelist())
