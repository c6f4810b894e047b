"""The CRDs equal upstream's, in a shorter form."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.render.render import ROOT, Object, build, build_text, load
from tools import crds
from tools.build import ToolError, argocd_module, program

# The API server's limit for all annotations of an object together; client-side apply stores the object in one.
ANNOTATIONS_LIMIT = 262144

NESTED_TEMPLATE = re.compile(
    r"/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/generators/items/properties/(matrix|merge)"
    r"/properties/generators/items/properties/\w+/properties/template"
)


def by_kind(objects: list[Object]) -> dict[str, Object]:
    return {crd["spec"]["names"]["kind"]: crd for crd in objects}


def without_descriptions(value: Any) -> Any:
    """`value` without every description; a property *named* description is a mapping and stays."""
    if isinstance(value, list):
        return [without_descriptions(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: without_descriptions(part)
        for name, part in value.items()
        if name != "description" or not isinstance(part, str)
    }


def differences(left: Any, right: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every path where `right` differs from `left`, with the kind: `removed`, `added` or `changed`."""
    if isinstance(left, dict) and isinstance(right, dict):
        for name in sorted(left.keys() | right.keys()):
            if name not in right:
                yield f"{path}/{name}", "removed"
            elif name not in left:
                yield f"{path}/{name}", "added"
            else:
                yield from differences(left[name], right[name], f"{path}/{name}")
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for index, (one, other) in enumerate(zip(left, right, strict=True)):
            yield from differences(one, other, f"{path}/{index}")
    elif left != right or type(left) is not type(right):
        yield path, "changed"


def annotation_size(crd: Object) -> int:
    """Bytes of the annotation in which client-side apply stores the object."""
    return len(json.dumps(crd, separators=(",", ":")).encode())


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    return crds.files()


@pytest.fixture(scope="module")
def upstream() -> dict[str, Object]:
    install = load((argocd_module() / "manifests/install.yaml").read_text())
    return by_kind([item for item in install if item["kind"] == "CustomResourceDefinition"])


def test_full_equals_upstreams_install_except_descriptions(upstream: dict[str, Object]) -> None:
    ours = by_kind(build("base/crds/full"))
    assert sorted(ours) == sorted(upstream) == ["AppProject", "Application", "ApplicationSet"]
    for kind, crd in upstream.items():
        assert list(differences(without_descriptions(crd), ours[kind])) == []


def test_default_crds_omit_only_sixteen_unused_templates() -> None:
    full, default = by_kind(build("base/crds/full")), by_kind(build("base/crds"))
    changes = list(differences(full.pop("ApplicationSet"), default.pop("ApplicationSet")))
    templates = [path for path, how in changes if how == "removed" and NESTED_TEMPLATE.fullmatch(path)]
    assert len(templates) == 16
    assert [change for change in changes if change[0] not in templates] == [("/metadata/annotations", "added")]
    assert default == full


def test_nothing_requires_a_template_that_was_dropped() -> None:
    default = by_kind(build("base/crds"))["ApplicationSet"]
    schema = default["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    generators = schema["properties"]["spec"]["properties"]["generators"]["items"]["properties"]
    for outer in ("matrix", "merge"):
        nested = generators[outer]["properties"]["generators"]["items"]["properties"]
        assert len(nested) >= 8
        assert [name for name, generator in nested.items() if "template" in generator.get("required", [])] == []
    assert list(default["metadata"]["annotations"]) == [crds.TRIMMED]


def test_only_default_crds_fit_client_side_apply() -> None:
    for crd in build("base/crds"):
        # Room for what others may annotate.
        assert annotation_size(crd) < 0.75 * ANNOTATIONS_LIMIT, crd["metadata"]["name"]
    assert annotation_size(by_kind(build("base/crds/full"))["ApplicationSet"]) > ANNOTATIONS_LIMIT


@pytest.mark.parametrize("folder", ["base/crds", "base/crds/full"])
def test_anchors_change_no_byte_of_the_output(folder: str, tmp_path: Path) -> None:
    names = yaml.safe_load((ROOT / folder / "kustomization.yaml").read_text())["resources"]
    for name in names:
        crd = yaml.load((ROOT / folder / name).read_bytes(), yaml.CSafeLoader)
        # JSON has no anchors, and is YAML.
        (tmp_path / Path(name).name).write_text(json.dumps(crd, indent=1))
    (tmp_path / "kustomization.yaml").write_text(json.dumps({"resources": [Path(name).name for name in names]}))
    plain = build_text(tmp_path)
    assert build_text(folder) == plain
    kubectl = [str(program("kubectl")), "kustomize", str(ROOT / folder)]
    assert subprocess.run(kubectl, capture_output=True, text=True, check=True).stdout == plain


def test_committed_crds_match_the_go_types(
    generated: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(crds, "files", lambda: generated)
    crds.verify()
    lines = {name: text.count("\n") for name, text in generated.items()}
    full = sum(count for name, count in lines.items() if name.startswith("full/"))
    assert full < 2500
    with capsys.disabled():
        print(f"\nCRD lines: the three full ones {full}, the trimmed ApplicationSet {lines['applicationset.yaml']}")


@pytest.mark.parametrize("name", ["full/application.yaml", "applicationset.yaml"])
def test_verify_names_edited_or_missing_files(
    name: str, generated: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(crds, "files", lambda: generated)
    shutil.copytree(crds.CRDS, tmp_path / "crds")
    broken = tmp_path / "crds" / name
    broken.write_text(broken.read_text().replace("scope: Namespaced", "scope: Cluster"))
    with pytest.raises(ToolError, match=rf"^{re.escape(str(broken))}: does not match .*make update-crds"):
        crds.verify(tmp_path / "crds")
    broken.unlink()
    with pytest.raises(ToolError, match=rf"^{re.escape(str(broken))}: not found; .*make update-crds"):
        crds.verify(tmp_path / "crds")
