"""Inputs for the tests of the plugin."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from argocd_istio import API_VERSION
from argocd_istio.exposure.check import check
from argocd_istio.exposure.fields import Exposure
from argocd_istio.findings import Finding
from argocd_istio.syntax.source import parse
from tests.work import HANG

Called = Callable[..., tuple[int, str, str]]
"""Runs a command in this process; exit code, stdout and stderr."""

FUNCTION = {"config.kubernetes.io/function": "exec: {path: argocd-istio-generator}\n"}


def generator(**spec: Any) -> dict[str, Any]:
    """An ExposureGenerator as a consumer lists it."""
    metadata = {"name": "argocd", "annotations": FUNCTION}
    return {"apiVersion": API_VERSION, "kind": "ExposureGenerator", "metadata": metadata, "spec": spec}


def exposure(spec: str, kind: str = "ExposureGenerator", metadata: str = "{name: argocd}") -> str:
    """The text of a file, its spec as YAML that begins on line 5."""
    lines = "".join(f"  {line}\n" for line in spec.splitlines())
    return f"apiVersion: {API_VERSION}\nkind: {kind}\nmetadata: {metadata}\nspec:\n{lines}"


def checked(text: str) -> tuple[Exposure | None, list[Finding]]:
    """The Exposure and the findings of a file with this text."""
    source = parse(text.encode(), "exposure.yaml")
    return check(source, source.documents[0].root)


def resource_list(config: Any = None, items: Any = None, **more: Any) -> bytes:
    """A ResourceList for a generator, as from kustomize: the configuration is also the only item."""
    items = ([config] if config else []) if items is None else items
    value = {"apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList", "items": items, **more}
    if config:
        value["functionConfig"] = config
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True).encode()


class _Dumper(yaml.CSafeDumper):
    """Like kustomize: no aliases, and text is never taken for something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


def run(
    data: bytes, *arguments: str, env: Mapping[str, str] | None = None, command: str = "-m argocd_istio.krm.generator"
) -> subprocess.CompletedProcess[bytes]:
    """Run the function as a separate process."""
    return subprocess.run(
        [sys.executable, *command.split(), *arguments],
        input=data,
        capture_output=True,
        check=False,
        env=env,
        timeout=HANG,
    )


def bomb(line: str) -> str:
    """Twelve lines, each of which names the one before it nine times: 9 to the 12th values."""
    lines = (line.format(n=n, aliases=",".join([f"*a{n - 1}"] * 9)) for n in range(1, 13))
    return "a0: &a0 {k: v}\n" + "\n".join(lines)


BOMB = bomb("a{n}: &a{n} [{aliases}]")
MERGES = bomb("a{n}: &a{n} {{<<: [{aliases}]}}")
