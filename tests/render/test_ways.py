"""Every way in with every mode, amount, component and namespace builds, or is refused for a reason."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import reduce
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.render.consumer import EXPOSURE, MODES, consumer, differences, leaves, one, title, write
from tests.render.render import ROOT, BuildError, Object, build

OWN, EXISTING, BALANCER = ISTIO = ("", "existing-gateway", "behind-load-balancer")
API, PARENT, LISTENERS = GATEWAY_API = ("gateway-api", "gateway-api/existing-gateway", "gateway-api/listener-set")
WAYS = (*ISTIO, *GATEWAY_API)
WITH_CRDS, WITHOUT_CRDS, ONLY = AMOUNTS = ("", "without-crds", "exposure-only")
AVAILABLE, MESH, INSTANCE = "components/high-availability", "components/mesh", "components/instance"
LOGIN = "argocd-edge-login"
SETTINGS = {
    "OAUTH2_PROXY_OIDC_ISSUER_URL": "https://login.acme.io",
    "OAUTH2_PROXY_CLIENT_ID": "argocd-edge",
    "OAUTH2_PROXY_EMAIL_DOMAINS": "acme.io",
}
"""What components/edge-login requires in the consumer's ConfigMap."""
ROLES = ("argocd-application-controller", "argocd-applicationset-controller", "argocd-server")


def path(way: str, mode: str, amount: str) -> str:
    """The path of a component, from components/."""
    return "/".join(filter(None, (way, mode, amount)))


def settings(**changed: str | None) -> Object:
    """The generator of the login's ConfigMap; a variable that is None is left out."""
    literals = [f"{key}={value}" for key, value in {**SETTINGS, **changed}.items() if value is not None]
    return {"name": LOGIN, "namespace": "argocd", "literals": literals}


@dataclass(frozen=True)
class Case:
    """One consumer: its path, what it lists after it, and its namespace."""

    way: str
    mode: str
    amount: str
    available: bool = False
    meshed: bool = False
    moved: bool = False
    further: bool = False
    login: bool = False

    def __str__(self) -> str:
        return path(self.way, self.mode, self.amount)

    @property
    def listed(self) -> list[str]:
        after = [AVAILABLE] * self.available + [MESH] * self.meshed
        login = [f"components/{path(self.way, '', '')}/edge-login".replace("//", "/")] if self.login else []
        # The instance renames the policy of the login.
        return [f"components/{self}", *after, *login, *([INSTANCE] * self.further)]

    @property
    def certificate(self) -> bool:
        """Whether our Gateway or ListenerSet ends TLS."""
        return self.mode != "passthrough" and self.way in (OWN, API, LISTENERS)

    @property
    def namespace(self) -> str:
        return "delivery" if self.moved else "argocd"

    def build(self, folder: Path, spec: Object, **labels: str) -> list[Object]:
        """The render with this spec, and with labels that the generator writes."""
        more: dict[str, Any] = {"namespace": self.namespace} if self.moved else {}
        if self.login:
            more["configMapGenerator"] = [settings()]
        metadata = {"name": "argocd", "labels": {f"argocd-istio.github.io/{key}": labels[key] for key in labels}}
        exposed = EXPOSURE | {"metadata": metadata, "spec": spec}
        return build(consumer(folder, "", exposed, components=self.listed, **more))


# What cannot be built, why, and what kustomize says.
REFUSED: list[tuple[Callable[[Case], bool], str, str]] = [
    (
        lambda case: case.way == BALANCER and case.mode == "passthrough",
        "nothing would carry the client's TLS to argocd-server",
        "behind-load-balancer/passthrough.*no such file",
    ),
    (
        lambda case: case.amount == ONLY and case.available,
        "high availability changes an install, and there is none",
        "nothing selected by Deployment.*argocd-redis",
    ),
    (
        lambda case: case.amount == ONLY and case.meshed,
        "the mesh's policies select the pods of an install, and there is none",
        "nothing selected by Deployment.*argocd-server",
    ),
    (
        lambda case: case.amount == ONLY and case.further,
        "an instance has cluster roles of an install, and there is none",
        "nothing selected by ClusterRole.*argocd-server",
    ),
    (
        lambda case: case.login and case.mode == "passthrough",
        "the login would see no requests in TLS that passes through",
        "testing value /spec/tls failed|nothing selected by HTTPRoute",
    ),
]


