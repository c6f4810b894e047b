"""The picture as plain data, for programs."""

from __future__ import annotations

import dataclasses
from typing import Any

from argocd_istio.explain.picture import Picture
from argocd_istio.lint.rule import Finding
from argocd_istio.render.objects import Place


def data(picture: Picture) -> dict[str, Any]:
    """All findings, and the ways; each fact has its place and the indexes, from 0, of the findings about it."""
    numbers = {id(finding): number for number, finding in enumerate(picture.findings)}
    return {
        "problems": [_finding(finding) for finding in picture.findings],
        "gateway_namespace": picture.facts.namespace or None,
        "ways": [_plain(way, picture, numbers) for way in picture.facts.ways],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        field.name: getattr(finding, field.name)
        for field in dataclasses.fields(finding)
        if field.name not in ("facts", "name", "place", "mends")
    }


def _plain(value: Any, picture: Picture, numbers: dict[int, int]) -> Any:
    if isinstance(value, tuple):
        return [_plain(each, picture, numbers) for each in value]
    if not dataclasses.is_dataclass(value):
        return value
    found = {
        field.name: _plain(getattr(value, field.name), picture, numbers)
        for field in dataclasses.fields(value)
        if field.compare
    }
    place = getattr(value, "place", None)
    if isinstance(place, Place):
        found["at"] = {"object": str(place.object), "path": place.path, "line": place.node.line}
    found["problems"] = [numbers[id(each)] for each in picture.at(value)]
    return found
