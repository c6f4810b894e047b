"""A ResourceList goes in, a ResourceList comes out."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from argocd_istio.findings import Finding
from argocd_istio.krm.function import parse_list, run
from tests.plugin.cases import generator, resource_list
from tests.plugin.strategies import specs


def load(text: str | bytes) -> Any:
    return yaml.load(text, yaml.CSafeLoader)


def ran(data: bytes) -> tuple[dict[str, Any], list[Finding]]:
    result = run(parse_list(data))
    return load(result.to_yaml()), result.findings


def completed(**spec: Any) -> dict[str, Any]:
    """The one item that the function gives for an ExposureGenerator."""
    result, findings = ran(resource_list(generator(**spec)))
    assert findings == []
    [item] = result["items"]
    assert isinstance(item, dict)
    return item


def test_one_host_gives_the_exposure_with_its_defaults() -> None:
    assert completed(hosts=["cd.acme.io"]) == {
        "apiVersion": "argocd-istio.github.io/v1alpha1",
        "kind": "Exposure",
        "metadata": {"name": "argocd", "annotations": {"config.kubernetes.io/local-config": "true"}},
        "spec": {
            "hosts": ["cd.acme.io"],
            "gateway": {
                "namespace": "istio-system",
                "selector": {"istio": "ingressgateway"},
                "serviceAccount": "istio-ingressgateway-service-account",
            },
            "tls": {"secretName": "argocd-certificate"},
        },
    }


def test_hosts_url_and_certificates_are_completed_and_labelled() -> None:
    item = completed(
        mode="termination",
        hosts=["a.io", "b.io", "c.io"],
        url="https://b.io:8443",
        gateway={"selector": {"app": "edge"}},
        tls={"secretName": "x", "secretNames": {"b.io": "y"}},
    )
    prefix = "argocd-istio.github.io/"
    assert item["metadata"]["labels"] == {
        f"{prefix}mode": "termination",
        f"{prefix}address": "generated",
        f"{prefix}urls": "generated",
        f"{prefix}servers": "generated",
    }
    spec = item["spec"]
    assert (spec["mode"], spec["address"]) == ("termination", "b.io:8443")
    assert load(spec["additionalUrls"]) == ["https://a.io:8443", "https://c.io:8443"]
    assert spec["gateway"]["selector"] == {"app": "edge"}
    assert [
        (server["name"], server["hosts"], server["tls"].get("credentialName")) for server in spec["gateway"]["servers"]
    ] == [
        ("http", ["./a.io", "./b.io", "./c.io"], None),
        ("https", ["./a.io", "./c.io"], "x"),
        ("https-2", ["./b.io"], "y"),
    ]
    assert spec["tls"] == {"secretName": "x"}


def test_the_https_server_has_the_wired_secret() -> None:
    item = completed(mode="termination", hosts=["a.io", "b.io"], tls={"secretName": "x", "secretNames": {"a.io": "y"}})
    [https] = [server for server in item["spec"]["gateway"]["servers"] if server["name"] == "https"]
    assert https["tls"]["credentialName"] == item["spec"]["tls"]["secretName"] == "y"


def test_certificates_that_do_not_differ_need_no_servers() -> None:
    item = completed(mode="termination", hosts=["a.io", "b.io"], tls={"secretNames": {"a.io": "y", "b.io": "y"}})
    assert "servers" not in item["spec"]["gateway"] and item["spec"]["tls"] == {"secretName": "y"}


def test_passthrough_has_no_certificate() -> None:
    assert "tls" not in completed(mode="passthrough", hosts=["a.io"])["spec"]


def test_other_items_pass_in_order_without_configuration() -> None:
    config = generator(hosts=["cd.acme.io"])
    items = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}, "data": {"n": "0755", "x": "a\nb\n"}},
        config,
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "annotations": {"config.k8s.io/id": "7"}}},
    ]
    result, findings = ran(resource_list(config, items))
    assert findings == []
    assert result["items"][:2] == [items[0], items[2]] and result["items"][2]["kind"] == "Exposure"


def test_an_earlier_runs_exposure_is_replaced_in_place() -> None:
    config, other = generator(hosts=["cd.acme.io"]), {"apiVersion": "v1", "kind": "A", "metadata": {"name": "a"}}
    old = completed(hosts=["old.acme.io"])
    result, _ = ran(resource_list(config, [config, old, other]))
    assert result["items"] == [completed(hosts=["cd.acme.io"]), other]


def test_an_error_is_appended_and_omits_the_exposure() -> None:
    earlier = {"message": "from another function", "severity": "info"}
    result, findings = ran(resource_list(generator(hosts=["https://a.io"]), results=[earlier]))
    assert result["items"] == []
    [error] = findings
    assert result["results"] == [
        earlier,
        {
            "message": error.message,
            "severity": "error",
            "resourceRef": {
                "apiVersion": "argocd-istio.github.io/v1alpha1",
                "kind": "ExposureGenerator",
                "name": "argocd",
            },
            "field": {"path": "spec.hosts[0]"},
        },
    ]


def test_the_path_annotation_names_the_file() -> None:
    config = generator(hosts=["a"])
    config["metadata"]["annotations"] = {"config.kubernetes.io/path": "dir/exposure.yaml"}
    result, [error] = ran(resource_list(config))
    assert str(error).startswith("dir/exposure.yaml: spec.hosts[0]: found")
    assert result["results"][0]["file"] == {"path": "dir/exposure.yaml"}


def test_the_version_that_was_given_comes_back() -> None:
    data = resource_list(generator(hosts=["cd.acme.io"])).replace(b'io/v1"', b'io/v1beta1"', 1)
    assert ran(data)[0]["apiVersion"] == "config.kubernetes.io/v1beta1"


@given(specs(valid=False, api=True))
def test_a_second_run_changes_no_byte(spec: dict[str, Any]) -> None:
    def again(data: bytes) -> bytes:
        return run(parse_list(data)).to_yaml().encode()

    once = again(resource_list(generator(**spec), results=[{"message": "earlier"}]))
    assert again(once) == once


@given(specs(api=True))
def test_a_valid_spec_completes_every_host(spec: dict[str, Any]) -> None:
    made = completed(**spec)["spec"]
    hosts = spec["hosts"]
    assert made["hosts"] == hosts
    urls = {f"https://{made.get('address', hosts[0])}", *(load(made.get("additionalUrls", "[]")) or [])}
    assert {url.split("/")[2].split(":")[0] for url in urls} == set(hosts) and len(urls) == len(hosts)
    own, names = spec.get("tls", {}).get("secretName", "argocd-certificate"), spec.get("tls", {}).get("secretNames", {})
    wanted = {host: names.get(host, own) for host in hosts}
    listeners = made["gateway"].get("listeners", [])
    assert not ("servers" in made["gateway"] and {"className", "parent"} & made["gateway"].keys())
    if spec.get("mode") == "passthrough" or "sectionName" in made["gateway"].get("parent", {}):
        assert "tls" not in made and "servers" not in made["gateway"]
        assert {one["protocol"] for one in listeners} <= {"HTTP", "TLS"}
    elif listeners:
        https = [one for one in listeners if one["protocol"] == "HTTPS"]
        assert {one["hostname"]: one["tls"]["certificateRefs"][0]["name"] for one in https} == wanted
        assert (
            len({one["name"] for one in listeners}) == len(listeners) and made["tls"]["secretName"] == wanted[hosts[0]]
        )
    elif "servers" in made["gateway"]:
        http, *https = made["gateway"]["servers"]
        assert http["hosts"] == [f"./{host}" for host in hosts]
        served = {host[2:]: server["tls"]["credentialName"] for server in https for host in server["hosts"]}
        assert served == wanted and sum(len(server["hosts"]) for server in https) == len(hosts)
        assert (
            len({server["name"] for server in https}) == len({server["port"]["name"] for server in https}) == len(https)
        )
    else:
        assert set(wanted.values()) == {made["tls"]["secretName"]}


@given(st.lists(st.dictionaries(st.sampled_from(["a", "kind", "metadata"]), st.text(max_size=5)), max_size=3))
def test_foreign_items_pass_through_unchanged(items: list[dict[str, str]]) -> None:
    result, _ = ran(resource_list(generator(hosts=["cd.acme.io"]), items))
    assert result["items"][:-1] == items


def test_a_resource_list_is_written_without_aliases() -> None:
    items = b"- {apiVersion: v1, kind: A, metadata: {name: &a a}, x: &b [1]}\n"
    items += b"- {apiVersion: v1, kind: A, metadata: {name: b, x: *a}, x: *b}\n"
    data = b"apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n" + items
    text = parse_list(data).to_yaml()
    assert "&" not in text and "*" not in text and load(text) == load(data)


@pytest.mark.parametrize("config", [None, {"kind": "ConfigMap", "apiVersion": "v1", "data": {"host": "a.io"}}])
def test_a_missing_exposuregenerator_is_an_error(config: Any) -> None:
    result, findings = ran(resource_list(config, []))
    assert result["items"] == [] and {one.severity for one in findings} == {"error"}
    assert "ExposureGenerator" in findings[-1].message