def cases(way: str, mode: str) -> Iterator[Case]:
    """All consumers of a way and a mode. With the CRDs only the smallest and the largest: the CRDs are only added.

    Each amount has one further instance, and two with a login, because those change no object that another component
    changes.
    """
    for amount in AMOUNTS:
        for more in product((False, True), repeat=3):
            if amount != WITH_CRDS or len(set(more)) == 1:
                yield Case(way, mode, amount, *more)
        every = amount != ONLY
        yield Case(way, mode, amount, available=every, meshed=every, moved=True, further=True)
        yield from (Case(way, mode, amount, moved=moved, login=True) for moved in (False, True))


PARENT_REF = {"name": "marker-shared", "namespace": "marker-edge", "sectionName": "marker-https"}


def _selects(case: Case) -> bool:
    return case.way in (OWN, BALANCER) or (case.login and case.way == EXISTING)


# Each field with a value that no default equals, and the consumers that read it.
FIELDS: dict[str, tuple[Any, Callable[[Case], bool]]] = {
    "spec.hosts": (["cd.marker.test"], lambda case: True),
    "spec.gateway.selector": ({"app": "marker-gateway"}, _selects),
    "spec.gateway.existing": ("marker-edge/marker-shared", lambda case: case.way == EXISTING),
    "spec.gateway.className": ("marker-class", lambda case: case.way == API),
    "spec.gateway.parent": (PARENT_REF, lambda case: case.way in (PARENT, LISTENERS)),
    "spec.tls.secretName": ("marker-certificate", lambda case: case.certificate),
    "spec.server.service": ("marker-server", lambda case: case.amount == ONLY),
    "spec.server.labels": ({"app": "marker-pods"}, lambda case: case.amount == ONLY),
    "spec.gateway.namespace": ("marker-namespace", lambda case: case.meshed or (case.login and case.way in ISTIO)),
    "spec.gateway.serviceAccount": ("marker-account", lambda case: case.meshed),
    "spec.instance": ("marker-instance", lambda case: case.further),
}


def fields(case: Case) -> list[str]:
    return [field for field, (_, reads) in FIELDS.items() if reads(case)]


def spec(names: list[str]) -> Object:
    """The spec of an Exposure with exactly these fields."""
    result: Object = {}
    for name in names:
        _, *parents, last = name.split(".")
        below: Object = reduce(lambda at, key: at.setdefault(key, {}), parents, result)
        below[last] = copy.deepcopy(FIELDS[name][0])
    return result


def places(case: Case) -> dict[str, str]:
    """Every place that a marker reaches, with its value."""
    found = places_of_gateway_api(case) if case.way in GATEWAY_API else places_of_istio(case)
    if case.amount == ONLY:
        found["Sidecar/argocd-server spec.workloadSelector.labels.app"] = "marker-pods"
        found |= {"Service/argocd-server-grpc spec.selector.app": "marker-pods"} if case.mode == "grpc-routing" else {}
    else:
        found["ConfigMap/argocd-cm data.url"] = "https://cd.marker.test"
    if case.meshed:
        principal = "spec.rules[0].from[0].source.principals[0]"
        account = "cluster.local/ns/marker-namespace/sa/marker-account"
        found[f"AuthorizationPolicy/argocd-server {principal}"] = account
    if case.login:
        found |= places_of_login(case)
    if case.further:
        found["ConfigMap/argocd-cm data.installationID"] = "argocd-marker-instance"
        for name in (f"{role}-marker-instance" for role in ROLES):
            found |= {f"{kind}/{name} metadata.name": name for kind in ("ClusterRole", "ClusterRoleBinding")}
            found[f"ClusterRoleBinding/{name} roleRef.name"] = name
    return found


