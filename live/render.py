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
from live.api import Object
from live.errors import LiveError
from tools.build import program


@dataclass
class Exposed:
    """What a render exposes: hosts, the gateway's pods, and the Secrets of the certificates."""

    hosts: list[str] = field(default_factory=list)
    namespace: str = "argocd"
    selector: dict[str, str] = field(default_factory=lambda: dict(gateway.DEFAULT_SELECTOR))
    secrets: list[str] = field(default_factory=list)
    passthrough: bool = False

    @classmethod
    def of(cls, objects: Iterable[Object]) -> Exposed:
        """Read the Gateways of a render, or its VirtualServices if it has none; the defaults without both.

        Ignores fields of the wrong type: the API server rejects them, and names the field.
        """
        found = cls()
        ours = [one for one in objects if one.get("apiVersion", "").startswith("networking.istio.io/")]
        gateways = [one for one in ours if one.get("kind") == "Gateway"]
        for one in gateways:
            found._read_gateway(one)
        # The Gateway of another team is not in the render: its hosts are those of the routes.
        for one in [] if gateways else [one for one in ours if one.get("kind") == "VirtualService"]:
            spec = _mapping(one.get("spec"))
            found.namespace = one["metadata"].get("namespace", found.namespace)
            found.passthrough |= "tls" in spec
            found._add_hosts(spec)
        return found

    def _read_gateway(self, one: Object) -> None:
        spec = _mapping(one.get("spec"))
        self.namespace = one["metadata"].get("namespace", self.namespace)
        self.selector = _mapping(spec.get("selector")) or self.selector
        for server in map(_mapping, _sequence(spec.get("servers"))):
            tls = _mapping(server.get("tls"))
            self.passthrough |= tls.get("mode") == "PASSTHROUGH"
            if "credentialName" in tls and tls["credentialName"] not in self.secrets:
                self.secrets.append(tls["credentialName"])
            self._add_hosts(server)

    def _add_hosts(self, owner: Object) -> None:
        for host in map(str, _sequence(owner.get("hosts"))):
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
