"""Adopt an install of upstream's manifests with all its data, also if it was edited by hand."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from live.cluster import Cluster
from tests.live.conftest import HERE, HOST, ROOT
from tests.live.lifecycle import (
    Argocd,
    Object,
    apply_results,
    commands,
    config_map,
    deliver,
    differing,
    erase,
    get,
    next_second,
    overlay,
    run,
    uid,
    until,
    workloads_ready,
    wrong,
)
from tests.live.questions import Client, curl
from tests.live.table import GRPC_ROUTING, PASSTHROUGH
from tools.build import argocd_module

ADMIN, ALICE = "new-password-of-admin", "password-of-alice"
ADOPTING = "docs/adopting.md"


def install_upstream(cluster: Cluster) -> str:
    """Install upstream's manifests as its documentation says; returns the address of argocd-server."""
    erase(cluster)
    cluster.kubectl("create", "namespace", "argocd")
    upstream = argocd_module() / "manifests/install.yaml"
    cluster.kubectl("apply", "-n", "argocd", "--server-side", "--force-conflicts", "-f", upstream)
    workloads_ready(cluster)
    address: str = get(cluster, "service", "argocd-server")["spec"]["clusterIP"]
    return address


def secrets(cluster: Cluster) -> dict[str, Object]:
    """The data of each Secret in Argo CD's namespace."""
    found = json.loads(cluster.kubectl("get", "secrets", "-n", "argocd", "-o", "json").stdout)["items"]
    return {item["metadata"]["name"]: item["data"] for item in found if "data" in item}


@dataclass(frozen=True)
class Adopted:
    """The data and UIDs of objects before the library's apply, and the apply's result for each object."""

    secrets: dict[str, Object]
    uids: dict[tuple[str, str], str]
    words: dict[str, str]


KEPT = [("application", "before"), ("appproject", "team"), ("appproject", "default"), ("secret", "argocd-secret")]


@pytest.fixture(scope="module")
def adopted(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Adopted:
    """Upstream's install with an account, a changed password, a project and an Application, adopted by the library."""
    address = install_upstream(cluster)
    account = {"data": {"accounts.alice": "login,apiKey"}}
    cluster.kubectl("patch", "-n", "argocd", "configmap", "argocd-cm", "-p", json.dumps(account))
    initial = cluster.admin_password()
    # By the Service's address: upstream's install has no gateway, and its certificate is self-signed.
    argocd = Argocd(cluster, tmp_path_factory.mktemp("home"), "--insecure", host=address).login("admin", initial)
    alice = ("--account", "alice", "--new-password", ALICE)
    argocd("account", "update-password", *alice, "--current-password", initial)
    argocd("account", "update-password", "--current-password", initial, "--new-password", ADMIN)
    argocd("proj", "create", "team", "--description", "Made before.")
    deliver(cluster, argocd, "before", {"config.json": config_map("before", {"made": "before"})})
    uids = {which: uid(cluster, *which) for which in KEPT}
    before = secrets(cluster)
    words = apply_results(cluster.apply(overlay(GRPC_ROUTING)).stdout)
    cluster.wait_ready()
    return Adopted(before, uids, words)


def test_apply_adopts_every_object(adopted: Adopted) -> None:
    new = {name for name, word in adopted.words.items() if word == "created"}
    assert {name.split("/")[0].split(".", 1)[-1] for name in new} == {"networking.istio.io", "service"}
    assert differing(adopted.words, ["created", "configured", "unchanged"]) == {}


def test_secrets_projects_and_applications_are_the_same_objects(cluster: Cluster, adopted: Adopted) -> None:
    assert {which: uid(cluster, *which) for which in KEPT} == adopted.uids
    assert secrets(cluster) == adopted.secrets
    assert get(cluster, "configmap", "argocd-cm")["data"]["accounts.alice"] == "login,apiKey"


@pytest.mark.usefixtures("adopted")
def test_old_passwords_work_through_the_new_gateway(cluster: Cluster, tmp_path: Path) -> None:
    Argocd(cluster, tmp_path).login("alice", ALICE)
    argocd = Argocd(cluster, tmp_path).login("admin", ADMIN)
    argocd("app", "sync", "before", "--timeout", "30")
    assert json.loads(argocd("app", "get", "before", "-o", "json"))["status"]["sync"]["status"] == "Synced"


@pytest.mark.usefixtures("adopted")
def test_second_apply_after_adoption_changes_nothing(cluster: Cluster) -> None:
    assert differing(apply_results(cluster.apply(overlay(GRPC_ROUTING)).stdout), ["unchanged"]) == {}


def neighbour(host: str) -> Object:
    """A Gateway of other applications, which selects the same pods as ours."""
    servers = [
        {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": [host]},
        {
            "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
            "hosts": [host],
            "tls": {"mode": "SIMPLE", "credentialName": "argocd-certificate"},
        },
    ]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "neighbour", "namespace": "default"},
        "spec": {"selector": {"istio": "ingressgateway"}, "servers": servers},
    }


