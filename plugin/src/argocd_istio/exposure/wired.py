"""Which component a consumer lists: the way in, the mode and the amount, and which fields of the Exposure it reads.

The folders are `components/[WAY/]MODE[/AMOUNT]`.
"""

from __future__ import annotations

import re

from argocd_istio.exposure.fields import MODES, PASSTHROUGH

EXISTING, BALANCER = ("existing-gateway", "behind-load-balancer")
API, PARENT, LISTENERS = GATEWAY_API = ("gateway-api", "gateway-api/existing-gateway", "gateway-api/listener-set")
"""A Gateway of our own of the Gateway API, a listener of somebody else, our listeners on somebody else's Gateway."""
WAYS = (EXISTING, BALANCER, *GATEWAY_API)
"""The ways in besides an Istio Gateway of this library that ends TLS or passes it through."""
REDIRECT, NO_RETRIES = GATEWAY_API_OPTIONS = ("gateway-api/redirect", "gateway-api/no-retries")
"""The components for one of these ways, listed after the mode."""
LOGIN = "edge-login"
POLICY = f"argocd-{LOGIN}"
"""The name of the login's objects, such as its AuthorizationPolicy."""
LOGINS = {way: "/".join(filter(None, (way, LOGIN))) for way in ("", *WAYS)}
"""The login in front of Argo CD, listed after the mode, by way."""
WITHOUT_CRDS, EXPOSURE_ONLY = AMOUNTS = ("without-crds", "exposure-only")

FOLDER = rf"(?:({'|'.join(WAYS)})/)?({'|'.join(MODES)})(?:/({'|'.join(AMOUNTS)}))?"
"""A pattern of the folders below `components`; its groups are way, mode and amount."""

NO_PASSTHROUGH = "the gateway gets no TLS to pass through, because the load balancer ends it"
"""Why there is no passthrough behind a load balancer."""


OLD_CRDS = "Istio 1.30 and newer ignores TLSRoute and ReferenceGrant if the CRDs are older than Gateway API 1.5"
NEW_CRDS = "ListenerSet requires the CRDs of Gateway API 1.5 or newer"
"""What a render does not show: the versions of the CRDs."""


def way_of(folder: str) -> str:
    """The longest way that a folder below `components` begins with, "" for none."""
    return max((way for way in WAYS if f"{folder}/".startswith(f"{way}/")), key=len, default="")


def modes_of(way: str) -> tuple[str, ...]:
    """The modes that a way in has."""
    return tuple(mode for mode in MODES if way != BALANCER or mode != PASSTHROUGH)


class Wired:
    """A listed component. `way` is "" for a Gateway of this library, `amount` is "" for an install with CRDs.

    `login` is whether the login of the way is listed after it.
    """

    __slots__ = ("amount", "login", "mode", "way")

    def __init__(self, mode: str, way: str = "", amount: str = "", *, login: bool = False) -> None:
        self.mode, self.way, self.amount, self.login = mode, way, amount, login

    @property
    def title(self) -> str:
        """The folder, without `without-crds`, which makes no difference to an Exposure."""
        only = EXPOSURE_ONLY if self.amount == EXPOSURE_ONLY else ""
        return "/".join(filter(None, ("components", self.way, self.mode, only)))

    @property
    def certificate(self) -> bool:
        """Whether it reads the Secret of the certificate."""
        return self.way in ("", API, LISTENERS) and self.mode != PASSTHROUGH

    @property
    def required(self) -> tuple[str, ...]:
        """The fields that only some components read, and that this one requires."""
        return (*_REQUIRED.get(self.way, ()), *(_SERVER if self.amount == EXPOSURE_ONLY else ()))

    @property
    def unread(self) -> dict[str, str]:
        """The fields that it does not read, each with the reason or with what to do."""
        found: dict[str, str] = {}
        if self.way == PARENT or (self.way == EXISTING and not self.login):
            found[_SELECTOR] = "remove it: the owner of the Gateway chooses its pods"
        elif self.way in GATEWAY_API:
            found[_SELECTOR] = "remove it: the class of the Gateway chooses its pods"
        for path, ways in _READ.items():
            if self.way not in ways:
                found[path] = f"remove it, or list {' or '.join(f'components/{way}/{self.mode}' for way in ways)}"
        if self.way not in ("", API, LISTENERS):
            whose = "the load balancer has it" if self.way == BALANCER else "the owner of the Gateway names it there"
            found["spec.tls.secretName"] = f"remove it: {whose}"
            if self.way != BALANCER:
                found["spec.tls.secretNames"] = f"remove it: {whose}"
        if self.amount == EXPOSURE_ONLY:
            found["spec.url"] = "remove it, and set url in argocd-cm of that install"
            found["spec.instance"] = "remove it: this component brings no cluster roles"
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
_SELECTOR = "spec.gateway.selector"
_REQUIRED = {
    EXISTING: ("spec.gateway.existing",),
    API: ("spec.gateway.className",),
    PARENT: ("spec.gateway.parent", "spec.gateway.parent.sectionName"),
    LISTENERS: ("spec.gateway.parent",),
}
# The ways that read a field, if they are few.
_READ = {
    "spec.gateway.existing": (EXISTING,),
    "spec.gateway.className": (API,),
    "spec.gateway.parent": (PARENT, LISTENERS),
    "spec.gateway.redirectParent": (PARENT,),
}


def wired(folder: str) -> Wired | None:
    """The component of a folder below `components`; None if it is no mode."""
    found = re.fullmatch(FOLDER, folder)
    return Wired(found[2], found[1] or "", found[3] or "") if found else None
