"""The output of `kustomize build`, and what its Gateways expose."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from live import gateway
from live.addresses import GATEWAY_NAMESPACE
from live.api import Object
from live.errors import LiveError
from tools.build import program

GATEWAY_API = "gateway.networking.k8s.io/"
"""The API group of the Gateway API, up to the version."""

KINDS = ("Gateway", "VirtualService", "ListenerSet", "HTTPRoute", "TLSRoute")
"""The kinds that expose something."""


@dataclass
class Exposed:
    """What a render exposes: hosts, the gateway's pods, and the Secrets of the certificates.

    `secrets` and `gateway` are pairs of namespace and name. `gateway` is the Gateway of the Gateway API; empty for the
    ingress gateway, whose pods have the labels `selector`.
    """

    hosts: list[str] = field(default_factory=list)
    namespace: str = "argocd"
    selector: dict[str, str] = field(default_factory=lambda: dict(gateway.DEFAULT_SELECTOR))
    secrets: list[list[str]] = field(default_factory=list)
    passthrough: bool = False
    gateway: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, objects: Iterable[Object]) -> Exposed:
        """Read the Gateways of a render, or its VirtualServices if it has none; the defaults without both.

        If there are no objects of Istio, read the Gateways, ListenerSets and routes of the Gateway API.
        Ignores fields of the wrong type: the API server rejects them, and names the field.
        """
        found = cls()
        every = list(objects)
        istio = [one for one in every if one.get("apiVersion", "").startswith("networking.istio.io/")]
        ours = [one for one in istio if one.get("kind") in KINDS]
        gateways = [one for one in ours if one.get("kind") == "Gateway"]
        for one in gateways:
            found._read_gateway(one)
        # The Gateway of another team is not in the render: its hosts are those of the routes.
        for one in [] if gateways else [one for one in ours if one.get("kind") == "VirtualService"]:
            spec = _mapping(one.get("spec"))
            found.namespace = one["metadata"].get("namespace", found.namespace)
            found.passthrough |= "tls" in spec
            found._add_hosts(_sequence(spec.get("hosts")))
        for one in every if not ours else []:
            if one.get("apiVersion", "").startswith(GATEWAY_API) and one.get("kind") in KINDS:
                found._read_gateway_api(one)
        return found

    def _read_gateway_api(self, one: Object) -> None:
        spec, kind, meta = _mapping(one.get("spec")), one["kind"], one["metadata"]
        here = meta.get("namespace", self.namespace)
        if kind == "Gateway" and "name" in meta:
            self.gateway = [here, meta["name"]]
        parents = [spec.get("parentRef"), *_sequence(spec.get("parentRefs"))]
        for parent in map(_mapping, parents):
            if parent.get("kind", "Gateway") == "Gateway" and "name" in parent:
                self.gateway = [parent.get("namespace", here), parent["name"]]
        for listener in map(_mapping, _sequence(spec.get("listeners"))):
            tls = _mapping(listener.get("tls"))
            self.passthrough |= tls.get("mode") == "Passthrough"
            self._add_hosts([listener["hostname"]] if "hostname" in listener else [])
            for ref in map(_mapping, _sequence(tls.get("certificateRefs"))):
                self._add_secret(ref.get("namespace", here), ref.get("name"))
        if kind.endswith("Route"):
            self.namespace = here
            self.passthrough |= kind == "TLSRoute"
            self._add_hosts(_sequence(spec.get("hostnames")))

    def _read_gateway(self, one: Object) -> None:
        spec = _mapping(one.get("spec"))
        self.namespace = one["metadata"].get("namespace", self.namespace)
        self.selector = _mapping(spec.get("selector")) or self.selector
        for server in map(_mapping, _sequence(spec.get("servers"))):
            tls = _mapping(server.get("tls"))
            self.passthrough |= tls.get("mode") == "PASSTHROUGH"
            if "credentialName" in tls:
                self._add_secret(GATEWAY_NAMESPACE, tls["credentialName"])
            self._add_hosts(_sequence(server.get("hosts")))

    def _add_secret(self, namespace: str, name: Any) -> None:
        if [namespace, name] not in self.secrets:
            self.secrets.append([namespace, name])

    def _add_hosts(self, hosts: list[Any]) -> None:
        for host in map(str, hosts):
            name = host.rsplit("/", 1)[-1]
            if name not in self.hosts:
                self.hosts.append(name)


def _mapping(value: Any) -> Object:
    return value if isinstance(value, dict) else {}


def _sequence(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def objects_of(render: bytes, kinds: tuple[str, ...]) -> list[Object]:
    """The objects of some kinds. The others are not parsed, because CRDs take long."""
    wanted = re.compile(rf"^kind: ({'|'.join(kinds)})$", re.M)
    return [yaml.safe_load(text) for text in re.split(r"^---$", render.decode(), flags=re.M) if wanted.search(text)]


def kustomize_build(path: str | Path) -> bytes:
    """The output of `kustomize build`, with options from the variable KUSTOMIZE_FLAGS. Raises LiveError if it fails."""
    text = os.environ.get("KUSTOMIZE_FLAGS", "")
    try:
        flags = shlex.split(text)
    except ValueError as error:
        raise LiveError(f"KUSTOMIZE_FLAGS={text}: {error}; write the options as in a shell") from error
    command = [str(program("kustomize")), "build", str(path), *flags]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        last = done.stderr.decode().strip().splitlines()[-1]
        hint = "; set KUSTOMIZE_FLAGS='--enable-alpha-plugins --enable-exec'" if "plugins disabled" in last else ""
        raise LiveError(f"kustomize build {path}: {last}{hint}")
    return done.stdout
