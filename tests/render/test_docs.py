"""The documents and the tree name each other, and what the documents show works."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from argocd_istio.consumer import REF
from argocd_istio.drift.compare import outside_redis
from tests.plugin.cases import FUNCTION
from tests.render.consumer import MODES, exposure, one, write
from tests.render.git_http import ADDRESS
from tests.render.render import ROOT, BuildError, Object, build, load
from tests.render.test_ways import settings
from tools.build import argocd_module

TOP = [path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")]
# Hand-written pages; results of runs are not.
DOCS = [path for path in sorted(ROOT.rglob("*.md")) if not re.match(r"\.|results$", path.relative_to(ROOT).parts[0])]
TEXTS = {str(path.relative_to(ROOT)): path.read_text() for path in DOCS}
MAKEFILE = (ROOT / "Makefile").read_text()

per_document = pytest.mark.parametrize("name", TEXTS)


def folders(top: str) -> list[str]:
    """The folders right below `top`, as `top/name`."""
    return [f"{top}/{path.name}" for path in sorted((ROOT / top).iterdir()) if path.is_dir()]


def code(text: str) -> list[str]:
    """Every code block and code span of a document."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    return blocks + re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))


def paths(text: str) -> set[str]:
    """Every path from the repository's root, also inside the library's address; `<mode>` stands for each mode."""
    found = re.findall(rf"(?:(?<![\w/.-])|(?<=\w//))((?:{'|'.join(TOP)})/[\w./<>-]*[\w>])", text)
    return {path.replace("<mode>", mode) for path in found for mode in MODES}


def files(text: str) -> list[tuple[str, str]]:
    """The YAML blocks below a line with their file's name, as (name, content)."""
    return re.findall(r"^`([\w./-]+)`:\n\n```yaml\n(.*?)^```", text, re.M | re.S)


def heading_ids(text: str) -> set[str]:
    """The anchors that GitHub creates for the headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@per_document
def test_relative_links_lead_to_files_and_headings(name: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXTS[name]):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (ROOT / name).parent / file if file else ROOT / name
        assert path.exists(), f"{name}: link to {target}, found no such file"
        assert not anchor or anchor in heading_ids(path.read_text()), f"{name}: link to {target}, found no such heading"


@per_document
def test_every_path_exists(name: str) -> None:
    # The sources of rules are files of other projects.
    text = re.sub(r"^- Source: .*", "", TEXTS[name], flags=re.M)
    missing = [path for path in paths(text) if not list(ROOT.glob(re.sub(r"<[^>]*>", "*", path)))]
    assert missing == []


@per_document
def test_every_make_target_and_argument_exists(name: str) -> None:
    for part in code(TEXTS[name]):
        for target, rest in re.findall(r"\bmake ([a-z-]+)(.*)", part):
            assert re.search(rf"^{target}:", MAKEFILE, re.M), f"{name}: make {target}: no such target in the Makefile"
            for key, value in re.findall(r"([A-Z]+)=(\S+)", rest):
                assert key != "MODE" or value in MODES
                assert key != "OVERLAY" or value == "DIR" or (ROOT / value / "kustomization.yaml").exists()


@per_document
def test_library_addresses_have_the_ref_of_init(name: str) -> None:
    """`make update-reference` writes those that it knows; here is every form that looks like one."""
    for url, ref in re.findall(r"(https://\S+?)//\S*\?ref=([\w.-]+)", TEXTS[name]):
        assert (url, ref) == (ADDRESS, REF)
    others = r"argocd-istio@([\w.-]+)|^ *rev: (\S+)|githubusercontent\.com/argocd-istio/argocd-istio/([\w.-]+)"
    assert {"".join(found) for found in re.findall(others, TEXTS[name], re.M)} <= {REF}


def test_every_overlay_component_example_and_target_is_named() -> None:
    everything = "\n".join(TEXTS.values())
    named = paths(everything)
    for folder in [*folders("overlays"), *folders("components"), *folders("examples")]:
        assert any(path == folder or path.startswith(folder + "/") for path in named), f"{folder}: named nowhere"
    spans = "\n".join(part for text in TEXTS.values() for part in code(text))
    for target in re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.M):
        assert re.search(rf"\bmake {target}\b(?!-)", spans), f"make {target}: named nowhere"


PAGES = ("existing-gateway", "behind-load-balancer", "gateway-api")


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_has_a_short_linked_page(mode: str) -> None:
    page = f"overlays/{mode}/README.md"
    assert f"[{mode}]({page})" in TEXTS["README.md"]
    assert len(TEXTS[page].splitlines()) <= 40


@pytest.mark.parametrize(
    ("component", "lines"), [("high-availability", 40), ("instance", 45), ("mesh", 45), ("edge-login", 105)]
)
def test_each_component_has_a_short_linked_page(component: str, lines: int) -> None:
    page = f"components/{component}/README.md"
    assert f"[components/{component}]({page})" in TEXTS["README.md"]
    assert len(TEXTS[page].splitlines()) <= lines


@pytest.mark.parametrize("page", [*(f"{way}/README.md" for way in PAGES), "exposure-only.md"])
def test_every_way_has_a_short_linked_page(page: str) -> None:
    assert f"](components/{page})" in TEXTS["README.md"] and f"]({page})" in TEXTS["components/README.md"]
    assert len(TEXTS[f"components/{page}"].splitlines()) <= 45


def test_the_readme_shows_the_remote_examples_files() -> None:
    shown = dict(files(TEXTS["README.md"]))
    assert shown == {path.name: path.read_text() for path in (ROOT / "examples/remote").iterdir()}


def documented(folder: Path, parts: list[tuple[str, str]]) -> list[Object]:
    """The build of the files that a document shows, with this repository in place of the library's address."""
    own = ("exposure.yaml", (ROOT / "examples/remote/exposure.yaml").read_text())
    for name, content in [own, (f"exposure/{own[0]}", own[1]), *parts]:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        here = os.path.relpath(ROOT, file.parent)
        file.write_text(re.sub(rf"{re.escape(ADDRESS)}//(\S+)\?ref={REF}", rf"{here}/\1", content))
    return build(folder)


