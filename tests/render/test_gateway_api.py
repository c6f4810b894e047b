"""The Gateway API twins of the modes: portable objects, the redirect, the retries and the generator's listeners."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.render.consumer import EXPOSURE, MODES, consumer, differences, one
from tests.render.render import BuildError, Object, build
from tests.render.test_ways import API, GATEWAY_API, LISTENERS, ONLY, PARENT, WITHOUT_CRDS, Case, fields, spec
from tools.build import NEWEST_GATEWAY_API, OLDEST_GATEWAY_API, gateway_api_crds

GROUP = "gateway.networking.k8s.io"
REDIRECT, NO_RETRIES = "components/gateway-api/redirect", "components/gateway-api/no-retries"
twins = pytest.mark.parametrize("case", [Case(way, mode, ONLY) for way in GATEWAY_API for mode in MODES], ids=str)


def strict(schema: Any) -> Any:
    """The schema, but a field that it does not name is an error: the API server would drop it."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: strict(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        result["additionalProperties"] = False
    return result


@cache
def schemas(pin: str) -> dict[str, Any]:
    """The schema of each kind in version v1, of the standard channel."""
    found = {}
    for file in gateway_api_crds(pin).glob(f"{GROUP}_*.yaml"):
        for crd in yaml.load_all(file.read_bytes(), yaml.CSafeLoader):
            for version in crd["spec"]["versions"] if crd and crd["kind"] == "CustomResourceDefinition" else ():
                if version["name"] == "v1" and version["served"]:
                    schema = strict(version["schema"]["openAPIV3Schema"])
                    schema["properties"]["metadata"] = {"type": "object"}
                    found[crd["spec"]["names"]["kind"]] = schema
    return found


def read(case: Case) -> Object:
    """The spec of an Exposure with the fields that the case reads; a ListenerSet's parent has no section."""
    wanted = spec(fields(case))
    if case.way == LISTENERS:
        del wanted["gateway"]["parent"]["sectionName"]
    return wanted


def problems(pin: str, objects: list[Object]) -> list[str]:
    """What the API server would say to objects of the Gateway API, if these CRDs were installed."""
    found = []
    for item in objects:
        if item["apiVersion"] == f"{GROUP}/v1":
            errors = jsonschema.Draft202012Validator(schemas(pin)[item["kind"]]).iter_errors(item)
            found += [f"{item['kind']}: {error.json_path}: {error.message}" for error in errors]
    return found


@pytest.mark.parametrize("pin", [OLDEST_GATEWAY_API, NEWEST_GATEWAY_API])
@twins
def test_objects_are_valid_for_supported_crds(tmp_path: Path, case: Case, pin: str) -> None:
    objects = case.build(tmp_path, read(case))
    assert problems(pin, objects) == []
    assert {item["apiVersion"] for item in objects} <= {f"{GROUP}/v1", "networking.istio.io/v1", "v1"}
    assert {item["kind"] for item in objects if item["apiVersion"].startswith("networking.istio.io")} == {"Sidecar"}


def with_component(folder: Path, case: Case, component: str, **gateway: Any) -> list[Object]:
    """The render of a case that lists one more component."""
    wanted = read(case)
    wanted["gateway"] |= gateway
    return build(consumer(folder, "", EXPOSURE | {"spec": wanted}, components=[f"components/{case}", component]))


def test_retries_are_valid_for_the_newest_crds_only(tmp_path: Path) -> None:
    objects = with_component(tmp_path, Case(API, "grpc-routing", ONLY), NO_RETRIES)
    assert problems(NEWEST_GATEWAY_API, objects) == []
    [problem] = problems(OLDEST_GATEWAY_API, objects)
    assert problem.startswith("HTTPRoute: $.spec.rules[0]: ") and "'retry' was unexpected" in problem


@pytest.mark.parametrize("way", GATEWAY_API)
def test_no_retries_changes_the_grpc_rule_only(tmp_path: Path, way: str) -> None:
    case = Case(way, "grpc-routing", WITHOUT_CRDS)
    plain = case.build(tmp_path / "plain", read(case))
    [changed] = differences(plain, with_component(tmp_path / "without", case, NO_RETRIES))
    assert changed == "~ HTTPRoute argocd/argocd spec.rules[0].retry.attempts: (absent) -> 0"