def places_of_login(case: Case) -> dict[str, str]:
    name = f"{LOGIN}-marker-instance" if case.further else LOGIN
    policy = f"AuthorizationPolicy/{name}"
    operation = f"{policy} spec.rules[{{}}].to[{{}}].operation.hosts[0]"
    # The third is for HTTPS on a port that redirects.
    rules = range(2 if case.way in (BALANCER, PARENT) else 3)
    found = {operation.format(rule, to): "cd.marker.test" + ":*" * to for rule in rules for to in range(2)}
    if case.further:
        found |= {f"{policy} metadata.name": name, f"{policy} spec.provider.name": name}
    if case.way in ISTIO:
        found[f"{policy} spec.selector.matchLabels.app"] = "marker-gateway"
    elif case.way != API:
        found[f"{policy} spec.targetRefs[0].name"] = "marker-shared"
    if case.way != API and not case.moved:
        found[f"{policy} metadata.namespace"] = gateway_namespace(case)
    return found


def gateway_namespace(case: Case) -> str:
    """The namespace of the gateway's pods, by the markers."""
    return "argocd" if case.way == API else "marker-namespace" if case.way in ISTIO else "marker-edge"


def places_of_istio(case: Case) -> dict[str, str]:
    gateway, route = "Gateway/argocd spec", "VirtualService/argocd spec"
    http = (case.way == EXISTING) + (case.mode == "grpc-routing")
    found = {f"{route}.hosts[0]": "cd.marker.test"}
    if case.way == EXISTING:
        found[f"{route}.gateways[0]"] = "marker-edge/marker-shared"
    else:
        found[f"{gateway}.selector.app"] = "marker-gateway"
        found |= {f"{gateway}.servers[{index}].hosts[0]": "./cd.marker.test" for index in range(1 + (case.way == OWN))}
    if case.certificate:
        found[f"{gateway}.servers[1].tls.credentialName"] = "marker-certificate"
    if case.mode == "passthrough":
        found[f"{route}.tls[0].match[0].sniHosts[0]"] = "cd.marker.test"
    if case.amount == ONLY:
        found[f"{route}.http[{http}].route[0].destination.host"] = "marker-server"
        found |= {f"{route}.tls[0].route[0].destination.host": "marker-server"} if case.mode == "passthrough" else {}
    return found


def places_of_gateway_api(case: Case) -> dict[str, str]:
    route = f"{'TLSRoute' if case.mode == 'passthrough' else 'HTTPRoute'}/argocd spec"
    found = {f"{route}.hostnames[0]": "cd.marker.test"}
    if case.way == PARENT:
        found |= {f"{route}.parentRefs[0].{key}": value for key, value in PARENT_REF.items()}
    else:
        found["HTTPRoute/argocd-redirect spec.hostnames[0]"] = "cd.marker.test"
    if case.way == API:
        found["Gateway/argocd spec.gatewayClassName"] = "marker-class"
    if case.way == LISTENERS:
        listeners = "ListenerSet/argocd spec"
        found |= {f"{listeners}.parentRef.{key}": value for key, value in PARENT_REF.items()}
        found |= {f"{listeners}.listeners[{index}].hostname": "cd.marker.test" for index in range(2)}
    if case.certificate:
        kind = "Gateway" if case.way == API else "ListenerSet"
        found[f"{kind}/argocd spec.listeners[1].tls.certificateRefs[0].name"] = "marker-certificate"
    if case.amount == ONLY:
        found[f"{route}.rules[{int(case.mode == 'grpc-routing')}].backendRefs[0].name"] = "marker-server"
    return found


DEFAULTS = ("argocd.example.com", "ingressgateway", "argocd-certificate")
OF_THE_CLUSTER = {"Namespace", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}
EXPOSING = {"Gateway", "VirtualService", "ListenerSet", "HTTPRoute", "TLSRoute", "Service", "Sidecar"}