def test_each_documented_form_changes_the_host(tmp_path: Path) -> None:
    shown = files(TEXTS["components/README.md"])
    starts = [index for index, (name, _) in enumerate(shown) if name == "kustomization.yaml"]
    assert len(starts) == 2
    for start, end in zip(starts, [*starts[1:], len(shown)], strict=True):
        objects = documented(tmp_path / str(start), shown[start:end])
        assert one(objects, "ConfigMap", "argocd-cm")["data"]["url"] == "https://cd.staging.acme.io"


def test_the_documented_full_crds_consumer_builds_untrimmed_crds(tmp_path: Path) -> None:
    [lists] = [part for part in code(TEXTS["README.md"]) if part.startswith("resources:") and "base/crds/full" in part]
    head = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
    objects = documented(tmp_path, [("kustomization.yaml", head + lists)])
    full = one(build("base/crds/full"), "CustomResourceDefinition", "applicationsets.argoproj.io")
    assert full in objects and full not in build("overlays/grpc-routing")


def test_the_documented_single_sign_on_builds(tmp_path: Path) -> None:
    objects = documented(tmp_path, files(TEXTS["docs/sso.md"]))
    settings = one(objects, "ConfigMap", "argocd-cm")["data"]
    assert settings["url"] == "https://cd.acme.io"
    sign_on = yaml.safe_load(settings["oidc.config"])
    assert sign_on["clientSecret"] == "$oidc.clientSecret" and "{{logoutRedirectURL}}" in sign_on["logoutURL"]
    assert "g, platform, role:admin" in one(objects, "ConfigMap", "argocd-rbac-cm")["data"]["policy.csv"]


def _settings(**namespace: str) -> str:
    """A patch of argocd-cm, as YAML."""
    metadata = {"name": "argocd-cm", **namespace}
    return yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": "value"}})


def test_patches_name_argocd_while_namespace_moves_objects(tmp_path: Path) -> None:
    targeted = {"target": {"name": "argocd-cm"}, "patch": "- {op: add, path: /data/targeted, value: value}"}
    kustomization = {
        "resources": ["exposure.yaml", "secret.yaml"],
        "components": ["components/termination/without-crds"],
        "namespace": "delivery",
        "patches": [{"patch": _settings(namespace="argocd")}, targeted],
    }
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "own", "namespace": "istio-system"}}
    objects = build(write(tmp_path, kustomization, exposure=exposure(), secret=secret))
    data = one(objects, "ConfigMap", "argocd-cm")["data"]
    assert (data["key"], data["targeted"]) == ("value", "value")
    assert one(objects, "Secret", "own")["metadata"]["namespace"] == "delivery"


