"""All differences in this repository's renders are explained, and changes by users are reported."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from argocd_istio.drift import deviations, draw
from argocd_istio.drift import report as drifts
from argocd_istio.drift.compare import Own
from argocd_istio.drift.install import Install, install
from argocd_istio.drift.report import Entry, Report, report
from argocd_istio.exposure.wired import API, BALANCER, EXISTING, EXPOSURE_ONLY, LISTENERS, PARENT, Wired
from argocd_istio.syntax.source import Document, Source, SourceError, parse
from argocd_istio.terminal import Terminal
from tests.plugin import ways_in
from tests.plugin.cases import generator
from tests.plugin.renders import explained
from tests.plugin.test_build import completed
from tests.plugin.ways_in import COMPONENTS, folder_of
from tests.render.consumer import EXPOSURE, MODES, consumer, exposure, one, write
from tests.render.render import ROOT, SEPARATOR, Object, build, build_text, load
from tests.render.test_examples import LOCAL
from tools import plugin
from tools.build import argocd_module, program
from tools.versions import argocd_image, module, release

HIGH_AVAILABILITY, INSTANCE = "components/high-availability", "components/instance"
# Drift compares installs, which these examples contain.
INSTALLS = [one for one in LOCAL if EXPOSURE_ONLY not in (ROOT / one / "kustomization.yaml").read_text()]
OVERLAYS = [f"overlays/{mode}{end}" for mode in MODES for end in ("", "/without-crds")]
FLAGS = ("--enable-alpha-plugins", "--enable-exec")


@cache
def documents(text: str) -> list[Document]:
    return parse(text.encode(), "render.yaml").documents


def joined(parts: Iterable[str], name: str) -> Install:
    """The install of a file's documents, each of which is read once: most renders share most of them."""
    source = Source(name, "")
    source.documents = [document for part in parts for document in documents(part)]
    return install(source)


def taken(text: str, name: str = "render.yaml") -> Install:
    return joined(SEPARATOR.split(text), name)


@cache
def official(high_availability: bool | None) -> Install:
    file = "ha/install.yaml" if high_availability else "install.yaml"
    return taken((argocd_module() / "manifests" / file).read_text(), file)


def drift(render: Install) -> Report:
    return report(render, official(render.high_availability))


Compared = Callable[[Install, Install], Any]


def unexplained(found: Report) -> list[Entry]:
    return [*found.changed, *found.added, *found.missing]


def consumers(folder: Path) -> dict[str, str]:
    """Every form of a consumer: each mode, with and without CRDs, with high availability, and in another namespace."""
    result: dict[str, str] = {}
    for mode in (f"{mode}{end}" for mode in MODES for end in ("", "/without-crds")):
        for available in ((), (HIGH_AVAILABILITY,)):
            for namespace in ("", "argocd", "delivery"):
                name = " ".join([mode, *available, namespace])
                more: dict[str, Any] = {"namespace": namespace} if namespace else {}
                more["components"] = [f"components/{mode}", *available]
                result[name] = build_text(consumer(folder / str(len(result)), mode, exposure(), **more))
        lists = {"components": [f"components/{mode}", INSTANCE], "namespace": "argocd-two"}
        result[f"{mode} as an instance"] = build_text(
            consumer(folder / str(len(result)), mode, exposure(instance="two"), **lists)
        )
    return result


def checked_example(installed: Path) -> str:
    command = [str(program("kustomize")), "build", *FLAGS, str(ROOT / "examples/checked")]
    environment = plugin.environment(installed)
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


@pytest.fixture(scope="module")
def renders(tmp_path_factory: pytest.TempPathFactory, installed: Path) -> dict[str, Install]:
    """All that is shipped, by name."""
    folder = tmp_path_factory.mktemp("renders")
    found = {name: build_text(name) for name in ("base/argocd", "base", *OVERLAYS)}
    found |= {str(example): build_text(example) for example in INSTALLS}
    for mode in MODES:
        lists = {"resources": [f"overlays/{mode}"], "components": [HIGH_AVAILABILITY]}
        found[f"overlays/{mode} with high availability"] = build_text(write(folder / mode, lists))
    full = {"resources": ["exposure.yaml", "base/crds/full"], "components": ["components/grpc-routing/without-crds"]}
    found["the full CRDs"] = build_text(write(folder / "full", full, exposure=EXPOSURE))
    found["examples/checked"] = checked_example(installed)
    found |= {
        f"{folder_of(wired)} {namespace}": build_text(
            ways_in.consumer(folder / f"way-{number}-{namespace}", wired, namespace=namespace)
        )
        for number, wired in enumerate(COMPONENTS)
        for namespace in ("argocd", "delivery")
        if wired.way and wired.amount != EXPOSURE_ONLY
    }
    return {name: taken(text) for name, text in (found | consumers(folder)).items()}


@pytest.fixture(scope="module")
def compared(renders: dict[str, Install]) -> Compared:
    """As the function of this name, that compares what is shipped once."""
    kept = {id(render): drifts.compared(render, official(render.high_availability)) for render in renders.values()}
    return lambda render, _: kept[id(render)]


# Objects that only the examples have.
OWN = {
    "environments": Entry("ConfigMap/argocd-cm", "data[ui.bannercontent]", "Questions go to the platform team.", None),
    "instances/one": Entry("ConfigMap/argocd-cm", "data.installationID", "argocd", None),
    "examples/mesh": Entry("Namespace/argocd", "metadata.labels.istio-injection", "enabled", None, library=True),
}


