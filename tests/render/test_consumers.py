"""A consumer's Exposure reaches every place, and no default stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.render.consumer import MODES, consumer, differences, exposure, leaves, one, title, write
from tests.render.render import BuildError, build

DEFAULTS = ("argocd.example.com", "ingressgateway", "argocd-certificate")
TWO = ["cd.marker.test", "cd2.marker.test"]


def places(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """Every place that the host names, the gateway's selector and the Secret's name must reach."""
    gateway, route = one(objects, "Gateway")["spec"], one(objects, "VirtualService")["spec"]
    result = {
        "url": one(objects, "ConfigMap", "argocd-cm")["data"]["url"],
        "selector": gateway["selector"],
        "gateway hosts": [server["hosts"] for server in gateway["servers"]],
        "routed hosts": route["hosts"],
    }
    if "tls" in route:
        result["sniHosts"] = [match["sniHosts"] for rule in route["tls"] for match in rule["match"]]
    secrets = [server["tls"]["credentialName"] for server in gateway["servers"] if "credentialName" in server["tls"]]
    return result | ({"secrets": secrets} if secrets else {})


@pytest.mark.parametrize(
    ("crds", "hosts"), [("", TWO), ("/without-crds", TWO[:1])], ids=["with CRDs, two hosts", "without CRDs, one host"]
)
@pytest.mark.parametrize("mode", MODES)
def test_the_exposure_reaches_every_place(tmp_path: Path, mode: str, crds: str, hosts: list[str]) -> None:
    objects = build(consumer(tmp_path, mode + crds, exposure(hosts=hosts)))
    own = [f"./{host}" for host in hosts]
    expected: dict[str, Any] = {
        "url": "https://cd.marker.test",
        "selector": {"istio": "marker-gateway"},
        "gateway hosts": [own, own],
        "routed hosts": hosts,
    }
    expected |= {"sniHosts": [hosts]} if mode == "passthrough" else {"secrets": ["marker-certificate"]}
    assert places(objects) == expected
    left = [(title(item), path, value) for item in objects for path, value in leaves(item) if _default(value)]
    assert left == []
    assert {item["kind"] for item in objects}.isdisjoint({"Exposure", "Constants"})


def _default(value: Any) -> bool:
    return isinstance(value, str) and any(default in value for default in DEFAULTS)


@pytest.mark.parametrize("mode", MODES)
def test_the_defaults_are_found_in_the_overlay_itself(mode: str) -> None:
    """Proof that the search can fail: in the bare overlay it finds each default."""
    found = [value for item in build(f"overlays/{mode}") for _, value in leaves(item) if _default(value)]
    needed = DEFAULTS[:2] if mode == "passthrough" else DEFAULTS
    assert all(any(default in value for value in found) for default in needed)


@pytest.mark.parametrize("mode", MODES)
def test_an_exposure_of_the_default_values_changes_nothing(tmp_path: Path, mode: str) -> None:
    same = exposure(
        hosts=["argocd.example.com"],
        gateway={"selector": {"istio": "ingressgateway"}},
        tls={"secretName": "argocd-certificate"},
    )
    assert differences(build(f"overlays/{mode}"), build(consumer(tmp_path, mode, same))) == []


def test_several_labels_replace_the_whole_selector(tmp_path: Path) -> None:
    selector = {"app": "edge", "tier": "public"}
    objects = build(consumer(tmp_path, "termination", exposure(gateway={"selector": selector})))
    assert one(objects, "Gateway")["spec"]["selector"] == selector


@pytest.mark.parametrize(
    ("mode", "spec", "named"),
    [
        ("termination", {"hosts": None}, "/spec/hosts/0"),
        ("termination", {"hosts": []}, "/spec/hosts/0"),
        ("termination", {"hosts": [None]}, "spec.address"),
        ("termination", {"hosts": "cd.marker.test"}, "/spec/hosts/0"),
        ("grpc-routing", {"gateway": None}, "spec.gateway.selector"),
        ("grpc-routing", {"gateway": {"selector": {}}}, "spec.gateway.selector"),
        ("grpc-routing", {"tls": None}, "spec.tls.secretName"),
        ("termination", {"tls": {}}, "spec.tls.secretName"),
        ("passthrough", {"hosts": []}, "/spec/hosts/0"),
    ],
)
def test_a_missing_value_fails_the_build_by_name(tmp_path: Path, mode: str, spec: dict[str, Any], named: str) -> None:
    with pytest.raises(BuildError, match=named):
        build(consumer(tmp_path, mode, exposure(**spec)))


@pytest.mark.parametrize("mode", MODES)
def test_a_component_without_exposure_fails_the_build(tmp_path: Path, mode: str) -> None:
    with pytest.raises(BuildError, match="nothing selected by Exposure"):
        build(write(tmp_path, {"components": [f"components/{mode}"]}))


def test_two_modes_or_two_exposures_fail_the_build(tmp_path: Path) -> None:
    both = {"resources": ["exposure.yaml"], "components": ["components/termination", "components/passthrough"]}
    with pytest.raises(BuildError, match="already registered id"):
        build(write(tmp_path / "modes", both, exposure=exposure()))
    twice = {"resources": ["exposure.yaml", "second.yaml"], "components": ["components/termination"]}
    second = exposure() | {"metadata": {"name": "second"}}
    with pytest.raises(BuildError, match="multiple matches"):
        build(write(tmp_path / "exposures", twice, exposure=exposure(), second=second))


def test_passthrough_needs_no_secret_name(tmp_path: Path) -> None:
    objects = build(consumer(tmp_path, "passthrough", exposure(tls=None)))
    assert "secrets" not in places(objects)


PATCH = [{"op": "replace", "path": "/spec/hosts", "value": ["changed.marker.test"]}]


def _patch(**target: str) -> list[dict[str, Any]]:
    return [{"target": {"kind": "Exposure", **target}, "patch": json.dumps(PATCH)}]


def test_an_earlier_component_can_change_the_exposure(tmp_path: Path) -> None:
    """The documented form for a consumer that is based on another consumer."""
    component = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component", "patches": _patch()}
    write(tmp_path / "host", component)
    ours = {"resources": ["exposure.yaml"], "components": ["host", "components/grpc-routing"]}
    found = places(build(write(tmp_path, ours, exposure=exposure())))
    assert found["url"] == "https://changed.marker.test"
    assert found["gateway hosts"] == [["./changed.marker.test"]] * 2


def test_a_separate_kustomization_can_change_the_exposure(tmp_path: Path) -> None:
    """The other documented form: the patched Exposure is a resource."""
    write(tmp_path / "base", {"resources": ["exposure.yaml"]}, exposure=exposure())
    write(tmp_path / "changed", {"resources": ["../base"], "patches": _patch()})
    ours = {"resources": ["../changed"], "components": ["components/passthrough"]}
    found = places(build(write(tmp_path / "ours", ours)))
    assert found["sniHosts"] == [["changed.marker.test"]]


def test_a_patch_beside_components_comes_too_late(tmp_path: Path) -> None:
    """A limitation of kustomize that the consumer page explains. If this fails, the page can be simpler."""
    objects = build(consumer(tmp_path, "grpc-routing", exposure(), patches=_patch()))
    assert places(objects)["url"] == "https://cd.marker.test"


def generated(*values: str, mode: str = "", **spec: Any) -> dict[str, Any]:
    """An Exposure with the labels that mark its generated values."""
    labels = {f"argocd-istio.github.io/{value}": "generated" for value in values}
    result = exposure(**spec)
    result["metadata"]["labels"] = labels | ({"argocd-istio.github.io/mode": mode} if mode else {})
    return result


def test_generated_servers_replace_only_the_gateways_servers(tmp_path: Path) -> None:
    """Several certificates need several servers, which no replacement can add."""
    servers = [
        {"name": name, "port": {"number": 443, "name": name, "protocol": "HTTPS"}, "hosts": [f"./{host}"]}
        | {"tls": {"mode": "SIMPLE", "credentialName": f"certificate-of-{host}"}}
        for name, host in zip(("https", "https-2"), TWO, strict=True)
    ]
    gateway = exposure()["spec"]["gateway"]
    for mode in ("termination", "grpc-routing"):
        entry = f"{mode}/without-crds"
        before = build(consumer(tmp_path / f"{mode}-plain", entry, exposure(hosts=TWO)))
        spec = {
            "hosts": TWO,
            "gateway": gateway | {"servers": servers},
            "tls": {"secretName": f"certificate-of-{TWO[0]}"},
        }
        after = build(consumer(tmp_path / mode, entry, generated("servers", **spec)))
        assert one(after, "Gateway")["spec"]["servers"] == servers
        assert all(line.startswith("~ Gateway argocd/argocd spec.servers") for line in differences(before, after))


def test_generated_addresses_change_only_argocd_cm(tmp_path: Path) -> None:
    entry = "grpc-routing/without-crds"
    before = build(consumer(tmp_path / "plain", entry, exposure(hosts=TWO)))
    made = generated("address", "urls", hosts=TWO, address="cd2.marker.test/argocd", additionalUrls="- https://x\n")
    assert differences(before, build(consumer(tmp_path / "generated", entry, made))) == [
        "~ ConfigMap argocd/argocd-cm data.additionalUrls: (absent) -> - https://x\n",
        "~ ConfigMap argocd/argocd-cm data.url: https://cd.marker.test -> https://cd2.marker.test/argocd",
    ]


def test_generator_fields_in_plain_exposures_are_ignored(tmp_path: Path) -> None:
    entry = "termination/without-crds"
    before = build(consumer(tmp_path / "plain", entry, exposure()))
    gateway = exposure()["spec"]["gateway"] | {"servers": [{"name": "mine"}]}
    more = exposure(gateway=gateway, address="x", additionalUrls="y", url="https://z", mode="passthrough")
    assert differences(before, build(consumer(tmp_path / "more", entry, more))) == []


@pytest.mark.parametrize("mode", MODES)
def test_an_exposure_for_another_mode_fails_the_build(tmp_path: Path, mode: str) -> None:
    entry = f"{mode}/without-crds"
    build(consumer(tmp_path / "same", entry, generated(mode=mode)))
    with pytest.raises(BuildError, match="~1mode failed"):
        build(consumer(tmp_path / "other", entry, generated(mode=MODES[MODES.index(mode) - 1])))


@pytest.mark.parametrize("mode", MODES)
def test_namesakes_in_other_namespaces_stay_unchanged(tmp_path: Path, mode: str) -> None:
    metadata = {"name": "argocd", "namespace": "edge"}
    istio = "networking.istio.io/v1"
    own: list[dict[str, Any]] = [
        {
            "apiVersion": istio,
            "kind": "Gateway",
            "metadata": metadata,
            "spec": {"servers": [{"hosts": ["mine.example"]}]},
        },
        {"apiVersion": istio, "kind": "VirtualService", "metadata": metadata, "spec": {"hosts": ["mine.example"]}},
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata | {"name": "argocd-cm"},
            "data": {"url": "mine"},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata | {"name": "argocd-server"},
            "spec": {"template": {"metadata": {"labels": {"app": "mine"}}}},
        },
    ]
    kustomization = {"resources": ["exposure.yaml", "own.yaml"], "components": [f"components/{mode}/without-crds"]}
    text = yaml.safe_dump_all(own)
    objects = build(write(tmp_path, kustomization, exposure=exposure(), own=text))
    assert [item for item in objects if item["metadata"].get("namespace") == "edge"] == sorted(
        own, key=lambda item: item["kind"]
    )


def test_a_namespace_moves_everything_and_changes_nothing_else(tmp_path: Path) -> None:
    for mode in MODES:
        entry = f"{mode}/without-crds"
        here = build(consumer(tmp_path / mode, entry, exposure()))
        there = build(consumer(tmp_path / f"{mode}-moved", entry, exposure(), namespace="delivery"))
        assert [(item["kind"], item["metadata"]["name"]) for item in there if item["kind"] != "Namespace"] == [
            (item["kind"], item["metadata"]["name"]) for item in here if item["kind"] != "Namespace"
        ]
        for before, after in zip(here, there, strict=True):
            old, new = dict(leaves(before)), dict(leaves(after))
            changed = {path: (old[path], new.get(path)) for path in old if old[path] != new.get(path)}
            # A RoleBinding's subject without a namespace is in the binding's namespace; kustomize writes it out.
            added = {path: new[path] for path in new.keys() - old.keys()}
            assert added == ({"subjects[0].namespace": "delivery"} if before["kind"] == "RoleBinding" else {})
            assert old.keys() <= new.keys()
            assert set(changed.values()) <= {("argocd", "delivery")}
            expected = {path for path in old if path.split(".")[-1] == "namespace" and old[path] == "argocd"}
            expected |= {"metadata.name"} if before["kind"] == "Namespace" else set()
            assert changed.keys() == expected, title(before)
        subjects = [
            subject["namespace"]
            for item in there
            if item["kind"] == "ClusterRoleBinding"
            for subject in item["subjects"]
        ]
        assert subjects and set(subjects) == {"delivery"}
