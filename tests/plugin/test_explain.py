"""The picture shows the objects in each mode, and marks faults."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from argocd_istio.consumer import gateway_namespace
from argocd_istio.explain import FORMATS, draw, svg, tree
from argocd_istio.exposure.check import check
from argocd_istio.exposure.fields import complete
from argocd_istio.lint.run import run
from argocd_istio.render.objects import Objects
from argocd_istio.render.ways import facts
from argocd_istio.syntax.source import parse
from argocd_istio.terminal import Terminal
from tests.plugin.faults_gateway_api import ADMITTED, GRPC, REDIRECT, UI, api_gateway, api_route, gateway_api
from tests.plugin.renders import container, drawn, explained, gateway, overlay, parameters, routes, source, whole
from tests.render.consumer import MODES, consumer, one
from tests.render.render import Object, build
from tests.work import LINEAR, growth

PICTURES = {
    "passthrough": """\
argocd.example.com
├─ port 80, HTTP (Gateway argocd/argocd on istio=ingressgateway)
│  └─ 301 to https
└─ port 443, TLS (Gateway argocd/argocd on istio=ingressgateway)
   ├─ TLS passes through
   └─ SNI is the host (VirtualService argocd/argocd)
      └─ Service argocd/argocd-server, port 443: the client's TLS
         └─ pods argocd-server, port 8080: TLS (server.insecure: "false")
            └─ TLS ends here: Secret argocd/argocd-server-tls, else self-signed
""",
    "termination": """\
argocd.example.com
├─ port 80, HTTP (Gateway argocd/argocd on istio=ingressgateway)
│  └─ 301 to https
└─ port 443, HTTPS (Gateway argocd/argocd on istio=ingressgateway)
   ├─ TLS ends here: Secret istio-system/argocd-certificate
   └─ everything (VirtualService argocd/argocd: http)
      └─ Service argocd/argocd-server, port 80: HTTP/1.1 in clear text
         └─ pods argocd-server, port 8080: plain HTTP (server.insecure: "true")
""",
    "grpc-routing": """\
argocd.example.com
├─ port 80, HTTP (Gateway argocd/argocd on istio=ingressgateway)
│  └─ 301 to https
└─ port 443, HTTPS (Gateway argocd/argocd on istio=ingressgateway)
   ├─ TLS ends here: Secret istio-system/argocd-certificate
   ├─ content-type is application/grpc (VirtualService argocd/argocd: grpc)
   │  └─ Service argocd/argocd-server-grpc, port 443: HTTP/2 in clear text
   │     └─ pods argocd-server, port 8080: plain HTTP (server.insecure: "true")
   └─ everything else (VirtualService argocd/argocd: http)
      └─ Service argocd/argocd-server, port 80: HTTP/1.1 in clear text
         └─ pods argocd-server, port 8080: plain HTTP (server.insecure: "true")
