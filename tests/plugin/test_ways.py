"""The facts match Istio's reading of the objects."""

from __future__ import annotations

import copy
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from argocd_istio.explain import draw, tree
from argocd_istio.explain.picture import Picture
from argocd_istio.exposure.wired import API, EXPOSURE_ONLY, LISTENERS, PARENT, WITHOUT_CRDS, Wired
from argocd_istio.lint.rule import Finding
from argocd_istio.lint.run import judge, run
from argocd_istio.render import istio
from argocd_istio.render.hosts import Hosts
from argocd_istio.render.model import Facts, Stated
from argocd_istio.render.objects import Objects
from argocd_istio.render.paths import head
from argocd_istio.render.ways import facts
from argocd_istio.syntax.source import Source
from argocd_istio.terminal import Terminal
from tests.plugin import ways_in
from tests.plugin.faults_gateway_api import ADMITTED, UI, api_gateway, api_route, gateway_api, tls_policy
from tests.plugin.many import SHAPES, render
from tests.plugin.renders import container, drawn, explained, gateway, overlay, problems_of, routes, rule
from tests.plugin.ways_in import folder_of
from tests.render.consumer import MODES, one
from tests.render.render import Object, build
from tests.work import LINEAR, growth


def index(hosts: list[str]) -> Hosts[str]:
    found: Hosts[str] = Hosts()
    for host in hosts:
        found.add(host, host)
    return found


@pytest.mark.parametrize(
    ("name", "app_protocol", "transport", "port", "protocol"),
    [
        ("http", "", "TCP", 80, "HTTP"),
        ("http-web", "", "TCP", 80, "HTTP"),
        ("HTTP2-x", "", "TCP", 80, "HTTP2"),
        ("grpc", "", "TCP", 443, "GRPC"),
        ("grpc-web", "", "TCP", 443, "GRPC-Web"),
        ("grpc-webber", "", "TCP", 443, "GRPC-Web"),
        ("https", "kubernetes.io/h2c", "TCP", 443, "HTTP2"),
        ("https", "kubernetes.io/ws", "TCP", 443, "HTTP"),
        ("http", "kubernetes.io/wss", "TCP", 443, "HTTPS"),
        ("https", "grpc", "TCP", 443, "GRPC"),
        ("http", "example.com/own", "TCP", 443, istio.UNDECLARED),
        ("web", "", "TCP", 80, istio.UNDECLARED),
        ("", "", "TCP", 80, istio.UNDECLARED),
        ("db", "", "TCP", 3306, "TCP"),
        ("http", "", "UDP", 80, "UDP"),
    ],
)
def test_a_port_has_the_protocol_that_istio_decides(
    name: str, app_protocol: str, transport: str, port: int, protocol: str
) -> None:
    assert istio.protocol(name, app_protocol, transport, port) == protocol


@pytest.mark.parametrize(
    ("one_side", "other", "common"),
    [
        (["a.x.io"], ["a.x.io"], ["a.x.io"]),
        (["a.x.io"], ["b.x.io"], []),
        (["*.x.io"], ["a.x.io", "a.y.io"], ["a.x.io"]),
        (["a.x.io"], ["*.x.io"], ["a.x.io"]),
        (["*.x.io"], ["*.a.x.io"], ["*.a.x.io"]),
        (["*"], ["a.x.io", "*.y.io"], ["a.x.io", "*.y.io"]),
        (["*.x.io"], ["x.io"], []),
    ],
)
def test_shared_hosts_are_the_narrower_ones(one_side: list[str], other: list[str], common: list[str]) -> None:
    assert [narrower for host in one_side for narrower, _ in index(other).common(host)] == common


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("edge", "argocd/edge"),
        ("./edge", "argocd/edge"),
        ("infra/edge", "infra/edge"),
        ("edge.infra", "infra/edge"),
        ("edge.infra.svc.cluster.local", "infra/edge"),
    ],
)
def test_a_gateway_has_five_forms_of_name(name: str, found: str) -> None:
    assert istio.gateway(name, "argocd") == found
    objects = overlay("termination")
    namespace, _, bare = found.partition("/")
    for server in gateway(objects)["servers"]:
        server["hosts"] = ["argocd/argocd.example.com"]
    one(objects, "Gateway")["metadata"] = {"namespace": namespace, "name": bare}
    routes(objects)["gateways"] = [name]
    assert problems_of(objects) == []
    assert f"Gateway {found} on istio=ingressgateway" in drawn(objects)


