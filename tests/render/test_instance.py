"""components/instance: an install beside another one shares nothing with it but the CRDs."""

from __future__ import annotations

from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import pytest

from tests.render.consumer import consumer, differences, exposure, one, title, write
from tests.render.render import ROOT, BuildError, Object, build
from tests.render.test_ways import AVAILABLE, INSTANCE, MESH, ROLES

MODE = "components/termination/without-crds"
ONLY = "components/termination/exposure-only"
SERVER = {"service": "argocd-server", "labels": {"app": "argocd-server"}}
GATEWAY = {"namespace": "edge", "selector": {"istio": "edge"}, "serviceAccount": "edge"}
EXAMPLES = sorted(folder.name for folder in (ROOT / "examples/instances").iterdir())


def listing(folder: Path, *components: str, name: Any = "two", **more: Any) -> Path:
    spec = exposure(instance=name, gateway=GATEWAY, server=SERVER if ONLY in components else None)
    return consumer(folder, "", spec, components=[*components], **more)


def test_only_names_and_the_mark_change(tmp_path: Path) -> None:
    before, after = (
        build(listing(tmp_path / str(number), MODE, *more)) for number, more in enumerate(([], [INSTANCE]))
    )
    kinds = ("ClusterRole", "ClusterRoleBinding")
    names = [f"{kind} {role}" for kind in kinds for role in ROLES]
    assert differences(before, after) == sorted(
        [
            *(f"- {name}" for name in names),
            *(f"+ {name}-two" for name in names),
            "~ ConfigMap argocd/argocd-cm data.installationID: (absent) -> argocd-two",
        ],
        key=lambda line: line[2:],
    )
    for role in ROLES:
        old, new = (one(objects, kinds[1], name) for objects, name in ((before, role), (after, f"{role}-two")))
        assert new["subjects"] == old["subjects"]
        assert new["roleRef"] == old["roleRef"] | {"name": f"{role}-two"}
        assert one(after, kinds[0], f"{role}-two")["rules"] == one(before, kinds[0], role)["rules"]


def test_the_order_of_the_options_does_not_matter(tmp_path: Path) -> None:
    options = [*permutations((AVAILABLE, INSTANCE, MESH))]
    renders = [build(listing(tmp_path / str(number), MODE, *some)) for number, some in enumerate(options)]
    assert all(differences(renders[0], render) == [] for render in renders[1:])


@pytest.mark.parametrize(
    ("components", "name", "named"),
    [
        ([INSTANCE, MODE], "two", "nothing selected by ClusterRole.*argocd-server"),
        ([MODE, INSTANCE, INSTANCE], "two", "nothing selected by ClusterRole.*argocd-server"),
        ([ONLY, INSTANCE], "two", "nothing selected by ClusterRole.*argocd-server"),
        ([MODE, INSTANCE], None, "`spec.instance` is missing for replacement source"),
    ],
)
def test_a_missing_part_fails_the_build(tmp_path: Path, components: list[str], name: Any, named: str) -> None:
    with pytest.raises(BuildError, match=named):
        build(listing(tmp_path, *components, name=name))


def test_a_moved_install_below_fails_the_build(tmp_path: Path) -> None:
    listing(tmp_path / "below", MODE, namespace="delivery")
    with pytest.raises(BuildError, match=r"testing value /metadata/namespace failed|nothing selected by Exposure"):
        build(write(tmp_path, {"resources": ["below"], "components": [INSTANCE]}))


@pytest.mark.parametrize("name", ["2", "true", "team-two"])
def test_every_name_stays_a_text(tmp_path: Path, name: str) -> None:
    objects = build(listing(tmp_path, MODE, INSTANCE, name=name))
    assert one(objects, "ConfigMap", "argocd-cm")["data"]["installationID"] == f"argocd-{name}"
    assert one(objects, "ClusterRoleBinding", f"argocd-server-{name}")["roleRef"]["name"] == f"argocd-server-{name}"


def test_cluster_roles_of_the_consumer_keep_their_names(tmp_path: Path) -> None:
    rbac = "rbac.authorization.k8s.io"
    role = {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": {"name": "argocd-server-logs"}, "rules": []}
    objects = build(
        write(
            tmp_path,
            {"resources": ["exposure.yaml", "role.yaml"], "components": [MODE, INSTANCE]},
            exposure=exposure(instance="two"),
            role=role,
        )
    )
    assert one(objects, "ClusterRole", "argocd-server-logs") == role


def accounts(objects: list[Object]) -> set[str]:
    """The namespaces of the accounts in cluster roles."""
    bindings = [item for item in objects if item["kind"] == "ClusterRoleBinding"]
    return {subject["namespace"] for item in bindings for subject in item["subjects"]}


def test_the_example_instances_share_no_object() -> None:
    renders = {name: build(f"examples/instances/{name}") for name in EXAMPLES}
    assert len(renders) == 3
    for one_, other in combinations(renders.values(), 2):
        assert {*map(title, one_)} & {*map(title, other)} == set()
    namespaces = {name: "argocd" if name == "one" else f"argocd-{name}" for name in renders}
    assert {name: accounts(render) for name, render in renders.items()} == {
        name: {namespace} for name, namespace in namespaces.items()
    }
    ids = {one(render, "ConfigMap", "argocd-cm")["data"]["installationID"] for render in renders.values()}
    assert ids == set(namespaces.values())


def test_one_build_of_two_instances_mixes_their_accounts(tmp_path: Path) -> None:
    """The reason why each is built by itself; kustomize reports nothing."""
    both = build(write(tmp_path, {"resources": [f"examples/instances/{name}" for name in ("one", "two")]}))
    assert accounts(both) == {"argocd-two"}
