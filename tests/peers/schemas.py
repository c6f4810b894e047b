"""JSON Schemas for kubeconform, from the pinned modules: it would fetch them from the network.

Kubernetes' own kinds from its OpenAPI, the others from CRDs. Fields that a schema does not have are refused, as
kubeconform's `-strict` does; null is accepted where a field may be absent, because the API server drops it. CEL rules
of CRDs have no form in JSON Schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tools.build import NEWEST_GATEWAY_API, argocd_module, gateway_api_crds, istio_module, module_dir

LOCATION = "{{.ResourceKind}}-{{.Group}}-{{.ResourceAPIVersion}}.json"
"""kubeconform's template for the file of a kind; the group of core is its version."""

Schema = dict[str, Any]

_ONE_OF = {
    "int-or-string": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
    "quantity": {"oneOf": [{"type": "string"}, {"type": "number"}]},
}


def write(folder: Path) -> list[str]:
    """Write a schema for each kind to the folder, and return the kinds' names with group and version."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for group, version, kind, schema in (*_kubernetes(), *_crds()):
        (folder / f"{kind.lower()}-{group or version}-{version}.json").write_text(json.dumps(schema))
        names.append(f"{group}/{version} {kind}" if group else f"{version} {kind}")
    return sorted(names)


def _kubernetes() -> Iterator[tuple[str, str, str, Schema]]:
    file = module_dir("kubernetes", "k8s.io/kubernetes") / "api/openapi-spec/swagger.json"
    definitions = json.loads(file.read_text())["definitions"]
    strict = {name: _strict(schema) for name, schema in definitions.items()}
    strict["io.k8s.apimachinery.pkg.api.resource.Quantity"] = _ONE_OF["quantity"]
    for name, schema in definitions.items():
        for kind in schema.get("x-kubernetes-group-version-kind", ()):
            used = _used(name, strict)
            whole = {"$ref": f"#/definitions/{name}", "definitions": {each: strict[each] for each in sorted(used)}}
            yield kind["group"], kind["version"], kind["kind"], whole


def _used(name: str, definitions: dict[str, Schema]) -> set[str]:
    """The definitions that one leads to, and itself."""
    found, left = {name}, [name]
    while left:
        for other in re.findall(r'"#/definitions/([^"]+)"', json.dumps(definitions[left.pop()])):
            if other not in found:
                found.add(other)
                left.append(other)
    return found


def _crds() -> Iterator[tuple[str, str, str, Schema]]:
    files = [
        istio_module() / "manifests/charts/base/files/crd-all.gen.yaml",
        *sorted(gateway_api_crds(NEWEST_GATEWAY_API).glob("*.yaml")),
        *sorted((argocd_module() / "manifests/crds").glob("*-crd.yaml")),
    ]
    for file in files:
        for crd in yaml.load_all(file.read_text(), yaml.CSafeLoader):
            if not crd or crd["kind"] != "CustomResourceDefinition":
                continue
            for version in crd["spec"]["versions"]:
                schema = _strict(version["schema"]["openAPIV3Schema"])
                root = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
                schema["properties"] = {**schema["properties"], **root}
                yield crd["spec"]["group"], version["name"], crd["spec"]["names"]["kind"], schema


def _strict(schema: Schema, *, optional: bool = False) -> Schema:
    """The schema in the words of JSON Schema."""
    if schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string":
        return {"oneOf": [*_ONE_OF["int-or-string"]["oneOf"], *([{"type": "null"}] if optional else [])]}
    made = {key: value for key, value in schema.items() if not key.startswith("x-") and key != "nullable"}
    required = made.get("required", [])
    if "properties" in made:
        made["properties"] = {
            name: _strict(each, optional=name not in required) for name, each in made["properties"].items()
        }
        if not schema.get("x-kubernetes-preserve-unknown-fields") and made.get("type") == "object":
            made.setdefault("additionalProperties", False)
    for key in ("items", "additionalProperties", "not"):
        if isinstance(made.get(key), dict):
            made[key] = _strict(made[key])
    for key in ("allOf", "anyOf", "oneOf"):
        if key in made:
            made[key] = [_strict(each) for each in made[key]]
    if "$ref" in made and optional:
        return {"oneOf": [{"$ref": made["$ref"]}, {"type": "null"}]}
    if isinstance(made.get("type"), str) and (optional or schema.get("nullable")):
        made["type"] = [made["type"], "null"]
        if "enum" in made:
            made["enum"] = [*made["enum"], None]
    return made
