"""Measures the cost of the checked way: the generator alone and in the build, compared with other builds.

The two sides of a ratio run in the same round, so that a busy machine slows both.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from argocd_istio import API_VERSION
from bench.builds import ROOT, Sample, Spread, build, measure
from tools import plugin
from tools.build import program

FLAGS = ("--enable-alpha-plugins", "--enable-exec")


@dataclass(frozen=True)
class Row:
    """CPU seconds of one case and the ratio to another, with the highest target ratio (None: no target)."""

    name: str
    to: str
    target: float | None
    cpu: Spread
    ratio: Spread

    @property
    def reached(self) -> bool:
        return self.target is None or self.ratio.median <= self.target

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "reached": self.reached}


# (what, to what, target), by the names of `things`
RATIOS = (
    ("build, checked", "build, plain", 1.10),
    ("build, checked, 1,000 hosts", "build, checked", 1.5),
    ("build, checked, without CRDs", "build, plain, without CRDs", None),
    ("build, checked, 1,000 hosts, without CRDs", "build, checked, without CRDs", None),
    ("build, plain, a Go function", "build, checked", None),
    ("the function", "python -I -c 'import yaml'", 2.5),
    ("the function, 1,000 hosts", "the function", 3.0),
    ("the function", "a Go function", None),
)


def exposure(hosts: int, kind: str) -> dict[str, Any]:
    """An Exposure or ExposureGenerator with that many hosts; it states the generator's defaults."""
    spec = {
        "hosts": [f"n{number}.acme.io" for number in range(hosts)],
        "gateway": {"selector": {"istio": "ingressgateway"}},
        "tls": {"secretName": "argocd-certificate"},
    }
    metadata = _metadata("argocd-istio-generator") if kind == "ExposureGenerator" else {"name": "argocd"}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def _metadata(program: str) -> dict[str, Any]:
    function = f"exec: {{path: {program}}}\n"
    return {"name": "argocd", "annotations": {"config.kubernetes.io/function": function}}


def go_config() -> dict[str, Any]:
    """The configuration of kustomize's own example of a function: it makes one object from a template."""
    metadata = _metadata(str(program("krm-function")))
    return {"apiVersion": "example.com/v1alpha1", "kind": "Tester", "metadata": metadata, "value": "argocd"}


def resource_list(config: dict[str, Any]) -> bytes:
    """The input that kustomize gives a generator."""
    head = {"apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList", "items": [config]}
    # Two dumps: the same object twice in one would be an alias.
    return (yaml.safe_dump(head) + yaml.safe_dump({"functionConfig": config})).encode()


def _consumer(folder: Path, mode: str, **lists: dict[str, Any]) -> Path:
    """A consumer of a mode, with each object in a separate file that the field of its name lists."""
    folder.mkdir()
    kustomization = {"components": [os.path.relpath(ROOT / "components" / mode, folder)]}
    for field, item in lists.items():
        kustomization[field] = [f"{field}.yaml"]
        (folder / f"{field}.yaml").write_text(yaml.safe_dump(item))
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return folder


@contextmanager
def things() -> Iterator[dict[str, Callable[[], Sample]]]:
    """The timed commands, by name, with the package installed from its wheel."""
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        scripts = plugin.install(plugin.build(top), top / "environment")
        env = plugin.environment(scripts)
        found: dict[str, Callable[[], Sample]] = {}

        def consumer(name: str, mode: str, **lists: dict[str, Any]) -> None:
            folder = _consumer(top / str(len(found)), mode, **lists)
            found[name] = lambda: build(folder, *FLAGS, env=env)

        def command(name: str, *words: str, data: bytes = b"") -> None:
            found[name] = lambda: measure(list(words), data, env)

        for end, mode in (("", "grpc-routing"), (", without CRDs", "grpc-routing/without-crds")):
            one = exposure(1, "ExposureGenerator")
            consumer(f"build, plain{end}", mode, resources=exposure(1, "Exposure"))
            consumer(f"build, checked{end}", mode, generators=one)
            consumer(f"build, checked, 1,000 hosts{end}", mode, generators=exposure(1000, "ExposureGenerator"))
        go = go_config()
        consumer("build, plain, a Go function", "grpc-routing", resources=exposure(1, "Exposure"), generators=go)
        own = str(scripts / "argocd-istio-generator")
        command("python -I -c 'import yaml'", str(scripts / "python"), "-I", "-c", "import yaml")
        command("the function", own, data=resource_list(one))
        command("the function, 1,000 hosts", own, data=resource_list(exposure(1000, "ExposureGenerator")))
        command("a Go function", str(program("krm-function")), data=resource_list(go))
        yield found


def compare(rounds: int) -> list[Row]:
    """Run everything once per round. Raises ToolError if something fails."""
    with things() as found:
        if rounds > 1:  # one round is no measurement
            for run in found.values():
                run()  # fills the page cache
        cpu: dict[str, list[float]] = {name: [] for name in found}
        for number in range(rounds):
            # Every other round in reverse order: a drift of speed within a round then affects all cases alike.
            for name in list(found)[:: -1 if number % 2 else 1]:
                cpu[name].append(found[name]().cpu)
    return [
        Row(
            name,
            to,
            target,
            Spread.of(cpu[name]),
            Spread.of([one / other for one, other in zip(cpu[name], cpu[to], strict=True)]),
        )
        for name, to, target in RATIOS
    ]


def table(rows: list[Row]) -> str:
    """The rows for people."""
    lines = [f"{'the checked way':42}{'CPU s':>7}  {'ratio':18}{'to':28}target"]
    for row in rows:
        ratio = f"{row.ratio.median:.2f} ({row.ratio.min:.2f}-{row.ratio.max:.2f})"
        target = "" if row.target is None else f"{row.target:.2f} {'reached' if row.reached else 'MISSED'}"
        lines.append(f"{row.name:42}{row.cpu.median:7.3f}  {ratio:18}{row.to:28}{target}")
    return "\n".join(lines)
