"""Renders, and changes of them for tests."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import yaml

from argocd_istio.explain import tree
from argocd_istio.explain.picture import Picture
from argocd_istio.lint.run import run
from argocd_istio.render.objects import Objects
from argocd_istio.render.ways import facts
from argocd_istio.syntax.source import Source, parse
from tests.render.consumer import one
from tests.render.render import Object, build

Breaking = Callable[[list[Object]], Any]
"""A change of a render."""


def source(objects: list[Object]) -> Source:
    return parse(yaml.dump_all(objects, Dumper=yaml.CSafeDumper).encode(), "render.yaml")


def explained(objects: list[Object], namespace: str = "istio-system") -> Picture:
    found = facts(Objects(source(objects)), namespace)
    return Picture(found, run(found))


def problems_of(objects: list[Object], namespace: str = "istio-system") -> list[str]:
    """The messages of the findings, without the fixes."""
    return [finding.message for finding in explained(objects, namespace).findings]


def overlay(mode: str) -> list[Object]:
    """A copy of the objects of a mode that a request meets, to break."""
    names = ("argocd", "argocd-server", "argocd-server-grpc", "argocd-cmd-params-cm")
    return [copy.deepcopy(item) for item in whole(mode) if item["metadata"]["name"] in names]


def whole(mode: str) -> list[Object]:
    return build(f"overlays/{mode}/without-crds")


def drawn(objects: list[Object]) -> str:
    return tree.draw(explained(objects))


def gateway(objects: list[Object]) -> Any:
    return one(objects, "Gateway")["spec"]


def routes(objects: list[Object]) -> Any:
    return one(objects, "VirtualService")["spec"]


def service(objects: list[Object], name: str = "argocd-server") -> Any:
    return one(objects, "Service", name)["spec"]


def container(objects: list[Object]) -> Any:
    return one(objects, "Deployment", "argocd-server")["spec"]["template"]["spec"]["containers"][0]


def parameters(objects: list[Object]) -> Any:
    return one(objects, "ConfigMap", "argocd-cmd-params-cm")["data"]


def rule(**more: Any) -> Object:
    """A DestinationRule of argocd-server."""
    metadata = {"name": "argocd-server", "namespace": "argocd"}
    spec = {"host": "argocd-server.argocd.svc.cluster.local", **more}
    return {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": metadata, "spec": spec}


def drop(kind: str, name: str) -> Callable[[list[Object]], None]:
    return lambda objects: objects.remove(one(objects, kind, name))


def plus(added: Object, change: Breaking | None = None) -> Breaking:
    """A change that adds an object, after changes of existing ones."""

    def breaking(objects: list[Object]) -> None:
        if change:
            change(objects)
        objects.append(added)

    return breaking
