"""Every example builds with kustomize and kubectl, the remote ones through a git server."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from argocd_istio.exposure.check import check
from argocd_istio.findings import ERROR
from argocd_istio.syntax.source import parse
from tests.render.consumer import MODES, consumer, exposure, leaves, one, title, write
from tests.render.git_http import TAG, git_finds, published, serve
from tests.render.render import ROOT, build, build_text, load
from tools import plugin
from tools.build import program
from tools.reference import SCHEMA

EXAMPLES = sorted(
    file.parent.relative_to(ROOT)
    for file in (ROOT / "examples").rglob("kustomization.yaml")
    if "kind: Component" not in file.read_text()
)

Builder = Callable[[Path], list[str]]


def _kubectls() -> list[str]:
    """Our pinned kubectl, and the one on PATH if there is one: their kustomize versions differ."""
    own = shutil.which("kubectl")
    return [str(program("kubectl")), *([own] if own else [])]


def _builders() -> list[Builder]:
    kustomize = str(program("kustomize"))
    return [
        lambda folder: [kustomize, "build", str(folder)],
        *((lambda folder, kubectl=kubectl: [kubectl, "kustomize", str(folder)]) for kubectl in _kubectls()),
    ]


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("git"))


@pytest.fixture(params=["file", "http"])
def library(request: pytest.FixtureRequest, repositories: Path) -> Iterator[tuple[str, list[str]]]:
    """The library's address in this test, and the requests its server saw (none for file://)."""
    if request.param == "file":
        yield f"file://{repositories}/argocd-istio.git", []
    else:
        with serve(repositories) as (address, requests):
            yield f"{address}/argocd-istio.git", requests


def _is_remote(example: Path) -> bool:
    return "- https://" in (ROOT / example / "kustomization.yaml").read_text()


def _is_checked(example: Path) -> bool:
    return "generators:" in (ROOT / example / "kustomization.yaml").read_text()


LOCAL = [example for example in EXAMPLES if not _is_remote(example) and not _is_checked(example)]


@pytest.mark.parametrize("example", LOCAL, ids=str)
def test_a_local_example_builds_the_same_everywhere(example: Path) -> None:
    texts = {
        subprocess.run(builder(ROOT / example), capture_output=True, text=True, check=True).stdout
        for builder in _builders()[1:]
    }
    texts.add(build_text(example))
    assert len(texts) == 1
    assert {item["kind"] for item in load(texts.pop())} & {"VirtualService", "HTTPRoute"}


@pytest.mark.parametrize("folder", [*(f"overlays/{mode}" for mode in MODES), "base/crds/full", *LOCAL], ids=str)
def test_flux_finds_no_variable_in_any_render(folder: Path | str) -> None:
    """Flux replaces every `${...}`, also in scripts, and unknown variables with nothing."""
    values = [(title(item), path, value) for item in build(folder) for path, value in leaves(item)]
    assert values and [place for *place, value in values if "${" in str(value)] == []


@pytest.mark.parametrize("example", [example for example in EXAMPLES if _is_checked(example)], ids=str)
def test_a_checked_example_builds_with_the_installed_program(example: Path, installed: Path) -> None:
    command = [str(program("kustomize")), "build", "--enable-alpha-plugins", "--enable-exec", str(ROOT / example)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=plugin.environment(installed))
    objects = load(result.stdout)
    assert [title(item) for item in objects] == [title(item) for item in build("examples/local")]
    [_, *https] = one(objects, "Gateway")["spec"]["servers"]
    assert [(server["hosts"], server["tls"]["credentialName"]) for server in https] == [
        (["./cd.acme.io"], "acme-io"),
        (["./cd.acme.dev"], "acme-dev"),
    ]
    assert one(objects, "ConfigMap", "argocd-cm")["data"]["additionalUrls"] == "- https://cd.acme.dev\n"


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_example_exposures_are_valid_and_name_their_schema(example: Path) -> None:
    for file in (ROOT / example).glob("exposure.yaml"):
        source = parse(file.read_bytes(), str(file))
        exposed, findings = check(source, source.documents[0].root)
        # What depends on the path beside the Exposure is checked with the folder: see test_tree.
        assert exposed and [finding for finding in findings if finding.severity == ERROR] == []
        named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", source.text)
        assert _is_remote(example) or (named and (file.parent / named[1]).resolve() == ROOT / SCHEMA)