@pytest.mark.parametrize(
    ("export_to", "client", "seen"),
    [
        ([], "", True),
        (["*"], "edge", True),
        (["."], "argocd", True),
        (["."], "edge", False),
        (["."], "", None),
        (["edge", "."], "edge", True),
        (["infra"], "edge", False),
        (["~"], "argocd", False),
        (["~", "*"], "edge", True),
    ],
)
def test_export_to_decides_who_sees_an_object(export_to: list[str], client: str, seen: bool | None) -> None:
    assert istio.sees(export_to, "argocd", client) is seen


def rules_of(objects: list[Object], namespace: str = "istio-system") -> list[str]:
    """The DestinationRule of each destination that is drawn."""
    found = [destination for _, _, destination in explained(objects, namespace).facts.destinations()]
    return [destination.policy.rule if destination.policy else "" for destination in found]


def policy(name: str, namespace: str, host: str, **more: Any) -> Object:
    spec = {"trafficPolicy": {"connectionPool": {"tcp": {}}}, "host": host, **more}
    return rule() | {"spec": spec} | {"metadata": {"name": name, "namespace": namespace}}


HOST = "argocd-server.argocd.svc.cluster.local"


@pytest.mark.parametrize(
    ("policies", "found"),
    [
        ([policy("a", "argocd", "argocd-server")], "argocd/a"),
        ([policy("a", "argocd", "*.argocd.svc.cluster.local")], "argocd/a"),
        ([policy("a", "argocd", "*.local"), policy("b", "argocd", "*.argocd.svc.cluster.local")], "argocd/b"),
        ([policy("a", "argocd", "*"), policy("b", "argocd", HOST)], "argocd/b"),
        ([policy("a", "argocd", HOST), policy("b", "edge", "*.local")], "edge/b"),
        ([policy("a", "argocd", HOST, exportTo=["."]), policy("b", "istio-system", HOST)], "istio-system/b"),
        ([policy("a", "argocd", HOST, exportTo=["edge"]), policy("b", "istio-system", HOST)], "argocd/a"),
        ([policy("a", "shop", HOST)], ""),
        ([policy("a", "argocd", HOST, exportTo=["."])], ""),
        ([policy("a", "edge", HOST, exportTo=["shop"])], ""),
        ([policy("a", "edge", HOST, exportTo=["."])], "edge/a"),
        ([policy("a", "argocd", HOST, workloadSelector={"matchLabels": {"a": "b"}})], ""),
        ([policy("a", "argocd", "argocd-server.argocd")], ""),
    ],
)
def test_the_namespaces_are_searched_in_istios_order(policies: list[Object], found: str) -> None:
    assert rules_of([*overlay("termination"), *policies], "edge") == [found]


def test_the_root_namespace_keeps_its_private_rules() -> None:
    private = policy("a", "istio-system", HOST, exportTo=["."])
    assert rules_of([*overlay("termination"), private], "istio-system") == ["istio-system/a"]
    assert rules_of([*overlay("termination"), private], "edge") == [""]


@pytest.mark.parametrize(
    ("settings", "hop", "verifies"),
    [
        ({"mode": "SIMPLE"}, "TLS", "the system's CAs"),
        ({"mode": "SIMPLE", "caCertificates": "/ca.pem"}, "TLS", "a given CA"),
        ({"mode": "MUTUAL", "credentialName": "client"}, "TLS", "a given CA"),
        ({"mode": "SIMPLE", "insecureSkipVerify": True}, "TLS", "nothing"),
        ({"mode": "ISTIO_MUTUAL"}, "mTLS", ""),
        ({"mode": "DISABLE"}, "clear text", ""),
    ],
)
def test_a_policy_says_what_travels_and_is_checked(settings: Object, hop: str, verifies: str) -> None:
    objects = [*overlay("termination"), rule(trafficPolicy={"tls": settings})]
    [(_, _, found)] = explained(objects).facts.destinations()
    assert found.policy and (found.hop, found.policy.verifies) == (hop, verifies)


def test_a_subset_adds_to_the_policy() -> None:
    objects = overlay("termination")
    routes(objects)["http"][0]["route"][0]["destination"]["subset"] = "v1"
    objects.append(
        rule(
            trafficPolicy={"connectionPool": {"http": {"h2UpgradePolicy": "UPGRADE"}}},
            subsets=[{"name": "v1", "trafficPolicy": {"tls": {"mode": "SIMPLE"}}}],
        )
    )
    [(_, _, found)] = explained(objects).facts.destinations()
    assert (found.subset_here, found.hop, found.speaks) == (True, "TLS", "HTTP/2")


