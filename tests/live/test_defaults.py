"""The table of API defaults that the parity tests use matches the real API server."""

from __future__ import annotations

import json

from argocd_istio.drift.compare import NAMESPACE, expected, name_of
from live.cluster import Cluster
from tests.live.lifecycle import Object, erase
from tests.render.render import build, load
from tools.build import argocd_module

# The fields that the API server sets in any object, and those that it allocates for a Service.
WRITTEN = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")
ALLOCATED = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")


def filled_in(answer: Object, sent: Object) -> Object:
    """The API server's answer without the fields that are not defaults."""
    metadata = {key: value for key, value in answer["metadata"].items() if key not in WRITTEN}
    result = {key: value for key, value in answer.items() if key != "status"} | {"metadata": metadata}
    if answer["kind"] == "Service":
        own = sent["spec"]
        result["spec"] = {key: value for key, value in answer["spec"].items() if key in own or key not in ALLOCATED}
    return result


def test_api_server_defaults_match_the_table(cluster: Cluster) -> None:
    erase(cluster)
    upstream = load((argocd_module() / "manifests/install.yaml").read_text())
    namespace = next(item for item in build("base/argocd") if item["kind"] == "Namespace")
    objects = [item for item in upstream if item["kind"] != "CustomResourceDefinition"]
    create = ("create", "--namespace", NAMESPACE, "-o", "yaml", "-f", "-")
    items = {"apiVersion": "v1", "kind": "List", "items": objects}
    answers = load(cluster.kubectl(*create, input=json.dumps(namespace)).stdout)
    answers += load(cluster.kubectl(*create, "--dry-run=server", input=json.dumps(items)).stdout)
    found = {name_of(item): item for item in answers}
    assert len(found) == len(objects) + 1
    for item in [namespace, *objects]:
        name = name_of(item)
        assert filled_in(found[name], item) == expected(item), name