def test_a_second_install_takes_the_documented_bindings(tmp_path: Path) -> None:
    mode = {"resources": ["exposure.yaml"], "components": ["components/termination/without-crds"]}
    first, second = (
        {
            item["metadata"]["name"]: item["subjects"]
            for item in build(write(tmp_path / name, mode | {"namespace": name}, exposure=exposure()))
            if item["kind"] == "ClusterRoleBinding"
        }
        for name in ("one", "two")
    )
    [line] = [line for line in TEXTS["components/README.md"].splitlines() if "ClusterRoleBindings" in line]
    assert first.keys() == second.keys() == set(code(line))
    assert all(first[name] != second[name] for name in first)


CERTIFICATE = {
    "apiVersion": "cert-manager.io/v1",
    "kind": "Certificate",
    "metadata": {"name": "argocd", "namespace": "istio-system"},
    "spec": {"secretName": "argocd-certificate", "dnsNames": ["cd.marker.test"], "issuerRef": {"name": "acme"}},
}


def test_a_namespace_moves_a_certificate_beside_the_mode(tmp_path: Path) -> None:
    mode = {"namespace": "argocd", "components": ["components/termination/without-crds"]}
    beside = write(
        tmp_path / "beside",
        mode | {"resources": ["exposure.yaml", "certificate.yaml"]},
        exposure=exposure(),
        certificate=CERTIFICATE,
    )
    assert one(build(beside), "Certificate")["metadata"]["namespace"] == "argocd"
    write(tmp_path / "cd", mode | {"resources": ["exposure.yaml"]}, exposure=exposure())
    write(tmp_path / "certificate", {"resources": ["certificate.yaml"]}, certificate=CERTIFICATE)
    apart = write(tmp_path / "apart", {"resources": ["../cd", "../certificate"]})
    assert one(build(apart), "Certificate") == CERTIFICATE


def test_a_patch_in_a_parent_comes_too_late(tmp_path: Path) -> None:
    mode = {"resources": ["exposure.yaml"], "components": ["components/termination/without-crds"]}
    write(tmp_path / "consumer", mode, exposure=exposure())
    replace = '[{"op": "replace", "path": "/spec/hosts", "value": ["late.marker.test"]}]'
    parent = {"resources": ["../consumer"], "patches": [{"target": {"kind": "Exposure"}, "patch": replace}]}
    objects = build(write(tmp_path / "parent", parent))
    assert one(objects, "ConfigMap", "argocd-cm")["data"]["url"] == "https://cd.marker.test"


LOGIN = "components/edge-login"
SERVER = {"service": "argocd-server", "labels": {"app": "argocd-server"}}