@pytest.mark.parametrize(
    ("namespace", "pod", "annotation", "mesh"),
    [
        ({}, {}, {}, "none"),
        ({"istio-injection": "enabled"}, {}, {}, "sidecar"),
        ({"istio-injection": "disabled"}, {"sidecar.istio.io/inject": "true"}, {}, "none"),
        ({"istio.io/rev": "stable"}, {}, {}, "sidecar"),
        ({}, {"sidecar.istio.io/inject": "true"}, {}, "sidecar"),
        ({"istio-injection": "enabled"}, {"sidecar.istio.io/inject": "false"}, {}, "none"),
        ({"istio-injection": "enabled"}, {}, {"sidecar.istio.io/inject": "false"}, "none"),
        ({}, {}, {"sidecar.istio.io/inject": "true"}, "none"),
        ({"istio.io/dataplane-mode": "ambient"}, {}, {}, "ambient"),
        ({"istio.io/dataplane-mode": "ambient"}, {"istio.io/dataplane-mode": "none"}, {}, "none"),
        (None, {}, {}, ""),
        (None, {"sidecar.istio.io/inject": "true"}, {}, "sidecar"),
    ],
)
def test_labels_say_whether_pods_are_meshed(
    namespace: Object | None, pod: Object, annotation: Object, mesh: str
) -> None:
    objects = overlay("termination")
    if namespace is None:
        objects.remove(one(objects, "Namespace"))
    else:
        one(objects, "Namespace")["metadata"]["labels"] = namespace
    metadata = one(objects, "Deployment", "argocd-server")["spec"]["template"]["metadata"]
    metadata["labels"] |= pod
    metadata["annotations"] = annotation
    [(_, pods)] = explained(objects).facts.pods(lambda *_: None)
    assert pods.mesh == mesh


def test_a_gateways_workload_says_its_namespace() -> None:
    objects = overlay("termination")
    template = {"metadata": {"labels": {"istio": "ingressgateway"}}, "spec": {"containers": [{"name": "istio-proxy"}]}}
    metadata = {"name": "edge", "namespace": "edge"}
    objects.append(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"template": template}}
    )
    assert "Secret edge/argocd-certificate" in tree.draw(explained(objects, ""))
    assert "Secret own/argocd-certificate" in tree.draw(explained(objects, "own"))
    assert "set --gateway-namespace" in tree.draw(explained(overlay("termination"), ""))


def test_a_gateway_elsewhere_is_drawn_and_noted() -> None:
    for mode in MODES:
        objects = overlay(mode)
        objects.remove(one(objects, "Gateway"))
        routes(objects)["gateways"] = ["infra/shared"]
        [found] = explained(objects).findings
        wanted = "its owner writes hosts: [argocd/argocd.example.com] there, with TLS mode "
        assert (found.severity, found.rule) == ("info", "C28")
        assert found.fix == wanted + ("PASSTHROUGH" if mode == "passthrough" else "SIMPLE")
        assert "\n└─ Gateway infra/shared (not in these files)\n" in drawn(objects) or mode == "passthrough"


def alike(wired: Wired, folder: Path, **more: Any) -> str:
    """The drawing of a way, without what is different in Istio's objects and those of the Gateway API."""
    kinds = r"VirtualService|HTTPRoute|TLSRoute"
    picture = explained(build(ways_in.consumer(folder, wired, **more)))
    text = tree.draw(Picture(picture.facts, []), width=500)
    text = re.sub(rf"\((?:{kinds}) argocd/argocd(?:: \w+)?\)", "(route)", text)
    text = re.sub(r"Secret (?:istio-system|argocd)/a$", "Secret a", text, flags=re.M)
    return re.sub(r"\((?:ListenerSet argocd/argocd on )?Gateway [^)]*\)", "(Gateway)", text)


@pytest.mark.parametrize("way", [API, LISTENERS])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("amount", [WITHOUT_CRDS, EXPOSURE_ONLY])
def test_the_gateway_api_is_drawn_as_istio(way: str, mode: str, amount: str, tmp_path: Path) -> None:
    twin, found = (alike(Wired(mode, one, amount), tmp_path / f"a{len(one)}") for one in ("", way))
    assert found == twin and "301 to https" in found


