"""Consumers written on the spot, and the places of a render that an Exposure must reach."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.render.render import ROOT, Object

MODES = ("passthrough", "termination", "grpc-routing")

EXPOSURE: Object = {
    "apiVersion": "argocd-istio.github.io/v1alpha1",
    "kind": "Exposure",
    "metadata": {"name": "argocd"},
    "spec": {
        "hosts": ["cd.marker.test"],
        "gateway": {"selector": {"istio": "marker-gateway"}},
        "tls": {"secretName": "marker-certificate"},
    },
}


def exposure(**spec: Any) -> Object:
    """The Exposure above with parts of its spec replaced; a part that is None is left out."""
    result = copy.deepcopy(EXPOSURE)
    result["spec"] |= spec
    result["spec"] = {key: value for key, value in result["spec"].items() if value is not None}
    return result


def write(folder: Path, kustomization: dict[str, Any], **files: Any) -> Path:
    """Write a kustomization and further YAML files (`exposure={...}` becomes exposure.yaml).

    Entries of `components` and `resources` that exist in the repository are written as the relative path to it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kustomization = {
        key: [_relative(entry, folder) for entry in value] if key in ("components", "resources") else value
        for key, value in kustomization.items()
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    for name, content in files.items():
        (folder / f"{name}.yaml").write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return folder


def _relative(entry: str, folder: Path) -> str:
    return os.path.relpath(ROOT / entry, folder) if (ROOT / entry).is_dir() else entry


def consumer(folder: Path, mode: str, exposed: Object, **more: Any) -> Path:
    """The two files of the README: a kustomization that lists one mode, and the Exposure."""
    component = {"resources": ["exposure.yaml"], "components": [f"components/{mode}"], **more}
    return write(folder, component, exposure=exposed)


def one(objects: list[Object], kind: str, name: str = "argocd") -> Object:
    """The object of that kind and name; fails unless there is exactly one."""
    found = [item for item in objects if item["kind"] == kind and item["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} objects {kind} {name}, expected 1"
    return found[0]


def assert_golden(found: str, name: str, folder: str = "tests/render/golden") -> None:
    """Compare with a golden file, which UPDATE_GOLDEN=1 writes. Raises AssertionError if they differ."""
    golden = ROOT / folder / name
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(found)
    assert found == golden.read_text(), f"UPDATE_GOLDEN=1 make check rewrites {name}; then read its diff"


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every scalar (and empty list or mapping) below `value` with its path."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}[{index}]")
    else:
        yield path, value


def title(item: Object) -> str:
    """`Kind namespace/name`, or `Kind name` for an object of the cluster."""
    metadata = item["metadata"]
    return f"{item['kind']} {'/'.join(filter(None, [metadata.get('namespace'), metadata['name']]))}"


def differences(before: list[Object], after: list[Object]) -> list[str]:
    """One line for each object or leaf that is only in one render, or has another value."""
    lines = []
    old, new = ({title(item): dict(leaves(item)) for item in side} for side in (before, after))
    for name in sorted(old.keys() | new.keys()):
        if name not in new or name not in old:
            lines.append(f"{'+' if name in new else '-'} {name}")
            continue
        for path in sorted(old[name].keys() | new[name].keys()):
            values = [side.get(path, "(absent)") for side in (old[name], new[name])]
            if values[0] != values[1]:
                lines.append(f"~ {name} {path}: {values[0]} -> {values[1]}")
    return lines