def test_each_documented_error_is_what_kustomize_says(tmp_path: Path) -> None:
    shown = re.findall(r"^\| ``(.+?)`` \|", TEXTS["components/README.md"], re.M)
    mode = {"resources": ["exposure.yaml"], "components": ["components/termination/without-crds"]}
    second = exposure() | {"metadata": {"name": "second"}}
    write(tmp_path / "moved", mode | {"namespace": "delivery"}, exposure=exposure())
    broken = [
        write(tmp_path / "none", {"components": mode["components"]}),
        write(tmp_path / "hosts", mode, exposure=exposure(hosts=None)),
        write(tmp_path / "no-host", mode, exposure=exposure(hosts=[])),
        write(tmp_path / "empty-host", mode, exposure=exposure(hosts=[None])),
        write(tmp_path / "key", mode, exposure=exposure(tls=None)),
        write(tmp_path / "number", mode, exposure=exposure(hosts=["a.marker.test", 1])),
        write(tmp_path / "mapping", mode, exposure=exposure(hosts=["a.marker.test", {"b": "c"}])),
        write(
            tmp_path / "account",
            mode | {"components": [*mode["components"], "components/mesh"]},
            exposure=exposure(gateway={"namespace": "edge", "selector": {"istio": "edge"}}),
        ),
        write(
            tmp_path / "existing",
            mode | {"components": ["components/existing-gateway/termination/exposure-only"]},
            exposure=exposure(),
        ),
        *(
            write(
                tmp_path / name,
                mode | {"components": [f"components/gateway-api/{path}", *more]},
                exposure=exposure(hosts=["a.marker.test", "b.marker.test"], server=SERVER, gateway=gateway)
                | {
                    "metadata": {
                        "name": "argocd",
                        "labels": {f"argocd-istio.github.io/{key}": "generated" for key in made},
                    }
                },
            )
            for name, path, gateway, more, made in (
                ("section", "existing-gateway/termination/exposure-only", {"parent": {"name": "shared"}}, (), ()),
                ("hosts-of-a-set", "listener-set/termination/exposure-only", {"parent": {"name": "shared"}}, (), ()),
                (
                    "listeners",
                    "../termination/exposure-only",
                    {"selector": {"istio": "edge"}, "listeners": [{"name": "https"}]},
                    (),
                    ("listeners",),
                ),
                (
                    "no-retries",
                    "termination/exposure-only",
                    {"className": "istio"},
                    ("components/gateway-api/no-retries",),
                    (),
                ),
            )
        ),
        write(
            tmp_path / "scraper",
            mode | {"components": [*mode["components"], "components/mesh-scraper"]},
            exposure=exposure(),
        ),
        write(
            tmp_path / "order",
            mode | {"components": ["components/high-availability", *mode["components"]]},
            exposure=exposure(),
        ),
        *(
            write(
                tmp_path / name,
                mode | {"components": components, "configMapGenerator": generators},
                exposure=exposure(gateway={"namespace": "edge", "selector": {"istio": "edge"}}),
            )
            for name, components, generators in (
                ("login-passthrough", ["components/passthrough/without-crds", LOGIN], [settings()]),
                ("login-first", [LOGIN, *mode["components"]], [settings()]),
                ("login-settings", [*mode["components"], LOGIN], []),
                ("login-domains", [*mode["components"], LOGIN], [settings(OAUTH2_PROXY_EMAIL_DOMAINS=None)]),
                ("login-balancer", ["components/behind-load-balancer/termination/without-crds", LOGIN], [settings()]),
            )
        ),
        write(
            tmp_path / "mesh",
            mode | {"components": ["components/termination/exposure-only", "components/mesh"]},
            exposure=exposure(server=SERVER),
        ),
        write(
            tmp_path / "instance-first",
            mode | {"components": ["components/instance", *mode["components"]]},
            exposure=exposure(instance="two"),
        ),
        write(
            tmp_path / "instance",
            mode | {"components": [*mode["components"], "components/instance"]},
            exposure=exposure(),
        ),
        write(
            tmp_path / "patched",
            {
                "resources": ["overlays/termination/without-crds"],
                "components": ["components/high-availability"],
                "patches": [{"path": "redis.yaml"}],
            },
            redis={
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "argocd-redis", "namespace": "argocd"},
                "spec": {"replicas": 1},
            },
        ),
        write(
            tmp_path / "function", mode, exposure=exposure() | {"metadata": {"name": "argocd", "annotations": FUNCTION}}
        ),
        write(tmp_path / "moved-above", {"resources": ["../moved"], "components": ["components/high-availability"]}),
        write(
            tmp_path / "twice",
            mode | {"resources": ["exposure.yaml", "second.yaml"]},
            exposure=exposure(),
            second=second,
        ),
        write(
            tmp_path / "modes",
            mode | {"components": [f"components/{mode}/without-crds" for mode in MODES[:2]]},
            exposure=exposure(),
        ),
        write(
            tmp_path / "generated",
            mode,
            exposure=exposure()
            | {"metadata": {"name": "argocd", "labels": {"argocd-istio.github.io/mode": "passthrough"}}},
        ),
        write(
            tmp_path / "servers",
            mode | {"components": ["components/behind-load-balancer/termination/without-crds"]},
            exposure=exposure(gateway={"selector": {"istio": "edge"}, "servers": [{"name": "https"}]})
            | {"metadata": {"name": "argocd", "labels": {"argocd-istio.github.io/servers": "generated"}}},
        ),
        write(
            tmp_path / "no-way",
            mode
            | {
                "components": [
                    os.path.relpath(ROOT / "components/behind-load-balancer/passthrough", tmp_path / "no-way")
                ]
            },
            exposure=exposure(),
        ),
        write(
            tmp_path / "generator",
            mode | {"configMapGenerator": [{"name": "argocd-cm", "namespace": "argocd", "behavior": "merge"}]},
            exposure=exposure(),
        ),
        *(
            write(
                tmp_path / f"patch-{number}",
                mode | {"namespace": "delivery", "patches": [{"patch": _settings(**namespace)}]},
                exposure=exposure(),
            )
            for number, namespace in enumerate([{}, {"namespace": "delivery"}])
        ),
    ]
    assert len(shown) == len(broken)
    for message, folder in zip(shown, broken, strict=True):
        with pytest.raises(BuildError, match=".*".join(map(re.escape, message.split("…")))):
            build(folder)


