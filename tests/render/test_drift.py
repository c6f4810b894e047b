"""Every render that this repository ships has explained differences only, and what users change is seen."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from argocd_istio.drift import deviations, draw
from argocd_istio.drift.install import Install, install
from argocd_istio.drift.report import Entry, Report, compared, report
from argocd_istio.syntax.source import SourceError, read
from argocd_istio.terminal import Terminal
from tests.render.consumer import EXPOSURE, MODES, consumer, exposure, one, write
from tests.render.render import ROOT, Object, build, build_text
from tests.render.test_examples import LOCAL
from tools import plugin
from tools.build import argocd_module, program
from tools.versions import argocd_image, module, release

HIGH_AVAILABILITY = "components/high-availability"
OVERLAYS = [f"overlays/{mode}{end}" for mode in MODES for end in ("", "/without-crds")]
FLAGS = ("--enable-alpha-plugins", "--enable-exec")


def taken(text: str, name: str = "render.yaml") -> Install:
    return install(read(text.encode(), name))


@cache
def official(high_availability: bool | None) -> Install:
    file = "ha/install.yaml" if high_availability else "install.yaml"
    return taken((argocd_module() / "manifests" / file).read_text(), file)


def drift(render: Install) -> Report:
    return report(render, official(render.high_availability))


def unexplained(found: Report) -> list[Entry]:
    return [*found.changed, *found.added, *found.missing]


def consumers(folder: Path) -> dict[str, str]:
    """Every form of a consumer: each mode, with and without CRDs, with high availability, and in another namespace."""
    result: dict[str, str] = {}
    for mode in (f"{mode}{end}" for mode in MODES for end in ("", "/without-crds")):
        for available in ((), (HIGH_AVAILABILITY,)):
            for namespace in ("", "argocd", "delivery"):
                name = " ".join([mode, *available, namespace])
                more: dict[str, Any] = {"namespace": namespace} if namespace else {}
                more["components"] = [f"components/{mode}", *available]
                result[name] = build_text(consumer(folder / str(len(result)), mode, exposure(), **more))
    return result


def checked_example(installed: Path) -> str:
    command = [str(program("kustomize")), "build", *FLAGS, str(ROOT / "examples/checked")]
    environment = plugin.environment(installed)
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


@pytest.fixture(scope="module")
def renders(tmp_path_factory: pytest.TempPathFactory, installed: Path) -> dict[str, Install]:
    """All that is shipped, by name."""
    folder = tmp_path_factory.mktemp("renders")
    found = {name: build_text(name) for name in ("base/argocd", "base", *OVERLAYS)}
    found |= {str(example): build_text(example) for example in LOCAL}
    for mode in MODES:
        lists = {"resources": [f"overlays/{mode}"], "components": [HIGH_AVAILABILITY]}
        found[f"overlays/{mode} with high availability"] = build_text(write(folder / mode, lists))
    full = {"resources": ["exposure.yaml", "base/crds/full"], "components": ["components/grpc-routing/without-crds"]}
    found["the full CRDs"] = build_text(write(folder / "full", full, exposure=EXPOSURE))
    found["examples/checked"] = checked_example(installed)
    return {name: taken(text) for name, text in (found | consumers(folder)).items()}


BANNER = ("ConfigMap/argocd-cm", "data[ui.bannercontent]", "Questions go to the platform team.", None, "")


def test_every_shipped_render_is_explained(renders: dict[str, Install]) -> None:
    assert len(renders) > 50
    for name, render in renders.items():
        found = drift(render)
        expected = [BANNER] if "environments" in name else []
        assert unexplained(found) == expected, name
        assert found.explained and all(entry.reason for entry in found.explained), name


def test_further_hosts_and_certificates_are_explained(renders: dict[str, Install]) -> None:
    found = drift(renders["examples/checked"])
    assert unexplained(found) == []
    assert {"data.url", "data.additionalUrls"} <= {entry.field for entry in found.explained}
    [gateway] = [entry.render for entry in found.explained if entry.object == GATEWAY]
    assert len(gateway["spec"]["servers"]) == 3


def test_the_base_has_its_image_and_no_deviation(renders: dict[str, Install]) -> None:
    found = drift(renders["base/argocd"])
    assert unexplained(found) == []
    fields = {(entry.field[-5:], entry.render, entry.upstream) for entry in found.explained if entry.field}
    whole = {(entry.object.partition("/")[0], entry.render is None) for entry in found.explained if not entry.field}
    images = {("image", argocd_image(release()), argocd_image(module()))} if release() != module() else set()
    assert fields == images
    assert whole == {("Namespace", False), ("CustomResourceDefinition", True)}


def test_every_deviation_of_the_table_occurs(renders: dict[str, Install]) -> None:
    table = [*deviations.HA_DEVIATIONS, *deviations.EXPOSED, *deviations.REDIS, *deviations.CRDS, *deviations.APART]
    never = [(name, row.path, repr(row.ours)) for row in table for name in row.objects]
    for render in renders.values():
        _, unused, rows = compared(render, official(render.high_availability))
        absent = [(name, row.path, repr(row.ours)) for name, row in unused]
        there = [(name, row.path, repr(row.ours)) for row in rows for name in row.objects]
        never = [one for one in never if one not in there or one in absent]
    assert never == []


def test_upstreams_own_installs_have_no_drift() -> None:
    for high_availability in (False, True):
        found = report(official(high_availability), official(high_availability))
        assert found.clean and not found.explained


# ---- what users change --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def local() -> list[Object]:
    return build("examples/local")


def edited(objects: list[Object], change: Callable[[list[Object]], Any]) -> Report:
    mine = copy.deepcopy(objects)
    change(mine)
    return drift(taken(yaml.dump_all(mine, Dumper=yaml.CSafeDumper)))


def pods(objects: list[Object], name: str = "argocd-server", kind: str = "Deployment") -> Any:
    return one(objects, kind, name)["spec"]["template"]["spec"]


def remove(kind: str, name: str) -> Callable[[list[Object]], None]:
    return lambda objects: objects.remove(one(objects, kind, name))


def replace_image(objects: list[Object]) -> None:
    pods(objects, "argocd-redis")["containers"][0]["image"] = "redis:1"


SERVER = "Deployment/argocd-server"
CONTAINERS = "spec.template.spec.containers"
SIDECAR = {"name": "sidecar", "image": "busybox:1"}
ENV = {"name": "HTTPS_PROXY", "value": "http://proxy"}
LABEL = "pod-security.kubernetes.io/enforce"
EXTRA = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "extra", "namespace": "a"}, "data": {"a": "b"}}
GATEWAY = "Gateway.networking.istio.io/argocd"

# Each edit of examples/local with the section and the entries that it makes; a value that is ... is not compared.
EDITS: dict[str, tuple[Callable[[list[Object]], Any], str, list[tuple[Any, ...]]]] = {
    "replicas": (
        lambda objects: one(objects, "Deployment", "argocd-server")["spec"].update(replicas=3),
        "changed",
        [(SERVER, "spec.replicas", 3, 1)],
    ),
    "a sidecar before all": (
        lambda objects: pods(objects)["containers"].insert(0, SIDECAR),
        "added",
        [(SERVER, f"{CONTAINERS}[sidecar]", SIDECAR, None)],
    ),
    "an init container before all": (
        lambda objects: pods(objects, "argocd-repo-server")["initContainers"].insert(0, SIDECAR),
        "added",
        [("Deployment/argocd-repo-server", "spec.template.spec.initContainers[0]", SIDECAR, None)],
    ),
    "a variable": (
        lambda objects: pods(objects)["containers"][0]["env"].insert(0, ENV),
        "added",
        [(SERVER, f"{CONTAINERS}[argocd-server].env[HTTPS_PROXY]", ENV, None)],
    ),
    "another value of a key": (
        lambda objects: one(objects, "ConfigMap", "argocd-ssh-known-hosts-cm")["data"].update(ssh_known_hosts="a"),
        "changed",
        [("ConfigMap/argocd-ssh-known-hosts-cm", "data.ssh_known_hosts", "a", ...)],
    ),
    "a key more": (
        lambda objects: one(objects, "ConfigMap", "argocd-cmd-params-cm")["data"].update({"server.log.level": "warn"}),
        "added",
        [("ConfigMap/argocd-cmd-params-cm", "data[server.log.level]", "warn", None)],
    ),
    "a mode that is none": (
        lambda objects: one(objects, "ConfigMap", "argocd-cmd-params-cm")["data"].update({"server.insecure": "yes"}),
        "added",
        [
            ("ConfigMap/argocd-cmd-params-cm", "data[server.insecure]", "yes", None),
            (SERVER, "spec.template.metadata.annotations[server.insecure]", "true", None),
        ],
    ),
    "an address without TLS": (
        lambda objects: one(objects, "ConfigMap", "argocd-cm")["data"].update(url="http://cd.acme.io"),
        "added",
        [("ConfigMap/argocd-cm", "data.url", "http://cd.acme.io", None)],
    ),
    "a label of a Namespace": (
        lambda objects: one(objects, "Namespace")["metadata"].update(labels={LABEL: "restricted"}),
        "added",
        [("Namespace/argocd", f"metadata.labels[{LABEL}]", "restricted", None)],
    ),
    "a setting of the Gateway": (
        lambda objects: one(objects, "Gateway")["spec"]["servers"][1]["tls"].update(cipherSuites=["a"]),
        "added",
        [(GATEWAY, "spec.servers", ..., None)],
    ),
    "a Gateway without a selector": (
        lambda objects: one(objects, "Gateway")["spec"].pop("selector"),
        "added",
        [(GATEWAY, "", ..., None)],
    ),
    "a NetworkPolicy less": (
        remove("NetworkPolicy", "argocd-redis-network-policy"),
        "missing",
        [("NetworkPolicy/argocd-redis-network-policy", "", None, ...)],
    ),
    "one CRD less": (
        remove("CustomResourceDefinition", "appprojects.argoproj.io"),
        "missing",
        [("CustomResourceDefinition/appprojects.argoproj.io", "", None, ...)],
    ),
    "another scope of a CRD": (
        lambda objects: one(objects, "CustomResourceDefinition", "appprojects.argoproj.io")["spec"].update(
            scope="Cluster"
        ),
        "changed",
        [("CustomResourceDefinition/appprojects.argoproj.io", "spec.scope", "Cluster", "Namespaced")],
    ),
    "an object more": (lambda objects: objects.append(EXTRA), "added", [("ConfigMap/a/extra", "", EXTRA, None)]),
    "another image": (
        replace_image,
        "changed",
        [("Deployment/argocd-redis", f"{CONTAINERS}[redis].image", "redis:1", ...)],
    ),
    "a number for a text": (
        lambda objects: one(objects, "Service", "argocd-server")["spec"]["ports"][0].update(targetPort="8080"),
        "changed",
        [("Service/argocd-server", "spec.ports[http].targetPort", "8080", 8080)],
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_is_reported_in_its_section(edit: str, local: list[Object]) -> None:
    change, section, expected = EDITS[edit]
    found = edited(local, change)
    entries: list[Entry] = getattr(found, section)
    assert len(unexplained(found)) == len(entries) == len(expected), unexplained(found)
    for entry, fields in zip(entries, expected, strict=True):
        for value, wanted in zip(entry[:4], fields, strict=True):
            assert wanted is ... or value == wanted


def test_the_documented_report_is_what_is_printed(local: list[Object]) -> None:
    objects = copy.deepcopy(local)
    one(objects, "Deployment", "argocd-server")["spec"]["replicas"] = 3
    one(objects, "ConfigMap", "argocd-cm")["data"]["ui.bannercontent"] = BANNER[2]
    objects.append({**EXTRA, "metadata": {"name": "team", "namespace": "argocd"}})
    text = (
        (argocd_module() / "manifests/install.yaml")
        .read_text()
        .replace(argocd_image(module()), argocd_image(release()))
    )
    render = replace(taken(yaml.dump_all(objects, Dumper=yaml.CSafeDumper)), file="stdin")
    shown = draw(report(render, taken(text, "install.yaml")), "text", Terminal())
    assert f"```\n{shown}```\n" in (ROOT / "docs/plugin.md").read_text()


def test_a_changed_gateway_stays_explained_as_object(local: list[Object]) -> None:
    found = edited(local, EDITS["a setting of the Gateway"][0])
    assert [entry.field for entry in found.explained if entry.object == GATEWAY] == [""]


def test_a_mixed_image_is_no_patch_release(local: list[Object]) -> None:
    def change(objects: list[Object]) -> None:
        pods(objects, "argocd-dex-server")["initContainers"][0]["image"] = argocd_image(f"{module()}0")

    [entry] = edited(local, change).changed
    assert (entry.render, entry.upstream) == (argocd_image(f"{module()}0"), argocd_image(module()))


@pytest.mark.parametrize(
    ("render", "against", "words"),
    [
        ("examples/local", "ha/install.yaml", "found the install for high availability, expected the plain install"),
        ("examples/high-availability", "install.yaml", "found the plain install, expected the install for high"),
    ],
)
def test_the_other_install_of_upstream_is_refused(render: str, against: str, words: str) -> None:
    with pytest.raises(SourceError) as error:
        report(taken(build_text(render)), official(against.startswith("ha")))
    name = "manifests/ha/install.yaml" if "high" in render else "manifests/install.yaml"
    assert str(error.value).startswith(f"{against}: {words}") and str(error.value).endswith(f"{release()}/{name}")


# ---- the installed package ----------------------------------------------------------------------------------------


def piped(folder: str, against: Path, installed: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """`kustomize build FOLDER | argocd-istio drift --against AGAINST`."""
    line = 'set -o pipefail; "$1" build "$2" | argocd-istio drift --against "$3" "${@:4}"'
    words = ["bash", "-c", line, "drift", str(program("kustomize")), str(ROOT / folder), str(against), *options]
    return subprocess.run(words, capture_output=True, text=True, check=False, env=plugin.environment(installed))


def test_the_wheel_compares_a_build_with_upstreams_install(installed: Path) -> None:
    result = piped("examples/local", argocd_module() / "manifests/install.yaml", installed)
    assert (result.returncode, result.stderr) == (0, "")
    first = result.stdout.splitlines()[0]
    assert first.startswith(f"stdin ({release()}) against ") and ": 0 changed, 0 added, 0 missing, " in first
    assert all(reason in result.stdout for reason in ("the public address", "says that the CRD is trimmed"))


def test_the_wheel_finds_the_install_in_a_folder(installed: Path) -> None:
    for folder, file in (
        ("examples/high-availability", "ha/install.yaml"),
        ("examples/other-namespace", "install.yaml"),
    ):
        result = piped(folder, argocd_module(), installed, "--format", "json")
        assert (result.returncode, result.stderr) == (0, "")
        assert json.loads(result.stdout)["against"] == str(argocd_module() / "manifests" / file)
    edited = piped("examples/environments/staging", argocd_module(), installed)
    assert edited.returncode == 1 and "data[ui.bannercontent]" in edited.stdout