def test_every_shipped_render_is_explained(
    renders: dict[str, Install], compared: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drifts, "compared", compared)
    assert len(renders) > 50
    for name, render in renders.items():
        found = drift(render)
        expected = [entry for part, entry in OWN.items() if part in name]
        assert unexplained(found) == expected, name
        assert found.explained and all(entry.reason for entry in found.explained), name


def test_further_hosts_and_certificates_are_explained(renders: dict[str, Install]) -> None:
    found = drift(renders["examples/checked"])
    assert unexplained(found) == []
    assert {"data.url", "data.additionalUrls"} <= {entry.field for entry in found.explained}
    [gateway] = [entry.render for entry in found.explained if entry.object == GATEWAY]
    assert len(gateway["spec"]["servers"]) == 3


def test_the_base_has_its_image_and_no_deviation(renders: dict[str, Install]) -> None:
    found = drift(renders["base/argocd"])
    assert unexplained(found) == []
    fields = {(entry.field[-5:], entry.render, entry.upstream) for entry in found.explained if entry.field}
    whole = {(entry.object.partition("/")[0], entry.render is None) for entry in found.explained if not entry.field}
    images = {("image", argocd_image(release()), argocd_image(module()))} if release() != module() else set()
    assert fields == images
    assert whole == {("Namespace", False), ("CustomResourceDefinition", True)}


def test_every_deviation_of_the_table_occurs(renders: dict[str, Install], compared: Compared) -> None:
    table = [*deviations.HA_DEVIATIONS, *deviations.REDIS, *deviations.CRDS, *deviations.APART]
    declared = {(name, row.path) for row in table for name in row.objects}
    used = set()
    for render in renders.values():
        _, unused, rows = compared(render, official(render.high_availability))
        absent = {(name, row.path) for name, row in unused}
        declared |= {(name, row.path) for row in rows if isinstance(row, Own) for name in row.objects}
        used |= {(name, row.path) for row in rows for name in row.objects} - absent
    assert declared - used == set()
    assert len(declared) > len(table) + 10


def test_upstreams_own_installs_have_no_drift() -> None:
    for high_availability in (False, True):
        found = report(official(high_availability), official(high_availability))
        assert found.clean and not found.explained


# ---- what users change --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def local() -> list[Object]:
    return build("examples/local")


@cache
def written(item: str) -> str:
    return yaml.dump(json.loads(item), Dumper=yaml.CSafeDumper)


def of(objects: list[Object]) -> Install:
    """The install of a file with these objects."""
    return joined((written(json.dumps(item)) for item in objects), "render.yaml")


def edited(objects: list[Object], change: Callable[[list[Object]], Any]) -> Report:
    mine = copy.deepcopy(objects)
    change(mine)
    return drift(of(mine))


def pods(objects: list[Object], name: str = "argocd-server", kind: str = "Deployment") -> Any:
    return one(objects, kind, name)["spec"]["template"]["spec"]


def remove(kind: str, name: str) -> Callable[[list[Object]], None]:
    return lambda objects: objects.remove(one(objects, kind, name))


def replace_image(objects: list[Object]) -> None:
    pods(objects, "argocd-redis")["containers"][0]["image"] = "redis:1"


SERVER = "Deployment/argocd-server"
CONTAINERS = "spec.template.spec.containers"
SIDECAR = {"name": "sidecar", "image": "busybox:1"}
ENV = {"name": "HTTPS_PROXY", "value": "http://proxy"}
LABEL = "pod-security.kubernetes.io/enforce"
EXTRA = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "extra", "namespace": "a"}, "data": {"a": "b"}}
ROUTES = "VirtualService.networking.istio.io/argocd"
GATEWAY = "Gateway.networking.istio.io/argocd"

