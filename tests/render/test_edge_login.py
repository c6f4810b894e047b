"""components/edge-login adds a login and changes nothing else; who passes it comes from Argo CD's own sources."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.render.consumer import consumer, differences, exposure, one
from tests.render.render import ROOT, BuildError, Object, build
from tests.render.test_ways import LOGIN, settings
from tools.build import argocd_module
from tools.versions import versions

MODE, COMPONENT = "components/grpc-routing/without-crds", "components/edge-login"
GATEWAY = {"namespace": "edge", "selector": {"istio": "edge"}}
README = (ROOT / COMPONENT / "README.md").read_text()
# Services that argocd-server registers beside its own, and whether they pass.
BESIDE = {
    "grpc.health.v1.Health": True,  # says only that argocd-server runs
    "grpc.reflection.v1.ServerReflection": False,  # for developers, who have a session or a token
}


def login(folder: Path, *components: str, spec: dict[str, Any] | None = None, **more: Any) -> list[Object]:
    """A render with the login, or with other components."""
    spec = {"gateway": GATEWAY} if spec is None else spec
    generator = {"configMapGenerator": [settings()]}
    return build(
        consumer(folder, "", exposure(**spec), **{"components": components or [MODE, COMPONENT], **generator, **more})
    )


def operations(objects: list[Object]) -> list[Object]:
    rules = one(objects, "AuthorizationPolicy", LOGIN)["spec"]["rules"]
    return [to["operation"] for rule in rules for to in rule["to"]]


def test_every_service_of_argocd_server_passes(tmp_path: Path) -> None:
    """By the sources of the pinned module: a service that is new there, or gone, fails here."""
    server = argocd_module() / "server"
    registered = set(re.findall(r"\.Register(\w+)Server\(grpcS,", (server / "server.go").read_text()))
    services = set()
    for file in server.glob("*/*.proto"):
        text = file.read_text()
        [package] = re.findall(r"^package (\w+);", text, re.M)
        services |= {f"{package}.{name}" for name in re.findall(r"^service (\w+)", text, re.M)}
    assert {name.partition(".")[2] for name in services} == registered - {"Health"}
    assert len(services) == len(registered) - 1 > 10
    wanted = {f"/{name}/*" for name in services | {name for name, passes in BESIDE.items() if passes}}
    pages = [each for each in operations(login(tmp_path)) if "notPaths" in each and "paths" not in each]
    assert len(pages) == 2
    for each in pages:
        assert {path for path in each["notPaths"] if re.match(r"/\w+(\.\w+)+/\*", path)} == wanted


def test_hosts_are_checked_with_and_without_port(tmp_path: Path) -> None:
    hosts = ["a.marker.test", "b.marker.test"]
    found = operations(login(tmp_path, spec={"gateway": GATEWAY, "hosts": hosts}))
    assert [each["hosts"] for each in found] == [hosts, [f"{host}:*" for host in hosts]] * 3
    # The two forms of a host have the same rules.
    assert all({**found[at], "hosts": []} == {**found[at + 1], "hosts": []} for at in (0, 2, 4))


def test_only_the_login_is_added(tmp_path: Path) -> None:
    before = login(tmp_path / "before", MODE, configMapGenerator=[])
    after = login(tmp_path / "after")
    added = [f"+ {kind} {where}/{name}" for kind, where, name in (
        ("AuthorizationPolicy", "edge", LOGIN),
        ("ConfigMap", "argocd", one_named(after, "ConfigMap")),
        ("Deployment", "argocd", LOGIN),
        ("Service", "argocd", LOGIN),
        ("ServiceAccount", "argocd", LOGIN),
    )]  # fmt: skip
    assert differences(before, after) == added


def one_named(objects: list[Object], kind: str) -> str:
    """The name of the login's object of that kind."""
    names = [item["metadata"]["name"] for item in objects if item["kind"] == kind]
    [name] = [name for name in names if name.startswith(LOGIN)]
    return str(name)


def test_a_changed_setting_restarts_the_pods(tmp_path: Path) -> None:
    names = []
    for issuer in ("https://a.acme.io", "https://b.acme.io"):
        changed = settings(OAUTH2_PROXY_OIDC_ISSUER_URL=issuer)
        objects = login(tmp_path / issuer[8:9], configMapGenerator=[changed])
        [container] = one(objects, "Deployment", LOGIN)["spec"]["template"]["spec"]["containers"]
        names.append(one_named(objects, "ConfigMap"))
        assert container["envFrom"] == [{"configMapRef": {"name": names[-1]}}]
    assert names[0] != names[1]


def test_no_secret_is_in_the_render(tmp_path: Path) -> None:
    text = yaml.safe_dump([item for item in login(tmp_path) if item["metadata"]["name"].startswith(LOGIN)])
    values = re.findall(r"secretKeyRef: *\n *key: ([\w-]+)\n *name: ([\w-]+)", text)
    assert values == [("client-secret", LOGIN), ("cookie-secret", LOGIN)]
    assert "kind: Secret" not in text


