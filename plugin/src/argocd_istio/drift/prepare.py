"""Prepares objects for comparison: adds the API's defaults, removes descriptions and what a cluster writes."""

from __future__ import annotations

import base64
from typing import Any

from argocd_istio.drift.compare import CLUSTER_SCOPED, Object
from argocd_istio.drift.defaults import DEFAULTS, copy, defaulted

# What an API server writes into an object that it keeps, and what it allocates to a Service.
_WRITTEN = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid")
_ALLOCATED = ("clusterIPs", "ipFamilies", "ipFamilyPolicy")
_NOTES = ("kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision")

CORE = frozenset({"", "apps", "apiextensions.k8s.io", "networking.k8s.io", "rbac.authorization.k8s.io"})
"""The API groups of an official install, whose kinds need no group to be known."""


def without_descriptions(value: Any) -> Any:
    """A copy without `description` texts; a property with that name is a mapping and stays."""
    if isinstance(value, dict):
        return {
            key: without_descriptions(item)
            for key, item in value.items()
            if key != "description" or not isinstance(item, str)
        }
    return [without_descriptions(item) for item in value] if isinstance(value, list) else value


def group(item: Object) -> str:
    """The API group; "" for Kubernetes' core."""
    return str(item.get("apiVersion", "")).rpartition("/")[0]


def _from_cluster(item: Object) -> None:
    """Remove the fields that an API server writes."""
    metadata = item["metadata"]
    for key in _NOTES:
        metadata.get("annotations", {}).pop(key, None)
    if "uid" not in metadata:
        return
    item.pop("status", None)
    for key in _WRITTEN:
        metadata.pop(key, None)
    spec = item.get("spec")
    if item["kind"] == "Service" and isinstance(spec, dict):
        for key in (*_ALLOCATED, *(["clusterIP"] if spec.get("clusterIP") != "None" else [])):
            spec.pop(key, None)


def _with_data(item: Object) -> None:
    """Give a ConfigMap or Secret its data as a mapping, that of a Secret in one encoding."""
    data = item.setdefault("data", {})
    texts = item.get("stringData")
    if item["kind"] == "Secret" and isinstance(data, dict) and isinstance(texts, dict):
        for key, text in item.pop("stringData").items():
            data[key] = base64.b64encode(str(text).encode()).decode()


def prepared(item: Object, namespace: str = "", own: str = "") -> Object:
    """A copy of an object as `compare` takes it.

    `own` is the namespace of its install, "" if the install names none; it becomes `namespace`.
    `kind` is a text, `metadata` a mapping, as are labels and annotations where they are.
    """
    kind = item["kind"]
    result: Object = without_descriptions(item) if kind == "CustomResourceDefinition" else copy(item)
    metadata = result["metadata"]
    _from_cluster(result)
    if namespace:
        there = metadata.get("namespace")
        # If the others state a namespace, kubectl would put an object without one elsewhere.
        if there == own if own else not there and kind in DEFAULTS and kind not in CLUSTER_SCOPED:
            metadata["namespace"] = namespace
    known = kind in DEFAULTS and group(item) in CORE
    if known:
        result = defaulted(result)
        metadata = result["metadata"]
    # An empty mapping means the same as none; with it, a key on one side only is a difference of that one field.
    places = [metadata]
    template = result.get("spec", {}).get("template") if isinstance(result.get("spec"), dict) else None
    if known and isinstance(template, dict) and isinstance(template.setdefault("metadata", {}), dict):
        places.append(template["metadata"])
    for place in places:
        for key in ("labels", "annotations"):
            place.setdefault(key, {})
    if known and kind in ("ConfigMap", "Secret"):
        _with_data(result)
    return result