@pytest.mark.parametrize(("mode", "message"), [("termination", "/spec/rules/0/name"), ("passthrough", "HTTPRoute")])
def test_no_retries_needs_grpc_routing(tmp_path: Path, mode: str, message: str) -> None:
    with pytest.raises(BuildError, match=message):
        with_component(tmp_path, Case(API, mode, ONLY), NO_RETRIES)


@pytest.mark.parametrize("mode", MODES)
def test_the_redirect_binds_to_its_own_parent(tmp_path: Path, mode: str) -> None:
    case, http = Case(PARENT, mode, ONLY), {"name": "edge", "namespace": "edge", "sectionName": "http"}
    objects = with_component(tmp_path, case, REDIRECT, redirectParent=http)
    [added] = [item for item in objects if item["metadata"]["name"] == "argocd-redirect"]
    ours = one(
        Case(API, mode, ONLY).build(tmp_path / "own", read(Case(API, mode, ONLY))), "HTTPRoute", "argocd-redirect"
    )
    assert added["spec"] == ours["spec"] | {"parentRefs": [http]}
    assert [item for item in objects if item != added] == case.build(tmp_path / "without", read(case))


@pytest.mark.parametrize("way", [API, LISTENERS])
def test_the_redirect_is_for_other_teams_listeners(tmp_path: Path, way: str) -> None:
    """Our own listeners already have it."""
    with pytest.raises(BuildError, match="already registered id: HTTPRoute"):
        with_component(tmp_path, Case(way, "termination", ONLY), REDIRECT, redirectParent={"name": "edge"})


def test_a_redirect_names_one_listener(tmp_path: Path) -> None:
    """For all listeners, it would answer for https too."""
    case = Case(PARENT, "termination", ONLY)
    with pytest.raises(BuildError, match=r"`spec.gateway.redirectParent` is missing"):
        with_component(tmp_path / "none", case, REDIRECT)
    with pytest.raises(BuildError, match=r"`spec.gateway.redirectParent.sectionName` is missing"):
        with_component(tmp_path / "all", case, REDIRECT, redirectParent={"name": "shared", "namespace": "edge"})


@pytest.mark.parametrize("mode", MODES)
def test_a_parent_names_one_listener(tmp_path: Path, mode: str) -> None:
    """A route of all listeners would serve port 80 too."""
    case, parent = Case(PARENT, mode, ONLY), {"name": "shared", "namespace": "edge"}
    with pytest.raises(BuildError, match=r"`spec.gateway.parent.sectionName` is missing"):
        case.build(tmp_path, {"hosts": ["cd.acme.io"], "gateway": {"parent": parent}, "server": read(case)["server"]})


HOSTS = ["cd.acme.io", "cd.acme.com"]


@pytest.mark.parametrize("case", [Case(LISTENERS, mode, ONLY) for mode in MODES], ids=str)
def test_several_hosts_need_generated_listeners(tmp_path: Path, case: Case) -> None:
    """A ListenerSet's listener has one host."""
    wanted = read(case) | {"hosts": HOSTS}
    with pytest.raises(BuildError, match="several hosts need an ExposureGenerator"):
        case.build(tmp_path / "plain", wanted)
    secret = wanted.get("tls", {}).get("secretName", "")
    tls = {"certificateRefs": [{"name": secret}]}
    listeners = [
        {"name": name, "hostname": host, "tls": tls} for name, host in zip(("https", "https-2"), HOSTS, strict=True)
    ]
    wanted["gateway"]["listeners"] = listeners
    found = one(case.build(tmp_path / "generated", wanted, listeners="generated"), "ListenerSet")
    assert found["spec"]["listeners"] == listeners


def test_our_gateway_serves_several_hosts(tmp_path: Path) -> None:
    """Its listeners have no hostname, so the routes' hostnames are those that it serves."""
    case = Case(API, "grpc-routing", ONLY)
    objects = case.build(tmp_path, read(case) | {"hosts": HOSTS})
    assert not [
        path for listener in one(objects, "Gateway")["spec"]["listeners"] for path in listener if path == "hostname"
    ]
    routes = [item["spec"] for item in objects if item["kind"] == "HTTPRoute"]
    assert [(route["hostnames"], route["parentRefs"][0]["port"]) for route in routes] == [(HOSTS, 443), (HOSTS, 80)]