""",
}


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_is_drawn_without_a_problem(mode: str) -> None:
    assert drawn(whole(mode)) == PICTURES[mode]
    assert explained(whole(mode)).findings == []
    assert explained(whole(mode)).facts == explained(overlay(mode)).facts


def two_certificates(folder: Path) -> list[Object]:
    """Two hosts with different certificates, in grpc-routing."""
    spec = {"mode": "grpc-routing", "hosts": ["cd.acme.io", "cd.acme.dev"], "gateway": {"namespace": "edge"}}
    spec["tls"] = {"secretName": "acme-io", "secretNames": {"cd.acme.dev": "acme-dev"}}
    head = {
        "apiVersion": "argocd-istio.github.io/v1alpha1",
        "kind": "ExposureGenerator",
        "metadata": {"name": "argocd"},
    }
    source = parse(yaml.safe_dump(head | {"spec": spec}).encode(), "exposure.yaml")
    exposure, findings = check(source, source.documents[0].root)
    assert exposure and not findings
    return build(consumer(folder, "grpc-routing/without-crds", complete(exposure)))


def test_each_certificate_has_its_own_tree(tmp_path: Path) -> None:
    different = explained(two_certificates(tmp_path / "different"), "edge")
    assert different.findings == []
    found = [(way.hosts, way.listeners[1].certificate) for way in different.facts.ways]
    assert [(hosts, asdict(certificate) if certificate else None) for hosts, certificate in found] == [
        ((host,), {"holder": "gateway", "secret": secret, "namespace": "edge", "file": "", "granted": True})
        for host, secret in (("cd.acme.io", "acme-io"), ("cd.acme.dev", "acme-dev"))
    ]
    objects = overlay("termination")
    for server in one(objects, "Gateway")["spec"]["servers"]:
        server["hosts"].append("./cd2.acme.io")
    one(objects, "VirtualService")["spec"]["hosts"].append("cd2.acme.io")
    [way] = explained(objects).facts.ways
    assert way.hosts == ("argocd.example.com", "cd2.acme.io")
    assert drawn(objects).splitlines()[0] == "argocd.example.com, cd2.acme.io"


def test_lists_are_expanded_and_unexpected_shapes_ignored() -> None:
    objects = overlay("termination")
    assert explained([{"apiVersion": "v1", "kind": "List", "items": objects}]).facts == explained(objects).facts
    values: list[Any] = [None, 7, "text", [], {}, [None], {"": None}, [[]], [{"hosts": 7, "port": [], "tls": "x"}]]
    for value in values:
        for kind in ("Gateway", "VirtualService"):
            for key in [*one(objects, kind)["spec"], "spec"]:
                broken = [item for item in overlay("termination") if "istio" in item["apiVersion"]]
                place = one(broken, kind) if key == "spec" else one(broken, kind)["spec"]
                place[key] = value
                for form in FORMATS:
                    draw(explained(broken), form, Terminal())


def test_the_last_of_repeated_objects_counts() -> None:
    objects = overlay("grpc-routing")
    changed = copy.deepcopy(objects)
    for item in changed:
        if item["kind"] == "Gateway":
            item["spec"]["servers"][0]["hosts"] = item["spec"]["servers"][1]["hosts"] = ["./other.x.io"]
    assert explained(changed).facts != explained(objects).facts
    few, many = ([*changed * others, *objects] for others in (3, 39))
    assert explained(many).facts == explained(objects).facts
    assert growth(lambda read: run(facts(Objects(read))), source(few), source(many)) < LINEAR


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(below for key in keys for below in _paths(value[key], (*path, key)))]


ODD: list[Any] = [None, True, -1, 10**40, "", "*", "./", "a/b/c", "\x00", "é", [], {}, [[]], {"a": {}}, [{"b": []}]]


@given(st.data())
@settings(max_examples=300)
def test_any_value_in_any_place_is_drawn(data: st.DataObject) -> None:
    objects = [item for item in overlay(data.draw(st.sampled_from(MODES))) if "spec" in item]
    container(objects)["env"] = [one for one in container(objects)["env"] if one["name"] == "ARGOCD_SERVER_INSECURE"]
    for _ in range(data.draw(st.integers(1, 4))):
        *way, last = data.draw(st.sampled_from([path for path in _paths(objects) if path]))
        place: Any = objects
        for key in way:
            place = place[key]
        place[last] = copy.deepcopy(data.draw(st.sampled_from(ODD)))
    found = explained(objects)
    for form in FORMATS:
        text = draw(found, form, Terminal())
        assert "\x00" not in text
        if form == "svg":
            ElementTree.fromstring(text)


# ---- the forms ----------------------------------------------------------------------------------------------------


def test_json_has_facts_and_top_level_problems() -> None:
    objects = overlay("grpc-routing")
    parameters(objects)["server.insecure"] = "false"
    one(objects, "ConfigMap", "argocd-cmd-params-cm")["data"]["x"] = "z"
    found = json.loads(draw(explained(objects), "json", Terminal()))
    [problem] = found["problems"]
    assert problem.pop("line") > 1 and problem.pop("fix")
    assert problem.pop("message").startswith("redirect loop: ")
    assert problem == {
        "rule": "A02",
        "severity": "error",
        "object": "ConfigMap argocd/argocd-cmd-params-cm",
        "path": "data[server.insecure]",
        "file": "render.yaml",
    }
    assert found["gateway_namespace"] == "istio-system"
    listener = found["ways"][0]["listeners"][1]
    assert listener["port"] == 443 and listener["at"]["path"] == "spec.servers[1]"
    marked = [pods["problems"] for route in listener["routes"] for to in route["destinations"] for pods in to["pods"]]
    assert marked == [[0], [0]] and listener["problems"] == []


def test_without_unicode_the_picture_is_ascii() -> None:
    objects = overlay("grpc-routing")
    one(objects, "VirtualService")["spec"]["http"][0]["name"] = "größer"
    found = explained(objects)
    text = draw(found, "text", Terminal(unicode=False))
    assert text.isascii() and "gr\\xf6\\xdfer" in text
    words = re.sub(r"[├└│─]", "", draw(found, "text", Terminal())).replace("größer", "gr\\xf6\\xdfer").split()
    assert re.sub(r"[|`-]{2,}|[|]", "", text).split() == words


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_lines_keep_the_width_and_lose_no_word(width: int, tmp_path: Path) -> None:
    found = explained(two_certificates(tmp_path))
    lines = tree.draw(found, width=width).splitlines()
    longest = max(len(word) for line in lines for word in line.split())
    assert all(len(line) <= max(width, 18 + longest) for line in lines)
    assert "".join(lines).replace(" ", "").replace("│", "") == re.sub(r"[ │\n]", "", tree.draw(found, width=500))


def test_colours_change_nothing_but_colours() -> None:
    found = explained(overlay("grpc-routing"))
    coloured = tree.draw(found, colour=True)
    assert "\x1b[33m" in coloured and "\x1b[32m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == tree.draw(found)


EVIL = "</text>\x1b[31m]]>&\"'`#;%%{}\n::error::"


@pytest.mark.parametrize("form", FORMATS)
def test_names_from_the_render_cannot_break_the_picture(form: str) -> None:
    objects = overlay("grpc-routing")
    one(objects, "VirtualService")["spec"]["http"][0]["name"] = EVIL
    one(objects, "VirtualService")["spec"]["http"][0]["match"][0]["headers"]["content-type"]["exact"] = EVIL
    parameters(objects)["server.insecure"] = EVIL
    for server in gateway(objects)["servers"]:
        server["hosts"] = ["./" + EVIL]
    routes(objects)["hosts"] = [EVIL]
    assert explained(objects).facts.ways[0].listeners[1].routes
    text = draw(explained(objects), form, Terminal())
    assert "\x1b" not in text and not re.search(r"^::error", text, re.M)
    if form == "svg":
        ElementTree.fromstring(text)
    if form == "mermaid":
        assert all(re.fullmatch(r'[^"]*("[\w ./,:=()\-#;<>]*"[^"]*)?', line) for line in text.splitlines()), text


SVG = "{http://www.w3.org/2000/svg}"


def boxes(text: str) -> list[tuple[float, float, float, float]]:
    """Left, top, right, bottom of each box."""
    found = []
    for box in ElementTree.fromstring(text).iter(f"{SVG}rect"):
        if box.get("class") in ("box", "key", "broken"):
            x, y, width, height = (float(box.get(name, "")) for name in ("x", "y", "width", "height"))
            found.append((x, y, x + width, y + height))
    return found


def pictures(folder: Path) -> list[tuple[str, list[Object]]]:
    long = overlay("grpc-routing")
    for server in gateway(long)["servers"]:
        server["hosts"] = [f"./{'a' * 60}.{'b' * 60}.{'c' * 60}.{'d' * 60}.acme.io"]
    routes(long)["hosts"] = [gateway(long)["servers"][0]["hosts"][0][2:]]
    elsewhere = overlay("grpc-routing")
    elsewhere.remove(one(elsewhere, "Gateway"))
    routed = overlay("grpc-routing")
    gateway_api(api_gateway(**ADMITTED), api_route("ui", "https", GRPC, UI), api_route("http", "http", REDIRECT))(
        routed
    )
    others = [("two certificates", two_certificates(folder)), ("long", long), ("elsewhere", elsewhere), ("api", routed)]
    return [*((mode, overlay(mode)) for mode in MODES), *others]


def test_svg_is_self_contained_without_overlapping_boxes(tmp_path: Path) -> None:
    for name, objects in pictures(tmp_path):
        text = svg.draw(explained(objects))
        assert not re.search(r"(href|src)=|@import|url\((?!#)", text), name
        assert "prefers-color-scheme: dark" in text
        found = boxes(text)
        assert len(found) >= 5
        for number, (left, top, right, bottom) in enumerate(found):
            for other in found[number + 1 :]:
                apart = other[0] >= right or other[2] <= left or other[1] >= bottom or other[3] <= top
                assert apart, f"{name}: {found[number]} {other}"


def test_explain_of_a_file_ignores_a_nearby_exposure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    head = "apiVersion: argocd-istio.github.io/v1alpha1\nkind: Exposure\nmetadata: {name: argocd}\n"
    Path("exposure.yaml").write_text(head + "spec: {gateway: {namespace: edge}}\n")
    Path("kustomization.yaml").write_text("resources: [exposure.yaml]\n")
    Path("render.yaml").write_text(yaml.safe_dump_all(overlay("termination")))
    for name in ("render.yaml", "-"):
        command = [sys.executable, "-c", "from argocd_istio.cli import main; main()", "explain", name]
        text = subprocess.check_output(command, input=Path("render.yaml").read_bytes()).decode()
        shown = "Secret argocd-certificate in the namespace of the gateway's pods (not in these files; "
        assert shown + "set --gateway-namespace)" in " ".join(text.replace("│", " ").split())
    assert gateway_namespace(".") == "edge", "the folder itself says it"


def test_httproutes_are_drawn_in_their_order() -> None:
    objects = overlay("grpc-routing")
    gateway_api(api_gateway(**ADMITTED), api_route("ui", "https", UI, GRPC), api_route("http", "http", REDIRECT))(
        objects
    )
    assert (
        drawn(objects)
        == """\
