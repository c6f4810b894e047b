"""The container's view that a manifest defines, without starting a process."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from live import volumes
from live.api import Object
from live.gateway import Entrance
from live.podspec import File, NotYet, command, environment, expand, hosts_file, service_links, volume_files
from live.render import Exposed
from live.rollout import rolled_out
from live.sandbox import Mount

OBJECTS: dict[tuple[str, str], dict[str, Any]] = {
    ("ConfigMap", "settings"): {"data": {"color": "blue", "size": "3"}},
    ("Secret", "password"): {"data": {"auth": base64.b64encode(b"s3cret").decode()}},
}
POD = {
    "metadata": {"name": "one", "namespace": "argocd", "uid": "u", "labels": {"app": "a"}},
    "spec": {"serviceAccountName": "sa", "enableServiceLinks": False},
    "status": {"podIP": "10.77.1.9"},
}


def lookup(kind: str, namespace: str, name: str) -> dict[str, Any] | None:
    assert namespace == "argocd"
    return OBJECTS.get((kind, name))


def token(pod: dict[str, Any], ref: dict[str, Any]) -> str:
    return f"token of {pod['spec']['serviceAccountName']}"


def env(*entries: dict[str, Any], **container: Any) -> dict[str, str]:
    return environment(POD, {"env": list(entries), **container}, {"HOME": "/"}, [], lookup)


def source(kind: str, /, **ref: Any) -> dict[str, Any]:
    return {"name": "X", "valueFrom": {kind: ref}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("$(A) b", "1 b"), ("$(B)", "$(B)"), ("$$(A)", "$(A)"), ("$A", "$A"), ("$(A)$(A)", "11")],
)
def test_only_known_variables_in_brackets_expand(text: str, expected: str) -> None:
    assert expand(text, {"A": "1"}) == expected


def test_a_variable_sees_those_before_it() -> None:
    assert env({"name": "A", "value": "1"}, {"name": "B", "value": "$(A)2"})["B"] == "12"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (source("configMapKeyRef", name="settings", key="color"), "blue"),
        (source("secretKeyRef", name="password", key="auth"), "s3cret"),
        (source("fieldRef", fieldPath="metadata.namespace"), "argocd"),
        (source("fieldRef", fieldPath="metadata.labels['app']"), "a"),
        (source("fieldRef", fieldPath="status.podIP"), "10.77.1.9"),
        (source("resourceFieldRef", resource="limits.cpu"), "3"),
        (source("resourceFieldRef", resource="limits.memory", divisor="1Ki"), "1536"),
        (source("configMapKeyRef", name="settings", key="none", optional=True), None),
        (source("secretKeyRef", name="none", key="none", optional=True), None),
    ],
)
def test_a_variable_comes_from_where_it_says(entry: dict[str, Any], expected: str | None) -> None:
    limits = {"cpu": "2100m", "memory": "1.5Mi"}
    assert env(entry, resources={"limits": limits}).get("X") == expected


@pytest.mark.parametrize(
    "entry",
    [
        source("configMapKeyRef", name="none", key="color"),
        source("configMapKeyRef", name="settings", key="none"),
        source("secretKeyRef", name="none", key="auth"),
        source("resourceFieldRef", resource="limits.cpu"),
    ],
)
def test_missing_or_unknown_objects_are_waited_for(entry: dict[str, Any]) -> None:
    with pytest.raises(NotYet):
        env(entry)


def test_a_whole_configmap_becomes_variables_with_a_prefix() -> None:
    found = env(envFrom=[{"prefix": "P_", "configMapRef": {"name": "settings"}}])
    assert (found["P_color"], found["P_size"], found["HOME"]) == ("blue", "3", "/")


def test_command_replaces_entrypoint_and_args_replaces_arguments() -> None:
    assert command({"args": ["-x", "$(A)"]}, ["run"], ["default"], {"A": "1"}) == ["run", "-x", "1"]
    assert command({}, ["run"], ["default"], {}) == ["run", "default"]
    assert command({"command": ["own"]}, ["run"], ["default"], {}) == ["own"]


def test_environment_has_namespace_services_and_api_server() -> None:
    def service(namespace: str, name: str, address: str) -> dict[str, Any]:
        ports = [{"name": "https", "port": 443}]
        return {"metadata": {"namespace": namespace, "name": name}, "spec": {"clusterIP": address, "ports": ports}}

    services = [
        service("default", "kubernetes", "10.96.0.1"),
        service("argocd", "argocd-server", "10.96.0.5"),
        service("other", "elsewhere", "10.96.0.6"),
        service("argocd", "headless", "None"),
    ]
    found = service_links(services, "argocd", links=True)
    assert found["KUBERNETES_SERVICE_HOST"] == "10.96.0.1"
    assert found["ARGOCD_SERVER_PORT"] == "tcp://10.96.0.5:443"
    assert not [key for key in found if key.startswith(("ELSEWHERE", "HEADLESS"))]
    assert not [key for key in service_links(services, "argocd", links=False) if key.startswith("ARGOCD")]


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        ({"emptyDir": {}}, None),
        ({"configMap": {"name": "settings"}}, {"color": File(b"blue", 0o644), "size": File(b"3", 0o644)}),
        (
            {"secret": {"secretName": "password", "items": [{"key": "auth", "path": "a/b", "mode": 0o400}]}},
            {"a/b": File(b"s3cret", 0o400)},
        ),
        ({"secret": {"secretName": "none", "optional": True}}, {}),
        (
            {
                "projected": {
                    "defaultMode": 0o440,
                    "sources": [
                        {"serviceAccountToken": {"path": "token"}},
                        {"downwardAPI": {"items": [{"path": "ns", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
                    ],
                }
            },
            {"token": File(b"token of sa", 0o440), "ns": File(b"argocd", 0o440)},
        ),
    ],
)
def test_a_volume_contains_its_source(volume: dict[str, Any], expected: dict[str, File] | None) -> None:
    assert volume_files(POD, {"name": "v", **volume}, lookup, token) == expected


@pytest.mark.parametrize("volume", [{"configMap": {"name": "none"}}, {"hostPath": {"path": "/"}}])
def test_an_unavailable_volume_is_waited_for(volume: dict[str, Any]) -> None:
    with pytest.raises(NotYet):
        volume_files(POD, {"name": "v", **volume}, lookup, token)


def test_label_files_are_quoted_like_the_kubelet() -> None:
    pod = {**POD, "metadata": {"name": "one", "namespace": "argocd", "annotations": {"b": '"ä"\n', "a": "1"}}}
    items = [{"path": "all", "fieldRef": {"fieldPath": "metadata.annotations"}}]
    found = volume_files(pod, {"name": "v", "downwardAPI": {"items": items}}, lookup, token)
    assert found == {"all": File('a="1"\nb="\\"ä\\"\\n"'.encode(), 0o644)}


def test_a_volume_has_room_for_nested_mounts(tmp_path: Path) -> None:
    outer = Mount(tmp_path / "outer", "/run/secrets", read_only=True)
    volumes.write(outer.source, {"a": File(b"1", 0o644)})
    mounts = [outer, Mount(tmp_path, "/run/secrets/inner", read_only=False), Mount(tmp_path, "/run/secrets-2/x", False)]
    assert volumes.nested(mounts) == mounts
    volumes.write(outer.source, {"b": File(b"2", 0o644)})
    assert sorted(path.name for path in outer.source.iterdir() if not path.name.startswith("..")) == ["b", "inner"]


def test_a_written_volume_follows_its_source(tmp_path: Path) -> None:
    volumes.write(tmp_path, {"a": File(b"1", 0o644), "d/b": File(b"2", 0o600)})
    assert (tmp_path / "a").read_bytes() == b"1"
    assert (tmp_path / "d/b").stat().st_mode & 0o777 == 0o600
    volumes.write(tmp_path, {"a": File(b"3", 0o644)})
    assert (tmp_path / "a").read_bytes() == b"3"
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("..")) == ["a"]


def test_an_exposure_is_read_from_rendered_gateways() -> None:
    servers = [
        {"hosts": ["./one.example.com"], "tls": {"httpsRedirect": True}},
        {"hosts": ["./one.example.com", "argocd/two.example.com"], "tls": {"mode": "SIMPLE", "credentialName": "edge"}},
    ]
    found = Exposed.of(
        [
            gateway_api("Gateway", "other", "web", listeners=[{"hostname": "web.example.com"}]),
            {
                "apiVersion": "networking.istio.io/v1",
                "kind": "Gateway",
                "metadata": {"name": "argocd", "namespace": "cd"},
                "spec": {"selector": {"istio": "edge"}, "servers": servers},
            },
        ]
    )
    assert found == Exposed(
        hosts=["one.example.com", "two.example.com"],
        namespace="cd",
        selector={"istio": "edge"},
        secrets=[["istio-system", "edge"]],
    )


def gateway_api(kind: str, namespace: str, name: str, **spec: Any) -> Object:
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": kind, "metadata": meta, "spec": spec}


HTTPS = {"hostname": "one.example.com", "tls": {"certificateRefs": [{"name": "edge"}]}}
PASSES = {"hostname": "one.example.com", "tls": {"mode": "Passthrough"}}
HOSTS = ["one.example.com"]


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        (
            [
                gateway_api("Gateway", "cd", "own", listeners=[HTTPS]),
                gateway_api("HTTPRoute", "cd", "argocd", hostnames=HOSTS, parentRefs=[{"name": "own"}]),
            ],
            Exposed(HOSTS, "cd", secrets=[["cd", "edge"]], gateway=["cd", "own"]),
        ),
        (
            [
                gateway_api("TLSRoute", "cd", "cd", hostnames=HOSTS, parentRefs=[{"namespace": "edge", "name": "it"}]),
            ],
            Exposed(HOSTS, "cd", passthrough=True, gateway=["edge", "it"]),
        ),
        (
            [
                gateway_api(
                    "ListenerSet", "cd", "own", parentRef={"namespace": "edge", "name": "it"}, listeners=[HTTPS]
                ),
                gateway_api(
                    "HTTPRoute", "cd", "cd", hostnames=HOSTS, parentRefs=[{"kind": "ListenerSet", "name": "own"}]
                ),
            ],
            Exposed(HOSTS, "cd", secrets=[["cd", "edge"]], gateway=["edge", "it"]),
        ),
        (
            [gateway_api("Gateway", "cd", "own", listeners=[PASSES])],
            Exposed(HOSTS, passthrough=True, gateway=["cd", "own"]),
        ),
        ([gateway_api("HTTPRoute", "cd", "cd", parentRefs=[None], hostnames=None)], Exposed(namespace="cd")),
        ([gateway_api("GatewayClass", "", "mine")], Exposed()),
    ],
    ids=["own Gateway", "another's Gateway", "ListenerSet", "passthrough", "empty", "other kind"],
)
def test_an_exposure_is_read_from_the_gateway_api(objects: list[Object], expected: Exposed) -> None:
    assert Exposed.of(objects) == expected


def programmed(status: str, **more: Any) -> Object:
    condition = {"type": "Programmed", "status": status, "message": "no pods"}
    return {**gateway_api("Gateway", "edge", "it"), "status": {"conditions": [condition], **more}}


def test_a_programmed_gateway_leads_to_its_address() -> None:
    found = Entrance.of(programmed("True", addresses=[{"value": "10.97.0.9"}]))
    assert found == Entrance("edge", "it-istio", "gateway.networking.k8s.io/gateway-name=it", "10.97.0.9")


@pytest.mark.parametrize("found", [programmed("False", addresses=[{"value": "10.97.0.9"}]), programmed("True")])
def test_a_gateway_without_address_says_why(found: Object) -> None:
    with pytest.raises(LookupError, match="no pods"):
        Entrance.of(found)


@pytest.mark.parametrize(
    "spec",
    [None, {"selector": "istio"}, {"servers": [None]}, {"servers": [{"tls": None, "hosts": None}]}],
    ids=str,
)
def test_an_invalid_gateway_gives_no_exposure(spec: Any) -> None:
    gateway = {"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"name": "cd"}, "spec": spec}
    assert Exposed.of([gateway]) == Exposed()


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1}, True),
        ({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1}, False),
        ({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 1, "readyReplicas": 1}, False),
        ({"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1}, False),
    ],
)
def test_a_rollout_ends_with_only_new_ready_pods(status: dict[str, Any], expected: bool) -> None:
    assert rolled_out({"metadata": {"generation": 2}, "spec": {"replicas": 1}, "status": status}) is expected


def service(name: str, address: str, namespace: str = "argocd") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"clusterIP": address}}


def endpoints(service: str, *found: dict[str, Any]) -> dict[str, Any]:
    labels = {"kubernetes.io/service-name": service}
    return {"metadata": {"name": f"{service}-x", "namespace": "argocd", "labels": labels}, "endpoints": list(found)}


def test_hosts_file_has_short_names_for_own_namespace() -> None:
    services = [service("one", "10.96.0.5"), service("two", "10.96.0.6", "other")]
    assert hosts_file(services, [], POD).splitlines()[2:] == [
        "10.96.0.5 one one.argocd one.argocd.svc one.argocd.svc.cluster.local",
        "10.96.0.6 two.other two.other.svc two.other.svc.cluster.local",
    ]


def test_a_pods_own_name_precedes_service_names() -> None:
    stateful = POD | {"spec": {"hostname": "redis-0", "subdomain": "redis"}}
    for pod, names in ((POD, "one"), (stateful, "redis-0.redis.argocd.svc.cluster.local redis-0")):
        lines = hosts_file([service("one", "10.96.0.5"), service("redis-0", "10.96.0.6")], [], pod).splitlines()
        assert lines[:2] == ["127.0.0.1 localhost", f"10.77.1.9 {names}"]


def test_a_headless_service_lists_ready_and_named_pods() -> None:
    ready = {"addresses": ["10.77.1.4"], "hostname": "redis-0", "conditions": {"ready": True}}
    nameless = {"addresses": ["10.77.1.5"], "conditions": {"ready": True}}
    unready = {"addresses": ["10.77.1.6"], "hostname": "redis-2", "conditions": {"ready": False}}
    text = hosts_file([service("redis", "None")], [endpoints("redis", ready, nameless, unready)], POD)
    assert [line.split()[:2] for line in text.splitlines()[2:]] == [
        ["10.77.1.4", "redis"],
        ["10.77.1.5", "redis"],
        ["10.77.1.4", "redis-0.redis"],
    ]