# Each edit of examples/local with the section and the entries that it makes; a value that is ... is not compared.
EDITS: dict[str, tuple[Callable[[list[Object]], Any], str, list[tuple[Any, ...]]]] = {
    "replicas": (
        lambda objects: one(objects, "Deployment", "argocd-server")["spec"].update(replicas=3),
        "changed",
        [(SERVER, "spec.replicas", 3, 1)],
    ),
    "a sidecar before all": (
        lambda objects: pods(objects)["containers"].insert(0, SIDECAR),
        "added",
        [(SERVER, f"{CONTAINERS}[sidecar]", SIDECAR, None)],
    ),
    "an init container before all": (
        lambda objects: pods(objects, "argocd-repo-server")["initContainers"].insert(0, SIDECAR),
        "added",
        [("Deployment/argocd-repo-server", "spec.template.spec.initContainers[0]", SIDECAR, None)],
    ),
    "a variable": (
        lambda objects: pods(objects)["containers"][0]["env"].insert(0, ENV),
        "added",
        [(SERVER, f"{CONTAINERS}[argocd-server].env[HTTPS_PROXY]", ENV, None)],
    ),
    "another value of a key": (
        lambda objects: one(objects, "ConfigMap", "argocd-ssh-known-hosts-cm")["data"].update(ssh_known_hosts="a"),
        "changed",
        [("ConfigMap/argocd-ssh-known-hosts-cm", "data.ssh_known_hosts", "a", ...)],
    ),
    "a key more": (
        lambda objects: one(objects, "ConfigMap", "argocd-cmd-params-cm")["data"].update({"server.log.level": "warn"}),
        "added",
        [("ConfigMap/argocd-cmd-params-cm", "data[server.log.level]", "warn", None)],
    ),
    "a mode that is none": (
        lambda objects: one(objects, "ConfigMap", "argocd-cmd-params-cm")["data"].update({"server.insecure": "yes"}),
        "changed",
        [("ConfigMap/argocd-cmd-params-cm", "data[server.insecure]", "yes", "true")],
    ),
    "an address without TLS": (
        lambda objects: one(objects, "ConfigMap", "argocd-cm")["data"].update(url="http://cd.acme.io"),
        "changed",
        [("ConfigMap/argocd-cm", "data.url", "http://cd.acme.io", "https:// and a host of the Gateway")],
    ),
    "a Sidecar that reads HTTP": (
        lambda objects: one(objects, "Sidecar", "argocd-server")["spec"]["ingress"][0]["port"].update(protocol="HTTP"),
        "changed",
        [("Sidecar.networking.istio.io/argocd-server", "spec.ingress[0].port.protocol", "HTTP", "TCP")],
    ),
    "a label of a Namespace": (
        lambda objects: one(objects, "Namespace")["metadata"].update(labels={LABEL: "restricted"}),
        "added",
        [("Namespace/argocd", f"metadata.labels[{LABEL}]", "restricted", None)],
    ),
    "a setting of the Gateway": (
        lambda objects: one(objects, "Gateway")["spec"]["servers"][1]["tls"].update(cipherSuites=["a"]),
        "added",
        [(GATEWAY, "spec.servers[https].tls.cipherSuites", ["a"], None)],
    ),
    "a Gateway without a selector": (
        lambda objects: one(objects, "Gateway")["spec"].pop("selector"),
        "missing",
        [(GATEWAY, "spec.selector", None, "labels of the gateway's pods")],
    ),
    "a NetworkPolicy less": (
        remove("NetworkPolicy", "argocd-redis-network-policy"),
        "missing",
        [("NetworkPolicy/argocd-redis-network-policy", "", None, ...)],
    ),
    "one CRD less": (
        remove("CustomResourceDefinition", "appprojects.argoproj.io"),
        "missing",
        [("CustomResourceDefinition/appprojects.argoproj.io", "", None, ...)],
    ),
    "another scope of a CRD": (
        lambda objects: one(objects, "CustomResourceDefinition", "appprojects.argoproj.io")["spec"].update(
            scope="Cluster"
        ),
        "changed",
        [("CustomResourceDefinition/appprojects.argoproj.io", "spec.scope", "Cluster", "Namespaced")],
    ),
    "an object more": (lambda objects: objects.append(EXTRA), "added", [("ConfigMap/a/extra", "", EXTRA, None)]),
    "another image": (
        replace_image,
        "changed",
        [("Deployment/argocd-redis", f"{CONTAINERS}[redis].image", "redis:1", ...)],
    ),
    "a number for a text": (
        lambda objects: one(objects, "Service", "argocd-server")["spec"]["ports"][0].update(targetPort="8080"),
        "changed",
        [("Service/argocd-server", "spec.ports[http].targetPort", "8080", 8080)],
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_is_reported_in_its_section(edit: str, local: list[Object]) -> None:
    change, section, expected = EDITS[edit]
    found = edited(local, change)
    entries: list[Entry] = getattr(found, section)
    assert len(unexplained(found)) == len(entries) == len(expected), unexplained(found)
    for entry, fields in zip(entries, expected, strict=True):
        for value, wanted in zip(entry[:4], fields, strict=True):
            assert wanted is ... or value == wanted


GATEWAY_API = "gateway.networking.k8s.io/argocd"

WAYS_EDITS: dict[str, tuple[Wired, Callable[[list[Object]], Any], list[tuple[str, str]]]] = {
    "another Gateway of ours": (
        Wired("termination", EXISTING, "without-crds"),
        lambda objects: one(objects, "VirtualService")["spec"].update(gateways=["argocd"]),
        [(ROUTES, "spec.http[0]"), (GATEWAY, "")],
    ),
    "no redirect": (
        Wired("grpc-routing", EXISTING, "without-crds"),
        lambda objects: one(objects, "VirtualService")["spec"]["http"].pop(0),
        [(ROUTES, "spec.http[0]")],
    ),
    "no mark": (
        Wired("termination", BALANCER, "without-crds"),
        lambda objects: one(objects, "Gateway")["metadata"].pop("annotations"),
        [(GATEWAY, "spec.servers[http].tls"), (GATEWAY, "spec.servers[https]")],
    ),
    "another listener for plain HTTP": (
        Wired("termination", API, "without-crds"),
        lambda objects: one(objects, "Gateway")["spec"]["listeners"].append({"name": "https-2", "port": 8443}),
        [(f"Gateway.{GATEWAY_API}", "spec.listeners[https-2]")],
    ),
    "a route on every port": (
        Wired("passthrough", API, "without-crds"),
        lambda objects: one(objects, "TLSRoute")["spec"]["parentRefs"][0].pop("port"),
        [(f"TLSRoute.{GATEWAY_API}", "spec.parentRefs[0].port")],
    ),
    "no redirect of the Gateway API": (
        Wired("grpc-routing", LISTENERS, "without-crds"),
        lambda objects: objects.remove(one(objects, "HTTPRoute", "argocd-redirect")),
        [(f"HTTPRoute.{GATEWAY_API}-redirect", "")],
    ),
    "another answer": (
        Wired("termination", LISTENERS, "without-crds"),
        lambda objects: one(objects, "HTTPRoute", "argocd-redirect")["spec"]["rules"][0]["filters"][0].update(
            requestRedirect={"scheme": "https"}
        ),
        [(f"HTTPRoute.{GATEWAY_API}-redirect", "spec.rules[0].filters[0].requestRedirect.statusCode")],
    ),
    "no route for gRPC": (
        Wired("grpc-routing", PARENT, "without-crds"),
        lambda objects: one(objects, "HTTPRoute")["spec"]["rules"].pop(0),
        [(f"HTTPRoute.{GATEWAY_API}", "spec.rules[0]")],
    ),
    "another host of a listener": (
        Wired("termination", LISTENERS, "without-crds"),
        lambda objects: one(objects, "ListenerSet")["spec"]["listeners"][1].update(hostname="other.acme.io"),
        [(f"ListenerSet.{GATEWAY_API}", "spec.listeners[https].hostname")],
    ),
    "TLS behind the balancer too": (
        Wired("grpc-routing", BALANCER, "without-crds"),
        lambda objects: one(objects, "Gateway")["spec"]["servers"].append({"name": "https", "hosts": ["./cd.acme.io"]}),
        [(GATEWAY, "spec.servers[https]")],
    ),
}


@pytest.mark.parametrize("name", WAYS_EDITS)
def test_an_edit_of_a_way_is_reported(name: str, tmp_path: Path) -> None:
    wired, change, expected = WAYS_EDITS[name]
    objects = build(ways_in.consumer(tmp_path, wired))
    assert unexplained(edited(objects, lambda _: None)) == []
    assert [(entry.object, entry.field) for entry in unexplained(edited(objects, change))] == expected


TWO_HOSTS = {"hosts": ["a.acme.io", "b.acme.io"], "tls": {"secretNames": {"b.acme.io": "b"}}}


@pytest.mark.parametrize("mode", ["termination", "grpc-routing"])
@pytest.mark.parametrize("way", [API, LISTENERS, PARENT])
def test_what_the_gateway_api_may_have_is_explained(way: str, mode: str, tmp_path: Path) -> None:
    """Listeners of the generator, the redirect of a listener elsewhere, and no retries."""
    wired = Wired(mode, way, "without-crds")
    spec = ways_in.spec(wired) | TWO_HOSTS | {"mode": mode}
    spec["gateway"] |= {"redirectParent": {"name": "a", "sectionName": "http"}} if way == PARENT else {}
    components = [folder_of(wired), *(["components/gateway-api/redirect"] if way == PARENT else [])]
    components += ["components/gateway-api/no-retries"] if mode == "grpc-routing" else []
    lists = {"resources": ["exposure.yaml"], "components": components}
    objects = build(write(tmp_path, lists, exposure=completed(generator(**spec))))
    found = edited(objects, lambda _: None)
    assert unexplained(found) == []
    assert [one.rule for one in explained(objects).findings] == ["C28"] * (way != API)


@pytest.mark.parametrize("wired", [one for one in COMPONENTS if one.amount == EXPOSURE_ONLY], ids=folder_of)
def test_routes_alone_are_no_install(wired: Wired, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as error:
        taken(build_text(ways_in.consumer(tmp_path, wired)))
    assert "expected an install of Argo CD; these are routes to an install of somebody else" in str(error.value)
    assert "\n" not in str(error.value)


# ---- what makes an install less safe ------------------------------------------------------------------------------


@cache
def stock(name: str) -> list[Object]:
    """The objects of a render of ours without CRDs, or those of upstream's install.yaml or ha/install.yaml."""
    if name.endswith("install.yaml"):
        return load((argocd_module() / "manifests" / name).read_text())
    return [item for item in build(name) if item["kind"] != CRD]


def settings(objects: list[Object], name: str) -> Any:
    return one(objects, "ConfigMap", name).setdefault("data", {})


def copies(objects: list[Object]) -> Any:
    return one(objects, "Deployment", "argocd-server")["spec"]["template"]["metadata"].setdefault("annotations", {})


def insecure(value: str) -> Callable[[list[Object]], None]:
    def change(objects: list[Object]) -> None:
        settings(objects, "argocd-cmd-params-cm")["server.insecure"] = value
        copies(objects)["server.insecure"] = value

    return change


def without_insecure(objects: list[Object]) -> None:
    one(objects, "Gateway")["spec"]["servers"][1]["hosts"] = ["./cd.acme.io"]
    one(objects, "Gateway")["spec"]["servers"][0]["hosts"] = ["./cd.acme.io"]
    one(objects, "VirtualService")["spec"]["hosts"] = ["cd.acme.io"]
    settings(objects, "argocd-cm")["url"] = "https://cd.acme.io:8443"
    del settings(objects, "argocd-cmd-params-cm")["server.insecure"], copies(objects)["server.insecure"]


def upstream_with_settings(objects: list[Object]) -> None:
    settings(objects, "argocd-cmd-params-cm")["server.insecure"] = "true"
    settings(objects, "argocd-cm")["url"] = "https://cd.acme.io"


def server(place: int, *keys: str, **fields: Any) -> Callable[[list[Object]], None]:
    """Sets fields of a server of the Gateway, or what is below it."""

    def change(objects: list[Object]) -> None:
        item = one(objects, "Gateway")["spec"]["servers"][place]
        for key in keys:
            item = item[key]
        item.update(fields)

    return change


def route(objects: list[Object]) -> Any:
    return one(objects, "VirtualService")["spec"]["http"][0]


def without(kind: str, part: str) -> Callable[[list[Object]], None]:
    def change(objects: list[Object]) -> None:
        objects[:] = [item for item in objects if not (item["kind"] == kind and part in item["metadata"]["name"])]

    return change


def admitted(objects: list[Object]) -> Any:
    return one(objects, "AuthorizationPolicy", "argocd-server")["spec"]["rules"][0]


def script(objects: list[Object]) -> Any:
    [item] = [
        item for item in objects if item["metadata"]["name"].startswith("argocd-redis-sentinel-") and "data" in item
    ]
    return item["data"]


def redis(objects: list[Object]) -> Any:
    return pods(objects, "argocd-redis-sentinel", "StatefulSet")["containers"][0]


def extra_service(objects: list[Object]) -> None:
    item = copy.deepcopy(one(objects, "Service", "argocd-redis-sentinel"))
    item["metadata"]["name"] += "-open"
    objects.append(item)


def checked(objects: list[Object]) -> Object:
    """The first operation that needs a session of the login."""
    operation: Object = one(objects, "AuthorizationPolicy", "argocd-edge-login")["spec"]["rules"][0]["to"][0][
        "operation"
    ]
    return operation


CHECKED = "AuthorizationPolicy.security.istio.io/istio-ingress/argocd-edge-login"
CRD = "CustomResourceDefinition"
PARAMS, COPY = "ConfigMap/argocd-cmd-params-cm", "spec.template.metadata.annotations[server.insecure]"
ROUTES = "VirtualService.networking.istio.io/argocd"
PASSTHROUGH, TERMINATION, GRPC = (f"overlays/{mode}/without-crds" for mode in MODES)
AVAILABLE, MESH, SECOND = "examples/high-availability", "examples/mesh", "examples/instances/two"
INJECTED = ("added", *OWN["examples/mesh"][:4])
PEERS = "PeerAuthentication.security.istio.io/argocd-server"
CALLERS = "AuthorizationPolicy.security.istio.io/argocd-server"
SENTINEL, POLICY = "StatefulSet/argocd-redis-sentinel", "NetworkPolicy/argocd-redis-sentinel-network-policy"
HOST, ADDRESS = "./ and a bare host name", "https:// and a host of the Gateway"
EVIL = "https://evil.example"
PLAIN, HA = "install.yaml", "ha/install.yaml"

# A render, a change of it, and the resulting entries: section, object, field, render, upstream's or ours.
ATTACKS: dict[str, tuple[str, Callable[[list[Object]], Any], list[tuple[Any, ...]]]] = {
    "an instance with the role of another": (
        SECOND,
        lambda objects: one(objects, "ClusterRoleBinding", "argocd-server-two")["roleRef"].update(name="cluster-admin"),
        [("changed", "ClusterRoleBinding/argocd-server", "roleRef.name", "cluster-admin", "argocd-server")],
    ),
    "an instance with the accounts of another": (
        SECOND,
        lambda objects: one(objects, "ClusterRoleBinding", "argocd-server-two")["subjects"][0].update(namespace="evil"),
        [("changed", "ClusterRoleBinding/argocd-server", "subjects[0].namespace", "evil", "argocd")],
    ),
    "settings of ours in upstream's install": (
        PLAIN,
        upstream_with_settings,
        [
            ("added", "ConfigMap/argocd-cm", "data.url", "https://cd.acme.io", None),
            ("added", PARAMS, "data[server.insecure]", "true", None),
        ],
    ),
    "clear text behind passthrough": (
        PASSTHROUGH,
        insecure("true"),
        [("changed", PARAMS, "data[server.insecure]", "true", "false"), ("changed", SERVER, COPY, "true", "false")],
    ),
    "TLS behind termination": (
        TERMINATION,
        insecure("false"),
        [("changed", PARAMS, "data[server.insecure]", "false", "true"), ("changed", SERVER, COPY, "false", "true")],
    ),
    "TLS behind gRPC routing": (
        GRPC,
        insecure("false"),
        [("changed", PARAMS, "data[server.insecure]", "false", "true"), ("changed", SERVER, COPY, "false", "true")],
    ),
    "the setting alone": (
        PASSTHROUGH,
        lambda objects: settings(objects, "argocd-cmd-params-cm").update({"server.insecure": "true"}),
        [("changed", PARAMS, "data[server.insecure]", "true", "false")],
    ),
    "no copy of the setting": (
        TERMINATION,
        lambda objects: copies(objects).pop("server.insecure"),
        [("missing", SERVER, COPY, None, "true")],
    ),
    "no setting": (
        TERMINATION,
        without_insecure,
        [("missing", PARAMS, "data[server.insecure]", None, "true"), ("missing", SERVER, COPY, None, "true")],
    ),
    "another port": (
        GRPC,
        server(1, "port", number=8443),
        [("changed", GATEWAY, "spec.servers[https].port.number", 8443, 443)],
    ),
    "no redirect": (
        GRPC,
        lambda objects: one(objects, "Gateway")["spec"]["servers"][0].pop("tls"),
        [("missing", GATEWAY, "spec.servers[http].tls", None, {"httpsRedirect": True})],
    ),
    "an old TLS": (
        GRPC,
        server(1, "tls", minProtocolVersion="TLSV1_0"),
        [("changed", GATEWAY, "spec.servers[https].tls.minProtocolVersion", "TLSV1_0", "TLSV1_2")],
    ),
    "no HTTPS server": (
        GRPC,
        lambda objects: one(objects, "Gateway")["spec"]["servers"].pop(1),
        [("missing", GATEWAY, "spec.servers[https]", None, ...)],
    ),
    "a server more": (
        PASSTHROUGH,
        lambda objects: one(objects, "Gateway")["spec"]["servers"].append({"name": "https-2", "hosts": ["./a.b"]}),
        [("added", GATEWAY, "spec.servers[https-2]", ..., None)],
    ),
    "all hosts": (
        GRPC,
        server(1, hosts=["./*"]),
        [("changed", GATEWAY, "spec.servers[https].hosts[0]", "./*", HOST)],
    ),
    "routes of any namespace": (
        GRPC,
        server(1, hosts=["*/argocd.example.com"]),
        [("changed", GATEWAY, "spec.servers[https].hosts[0]", "*/argocd.example.com", HOST)],
    ),
    "a route for more hosts": (
        GRPC,
        lambda objects: one(objects, "VirtualService")["spec"]["hosts"].append("evil.example"),
        [("added", ROUTES, "spec.hosts[1]", "evil.example", None)],
    ),
    "a route of the mesh": (
        TERMINATION,
        lambda objects: one(objects, "VirtualService")["spec"]["gateways"].append("mesh"),
        [("added", ROUTES, "spec.gateways[1]", "mesh", None)],
    ),
    "a route to another Service": (
        TERMINATION,
        lambda objects: route(objects)["route"][0]["destination"].update(host="evil"),
        [("changed", ROUTES, "spec.http[0].route[0].destination.host", "evil", "argocd-server")],
    ),
    "no gRPC route": (
        GRPC,
        lambda objects: one(objects, "VirtualService")["spec"]["http"].pop(0),
        [("missing", ROUTES, "spec.http[0]", None, ...)],
    ),
    "repeated gRPC calls": (
        GRPC,
        lambda objects: route(objects).pop("retries"),
        [("missing", ROUTES, "spec.http[0].retries", None, {"attempts": 0})],
    ),
    "no SNI route": (
        PASSTHROUGH,
        lambda objects: one(objects, "VirtualService")["spec"].pop("tls"),
        [("missing", ROUTES, "spec.tls", None, ...)],
    ),
    "no VirtualService": (
        PASSTHROUGH,
        without("VirtualService", "argocd"),
        [("missing", ROUTES, "", None, ...)],
    ),
    "no Gateway": (PASSTHROUGH, without("Gateway", "argocd"), [("missing", GATEWAY, "", None, ...)]),
    "no Service for gRPC": (
        GRPC,
        without("Service", "argocd-server-grpc"),
        [("missing", "Service/argocd-server-grpc", "", None, ...)],
    ),
    "an open Service for gRPC": (
        GRPC,
        lambda objects: one(objects, "Service", "argocd-server-grpc")["spec"].update(type="LoadBalancer"),
        [("changed", "Service/argocd-server-grpc", "spec.type", "LoadBalancer", "ClusterIP")],
    ),
    "the address of another host": (
        GRPC,
        lambda objects: settings(objects, "argocd-cm").update(url=EVIL),
        [("changed", "ConfigMap/argocd-cm", "data.url", EVIL, ADDRESS)],
    ),
    "no address": (
        GRPC,
        lambda objects: settings(objects, "argocd-cm").pop("url"),
        [("missing", "ConfigMap/argocd-cm", "data.url", None, ADDRESS)],
    ),
    "a further address of another host": (
        GRPC,
        lambda objects: settings(objects, "argocd-cm").update(
            additionalUrls=f"- https://argocd.example.com\n- {EVIL}\n"
        ),
        [
            (
                "changed",
                "ConfigMap/argocd-cm",
                "data.additionalUrls",
                f"- https://argocd.example.com\n- {EVIL}\n",
                "a list of https:// and hosts of the Gateway",
            )
        ],
    ),
    "upstream's Redis without NetworkPolicies": (
        HA,
        without("NetworkPolicy", "redis-ha"),
        [
            ("missing", "NetworkPolicy/argocd-redis-ha-proxy-network-policy", "", None, ...),
            ("missing", "NetworkPolicy/argocd-redis-ha-server-network-policy", "", None, ...),
        ],
    ),
    "upstream's Redis without its account": (
        HA,
        without("ServiceAccount", "argocd-redis-ha-haproxy"),
        [("missing", "ServiceAccount/argocd-redis-ha-haproxy", "", None, ...)],
    ),
    **{
        f"our Redis without its {kind}": (
            AVAILABLE,
            without(kind, "argocd-redis-sentinel"),
            [("missing", f"{kind}/{name}", "", None, ...) for name in names],
        )
        for kind, names in {
            "StatefulSet": ("argocd-redis-sentinel",),
            "NetworkPolicy": ("argocd-redis-sentinel-network-policy",),
            "PodDisruptionBudget": ("argocd-redis-sentinel",),
            "Service": ("argocd-redis-sentinel", *(f"argocd-redis-sentinel-{number}" for number in range(3))),
        }.items()
    },
    "our Redis without its scripts": (
        AVAILABLE,
        without("ConfigMap", "argocd-redis-sentinel"),
        [("missing", ..., "", None, ...)],
    ),
    "an open NetworkPolicy of Redis": (
        AVAILABLE,
        lambda objects: one(objects, "NetworkPolicy", POLICY.partition("/")[2])["spec"]["ingress"][0].pop("from"),
        [("missing", POLICY, "spec.ingress[0].from", None, ...)],
    ),
    "a NetworkPolicy for other pods": (
        AVAILABLE,
        lambda objects: one(objects, "NetworkPolicy", POLICY.partition("/")[2])["spec"].update(
            podSelector={"matchLabels": {"app.kubernetes.io/name": "none"}}
        ),
        [("changed", POLICY, "spec.podSelector.matchLabels[app.kubernetes.io/name]", "none", "argocd-redis-sentinel")],
    ),
    "Redis of another registry": (
        AVAILABLE,
        lambda objects: redis(objects).update(image="evil.example/redis:1"),
        [("changed", SENTINEL, f"{CONTAINERS}[redis].image", "evil.example/redis:1", ...)],
    ),
    "Redis with more rights": (
        AVAILABLE,
        lambda objects: redis(objects)["securityContext"].update(allowPrivilegeEscalation=True),
        [("changed", SENTINEL, f"{CONTAINERS}[redis].securityContext.allowPrivilegeEscalation", True, False)],
    ),
    "settings of Redis": (
        AVAILABLE,
        lambda objects: script(objects).update({"redis.conf": "protected-mode no\n"}),
        [("changed", ..., "data[redis.conf]", "protected-mode no\n", "the redis.conf of this library")],
    ),
    "a node's port for Redis": (
        AVAILABLE,
        lambda objects: one(objects, "Service", "argocd-redis-sentinel-0")["spec"].update(type="NodePort"),
        [("changed", "Service/argocd-redis-sentinel-0", "spec.type", "NodePort", "ClusterIP")],
    ),
    "a Service of Redis more": (
        AVAILABLE,
        extra_service,
        [("added", "Service/argocd-redis-sentinel-open", "", ..., None)],
    ),
    "Sentinels of others": (
        AVAILABLE,
        lambda objects: settings(objects, "argocd-cmd-params-cm").update({"redis.sentinel.hosts": "evil:1"}),
        [("changed", PARAMS, "data[redis.sentinel.hosts]", "evil:1", "argocd-redis-sentinel:26379")],
    ),
    "Sentinels without a password": (
        AVAILABLE,
        lambda objects: [
            pods(objects)["containers"][0]["env"].remove(entry)
            for entry in list(pods(objects)["containers"][0]["env"])
            if entry["name"] == "REDIS_SENTINEL_PASSWORD"
        ],
        [("missing", SERVER, f"{CONTAINERS}[argocd-server].env[REDIS_SENTINEL_PASSWORD]", None, ...)],
    ),
    "upstream's install without CRDs": (
        PLAIN,
        without(CRD, ""),
        [
            ("missing", f"{CRD}/{name}.argoproj.io", "", None, ...)
            for name in ("applications", "applicationsets", "appprojects")
        ],
    ),
    "a login that checks less": (
        "examples/edge-login",
        lambda objects: checked(objects)["notPaths"].append("/*"),
        [("added", CHECKED, ..., "/*", None)],
    ),
    "a login that checks nothing at HTTPS": (
        "examples/edge-login",
        lambda objects: checked(objects).update(notPorts=["80", "443"]),
        [("changed", CHECKED, ..., ["80", "443"], ...)],
    ),
    "a login that admits everybody": (
        "examples/edge-login",
        lambda objects: one(objects, "Deployment", "argocd-edge-login")["spec"]["template"]["spec"]["containers"][0][
            "args"
        ].append("--skip-auth-route=.*"),
        [("added", "Deployment/argocd-edge-login", ..., "--skip-auth-route=.*", None)],
    ),
    "no policy of the login": (
        "examples/edge-login",
        without("AuthorizationPolicy", "argocd-edge-login"),
        [("missing", "AuthorizationPolicy.security.istio.io/argocd-edge-login", "", None, ...)],
    ),
    "clear text in the mesh": (
        MESH,
        lambda objects: one(objects, "PeerAuthentication", "argocd-server")["spec"]["mtls"].update(mode="PERMISSIVE"),
        [INJECTED, ("changed", PEERS, "spec.mtls.mode", "PERMISSIVE", "STRICT")],
    ),
    "no mutual TLS in the mesh": (
        MESH,
        without("PeerAuthentication", "argocd-server"),
        [INJECTED, ("missing", PEERS, "", None, ...)],
    ),
    "every account of the mesh": (
        MESH,
        lambda objects: admitted(objects)["from"][0]["source"].update(principals=["*"]),
        [INJECTED, ("changed", CALLERS, ..., "*", ...)],
    ),
    "another port of the mesh": (
        MESH,
        lambda objects: admitted(objects)["to"][0]["operation"].update(ports=["8080", "8082"]),
        [INJECTED, ("added", CALLERS, ..., "8082", None)],
    ),
    "an object without a namespace": (
        GRPC,
        lambda objects: one(objects, "NetworkPolicy", "argocd-server-network-policy")["metadata"].pop("namespace"),
        [("missing", "NetworkPolicy/argocd-server-network-policy", "metadata.namespace", None, "argocd")],
    ),
    "argocd-server without a namespace": (
        GRPC,
        lambda objects: one(objects, "Deployment", "argocd-server")["metadata"].pop("namespace"),
        [("missing", SERVER, "metadata.namespace", None, "argocd")],
    ),
    "a Gateway without a namespace": (
        GRPC,
        lambda objects: one(objects, "Gateway")["metadata"].pop("namespace"),
        [("missing", GATEWAY, "metadata.namespace", None, "argocd")],
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_changes_that_weaken_an_install_are_listed(attack: str) -> None:
    name, change, expected = ATTACKS[attack]
    found = edited(stock(name), change)
    sections = {"changed": found.changed, "added": found.added, "missing": found.missing}
    entries = [(section, *entry[:4]) for section, listed in sections.items() for entry in listed]
    assert len(entries) == len(expected), entries
    for entry, fields in zip(sorted(entries, key=repr), sorted(expected, key=repr), strict=True):
        assert [one for one, wanted in zip(entry, fields, strict=True) if wanted is not ...] == [
            wanted for wanted in fields if wanted is not ...
        ]


def test_no_sentinels_explain_no_missing_redis() -> None:
    objects = [item for item in stock(HA) if "redis-ha" not in item["metadata"]["name"]]
    found = report(of(objects), official(True))
    assert len(found.missing) > 10 and not found.explained


def test_a_difference_from_the_library_says_so() -> None:
    text = draw(edited(stock(GRPC), ATTACKS["an old TLS"][1]), "text", Terminal())
    line = 'spec.servers[https].tls.minProtocolVersion: "TLSV1_0", this library has "TLSV1_2"'
    assert f"changed\n  {GATEWAY}\n    {line}\n" in text


def test_an_address_may_have_a_port() -> None:
    def change(objects: list[Object]) -> None:
        settings(objects, "argocd-cm")["url"] = "https://argocd.example.com:8443"

    assert edited(stock(GRPC), change).clean


def test_the_documented_report_is_what_is_printed(local: list[Object]) -> None:
    objects = copy.deepcopy(local)
    one(objects, "Deployment", "argocd-server")["spec"]["replicas"] = 3
    one(objects, "ConfigMap", "argocd-cm")["data"]["ui.bannercontent"] = OWN["environments"][2]
    objects.append({**EXTRA, "metadata": {"name": "team", "namespace": "argocd"}})
    text = (
        (argocd_module() / "manifests/install.yaml")
        .read_text()
        .replace(argocd_image(module()), argocd_image(release()))
    )
    render = replace(of(objects), file="stdin")
    shown = draw(report(render, taken(text, "install.yaml")), "text", Terminal())
    assert f"```\n{shown}```\n" in (ROOT / "docs/plugin.md").read_text()


def test_a_changed_gateway_stays_explained_as_object(local: list[Object]) -> None:
    found = edited(local, EDITS["a setting of the Gateway"][0])
    assert [entry.field for entry in found.explained if entry.object == GATEWAY] == [""]


def test_a_mixed_image_is_no_patch_release(local: list[Object]) -> None:
    def change(objects: list[Object]) -> None:
        pods(objects, "argocd-dex-server")["initContainers"][0]["image"] = argocd_image(f"{module()}0")

    [entry] = edited(local, change).changed
    assert (entry.render, entry.upstream) == (argocd_image(f"{module()}0"), argocd_image(module()))


@pytest.mark.parametrize(
    ("render", "against", "words"),
    [
        ("examples/local", "ha/install.yaml", "found the install for high availability, expected the plain install"),
        ("examples/high-availability", "install.yaml", "found the plain install, expected the install for high"),
    ],
)
def test_the_other_install_of_upstream_is_refused(render: str, against: str, words: str) -> None:
    with pytest.raises(SourceError) as error:
        report(taken(build_text(render)), official(against.startswith("ha")))
    name = "manifests/ha/install.yaml" if "high" in render else "manifests/install.yaml"
    assert str(error.value).startswith(f"{against}: {words}") and str(error.value).endswith(f"{release()}/{name}")


# ---- the installed package ----------------------------------------------------------------------------------------


def piped(folder: str, against: Path, installed: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """`kustomize build FOLDER | argocd-istio drift --against AGAINST`."""
    line = 'set -o pipefail; "$1" build "$2" | argocd-istio drift --against "$3" "${@:4}"'
    words = ["bash", "-c", line, "drift", str(program("kustomize")), str(ROOT / folder), str(against), *options]
    return subprocess.run(words, capture_output=True, text=True, check=False, env=plugin.environment(installed))


def test_the_wheel_compares_a_build_with_upstreams_install(installed: Path) -> None:
    result = piped("examples/local", argocd_module() / "manifests/install.yaml", installed)
    assert (result.returncode, result.stderr) == (0, "")
    first = result.stdout.splitlines()[0]
    assert first.startswith(f"stdin ({release()}) against ") and ": 0 changed, 0 added, 0 missing, " in first
    assert all(reason in result.stdout for reason in ("the public address", "marks the CRD as trimmed"))


def test_the_wheel_finds_the_install_in_a_folder(installed: Path) -> None:
    for folder, file in (
        ("examples/high-availability", "ha/install.yaml"),
        ("examples/other-namespace", "install.yaml"),
    ):
        result = piped(folder, argocd_module(), installed, "--format", "json")
        assert (result.returncode, result.stderr) == (0, "")
        assert json.loads(result.stdout)["against"] == str(argocd_module() / "manifests" / file)
    edited = piped("examples/environments/staging", argocd_module(), installed)
    assert edited.returncode == 1 and "data[ui.bannercontent]" in edited.stdout
