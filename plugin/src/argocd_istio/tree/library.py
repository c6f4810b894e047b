"""References to this library: by address, or as folders of a checkout."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath

from argocd_istio.exposure.fields import MODES, PASSTHROUGH
from argocd_istio.exposure.wired import (
    API,
    BALANCER,
    EXPOSURE_ONLY,
    GATEWAY_API,
    GATEWAY_API_OPTIONS,
    LISTENERS,
    LOGINS,
    Wired,
    modes_of,
    way_of,
    wired,
)
from argocd_istio.files import FileError, read

MODE, OVERLAY, OPTION, BASE, CRDS, WIRING, OTHER = "mode", "overlay", "option", "base", "crds", "wiring", "other"
UPSTREAM, MISTAKE = "upstream", "mistake"

INSTALLS = (MODE, OVERLAY, BASE, UPSTREAM)
"""Parts with the objects of an install, or of its exposure."""

INSTANCE = "instance"
OPTIONS = ("high-availability", INSTANCE, "mesh", "mesh-scraper", *GATEWAY_API_OPTIONS, *LOGINS.values())
"""The components that are listed after the mode."""

API_GATEWAY = "Gateway.gateway.networking.k8s.io"
"""The kind of the Gateway API that has the name of a kind of Istio."""
EXPOSING = ("Gateway", "VirtualService", "Sidecar", API_GATEWAY, "ListenerSet", "HTTPRoute", "TLSRoute")
"""The kinds of objects that expose an install."""

BRANCHES = ("main", "master", "HEAD", "stable")
"""Common names of branches, and of a tag that upstream moves: their content changes."""
_REMOTE = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://|git::|[\w.-]+@[\w.-]+[:/]|(?:www\.)?(?:github|gitlab)\.com/)")
_SCHEME = re.compile(r"(?:git::)?(?:[A-Za-z][A-Za-z0-9+.-]*://)?")
_UPSTREAM = re.compile(r"(?i)argoproj/argo-cd(?:\.git)?/.*manifests(?:/|$)")
_WITHOUT = "/without-crds"
_DEPTH = 5
"""The most folders of a path in the repository."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A part of this library, or upstream's install.

    `name` is the mode or option, or the path of a folder that the library does not have; `wired` is a listed mode with
    its way and amount. `crds` is whether it includes the CRDs. `ref` is None for a folder, else the ref in
    the address ("" for none).
    """

    part: str
    name: str
    crds: bool
    ref: str | None = None
    wired: Wired | None = None

    @property
    def exposes_only(self) -> bool:
        """Whether it exposes an install that it does not bring."""
        return bool(self.wired and self.wired.amount == EXPOSURE_ONLY)

    def brings(self, kind: str, name: str = "") -> bool:
        """Whether it has objects of that kind, which installs have; with `name` an object of that name."""
        if self.part not in INSTALLS or self.name == "crds":
            return False
        if kind in EXPOSING:
            return self.part != UPSTREAM and self._exposes(kind, name)
        if kind == "Namespace":
            return self.part != UPSTREAM and not self.exposes_only
        return not self.exposes_only

    def _exposes(self, kind: str, name: str) -> bool:
        """Whether its way has that object."""
        way, mode = (self.wired.way, self.wired.mode) if self.wired else ("", self.name)
        redirect = way in (API, LISTENERS) and name in ("", "argocd-redirect")
        return {
            "Gateway": way in ("", BALANCER),
            "VirtualService": way not in GATEWAY_API,
            API_GATEWAY: way == API,
            "ListenerSet": way == LISTENERS,
            "HTTPRoute": redirect or (way in GATEWAY_API and mode != PASSTHROUGH and name in ("", "argocd")),
            "TLSRoute": way in GATEWAY_API and mode == PASSTHROUGH,
        }.get(kind, True)

    @property
    def title(self) -> str:
        """The name in messages."""
        if self.part == UPSTREAM:
            return "upstream's install" if self.name != "crds" else "upstream's CRDs"
        if self.wired:
            return self.wired.title
        if self.part == MISTAKE:
            return self.name
        folders = {OVERLAY: f"overlays/{self.name}", BASE: "base", CRDS: "base/crds"}
        return folders.get(self.part, f"components/{self.name}")


def is_remote(text: str) -> bool:
    """Whether kustomize would fetch it if no file or folder has that name."""
    return bool(_REMOTE.match(text))


def remote(text: str) -> Reference | None:
    """The part of the library at an address; None for any other address. Forks and mirrors are recognized by the path.

    An address has its repository before `//`, `.git/` or `?`, as in repospec.go of kustomize.
    """
    address, _, query = text.partition("?")
    address = address[_SCHEME.match(address).end() :]  # type: ignore[union-attr]
    if _UPSTREAM.search(address):
        return _upstream(address)
    repository, path = _split(address)
    found = _part(path, _ref(query))
    ours = "argocd-istio" in repository.rpartition("/")[2]
    own = found and (found.part in (MODE, MISTAKE) or found.name in (*MODES, *OPTIONS))
    return found if ours or own else None


def ref_of(text: str) -> str | None:
    """The ref in an address, "" for none. Of a file's address it is a branch in the path, None if there is none."""
    address, _, query = text.partition("?")
    if address.endswith((".yaml", ".yml", ".json")):
        return next((part for part in address.split("/") if part in BRANCHES), None)
    return _ref(query)