@pytest.mark.parametrize("mode", MODES)
def test_a_redirect_elsewhere_is_its_own_listener(mode: str, tmp_path: Path) -> None:
    wired = Wired(mode, PARENT, WITHOUT_CRDS)
    spec = ways_in.spec(wired)
    spec["gateway"]["redirectParent"] = {"name": "shared", "namespace": "edge", "sectionName": "http"}
    folder = ways_in.consumer(tmp_path, wired, spec, components=[folder_of(wired), "components/gateway-api/redirect"])
    text = tree.draw(explained(build(folder)), width=500)
    assert "─ listener https of Gateway edge/shared (not in these files)\n" in text
    redirect = text.partition("─ listener http of Gateway edge/shared (not in these files)\n")[2]
    assert redirect.splitlines()[0].endswith("─ 301 to https")


def redirecting(port: int, condition: Object) -> list[Object]:
    """A mode whose Gateway serves HTTP on a port, and whose routes first redirect requests with a condition."""
    objects = overlay("termination")
    gateway(objects)["servers"][0].update(port={"number": port, "name": "http", "protocol": "HTTP"}, tls={})
    redirect = {"name": "redirect", "match": [condition], "redirect": {"scheme": "https"}}
    routes(objects)["http"].insert(0, redirect)
    return objects


def forwarded(protocol: str) -> Object:
    return {"headers": {"x-forwarded-proto": {"exact": protocol}}}


def test_the_gateway_forwards_its_own_protocol() -> None:
    objects = redirecting(8080, forwarded("http"))
    assert problems_of(objects) == ["nothing listens on port 80: http:// addresses are not redirected to https://"]
    assert "x-forwarded-proto" not in drawn(objects)
    assert "─ everything (VirtualService argocd/argocd: redirect)" in drawn(objects)
    one(objects, "Gateway")["metadata"]["annotations"] = {"argocd-istio.github.io/tls-ends-at": "load-balancer"}
    gateway(objects)["servers"].pop()
    gateway(objects)["servers"][0]["port"]["number"] = 80
    assert "x-forwarded-proto is http" in drawn(objects), "a load balancer may state its clients' protocol"


@pytest.mark.parametrize("condition", [forwarded("https"), {"scheme": {"exact": "http"}}])
def test_other_conditions_redirect_not_every_request(condition: Object) -> None:
    """A client states the scheme: that of gRPC in Go is http through TLS too."""
    objects = redirecting(80, condition)
    assert "no httpsRedirect: passwords and tokens cross the network in clear text" in problems_of(objects)


def test_the_source_namespace_is_a_condition() -> None:
    objects = overlay("termination")
    routes(objects)["http"][0]["match"] = [{"sourceNamespace": "edge", "uri": {"prefix": "/"}}]
    assert "the gateway is in namespace edge" in tree.draw(explained(objects, ""))
    assert problems_of(objects, "edge") == []
    assert "VirtualService argocd/argocd has no http route" in problems_of(objects, "istio-system")[0]


def test_a_delegate_is_followed() -> None:
    objects = overlay("termination")
    container(objects)["args"].append("--rootpath=/cd")
    own = one(objects, "VirtualService")
    child = {**own, "metadata": {"name": "child", "namespace": "argocd"}, "spec": {"http": own["spec"]["http"]}}
    own["spec"] = own["spec"] | {"http": [{"match": [{"uri": {"prefix": "/cd"}}], "delegate": {"name": "child"}}]}
    assert "continues in VirtualService argocd/child (not in these files)" in drawn(objects)
    assert problems_of(objects) == []
    objects.append(child)
    assert "path begins with /cd (VirtualService argocd/child: http)" in drawn(objects)
    assert problems_of(objects) == []


@cache
def many(shape: str, count: int) -> Source:
    return render(SHAPES[shape], count)


@cache
def judged(shape: str, count: int) -> tuple[Facts, list[Finding]]:
    found = facts(Objects(many(shape, count)))
    return found, run(found)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_work_grows_with_the_objects(shape: str) -> None:
    stated = Stated(gateway_labels=("app=x",), istio_version=(1, 31))
    work = growth(
        lambda read: judge(facts(Objects(read), "istio-system", stated=stated)), many(shape, 40), many(shape, 400)
    )
    assert work < 10.5


@pytest.mark.parametrize("form", ["text", "mermaid", "svg"])
@pytest.mark.parametrize("shape", ["mixed", "routes to workloads", "routes of a host"])
def test_a_picture_grows_with_the_objects(shape: str, form: str) -> None:
    pictures = [Picture(*judged(shape, count)) for count in (40, 400)]
    assert growth(lambda picture: draw(picture, form, Terminal()), *pictures) < LINEAR


