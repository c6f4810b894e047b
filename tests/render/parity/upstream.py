"""Upstream's install, and the differences of our render from it, one line each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from argocd_istio.drift.compare import (
    ABSENT,
    NAMESPACE,
    Deviation,
    compare,
    expected,
    repeated,
)
from argocd_istio.drift.deviations import DEVIATIONS, HA_DEVIATIONS
from argocd_istio.drift.deviations import released as images
from tests.render.render import Object, load
from tools.build import argocd_module
from tools.versions import argocd_image, module, release

HA = "ha/install.yaml"


@cache
def install(manifest: str = "install.yaml") -> tuple[Object, ...]:
    """The Namespace and a file of the pinned module's `manifests`, without CRDs, as `expected` makes them.

    `base/argocd` must render `install.yaml`; with `components/high-availability` it must render
    `ha/install.yaml`, outside Redis.
    """
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    upstream = load((argocd_module() / "manifests" / manifest).read_text())
    return tuple(expected(item) for item in [namespace, *upstream] if item["kind"] != "CustomResourceDefinition")


def released(upstream: Iterable[Object]) -> tuple[Deviation, ...]:
    """The image of every container with Argo CD, if the installed release is newer than the module."""
    reason = "the release is installed before its module is available"
    return images(list(upstream), argocd_image(module()), argocd_image(release()), reason)


def deviations(upstream: Iterable[Object], *, high_availability: bool = False) -> tuple[Deviation, ...]:
    """Every intended difference: the library's, and the image's tag if release and module differ."""
    return (*(HA_DEVIATIONS if high_availability else DEVIATIONS), *released(upstream))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:100]}... ({len(text)} characters)"


def differences(
    ours: Iterable[Object], upstream: Iterable[Object], declared: Iterable[Deviation] | None = None
) -> Iterator[str]:
    """One line for each difference that no deviation declares, and for each unused deviation.

    Declared are `deviations` of `upstream` unless others are given; `upstream` is as `expected` makes it.
    """
    left, right = list(upstream), list(ours)
    for side, items in (("upstream", left), ("ours", right)):
        for name, count in repeated(items).items():
            yield f"{name}: {count} objects of this name in {side}"
    found, unused = compare(right, left, deviations(left) if declared is None else declared)
    for one in found:
        if one.ours is ABSENT and not one.path:
            yield f"{one.object}: expected this object, found none"
        elif one.upstream is ABSENT and not one.path:
            yield f"{one.object}: expected no such object, found one"
        elif not one.reason:
            yield f"{one.object} {one.path}: expected {_short(one.upstream)}, found {_short(one.ours)}"
    for name, deviation in unused:
        yield f"{name} {deviation.path}: the declared deviation is not there, remove it from DEVIATIONS"
