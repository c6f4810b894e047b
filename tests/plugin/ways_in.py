"""Every component with a mode, and a consumer of each that states only what it reads."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

from argocd_istio.exposure.wired import (
    AMOUNTS,
    API,
    EXISTING,
    EXPOSURE_ONLY,
    LISTENERS,
    PARENT,
    WAYS,
    Wired,
    modes_of,
)
from tests.plugin.cases import exposure
from tests.render.consumer import write

COMPONENTS = [Wired(mode, way, amount) for way in ("", *WAYS) for mode in modes_of(way) for amount in ("", *AMOUNTS)]
SERVER = {"service": "cd-argocd-server", "labels": {"app.kubernetes.io/name": "argocd-server", "release": "cd"}}


GATEWAYS: dict[str, dict[str, Any]] = {
    EXISTING: {"existing": "edge/shared"},
    API: {"className": "istio"},
    PARENT: {"parent": {"name": "shared", "namespace": "edge", "sectionName": "https"}},
    LISTENERS: {"parent": {"name": "shared", "namespace": "edge"}},
}
"""What `spec.gateway` is for a way; for the others it is a selector."""


def folder_of(wired: Wired) -> str:
    return wired.folder(wired.amount)


def spec(wired: Wired) -> dict[str, Any]:
    """The least that a component requires."""
    found: dict[str, Any] = {"hosts": ["cd.acme.io"]}
    found["gateway"] = copy.deepcopy(GATEWAYS.get(wired.way, {"selector": {"istio": "edge"}}))
    if wired.certificate:
        found["tls"] = {"secretName": "a"}
    if wired.amount == EXPOSURE_ONLY:
        found["server"] = SERVER
    return found


def consumer(folder: Path, wired: Wired, changed: dict[str, Any] | None = None, **more: Any) -> Path:
    """A consumer of a component, with its own spec or another one."""
    text = exposure(yaml.safe_dump(changed or spec(wired)), "Exposure")
    lists = {"resources": ["exposure.yaml"], "components": [folder_of(wired)]} | more
    return write(folder, lists, exposure=text)
