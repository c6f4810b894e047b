"""YAML documents merged into objects, as the examples of the rules and the seeded faults state a change."""

from __future__ import annotations

import copy
from typing import Any

import yaml

from tests.render.render import Object

CLUSTER = {
    "ClusterIssuer",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "GatewayClass",
    "Namespace",
}
"""The kinds of objects without a namespace."""


def merged(objects: list[Object], text: str) -> list[Object]:
    """The objects with the documents merged in by kind, name and namespace (default argocd); the given ones stay.

    Mappings merge, other values replace, null removes. A mapping with numbers as keys changes these entries of a list,
    and adds one if the number is past its end. An unknown object is added, and `$delete: true` removes one.
    """
    result = list(objects)
    for document in filter(None, yaml.safe_load_all(text)):
        same = [at for at, each in enumerate(result) if _key(each) == _key(document) and _group_fits(each, document)]
        if document.pop("$delete", False):
            assert same, f"no {document['kind']} {document['metadata']['name']} to remove"
            del result[same[0]]
        elif same:
            result[same[0]] = copy.deepcopy(result[same[0]])
            _merge(result[same[0]], document)
        else:
            result.append(_added(document))
    return result


def _added(document: Object) -> Object:
    metadata = document["metadata"] if document["kind"] in CLUSTER else {"namespace": "argocd", **document["metadata"]}
    return {**document, "metadata": {key: value for key, value in metadata.items() if value is not None}}


def _key(item: Object) -> tuple[str, str, str]:
    return item["kind"], item["metadata"]["name"], item["metadata"].get("namespace") or "argocd"


def _group_fits(item: Object, document: Object) -> bool:
    """Whether the document names no API group, or the object's: Istio and the Gateway API both have a Gateway."""
    groups = [each.get("apiVersion", "").split("/")[0] for each in (item, document)]
    return "apiVersion" not in document or groups[0] == groups[1]


def _merge(into: dict[Any, Any], more: dict[Any, Any]) -> None:
    for key, value in more.items():
        old = into.get(key)
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict) and isinstance(old, list) and all(isinstance(at, int) for at in value):
            into[key] = _merged_list(old, value)
        elif isinstance(value, dict) and isinstance(old, dict):
            _merge(old, value)
        else:
            into[key] = copy.deepcopy(value)


def _merged_list(old: list[Any], changes: dict[int, Any]) -> list[Any]:
    entries = dict(enumerate(old))
    _merge(entries, changes)
    return [entries[at] for at in sorted(entries)]
