"""The built wheel contains what a user needs, and installs into an environment without our packages."""

from __future__ import annotations

import subprocess
import tomllib
import zipfile
from pathlib import Path

from argocd_istio import __version__
from tests.plugin.cases import generator, resource_list
from tests.render.render import ROOT
from tools import plugin

PROJECT = tomllib.loads((ROOT / "plugin/pyproject.toml").read_text())["project"]


def test_the_wheel_contains_only_the_package(tmp_path: Path) -> None:
    built = plugin.build(tmp_path)
    names = {name for name in zipfile.ZipFile(built).namelist() if not name.split("/")[0].endswith(".dist-info")}
    package = ROOT / "plugin/src/argocd_istio"
    files = {path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert names == {f"argocd_istio/{path.relative_to(package)}" for path in files}
    assert {"argocd_istio/py.typed", "argocd_istio/exposure.schema.json"} <= names


def test_building_the_wheel_leaves_the_tree_unchanged(tmp_path: Path) -> None:
    status = ["git", "status", "--porcelain", "--ignored", "plugin"]
    before = subprocess.run(status, cwd=ROOT, capture_output=True, check=True).stdout
    plugin.build(tmp_path)
    assert subprocess.run(status, cwd=ROOT, capture_output=True, check=True).stdout == before


def test_the_version_is_stated_once() -> None:
    assert PROJECT["version"] == __version__


def test_all_programs_run_from_the_installed_package(installed: Path) -> None:
    assert set(PROJECT["scripts"]) == {"argocd-istio", "argocd-istio-generator", "argocd-istio-validator"}
    for name in PROJECT["scripts"]:
        command = [name, "--version"]
        result = subprocess.run(command, capture_output=True, text=True, check=True, env=plugin.environment(installed))
        assert __version__ in result.stdout


def test_the_function_runs_from_the_installed_package(installed: Path) -> None:
    data = resource_list(generator(hosts=["cd.acme.io"]))
    program = [str(installed / "argocd-istio-generator")]
    result = subprocess.run(program, input=data, capture_output=True, check=True, env=plugin.environment(installed))
    assert b"kind: Exposure\n" in result.stdout and result.stderr == b""