argocd.example.com
├─ port 443, HTTPS (Gateway edge/shared of the Gateway API)
│  ├─ TLS ends here: Secret edge/argocd-certificate
│  ├─ content-type is application/grpc (HTTPRoute argocd/ui)
│  │  └─ Service argocd/argocd-server-grpc, port 443: HTTP/2 in clear text
│  │     └─ pods argocd-server, port 8080: plain HTTP (server.insecure: "true")
│  └─ everything else (HTTPRoute argocd/ui)
│     └─ Service argocd/argocd-server, port 80: HTTP/1.1 in clear text
│        └─ pods argocd-server, port 8080: plain HTTP (server.insecure: "true")
└─ port 80, HTTP (Gateway edge/shared of the Gateway API)
   └─ 301 to https
"""
    )


def test_a_gateway_elsewhere_is_drawn_as_such() -> None:
    objects = overlay("grpc-routing")
    objects.remove(one(objects, "Gateway"))
    routes(objects)["gateways"] = ["istio-ingress/external"]
    for form in FORMATS:
        text = "".join(re.sub(r"<[^>]*>", "", draw(explained(objects), form, Terminal(width=200))).split())
        assert "istio-ingress/external" in text
        assert "notinthesefiles" in text or '"here":false' in text
    assert drawn(objects).startswith("argocd.example.com\n└─ Gateway istio-ingress/external (not in these files)\n")


def test_every_format_marks_the_same_parts() -> None:
    objects = overlay("grpc-routing")
    objects.remove(one(objects, "Sidecar", "argocd-server"))
    one(objects, "Namespace")["metadata"]["labels"] = {"istio-injection": "enabled"}
    for form in FORMATS:
        text = re.sub(r"<[^>]*>", " ", draw(explained(objects), form, Terminal(width=200)))
        assert "E12" in text and "a sidecar accepts one protocol per port" in " ".join(text.split())