def verify(case: Case, objects: list[Object]) -> None:
    """What is true of every consumer that builds."""
    login = [item for item in objects if item["metadata"]["name"].startswith(LOGIN)]
    kinds = {item["kind"] for item in objects if item not in login}
    values = {
        f"{item['kind']}/{item['metadata']['name']} {place}": value
        for item in objects
        if item["kind"] != "CustomResourceDefinition"
        for place, value in leaves(item)
        if isinstance(value, str)
    }
    assert {place: value for place, value in values.items() if "marker" in value} == places(case)
    assert [place for place, value in values.items() if any(default in value for default in DEFAULTS)] == []
    assert kinds.isdisjoint({"Exposure", "Constants"})
    assert ("Gateway" in kinds) == (case.way not in (EXISTING, PARENT, LISTENERS))
    assert ("CustomResourceDefinition" in kinds) == (case.amount == WITH_CRDS)
    assert kinds.isdisjoint({"VirtualService"} if case.way in GATEWAY_API else {"HTTPRoute", "TLSRoute"})
    if case.way in ISTIO:
        route = one(objects, "VirtualService")["spec"]
        assert len(route["gateways"]) == 1 and ("redirect" in route["http"][0]) == (case.way == EXISTING)
    if case.way == BALANCER:
        gateway = one(objects, "Gateway")
        assert gateway["metadata"]["annotations"] == {"argocd-istio.github.io/tls-ends-at": "load-balancer"}
        [server] = gateway["spec"]["servers"]
        assert server["port"]["number"] == 80 and "tls" not in server
    if case.amount == ONLY:
        assert kinds <= EXPOSING and "Sidecar" in kinds
        # The name of upstream's Service and the value of upstream's label: only the Sidecar's own name is left.
        assert [place for place, value in values.items() if value == "argocd-server"] == [
            "Sidecar/argocd-server metadata.name"
        ]
        assert ("Service" in kinds) == (case.mode == "grpc-routing")
    for item in objects:
        namespace = None if item["kind"] in OF_THE_CLUSTER else case.namespace
        if item["kind"] == "AuthorizationPolicy" and item in login and not case.moved:
            namespace = gateway_namespace(case)
        assert item["metadata"].get("namespace") == namespace, title(item)
    if case.moved:
        assert [place for place, value in values.items() if place.endswith("namespace") and value == "argocd"] == []


counted = {"built": 0, "refused": 0}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", WAYS)
def test_every_consumer_builds_or_is_refused(
    tmp_path: Path, way: str, mode: str, report: Callable[[str, dict[str, int]], None]
) -> None:
    for number, case in enumerate(cases(way, mode)):
        folder, wanted = tmp_path / str(number), spec(fields(case))
        messages = [message for applies, _, message in REFUSED if applies(case)]
        if messages:
            with pytest.raises(BuildError, match=messages[0]):
                case.build(folder, wanted)
        else:
            verify(case, case.build(folder, wanted))
        counted["refused" if messages else "built"] += 1
    report("ways", counted)


@pytest.mark.parametrize("reason", REFUSED, ids=lambda row: row[1])
def test_every_reason_refuses_a_consumer(reason: tuple[Callable[[Case], bool], str, str]) -> None:
    """And none refuses all: each part of a reason is available elsewhere."""
    applies, *_ = reason
    everything = [case for way, mode in product(WAYS, MODES) for case in cases(way, mode)]
    assert 0 < sum(map(applies, everything)) < len(everything) / 3


def available(amount: str) -> list[Case]:
    """Each path that exists and ends in this amount, once."""
    found = [Case(way, mode, amount) for way, mode in product(WAYS, MODES)]
    return [case for case in found if not any(applies(case) for applies, *_ in REFUSED)]


LOGGED = [replace(case, login=True) for case in available(WITHOUT_CRDS) if case.mode != "passthrough"]
EACH = [case for amount in (WITHOUT_CRDS, ONLY) for case in available(amount)]
each = pytest.mark.parametrize("case", EACH, ids=str)