@pytest.mark.parametrize("example", [example for example in EXAMPLES if _is_remote(example)], ids=str)
def test_a_remote_example_builds_as_written(example: Path, library: tuple[str, list[str]]) -> None:
    address, requests = library
    local = build("examples/local")
    for builder in _builders():
        requests.clear()
        result = subprocess.run(
            builder(ROOT / example), capture_output=True, text=True, check=False, env=git_finds(address)
        )
        assert result.returncode == 0, result.stderr
        assert load(result.stdout) == local
        assert len([line for line in requests if line.startswith("POST")]) <= 2, "one fetch: one list of refs, one pack"
        assert requests or address.startswith("file:")


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_builds_remotely(tmp_path: Path, mode: str, library: tuple[str, list[str]]) -> None:
    address, _ = library
    local = build(consumer(tmp_path / "local", f"{mode}/without-crds", exposure()))
    remote = {"resources": ["exposure.yaml"], "components": [f"{address}//components/{mode}/without-crds?ref={TAG}"]}
    overlay = {"resources": [f"{address}//overlays/{mode}/without-crds?ref={TAG}"]}
    for builder in _builders():
        for name, kustomization, expected in (
            ("component", remote, local),
            ("overlay", overlay, build(f"overlays/{mode}/without-crds")),
        ):
            folder = write(tmp_path / name, kustomization, exposure=exposure())
            result = subprocess.run(builder(folder), capture_output=True, text=True, check=False)
            assert result.returncode == 0, result.stderr
            assert load(result.stdout) == expected


def test_the_longest_path_of_a_way_builds_remotely(tmp_path: Path, repositories: Path) -> None:
    way = "existing-gateway/passthrough/exposure-only"
    server = {"service": "argocd-server", "labels": {"app": "argocd-server"}}
    spec = exposure(gateway={"existing": "edge/shared"}, server=server)
    entry = f"file://{repositories}/argocd-istio.git//components/{way}?ref={TAG}"
    remote = write(tmp_path / "remote", {"resources": ["exposure.yaml"], "components": [entry]}, exposure=spec)
    assert build(remote) == build(consumer(tmp_path / "local", way, spec))


def test_the_helm_example_binds_to_the_releases_service() -> None:
    """The names are those that the chart gives to a release `cd`: see components/exposure-only.md."""
    objects = build("examples/helm-install")
    assert [title(item) for item in objects] == [
        "Service argocd/argocd-server-grpc",
        "Sidecar argocd/argocd-server",
        "VirtualService argocd/argocd",
    ]
    labels = {"app.kubernetes.io/name": "argocd-server", "app.kubernetes.io/instance": "cd"}
    assert one(objects, "Service", "argocd-server-grpc")["spec"]["selector"] == labels
    [*_, browser] = one(objects, "VirtualService")["spec"]["http"]
    assert [route["destination"]["host"] for route in browser["route"]] == ["cd-argocd-server"]


def test_a_missing_tag_fails_the_build(tmp_path: Path, repositories: Path) -> None:
    entry = f"file://{repositories}/argocd-istio.git//components/termination?ref=v9.9.9"
    folder = write(tmp_path, {"resources": ["exposure.yaml"], "components": [entry]}, exposure=exposure())
    result = subprocess.run(_builders()[0](folder), capture_output=True, text=True, check=False)
    assert result.returncode != 0 and "v9.9.9" in result.stderr


def test_environments_share_a_mode_with_different_exposures() -> None:
    staging, production = (build(f"examples/environments/{name}") for name in ("staging", "production"))
    assert [title(item) for item in staging] == [title(item) for item in production]
    banners = {one(objects, "ConfigMap", "argocd-cm")["data"]["ui.bannercontent"] for objects in (staging, production)}
    assert len(banners) == 1
    urls = [one(objects, "ConfigMap", "argocd-cm")["data"]["url"] for objects in (staging, production)]
    assert urls == ["https://cd.staging.acme.io", "https://cd.acme.io"]


def test_the_entry_without_crds_never_loads_them(tmp_path: Path) -> None:
    """It builds even without base/crds in the library."""
    for part in ("base", "overlays", "components", "examples"):
        shutil.copytree(ROOT / part, tmp_path / part)
    shutil.rmtree(tmp_path / "base/crds")
    objects = build(tmp_path / "examples/without-crds")
    assert [item for item in objects if item["kind"] == "CustomResourceDefinition"] == []
    crds = [item for item in build("examples/local") if item["kind"] == "CustomResourceDefinition"]
    assert len(objects) == len(build("examples/local")) - len(crds) and len(crds) == 3
