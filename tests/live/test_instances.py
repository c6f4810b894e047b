"""Three Argo CD in one cluster: each serves and syncs, and the documented removal of one leaves the others."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from live.cluster import Cluster
from live.render import kustomize_build
from tests.live.conftest import ROOT
from tests.live.lifecycle import Argocd, Object, cli_options, commands, config_map, get, run, until
from tests.live.table import GRPC_ROUTING, PASSTHROUGH, TERMINATION
from tests.render.consumer import write

PAGE, REMOVE = "components/instance/README.md", "Remove one"
EXAMPLES, ENVIRONMENTS = ROOT / "examples/instances", ROOT / "examples/environments"
FLEET = ROOT / "examples/fleet/applicationset.yaml"
MODES = {"one": GRPC_ROUTING, "two": TERMINATION, "three": PASSTHROUGH}
SHOP = "shop"
"""The Application of each instance: all three have one of this name, from one repository."""
OWNER = "argocd.argoproj.io/installation-id"


@dataclass(frozen=True)
class Instance:
    """An instance with a user of its API who has logged in through the gateway."""

    name: str
    argocd: Argocd

    @property
    def namespace(self) -> str:
        return "argocd" if self.name == "one" else f"argocd-{self.name}"

    @property
    def place(self) -> str:
        """The namespace of what its Application deploys."""
        return f"{SHOP}-{self.name}"

    def sync(self) -> None:
        self.argocd("app", "sync", SHOP, "--timeout", "30")

    def deployed(self, *options: str) -> list[tuple[str, str]]:
        """Namespace and name of each object that its Application owns."""
        found: Object = json.loads(self.argocd("app", "get", SHOP, "--output", "json", *options))
        return [(one["namespace"], one["name"]) for one in found["status"].get("resources", [])]


@pytest.fixture(scope="module")
def instances(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Instance]:
    """The examples, applied one after the other, each with its Application."""
    found = {}
    repository = cluster.git_repository(SHOP, {"config.json": config_map("config", {"deployed": "true"})})
    for name, mode in MODES.items():
        cluster.apply(EXAMPLES / name)
        cluster.wait_ready(90)
        home, host = tmp_path_factory.mktemp(name), f"{name}.acme.io"
        argocd = Argocd(cluster, home, *cli_options(mode), host=host).login("admin", cluster.admin_password())
        one = found[name] = Instance(name, argocd)
        cluster.kubectl("create", "namespace", one.place)
        place = ["--dest-server", "https://kubernetes.default.svc", "--dest-namespace", one.place]
        argocd("app", "create", SHOP, "--repo", repository, "--path", ".", *place, "--set-finalizer")
        one.sync()
    cluster.set_hosts([f"{name}.acme.io" for name in MODES])
    return found


@pytest.mark.parametrize("name", MODES)
def test_each_instance_owns_what_it_synced(cluster: Cluster, instances: dict[str, Instance], name: str) -> None:
    one = instances[name]
    assert one.deployed() == [(one.place, "config")]
    found = get(cluster, "configmap", "config", one.place)
    assert found["metadata"]["annotations"][OWNER] == one.namespace
    one.sync()


def test_without_an_id_an_instance_takes_anothers_objects(cluster: Cluster, instances: dict[str, Instance]) -> None:
    """An Application of the same name then owns them, and would prune them."""
    one, own = instances["one"], [(instances["one"].place, "config")]
    patch = json.dumps({"data": {"installationID": None}})
    cluster.kubectl("patch", "configmap", "argocd-cm", "-n", "argocd", "--type=merge", "-p", patch)
    both = [*own, (instances["three"].place, "config"), (instances["two"].place, "config")]
    until(lambda: sorted(one.deployed("--refresh")) == sorted(both), 40, "the objects of all three")
    cluster.kubectl("apply", "-f", "-", input=kustomize_build(EXAMPLES / "one"))
    until(lambda: one.deployed("--refresh") == own, 40, "its own object only")


def test_an_application_set_finds_each_of_200_environments(
    cluster: Cluster, instances: dict[str, Instance], tmp_path: Path, report: Callable[[str, dict[str, int]], None]
) -> None:
    names = [f"site-{number:03}" for number in range(200)]
    files = {
        f"environments/{name}/{file.name}": file.read_text()
        for name in (*names, "common")
        for file in (ENVIRONMENTS / ("common" if name == "common" else "staging")).iterdir()
    }
    url = cluster.git_repository("platform", files)
    wanted = FLEET.read_text().replace("https://git.acme.io/platform.git", url)
    (tmp_path / "applicationset.yaml").write_text(wanted)
    began = time.monotonic()
    found = json.loads(
        instances["one"].argocd("appset", "generate", str(tmp_path / "applicationset.yaml"), "-o", "json")
    )
    report("applications", {"generated": len(found), "ms": round(1000 * (time.monotonic() - began))})
    assert [
        (one["metadata"]["name"], one["spec"]["source"]["path"], one["spec"]["destination"]["name"]) for one in found
    ] == [(f"argocd-{name}", f"environments/{name}", name) for name in names]


def test_the_documented_removal_leaves_the_others(
    cluster: Cluster, instances: dict[str, Instance], tmp_path: Path
) -> None:
    (tmp_path / "two").symlink_to(EXAMPLES / "two")
    [remove] = commands(PAGE, REMOVE)
    run(cluster, remove, tmp_path)
    kinds = "namespaces,clusterroles,clusterrolebindings"
    left = cluster.kubectl("get", kinds, "-o", "name").stdout
    assert "argocd-two" not in left and "-server-two" not in left
    config = ("get", "configmap", "config", "-n", instances["two"].place, "--ignore-not-found")
    assert cluster.kubectl(*config).stdout == ""
    crds = cluster.kubectl("get", "customresourcedefinitions", "-o", "name").stdout
    assert len(re.findall(r"argoproj\.io$", crds, re.M)) == 3
    for name in ("one", "three"):
        cluster.kubectl("delete", "configmap", "config", "-n", instances[name].place)
        instances[name].sync()
        assert instances[name].deployed() == [(instances[name].place, "config")]


def test_without_the_component_the_first_one_cannot_sync(
    cluster: Cluster, instances: dict[str, Instance], tmp_path: Path
) -> None:
    one, mode = instances["one"], "components/grpc-routing/without-crds"
    exposed = yaml.safe_load((EXAMPLES / "two/exposure.yaml").read_text())
    listed = {"namespace": "argocd-two", "resources": ["exposure.yaml"], "components": [mode]}
    render = kustomize_build(write(tmp_path, listed, exposure=exposed))
    bindings = [each for each in render.decode().split("\n---\n") if "\nkind: ClusterRoleBinding\n" in f"\n{each}"]
    assert len(bindings) == 3
    cluster.kubectl("apply", "-f", "-", input="\n---\n".join(bindings))
    cluster.kubectl("delete", "configmap", "config", "-n", one.place)
    with pytest.raises(AssertionError, match="phase: Failed"):
        one.sync()
    state = get(cluster, "application", SHOP)["status"]["operationState"]
    assert "system:serviceaccount:argocd:argocd-application-controller" in str(state) and "forbidden" in str(state)
