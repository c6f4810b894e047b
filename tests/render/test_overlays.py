"""The changes of each mode, and rules for every overlay."""

from __future__ import annotations

import pytest
import yaml

from tests.render.consumer import MODES, assert_golden, differences, leaves, one
from tests.render.render import ROOT, build


@pytest.mark.parametrize("mode", MODES)
def test_a_modes_changes_match_its_golden_file(mode: str) -> None:
    found = "\n".join(differences(build("base"), build(f"overlays/{mode}/without-crds"))) + "\n"
    assert_golden(found, f"{mode}.txt")


@pytest.mark.parametrize("mode", MODES)
def test_an_overlay_is_its_mode_and_the_crds(mode: str) -> None:
    whole, bare, crds = build(f"overlays/{mode}"), build(f"overlays/{mode}/without-crds"), build("base/crds")
    assert differences(bare, whole) == differences([], crds)
    assert {item["kind"] for item in crds} == {"CustomResourceDefinition"}


@pytest.mark.parametrize("mode", MODES)
def test_namespace_and_crds_are_applied_first(mode: str) -> None:
    kinds = [item["kind"] for item in build(f"overlays/{mode}")]
    assert kinds[:4] == ["Namespace", *["CustomResourceDefinition"] * 3]


@pytest.mark.parametrize("mode", MODES)
def test_gateway_hosts_are_local_and_servers_named(mode: str) -> None:
    objects = build(f"overlays/{mode}/without-crds")
    servers = one(objects, "Gateway")["spec"]["servers"]
    assert [(server["name"], server["port"]["name"], server["port"]["number"]) for server in servers] == [
        ("http", "http", 80),
        ("https", "https", 443),
    ]
    assert all(host.startswith("./") for server in servers for host in server["hosts"])
    assert all(item["apiVersion"] == "networking.istio.io/v1" for item in objects if "istio.io" in item["apiVersion"])


@pytest.mark.parametrize("mode", MODES)
def test_every_destination_states_an_existing_service_port(mode: str) -> None:
    objects = build(f"overlays/{mode}/without-crds")
    spec = one(objects, "VirtualService")["spec"]
    routes = [route for kind in ("http", "tls") for rule in spec.get(kind, []) for route in rule["route"]]
    assert routes
    for route in routes:
        service = one(objects, "Service", route["destination"]["host"])
        ports = {port["port"] for port in service["spec"]["ports"]}
        assert route["destination"]["port"]["number"] in ports


@pytest.mark.parametrize("mode", MODES)
def test_a_sidecar_passes_argocd_servers_port_through_unchanged(mode: str) -> None:
    objects = build(f"overlays/{mode}/without-crds")
    spec = one(objects, "Sidecar", "argocd-server")["spec"]
    selector = spec["workloadSelector"]["labels"]
    pods = one(objects, "Deployment", "argocd-server")["spec"]["template"]["metadata"]["labels"]
    services = [item["spec"] for item in objects if item["kind"] == "Service" and item["spec"]["selector"] == selector]
    reached = {port["targetPort"] for spec in services for port in spec["ports"] if port.get("name") != "metrics"}
    assert selector.items() <= pods.items()
    assert {(each["port"]["number"], each["port"]["protocol"]) for each in spec["ingress"]} == {
        (port, "TCP") for port in reached
    }


@pytest.mark.parametrize("mode", MODES)
def test_a_changed_server_insecure_restarts_argocd_server(mode: str) -> None:
    objects = build(f"overlays/{mode}/without-crds")
    setting = one(objects, "ConfigMap", "argocd-cmd-params-cm")["data"]["server.insecure"]
    template = one(objects, "Deployment", "argocd-server")["spec"]["template"]
    assert setting == ("false" if mode == "passthrough" else "true")
    assert template["metadata"]["annotations"]["server.insecure"] == setting


def test_api_defaults_inside_lists_are_written_out() -> None:
    """Otherwise a second apply reports `configured`, or a server-side apply after a client-side one conflicts."""
    policies = [item for item in build("base") if item["kind"] == "NetworkPolicy"]
    ports = [port for item in policies for rule in item["spec"].get("ingress", []) for port in rule.get("ports", [])]
    assert ports and all("protocol" in port for port in ports)
    references = [path for item in build("base") for path, _ in leaves(item) if path.endswith("fieldRef.fieldPath")]
    versions = [path for item in build("base") for path, _ in leaves(item) if path.endswith("fieldRef.apiVersion")]
    assert references and len(references) == len(versions)


def test_no_kustomization_uses_a_deprecated_field() -> None:
    files = [file for top in ("base", "overlays", "components", "examples") for file in (ROOT / top).rglob("*.yaml")]
    kustomizations = [file for file in files if file.name == "kustomization.yaml"]
    assert len(kustomizations) > 15
    for file in kustomizations:
        fields = yaml.safe_load(file.read_text()).keys()
        old = fields & {"commonLabels", "patchesStrategicMerge", "patchesJson6902", "vars", "bases"}
        assert not old, f"{file}: {', '.join(old)}"