@pytest.mark.parametrize("case", [*EACH, *LOGGED], ids=str)
def test_every_field_is_required_where_it_counts(tmp_path: Path, case: Case) -> None:
    """And `test_every_consumer_builds_or_is_refused` builds without the fields that do not count."""
    every = fields(case)
    for number, left_out in enumerate(every):
        named = "/spec/hosts/0" if left_out == "spec.hosts" else rf"`{left_out}` is missing for replacement source"
        with pytest.raises(BuildError, match=named):
            case.build(tmp_path / str(number), spec([field for field in every if field != left_out]))


@pytest.mark.parametrize("case", [*EACH, *LOGGED], ids=str)
def test_fields_of_other_ways_change_nothing(tmp_path: Path, case: Case) -> None:
    exact, every = (case.build(tmp_path / name, spec(names)) for name, names in (("a", fields(case)), ("b", [*FIELDS])))
    assert differences(exact, every) == []


@pytest.mark.parametrize("case", available(WITH_CRDS), ids=str)
def test_the_crds_are_all_that_a_path_adds(tmp_path: Path, case: Case) -> None:
    bare = Case(case.way, case.mode, WITHOUT_CRDS)
    whole = case.build(tmp_path / "whole", spec(fields(case)))
    assert differences(bare.build(tmp_path / "bare", spec(fields(bare))), whole) == differences([], build("base/crds"))


@pytest.mark.parametrize("case", available(ONLY), ids=str)
def test_upstreams_server_values_equal_the_install(tmp_path: Path, case: Case) -> None:
    """With upstream's own Service and label, the objects are those that the install has."""
    whole = Case(case.way, case.mode, WITHOUT_CRDS)
    upstream = {"service": "argocd-server", "labels": {"app.kubernetes.io/name": "argocd-server"}}
    ours = case.build(tmp_path / "only", spec(fields(case)) | {"server": upstream})
    installed = {title(item): item for item in whole.build(tmp_path / "whole", spec(fields(whole)))}
    assert [installed[title(item)] for item in ours] == ours


@pytest.mark.parametrize("amount", [WITHOUT_CRDS, ONLY])
@pytest.mark.parametrize(("first", "second"), [*combinations(WAYS, 2)])
def test_two_ways_together_fail_the_build(tmp_path: Path, first: str, second: str, amount: str) -> None:
    listed = [f"components/{path(way, 'termination', amount)}" for way in (first, second)]
    with pytest.raises(BuildError, match="may not add resource with an already registered id"):
        build(consumer(tmp_path, "", EXPOSURE | {"spec": spec([*FIELDS])}, components=listed))


@each
def test_an_exposure_for_another_mode_is_refused(tmp_path: Path, case: Case) -> None:
    with pytest.raises(BuildError, match="~1mode failed"):
        case.build(tmp_path, spec(fields(case)), mode=MODES[MODES.index(case.mode) - 1])


@pytest.mark.parametrize("case", [case for case in EACH if case.way in (EXISTING, BALANCER)], ids=str)
def test_servers_with_certificates_need_our_own_gateway(tmp_path: Path, case: Case) -> None:
    made = spec([*FIELDS])
    made["gateway"]["servers"] = [{"name": "https"}, {"name": "https-2"}]
    with pytest.raises(BuildError, match="testing value /spec/gateway/servers failed"):
        case.build(tmp_path, made, servers="generated")


@pytest.mark.parametrize("case", [case for case in EACH if case.way in (OWN, BALANCER)], ids=str)
def test_generated_listeners_need_the_gateway_api(tmp_path: Path, case: Case) -> None:
    made = spec([*FIELDS])
    made["gateway"]["listeners"] = [{"name": "https"}, {"name": "https-2"}]
    with pytest.raises(BuildError, match="testing value /spec/gateway/listeners failed"):
        case.build(tmp_path, made, listeners="generated")


# ---- the files -----------------------------------------------------------------------------------------------------