def _singular(plural: str) -> str:
    return re.sub(r"(ie)?s$", lambda end: "y" if end[1] else "", plural)


@pytest.mark.parametrize("added", [[], ["components/high-availability"]], ids=["", "high availability"])
@pytest.mark.parametrize("mode", MODES)
def test_the_documented_removal_keeps_namespace_and_settings(tmp_path: Path, mode: str, added: list[str]) -> None:
    """The commands name plural kinds with a label, or one object; the kinds tell which namespace they need."""
    [block] = [part for part in code(TEXTS["docs/uninstalling.md"]) if "delete deployments" in part]
    by_label = re.findall(r"^kubectl (-n argocd )?delete (\S+) -l (\S+)=(\S+)$", block, re.M)
    by_name = re.findall(r"(\w+)s\.networking\.istio\.io/(\S+)", block)
    assert len(by_label) + len(by_name[:1]) == len(block.splitlines())

    def taken(item: Object) -> bool:
        kind, metadata = item["kind"].lower(), item["metadata"]
        return (kind, metadata["name"]) in by_name or any(
            kind in map(_singular, kinds.split(","))
            and metadata.get("namespace") == ("argocd" if namespace else None)
            and metadata.get("labels", {}).get(key) == value
            for namespace, kinds, key, value in by_label
        )

    objects = build(write(tmp_path, {"resources": [f"overlays/{mode}"], "components": added}))
    gone, left = ({item["kind"] for item in objects if taken(item) is side} for side in (True, False))
    # The scripts of Redis are a ConfigMap that stays too.
    assert left == {"Namespace", "ConfigMap", "Secret", "CustomResourceDefinition"} and gone.isdisjoint(left)


def test_the_documented_commands_remove_the_leftover_redis(tmp_path: Path) -> None:
    [block] = [part for part in code(TEXTS["components/high-availability/README.md"]) if "kubectl" in part]
    switch, _, password = block.partition("# The first password")
    single, ours, upstreams = re.findall(r"^kubectl -n argocd delete (.*)$", switch, re.M)
    before = build("base/argocd")
    after = build(write(tmp_path, {"resources": ["base/argocd"], "components": ["components/high-availability"]}))
    upstream = load((argocd_module() / "manifests/ha/install.yaml").read_text())

    def names(objects: Iterable[Object]) -> set[str]:
        return {f"{item['kind'].lower()}/{item['metadata']['name']}" for item in objects}

    def removed(objects: list[Object], command: str) -> set[str]:
        """The objects that a command with kinds and a selector by one label, with one or more values, selects."""
        kinds, _, selector = command.partition(" -l ")
        key, *values = re.findall(r"[\w./-]+", selector.replace(" in ", " "))
        return names(
            item
            for item in objects
            if item["kind"].lower() in map(_singular, kinds.split(","))
            and item["metadata"].get("labels", {}).get(key) in values
        )

    assert set(single.split()) == names(before) - names(after)
    assert removed(after, ours) == names(after) - names(before)
    assert set(re.findall(r"(?:deployment|statefulset)/\S+", password)) <= names(after)
    assert removed(upstream, upstreams) == names(upstream) - names(outside_redis(upstream))
    assert removed(before, upstreams) == removed(after, upstreams) == removed(before, ours) == set()
