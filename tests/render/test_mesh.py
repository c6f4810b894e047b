"""components/mesh admits the accounts in the Exposure, and no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.render.consumer import MODES, consumer, differences, exposure, one, write
from tests.render.render import BuildError, Object, build

MESH, SCRAPER = "components/mesh", "components/mesh-scraper"
GATEWAY = {"namespace": "edge", "selector": {"istio": "edge"}, "serviceAccount": "edge-account"}
SCRAPED = {"namespace": "watch", "serviceAccount": "watcher"}
SELECTOR = {"matchLabels": {"app.kubernetes.io/name": "argocd-server"}}


def meshed(folder: Path, mode: str, *components: str, spec: dict[str, Any] | None = None, **more: Any) -> list[Object]:
    """A render of a mode with further components."""
    spec = {"gateway": GATEWAY, "scraper": SCRAPED} if spec is None else spec
    listed = [f"components/{mode}/without-crds", *components]
    return build(consumer(folder, mode, exposure(**spec), **{"components": listed, **more}))


def admitted(objects: list[Object], name: str = "argocd-server") -> tuple[list[str], list[str]]:
    """The principals and the ports of a policy."""
    [rule] = one(objects, "AuthorizationPolicy", name)["spec"]["rules"]
    [source], [to] = rule["from"], rule["to"]
    return source["source"]["principals"], to["operation"]["ports"]


@pytest.mark.parametrize("mode", MODES)
def test_only_the_named_accounts_are_admitted(tmp_path: Path, mode: str) -> None:
    objects = meshed(tmp_path, mode, MESH, SCRAPER)
    assert admitted(objects) == (["cluster.local/ns/edge/sa/edge-account"], ["8080"])
    assert admitted(objects, "argocd-server-metrics") == (["cluster.local/ns/watch/sa/watcher"], ["8083"])
    strict = one(objects, "PeerAuthentication", "argocd-server")["spec"]
    assert strict == {"selector": SELECTOR, "mtls": {"mode": "STRICT"}}
    for item in objects:
        if item["kind"] == "AuthorizationPolicy":
            assert (item["spec"]["selector"], item["spec"]["action"]) == (SELECTOR, "ALLOW")


@pytest.mark.parametrize("mode", MODES)
def test_only_the_policies_are_added(tmp_path: Path, mode: str) -> None:
    before = meshed(tmp_path / "before", mode)
    after = meshed(tmp_path / "after", mode, MESH, SCRAPER)
    policies = ("PeerAuthentication", "AuthorizationPolicy")
    assert differences(before, [item for item in after if item["kind"] not in policies]) == []
    assert sum(item["kind"] in policies for item in after) == 3


def test_the_policies_follow_the_consumers_namespace(tmp_path: Path) -> None:
    objects = meshed(tmp_path, "termination", MESH, SCRAPER, namespace="delivery")
    found = [item["metadata"]["namespace"] for item in objects if "security.istio.io" in item["apiVersion"]]
    assert found == ["delivery"] * 3
    assert admitted(objects)[0] == ["cluster.local/ns/edge/sa/edge-account"]


@pytest.mark.parametrize(
    ("components", "spec", "named"),
    [
        ([MESH], {"gateway": {**GATEWAY, "serviceAccount": None}}, "spec.gateway.serviceAccount"),
        ([MESH], {"gateway": {"selector": {"istio": "edge"}, "serviceAccount": "a"}}, "spec.gateway.namespace"),
        ([MESH, SCRAPER], {"gateway": GATEWAY}, "spec.scraper.namespace"),
        ([SCRAPER], None, "nothing selected by AuthorizationPolicy"),
    ],
)
def test_a_missing_part_fails_the_build(
    tmp_path: Path, components: list[str], spec: dict[str, Any] | None, named: str
) -> None:
    with pytest.raises(BuildError, match=named):
        meshed(tmp_path, "grpc-routing", *components, spec=spec)


def test_a_moved_install_below_fails_the_build(tmp_path: Path) -> None:
    below = {"resources": ["exposure.yaml"], "components": ["components/termination"], "namespace": "delivery"}
    write(tmp_path / "below", below, exposure=exposure(gateway=GATEWAY))
    with pytest.raises(BuildError, match=r"testing value /metadata/namespace failed|nothing selected by Exposure"):
        build(write(tmp_path, {"resources": ["below"], "components": [MESH]}))