def _ref(query: str) -> str:
    ref = next((value for key, _, value in (pair.partition("=") for pair in query.split("&")) if key == "ref"), "")
    return ref or next((one.partition("=")[2] for one in query.split("&") if one.startswith("version=")), "")


def _split(address: str) -> tuple[str, str]:
    for mark in ("//", ".git/"):
        before, sign, path = address.partition(mark)
        if sign:
            return before, path.strip("/")
    parts = address.split("/")
    return "/".join(parts[:3]), "/".join(parts[3:])


def _upstream(address: str) -> Reference:
    path = address.partition("manifests")[2].strip("/")
    return Reference(UPSTREAM, "crds" if path.startswith("crds") else "", "namespace-install" not in path)


def _part(path: str, ref: str | None) -> Reference | None:
    """The part of the library at a path of its repository."""
    path = os.path.normpath(path) if path else ""
    if found := _component(path, ref):
        return found
    crds = not path.endswith(_WITHOUT)
    folder, _, name = path.removesuffix(_WITHOUT).partition("/")
    if path == "base":
        return Reference(BASE, "", False, ref)
    if path in ("base/crds", "base/crds/full"):
        return Reference(CRDS, "", True, ref)
    if folder == "overlays" and name in MODES:
        return Reference(OVERLAY, name, crds, ref)
    if folder == "components" and name and "/" not in name:
        return Reference(WIRING if name == "exposure" else OPTION, name, False, ref)
    return None


def _component(path: str, ref: str | None) -> Reference | None:
    """A mode at a path of the repository, or a mistake: a way without a mode, or with a mode that it does not have."""
    above, _, folder = path.partition("/")
    if above != "components":
        return None
    found = wired(folder)
    if found and found.mode in modes_of(found.way):
        return Reference(MODE, found.mode, not found.amount, ref, found)
    if folder in (*GATEWAY_API_OPTIONS, *LOGINS.values()):
        return Reference(OPTION, folder, False, ref)
    return Reference(MISTAKE, path, False, ref) if way_of(folder) else None


def local(real: str) -> Reference | None:
    """The part of the library at a folder's real path; None outside a checkout of this library."""
    folder = PurePath(real)
    for above in list(folder.parents)[:_DEPTH]:
        path = folder.relative_to(above).as_posix()
        if path.partition("/")[0] in ("components", "overlays", "base") and is_checkout(str(above)):
            return _part(path, None) or Reference(OTHER, path, False)
    return None


@lru_cache(maxsize=256)
def is_checkout(folder: str) -> bool:
    """Whether a folder is a checkout of this library: it has the component that wires an Exposure."""
    try:
        wiring = read(os.path.join(folder, "components", "exposure", "kustomization.yaml"))  # noqa: PTH118
    except (FileError, ValueError):
        return False
    return b"argocd-istio.github.io" in wiring and os.path.isdir(os.path.join(folder, "overlays"))  # noqa: PTH112, PTH118
