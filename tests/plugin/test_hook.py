"""The pre-commit hook agrees with the package, which pre-commit installs from the repository's root."""

from __future__ import annotations

import re
import tomllib
import zipfile
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import yaml
from hatchling.builders.wheel import WheelBuilder
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager

from argocd_istio.consumer import EXPOSURE, LIBRARY, REF
from tests.render.render import ROOT
from tools.reference import every_command

PACKAGE = tomllib.loads((ROOT / "plugin/pyproject.toml").read_text())["project"]
[HOOK] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())


def test_the_entry_is_an_existing_program_and_command() -> None:
    program, *command = HOOK["entry"].split()
    assert program in PACKAGE["scripts"] and HOOK["entry"] in dict(every_command())
    assert HOOK["id"] == "-".join([program, *command]) and HOOK["language"] == "python"


def test_the_pattern_matches_init_and_example_files() -> None:
    files = [path.relative_to(ROOT) for path in (ROOT / "examples").rglob("*") if path.is_file()]
    chosen = {path for path in files if re.search(HOOK["files"], str(path))}
    assert chosen == {path for path in files if path.name == EXPOSURE} and len(chosen) > 3
    assert re.search(HOOK["files"], EXPOSURE) and re.search(HOOK["files"], "a/b/exposure.yml")
    assert not any(
        re.search(HOOK["files"], name) for name in ("exposure.yaml.txt", "my-exposure.yaml", "exposure.json")
    )
    assert HOOK["types"] == ["yaml"]


def test_the_documented_configuration_names_the_hook() -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs/plugin.md").read_text(), re.M | re.S)
    [repository] = [yaml.safe_load(block)["repos"][0] for block in blocks if block.startswith("repos:")]
    assert repository == {"repo": LIBRARY, "rev": REF, "hooks": [{"id": HOOK["id"]}]}


def test_installing_the_root_installs_only_the_package(tmp_path: Path) -> None:
    core = ProjectMetadata(str(ROOT), PluginManager()).core
    [dependency] = core.dependencies
    name, _, address = dependency.partition(" @ ")
    assert name == PACKAGE["name"]
    assert Path(url2pathname(urlparse(address).path)).samefile(ROOT / "plugin")
    assert core.requires_python == PACKAGE["requires-python"]
    [wheel] = WheelBuilder(str(ROOT)).build(directory=str(tmp_path))
    assert all(".dist-info/" in member for member in zipfile.ZipFile(wheel).namelist())