def test_workloads_beyond_the_eighth_are_counted() -> None:
    found = facts(Objects(render(SHAPES["routes to workloads"], 20)))
    text = draw(Picture(found, run(found)), "text", Terminal())
    assert "and 13 more workloads" in text and "pods argocd-server" in text


def test_wildcards_count_at_ports_without_the_host_alone() -> None:
    objects = overlay("termination")
    everything = copy.deepcopy(one(objects, "Gateway")) | {"metadata": {"name": "all", "namespace": "edge"}}
    for server in everything["spec"]["servers"]:
        server["hosts"] = ["*/*.example.com"]
    objects.append(everything)
    way = next(each for each in explained(objects).facts.ways if "argocd.example.com" in each.hosts)
    assert [(each.gateway, each.port) for each in way.listeners] == [("argocd/argocd", 80), ("argocd/argocd", 443)]
    gateway(objects)["servers"].pop(0)
    way = next(each for each in explained(objects).facts.ways if "argocd.example.com" in each.hosts)
    assert [(each.gateway, each.port) for each in way.listeners] == [("argocd/argocd", 443), ("edge/all", 80)]


def test_a_route_is_drawn_once_for_many_hosts() -> None:
    gate = api_gateway(**ADMITTED)
    route = api_route("ui", "https", UI)
    route["spec"]["hostnames"] = ["*.example.com", "argocd.example.com"]
    objects = overlay("termination")
    gateway_api(gate, route)(objects)
    assert [each.owner for _, each in explained(objects).facts.routes()] == ["argocd/ui"]


@pytest.mark.parametrize(
    ("settings", "section", "found"),
    [
        ({}, "http", "BackendTLSPolicy argocd/own"),
        ({}, "", "BackendTLSPolicy argocd/own"),
        ({"tls": {"mode": "DISABLE"}}, "", "DestinationRule argocd/argocd-server"),
        ({"tls": {"mode": "DISABLE"}}, "http", "BackendTLSPolicy argocd/own"),
        ({"portLevelSettings": [{"port": {"number": 80}}]}, "http", "BackendTLSPolicy argocd/own"),
        ({"portLevelSettings": [{"port": {"number": 80}}]}, "", "DestinationRule argocd/argocd-server"),
        (
            {"portLevelSettings": [{"port": {"number": 80}, "tls": {"mode": "DISABLE"}}]},
            "http",
            "DestinationRule argocd/argocd-server",
        ),
    ],
)
def test_a_destination_rule_counts_before_a_backend_policy(settings: Object, section: str, found: str) -> None:
    objects = [*overlay("termination"), rule(trafficPolicy=settings), tls_policy(section)]
    [(_, _, destination)] = explained(objects).facts.destinations()
    assert str(destination.policy) == found


def test_the_first_backend_policy_by_name_counts() -> None:
    second = tls_policy() | {"metadata": {"name": "a", "namespace": "argocd"}}
    ignored = copy.deepcopy(second)
    ignored["metadata"] |= {"name": "0", "annotations": {"istio.io/ignore-policy-attachment": "true"}}
    [(_, _, destination)] = explained([*overlay("termination"), tls_policy(), second, ignored]).facts.destinations()
    assert str(destination.policy) == "BackendTLSPolicy argocd/a"


def test_a_tls_route_may_follow_tls_that_ends() -> None:
    objects = overlay("termination")
    gate = api_gateway(**ADMITTED, protocol="TLS")
    gateway_api(gate, api_route("ui", "https", UI, kind="TLSRoute"))(objects)
    assert [each.hop for _, _, each in explained(objects).facts.destinations()] == ["clear text"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("/cd(/|$)(.*)", "/cd"),
        ("^/cd/?(.*)$", "/cd"),
        (r"^/c\.d.*", "/c.d"),
        ("/cd{1}", "/c"),
        ("/cd+", "/cd"),
        ("/cd|/ci", "/"),
        ("/cd(a|b)", "/cd"),
        ("/cd[|(]", "/cd"),
        ("(?i)/cd", "/"),
        ("*", "/"),
        ("/cd", "/cd"),
        ("[" * 1001, "/"),
    ],
)
def test_a_regular_expression_begins_with_a_text(pattern: str, found: str) -> None:
    assert head(pattern) == found