def test_the_documented_lines_put_the_policy_back(tmp_path: Path) -> None:
    [block] = [text for text in re.findall(r"^```yaml\n(.*?)^```", README, re.M | re.S) if "replacements:" in text]
    moved = login(tmp_path / "moved", namespace="delivery")
    fixed = login(tmp_path / "fixed", namespace="delivery", **yaml.safe_load(block))
    assert one(moved, "AuthorizationPolicy", LOGIN)["metadata"]["namespace"] == "delivery"
    assert differences(moved, fixed) == [
        f"- AuthorizationPolicy delivery/{LOGIN}",
        f"+ AuthorizationPolicy edge/{LOGIN}",
    ]


OWN, PARENT = {"className": "istio"}, {"parent": {"name": "shared", "namespace": "edge", "sectionName": "https"}}
ISTIO = GATEWAY | {"existing": "edge/shared"}


@pytest.mark.parametrize(
    ("components", "gateway", "named"),
    [
        ([COMPONENT, MODE], GATEWAY, "nothing selected by VirtualService"),
        ([MODE, COMPONENT, COMPONENT], GATEWAY, "already registered id"),
        ([MODE, "components/gateway-api/edge-login"], GATEWAY, "nothing selected by HTTPRoute"),
        (["components/gateway-api/termination/without-crds", COMPONENT], OWN, "nothing selected by VirtualService"),
        # Where port 80 does not redirect, the login must check it.
        (
            ["components/behind-load-balancer/termination/without-crds", COMPONENT],
            GATEWAY,
            "httpsRedirect.* is missing",
        ),
        (["components/existing-gateway/termination/without-crds", COMPONENT], ISTIO, "nothing selected by Gateway"),
        ([MODE, "components/existing-gateway/edge-login"], GATEWAY, "name=redirect"),
        (
            [
                "components/gateway-api/existing-gateway/termination/without-crds",
                "components/gateway-api/listener-set/edge-login",
            ],
            PARENT,
            "nothing selected by ListenerSet",
        ),
        (
            ["components/gateway-api/existing-gateway/termination/without-crds", "components/gateway-api/edge-login"],
            PARENT,
            "nothing selected by Gateway",
        ),
        (
            [
                "components/gateway-api/existing-gateway/termination/without-crds",
                "components/gateway-api/existing-gateway/edge-login",
            ],
            {"parent": {"name": "shared", "sectionName": "https"}},
            "`spec.gateway.parent.namespace` is missing",
        ),
    ],
)
def test_a_wrong_place_fails_the_build(
    tmp_path: Path, components: list[str], gateway: dict[str, Any], named: str
) -> None:
    with pytest.raises(BuildError, match=named):
        login(tmp_path, *components, spec={"gateway": gateway})


@pytest.mark.parametrize(
    "left_out", ["OAUTH2_PROXY_OIDC_ISSUER_URL", "OAUTH2_PROXY_CLIENT_ID", "OAUTH2_PROXY_EMAIL_DOMAINS"]
)
def test_a_missing_setting_fails_the_build(tmp_path: Path, left_out: str) -> None:
    with pytest.raises(BuildError, match=f"`data.{left_out}` is missing"):
        login(tmp_path, configMapGenerator=[settings(**{left_out: None})])


@pytest.mark.parametrize("generator", [[], [settings() | {"namespace": "default"}]])
def test_missing_settings_fail_the_build(tmp_path: Path, generator: list[Object]) -> None:
    with pytest.raises(BuildError, match=f"nothing selected by ConfigMap.*{LOGIN}"):
        login(tmp_path, configMapGenerator=generator)


# The ports on which the gateway itself redirects, and so must not ask for a login.
REDIRECTED = {"": True, "existing-gateway/": True, "behind-load-balancer/": False, "gateway-api/": True}
REDIRECTED |= {"gateway-api/existing-gateway/": False, "gateway-api/listener-set/": True}


@pytest.mark.parametrize("way", REDIRECTED)
def test_plain_http_is_checked_unless_it_redirects(tmp_path: Path, way: str) -> None:
    gateway = ISTIO | (PARENT if "/" in way.rstrip("/") else OWN)
    listed = [f"components/{way}termination/without-crds", f"components/{way}edge-login"]
    policy = login(tmp_path, *listed, spec={"gateway": gateway})
    ports = [each.get("notPorts", each.get("ports")) for each in operations(policy)]
    # The last two are for HTTPS on these ports.
    assert ports == ([["80", "8080"]] * 6 if REDIRECTED[way] else [None] * 4)


def test_the_image_is_the_tested_program() -> None:
    [image] = re.findall(r"image: (\S+)", (ROOT / COMPONENT / "any-gateway/deployment.yaml").read_text())
    assert image == f"quay.io/oauth2-proxy/oauth2-proxy:{versions()['oauth2-proxy']}"