def pattern(way: str, mode: str, amount: str) -> dict[str, list[str]]:
    """What the kustomization of a path lists, from the repository's root, in order."""
    if amount == WITH_CRDS:
        return {"resources": ["base/crds"], "components": [f"components/{path(way, mode, WITHOUT_CRDS)}"]}
    istio, tls = way in ISTIO, mode == "passthrough"
    parts = {
        f"overlays/{mode}/routes": istio and mode != "termination",
        f"overlays/{mode}/gateway-api": (mode == "grpc-routing" and not istio) or (tls and way in (API, LISTENERS)),
        f"overlays/{mode}/server": amount == WITHOUT_CRDS,
        f"components/exposure/mode/{mode}": True,
        "components/exposure/existing-gateway": way == EXISTING,
        "components/exposure/load-balancer": way == BALANCER,
        "components/exposure/parent": way == PARENT,
        "components/exposure": True,
        "components/exposure/gateway": way in (OWN, BALANCER),
        "components/exposure/listeners": way == API,
        "components/exposure/listener-set": way == LISTENERS,
        "components/exposure/address": amount == WITHOUT_CRDS,
        "components/exposure/server": amount == ONLY,
        "components/exposure/server/sni": amount == ONLY and tls and istio,
        "components/exposure/sni": tls and istio,
        "components/exposure/certificate": Case(way, mode, amount).certificate,
    }
    api = f"base/gateway-api/{'tls' if tls else 'http'}"
    entry = {
        OWN: ["base/istio"],
        BALANCER: ["base/istio"],
        EXISTING: ["base/istio/routes"],
        API: ["base/gateway-api/gateway", api],
        PARENT: [api],
        LISTENERS: ["base/gateway-api/listener-set", api],
    }[way]
    install = ["base/argocd"] if amount == WITHOUT_CRDS else []
    return {"resources": install + entry, "components": [part for part, listed in parts.items() if listed]}


def test_the_kustomizations_of_all_paths_follow_one_pattern() -> None:
    top = ROOT / "components"
    found = {}
    for file in top.rglob("kustomization.yaml"):
        if set(MODES) & set(file.relative_to(top).parts) and "exposure" not in file.relative_to(top).parts:
            content = yaml.safe_load(file.read_text())
            assert (content.pop("apiVersion"), content.pop("kind")) == (
                "kustomize.config.k8s.io/v1alpha1",
                "Component",
            )
            found[str(file.parent.relative_to(top))] = {
                key: [str((file.parent / entry).resolve().relative_to(ROOT)) for entry in listed]
                for key, listed in content.items()
            }
    expected = {
        path(case.way, case.mode, amount): pattern(case.way, case.mode, amount)
        for amount in AMOUNTS
        for case in available(amount)
    }
    assert found == expected


def test_every_part_of_the_wiring_is_listed() -> None:
    top = ROOT / "components/exposure"
    parts = {str(file.parent.relative_to(ROOT)) for file in top.rglob("kustomization.yaml")}
    listed = {part for case in EACH for part in pattern(case.way, case.mode, case.amount)["components"]}
    assert parts == {part for part in listed if part.startswith("components/exposure")}


INSTALL: list[Object] = [
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "data": {"url": "https://theirs.test"},
        "metadata": {"name": "argocd-cm"},
    },
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "data": {"server.insecure": "false"},
        "metadata": {"name": "argocd-cmd-params-cm"},
    },
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "argocd-server"},
        "spec": {"template": {"metadata": {"labels": {"app": "theirs"}}}},
    },
]


@pytest.mark.parametrize("case", list(available(ONLY)), ids=str)
def test_an_install_in_the_same_folder_stays_unchanged(tmp_path: Path, case: Case) -> None:
    theirs = copy.deepcopy(INSTALL)
    for item in theirs:
        item["metadata"]["namespace"] = "argocd"
    exposed = EXPOSURE | {"spec": spec(fields(case))}
    listed = {"resources": ["exposure.yaml", "theirs.yaml"], "components": case.listed}
    objects = build(write(tmp_path, listed, exposure=exposed, theirs=yaml.safe_dump_all(theirs)))
    assert [one(objects, item["kind"], item["metadata"]["name"]) for item in theirs] == theirs
