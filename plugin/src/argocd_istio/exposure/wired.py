"""Which component a consumer lists: the way in, the mode and the amount, and which fields of the Exposure it reads.

The folders are `components/[WAY/]MODE[/AMOUNT]`.
"""

from __future__ import annotations

import re

from argocd_istio.exposure.fields import MODES, PASSTHROUGH

EXISTING, BALANCER = WAYS = ("existing-gateway", "behind-load-balancer")
"""The ways in besides a Gateway of this library that ends TLS or passes it through."""
WITHOUT_CRDS, EXPOSURE_ONLY = AMOUNTS = ("without-crds", "exposure-only")

FOLDER = rf"(?:({'|'.join(WAYS)})/)?({'|'.join(MODES)})(?:/({'|'.join(AMOUNTS)}))?"
"""A pattern of the folders below `components`; its groups are way, mode and amount."""

NO_PASSTHROUGH = "the gateway gets no TLS to pass through, because the load balancer ends it"
"""Why there is no passthrough behind a load balancer."""


def modes_of(way: str) -> tuple[str, ...]:
    """The modes that a way in has."""
    return tuple(mode for mode in MODES if way != BALANCER or mode != PASSTHROUGH)


class Wired:
    """A listed component. `way` is "" for a Gateway of this library, `amount` is "" for an install with CRDs."""

    __slots__ = ("amount", "mode", "way")

    def __init__(self, mode: str, way: str = "", amount: str = "") -> None:
        self.mode, self.way, self.amount = mode, way, amount

    @property
    def title(self) -> str:
        """The folder, without `without-crds`, which makes no difference to an Exposure."""
        only = EXPOSURE_ONLY if self.amount == EXPOSURE_ONLY else ""
        return "/".join(filter(None, ("components", self.way, self.mode, only)))

    @property
    def certificate(self) -> bool:
        """Whether it reads the Secret of the certificate."""
        return not self.way and self.mode != PASSTHROUGH

    @property
    def required(self) -> tuple[str, ...]:
        """The fields that only some components read, and that this one requires."""
        existing = ("spec.gateway.existing",) if self.way == EXISTING else ()
        return (*existing, *(_SERVER if self.amount == EXPOSURE_ONLY else ()))

    @property
    def unread(self) -> dict[str, str]:
        """The fields that it does not read, each with the reason or with what to do."""
        found: dict[str, str] = {}
        if self.way == EXISTING:
            found["spec.gateway.selector"] = "remove it: the owner of the Gateway chooses its pods"
        else:
            found["spec.gateway.existing"] = (
                f"remove it, or list components/{EXISTING}/{self.mode}: this component has a Gateway of its own"
            )
        if self.way:
            whose = "the owner of the Gateway names it there" if self.way == EXISTING else "the load balancer has it"
            found["spec.tls.secretName"] = f"remove it: {whose}"
            if self.way == EXISTING:
                found["spec.tls.secretNames"] = f"remove it: {whose}"
        if self.amount == EXPOSURE_ONLY:
            found["spec.url"] = "remove it, and set url in argocd-cm of that install"
        else:
            hint = f"remove it, or list {self.folder(EXPOSURE_ONLY)}: this component installs argocd-server"
            found |= dict.fromkeys(_SERVER, hint)
        return found

    def folder(self, amount: str) -> str:
        """The folder with another amount."""
        return "/".join(filter(None, ("components", self.way, self.mode, amount)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Wired) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[str, str, str]:
        return self.mode, self.way, self.amount


_SERVER = ("spec.server.service", "spec.server.labels")


def wired(folder: str) -> Wired | None:
    """The component of a folder below `components`; None if it is no mode."""
    found = re.fullmatch(FOLDER, folder)
    return Wired(found[2], found[1] or "", found[3] or "") if found else None
