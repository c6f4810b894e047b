"""The JSON Schema of Exposure and ExposureGenerator, made from the table of fields, for editors.

It covers names, types, patterns and the fields of each kind. `argocd-istio check` checks more.
"""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

from argocd_istio import API_VERSION
from argocd_istio.exposure.fields import (
    FIELDS,
    GENERATED,
    GENERATOR,
    KINDS,
    MODE,
    MODE_LABEL,
    MODES,
    NAME,
    PARENT_GROUP,
    PARENT_KIND,
    PARENT_KINDS,
    PASSTHROUGH,
    PLAIN,
    Field,
    Text,
)
from argocd_istio.exposure.names import PARENT_GROUPS

REPOSITORY = "https://raw.githubusercontent.com/argocd-istio/argocd-istio"
FILE = "exposure.schema.json"

Schema = dict[str, Any]


def modeline(ref: str) -> str:
    """The first line of a YAML file, with the address of its schema for editors; `ref` is a tag or branch."""
    return f"# yaml-language-server: $schema={REPOSITORY}/{ref}/plugin/src/argocd_istio/{FILE}"


def text() -> str:
    """The text of the schema file."""
    return json.dumps(schema(), indent=2) + "\n"


def schema() -> Schema:
    """The schema in JSON Schema draft 7, which editors support best."""
    texts: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
    metadata: Schema = {"name": _text(NAME), "namespace": {"type": "string"}, "labels": texts, "annotations": texts}
    spec = _object()
    for field in FIELDS:
        _put(spec, field.path.split(".")[1:], _field(field), field.required)
    for path, (shape, about) in _GENERATED.items():
        _put(spec, path.split(".")[1:], {"type": shape, "description": about})
    kind: Schema = {"enum": list(KINDS), "description": f"{GENERATOR} under generators:, {PLAIN} under resources:."}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        # An identity, not an address to read: it is the same in every version.
        "$id": f"{REPOSITORY}/main/plugin/src/argocd_istio/{FILE}",
        "title": PLAIN,
        "description": "How Argo CD is exposed by argocd-istio.",
        **_object(apiVersion={"const": API_VERSION}, kind=kind, metadata=_object("name", **metadata), spec=spec),
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "allOf": [*_agreement(), *_kinds()],
    }


_GENERATED = {
    "spec.address": ("string", "Written by the generator: the public address without https://."),
    "spec.additionalUrls": ("string", "Written by the generator: the further addresses, a YAML list as text."),
    "spec.gateway.servers": ("array", "Written by the generator: the Gateway's servers, one for each certificate."),
    "spec.gateway.listeners": (
        "array",
        "Written by the generator: the listeners of the Gateway or ListenerSet, one for each host.",
    ),
}


def _object(*required: str, **properties: Any) -> Schema:
    result: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
    if required:
        result["required"] = list(required)
    return result


def _put(parent: Schema, path: list[str], value: Schema, required: bool = False) -> None:
    for name in path[:-1]:
        parent = parent["properties"].setdefault(name, _object())
    parent["properties"][path[-1]] = value
    if required:
        parent.setdefault("required", []).append(path[-1])


def _text(kind: Text) -> Schema:
    return {"type": "string", "pattern": f"^(?:{kind.pattern})$", "maxLength": kind.longest}


def _field(field: Field) -> Schema:
    enums = {MODE: MODES, PARENT_GROUP: PARENT_GROUPS, PARENT_KIND: PARENT_KINDS}
    value: Schema = {"enum": list(enums[field.value])} if field.value in enums else _text(field.value)
    if field.shape == "list":
        value = {"type": "array", "minItems": 1, "uniqueItems": True, "items": value}
    elif field.key:
        names = _text(field.key)
        value = {"type": "object", "minProperties": 1, "propertyNames": names, "additionalProperties": value}
    value["description"] = field.about
    return value | ({"default": field.default} if field.default else {})


def _at(path: str, value: Schema | bool, *, present: bool = False) -> Schema:
    """A schema that applies `value` to one field, and with `present` requires the field."""
    first, _, rest = path.partition(".")
    result: Schema = {"properties": {first: _at(rest, value, present=present) if rest else value}}
    if present:
        result["required"] = [first]
    return result


def _stated(path: str) -> Schema:
    return _at(path, True, present=True)


def _if(condition: Schema, *then: Schema, otherwise: Schema | None = None) -> Schema:
    return {"if": condition, "then": {"allOf": list(then)}} | ({"else": otherwise} if otherwise else {})


def _agreement() -> list[Schema]:
    """The rules between fields."""
    passthrough = _at("spec.mode", {"const": PASSTHROUGH}, present=True)
    gateways = [_stated(f"spec.gateway.{key}") for key in ("existing", "className", "parent")]
    service, labels = (_stated(f"spec.server.{key}") for key in ("service", "labels"))
    return [
        *({"not": {"allOf": [*both]}} for both in combinations(gateways, 2)),
        _if(service, labels),
        _if(labels, service),
        _if(passthrough, _at("spec.tls.secretName", False), _at("spec.tls.secretNames", False)),
        _if(_stated("spec.tls.secretNames"), _stated("spec.mode")),
    ]


def _kinds() -> list[Schema]:
    """The rules for each kind."""
    labels = [*GENERATED.values(), MODE_LABEL]
    none = {"properties": {"metadata": {"properties": {"labels": {"properties": dict.fromkeys(labels, False)}}}}}
    plain = [_at(field.path, False) for field in FIELDS if not field.plain]
    made = [_if(_label(label), _stated(path), otherwise=_at(path, False)) for path, label in GENERATED.items()]
    # The owner of an existing Gateway states its selector there, and one of the Gateway API has none.
    needed = {"anyOf": [_stated(f"spec.gateway.{key}") for key in ("selector", "existing", "className", "parent")]}
    return [_if(_at("kind", {"const": GENERATOR}, present=True), none, otherwise={"allOf": [*plain, needed]}), *made]


def _label(label: str) -> Schema:
    labels = {"properties": {label: {"const": "generated"}}, "required": [label]}
    return _at("metadata.labels", labels, present=True)