@pytest.mark.usefixtures("adopted")
@pytest.mark.parametrize(("host", "disturbs"), [("*", False), ("*.example.com", False), (HOST, True)])
def test_older_gateway_interferes_only_for_the_same_host(cluster: Cluster, host: str, disturbs: bool) -> None:
    cluster.kubectl("apply", "-f", "-", input=json.dumps(neighbour(host)))
    try:
        cluster.kubectl("delete", "gateways.networking.istio.io", "argocd", "-n", "argocd")
        next_second()
        cluster.apply(overlay(GRPC_ROUTING))
        if disturbs:
            until(
                lambda: "UI, HTTP/1.1: 404" in " ".join(wrong(cluster, GRPC_ROUTING, seconds=0)), 20, "404 from the UI"
            )
        else:
            assert wrong(cluster, GRPC_ROUTING) == []
    finally:
        cluster.kubectl("delete", "gateways.networking.istio.io", "neighbour", "-n", "default")
    assert wrong(cluster, GRPC_ROUTING) == []


@pytest.mark.usefixtures("adopted")
def test_documented_setting_ignores_istios_config_maps(cluster: Cluster, tmp_path: Path) -> None:
    text = (ROOT / ADOPTING).read_text().partition("## Projects that warn")[2]
    [documented] = re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)
    setting = yaml.safe_load(documented)["spec"]["orphanedResources"]
    cluster.kubectl("create", "namespace", "team")
    argocd = Argocd(cluster, tmp_path).login("admin", ADMIN)
    url = cluster.git_repository("orphans", {"config.json": config_map("owned", {"made": "by git"})})
    place = ["--dest-server", "https://kubernetes.default.svc", "--dest-namespace", "team"]
    argocd("app", "create", "orphans", "--repo", url, "--path", ".", *place)

    def watch(orphaned: Object) -> None:
        patch = json.dumps({"spec": {"orphanedResources": orphaned}})
        cluster.kubectl("patch", "appproject", "default", "-n", "argocd", "--type=merge", "-p", patch)

    def warnings() -> list[str]:
        argocd("app", "get", "orphans", "--refresh")
        conditions = get(cluster, "application", "orphans")["status"].get("conditions", [])
        return [one["message"] for one in conditions if one["type"] == "OrphanedResourceWarning"]

    watch({"warn": True})
    until(lambda: warnings() == ["Application has 2 orphaned resources"], 30, "there is a warning")
    watch(setting)
    until(lambda: warnings() == [], 30, "there is no warning")


@pytest.fixture(scope="module")
def edited(cluster: Cluster, adopted: Adopted) -> None:
    """Upstream's install, edited by hand as many guides say, with its own Gateway and VirtualService.

    It uses the gateway's certificate of the install before.
    """
    install_upstream(cluster)
    # Older guides replace only `command`; with the `args` of newer installs argocd-server would not start.
    command = ["argocd-server", "--staticassets", "/shared/app", "--insecure"]
    container = {"name": "argocd-server", "command": command, "args": []}
    port = {"name": "grpc", "port": 443, "protocol": "TCP", "targetPort": 8080}
    pair = zip(("tls.crt", "tls.key"), cluster.issue([HOST], HOST), strict=True)
    for what, patch in {
        "deployment/argocd-server": {"spec": {"template": {"spec": {"containers": [container]}}}},
        "service/argocd-server": {"spec": {"ports": [port]}},
        "secret/argocd-secret": {"data": {key: base64.b64encode(value).decode() for key, value in pair}},
    }.items():
        cluster.kubectl("patch", "-n", "argocd", what, "-p", json.dumps(patch))
    cluster.kubectl("apply", "-f", HERE / "samples/edited.yaml")
    workloads_ready(cluster)


@pytest.mark.usefixtures("edited")
def test_edited_install_needs_the_documented_commands(cluster: Cluster, tmp_path: Path) -> None:
    client = Client(cluster, HOST)
    # The gateway may still have the address of the pod that was replaced.
    until(lambda: curl(client, "/healthz").code == 200, 20, "the edited install serves")
    [apply, *_] = commands(ADOPTING, "Installed from upstream's manifests")
    assert GRPC_ROUTING in apply
    run(cluster, apply.replace(GRPC_ROUTING, PASSTHROUGH), tmp_path)
    server = get(cluster, "deployment", "argocd-server")["spec"]["template"]["spec"]["containers"][0]
    assert "--insecure" in server["command"], "expected apply to keep --insecure, so that the patch is needed"

    [patch] = commands(ADOPTING, "Edited by hand")
    [look, delete] = commands(ADOPTING, "A Gateway and a VirtualService of your own")
    listed = [line.split(maxsplit=3) for line in run(cluster, look, tmp_path).splitlines()]
    with_host = {(namespace, name) for _, namespace, name, hosts in listed if HOST in hosts}
    assert {("argocd", name) for name in ("argocd", "argocd-gateway", "argocd-vsvc")} <= with_host
    run(cluster, patch + delete, tmp_path)
    workloads_ready(cluster)
    # argocd-server uses the certificate in argocd-secret, the only one signed by the test CA.
    assert "argocd-server-tls" not in secrets(cluster)
    assert wrong(cluster, PASSTHROUGH, but=["certificate shown"]) == []
    ports = {port["port"]: port["name"] for port in get(cluster, "service", "argocd-server")["spec"]["ports"]}
    assert ports == {80: "http", 443: "https"}


@pytest.mark.usefixtures("edited")
def test_adopted_install_serves_every_client_with_grpc_routing(cluster: Cluster) -> None:
    cluster.apply(overlay(GRPC_ROUTING))
    cluster.wait_ready()
    assert wrong(cluster, GRPC_ROUTING) == []
    assert differing(apply_results(cluster.apply(overlay(GRPC_ROUTING)).stdout), ["unchanged"]) == {}
