"""`argocd-istio probe` at the live chain: nothing to fix in each mode, and the right rule for each mistake."""

from __future__ import annotations

import base64
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from live.cluster import Cluster
from tests.conftest import Figures
from tests.live.breaks import Break, Breaking
from tests.live.conftest import HOST, ROOT
from tests.live.lifecycle import intrude, until
from tests.live.probing import Found, above_info, arguments, probed
from tests.live.table import GRPC_ROUTING, MODES, PASSTHROUGH, TERMINATION
from tests.live.test_breaks import BREAKS, patched, replaced
from tests.live.ways import BALANCER, Case, Site
from tests.plugin.exposed import issued
from tools import plugin
from tools.build import program, wheel
from tools.versions import module

Probe = Callable[..., Found]


@pytest.fixture(scope="module")
def probe(cluster: Cluster, installed: Path) -> Probe:
    """Runs the installed program as a client; the JSON that it prints."""
    env = plugin.environment(installed) | {"PYTHONPATH": ""}

    def run(*options: str) -> Found:
        return probed(cluster, *options, program=["argocd-istio"], env=env)

    return run


@pytest.fixture(scope="module")
def modes(cluster: Cluster) -> Callable[[str], Cluster]:
    """A function that applies a mode, unless it is applied already."""
    up = ""

    def bring_up(mode: str) -> Cluster:
        nonlocal up
        if up != mode:
            cluster.apply(ROOT / "overlays" / mode)
            intrude(cluster)
            cluster.wait_ready()
            up = mode
        return cluster

    return bring_up


@pytest.mark.parametrize("mode", MODES)
def test_a_healthy_mode_has_nothing_to_fix(
    modes: Callable[[str], Cluster], probe: Probe, mode: str, report: Callable[[str, Figures], None]
) -> None:
    modes(mode)
    found = probe("--mode", mode, "--strict")
    assert above_info(found) == []
    assert (found["mode"], found["behind"], found["version"].partition("+")[0]) == (mode, None, module())
    facts = found["facts"]
    assert facts["trusted"]["failure"] == "" and facts["certificate"]["names"] == [HOST]
    assert {answer["failure"] for answer in (facts["other_name"]["handshake"], facts["no_name"]["handshake"])} == {
        "reset"
    }
    assert facts["alpn"] == ("http/1.1" if mode == PASSTHROUGH else "h2")
    assert facts["webhook"]["status"] == 400 and facts["events"]["status"] == 401
    assert facts["grpc_web"]["grpc"] == 0 and facts["web_watch"]["open"]
    native = mode != TERMINATION
    assert (facts["health"]["message"] == "0801") is native and facts["watch"]["open"] is native
    assert facts["upload"]["grpc"] == (16 if native else None)
    report(f"probe-{mode}", {"seconds": found["seconds"], "connections": found["connections"], "bytes": found["bytes"]})


# --- witnesses

# Enough of Argo CD's interface for one call: its reflection needs a login.
VERSION_PROTO = """syntax = "proto3";
package version;
import "google/protobuf/empty.proto";
message VersionMessage { string Version = 1; }
service VersionService { rpc Version(google.protobuf.Empty) returns (VersionMessage); }
"""


def by_sslyze(cluster: Cluster, folder: Path) -> tuple[dict[str, bool], list[str], str]:
    """The accepted versions of TLS, the certificate's names, and its end, by sslyze with its own OpenSSL."""
    scans = ["--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3", "--certinfo"]
    command = [sys.executable, "-W", "ignore", "-m", "sslyze", *scans, "--json_out", str(folder / "tls.json"), HOST]
    cluster.exec(command, env={"PYTHONPATH": str(wheel("sslyze", sys.version))}, check=True)
    [server] = json.loads((folder / "tls.json").read_text())["server_scan_results"]
    scanned = {
        version.replace("_", "."): bool(
            server["scan_result"][f"tls_{version}_cipher_suites"]["result"]["accepted_cipher_suites"]
        )
        for version in ("1_0", "1_1", "1_2", "1_3")
    }
    [shown] = server["scan_result"]["certificate_info"]["result"]["certificate_deployments"]
    leaf = shown["received_certificate_chain"][0]
    return scanned, leaf["subject_alternative_name"]["dns_names"], leaf["not_valid_after"]


def agrees(cluster: Cluster, found: Found, folder: Path) -> None:
    """sslyze, grpc-health-probe and grpcurl see the same."""
    facts = found["facts"]
    versions, names, ends = by_sslyze(cluster, folder)
    assert (facts["tls"], facts["certificate"]["names"]) == (versions, names)
    assert datetime.fromisoformat(facts["certificate"]["ends"]) == datetime.fromisoformat(ends)
    tls = ["-tls", "-tls-ca-cert", str(cluster.ca)]
    health = cluster.exec([str(program("grpc-health-probe")), "-addr", f"{HOST}:443", *tls])
    assert (health.returncode == 0 and "SERVING" in health.stderr + health.stdout) is (facts["health"]["grpc"] == 0)
    (folder / "version.proto").write_text(VERSION_PROTO)
    call = ["-import-path", str(folder), "-proto", "version.proto", f"{HOST}:443", "version.VersionService/Version"]
    version = cluster.exec([str(program("grpcurl")), "-cacert", str(cluster.ca), *call])
    assert (f'"{found["version"]}"' in version.stdout) is (facts["call"]["grpc"] == 0), version.stderr


@pytest.mark.parametrize("mode", MODES)
def test_other_programs_see_the_same(modes: Callable[[str], Cluster], probe: Probe, mode: str, tmp_path: Path) -> None:
    cluster = modes(mode)
    agrees(cluster, probe(), tmp_path)


def test_other_programs_see_old_versions_of_tls(modes: Callable[[str], Cluster], probe: Probe, tmp_path: Path) -> None:
    cluster = modes(TERMINATION)
    [old] = [seen for seen in SEEN if seen.rule == "A24"]
    with old.breaking(cluster):
        until(lambda: probe()["facts"]["tls"]["1.0"], 30, "TLS 1.0 is accepted")
        agrees(cluster, probe(), tmp_path)


# --- mistakes


@contextmanager
def _objects(cluster: Cluster, *objects: dict[str, Any]) -> Iterator[None]:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    cluster.kubectl("apply", "-f", "-", input=text)
    try:
        yield
    finally:
        cluster.kubectl("delete", "-f", "-", input=text)


def objects(*given: dict[str, Any]) -> Breaking:
    """Apply objects, and delete them."""
    return lambda cluster: _objects(cluster, *given)


def certificate(names: list[str], days: int = 365, *, own: bool = False) -> Breaking:
    """Put another certificate into the Secret of the gateway."""

    @contextmanager
    def breaking(cluster: Cluster) -> Iterator[None]:
        files = issued(cluster.ca.parent, names, days, own=own)
        encoded = [base64.b64encode(file.read_bytes()).decode() for file in files]
        data = dict(zip(("tls.crt", "tls.key"), encoded, strict=True))
        with secret_with(cluster, "argocd-certificate", "istio-system", data):
            yield

    return breaking


@contextmanager
def secret_with(cluster: Cluster, name: str, namespace: str, data: dict[str, str]) -> Iterator[None]:
    """Put other data into a Secret."""
    secret = ("secret", name, "-n", namespace)
    before = json.loads(cluster.kubectl("get", *secret, "-o", "json").stdout)["data"]
    cluster.kubectl("patch", *secret, "-p", json.dumps({"data": data}))
    try:
        yield
    finally:
        cluster.kubectl("patch", *secret, "-p", json.dumps({"data": before}))


@contextmanager
def wrong_port(cluster: Cluster) -> Iterator[None]:
    """Let the Service lead to a port that argocd-server does not open."""
    name = ("service/argocd-server", "-n", "argocd", "--type=json", "-p")
    cluster.kubectl("patch", *name, json.dumps([replaced("/spec/ports/0/targetPort", 8085)]))
    try:
        yield
    finally:
        cluster.kubectl("patch", *name, json.dumps([replaced("/spec/ports/0/targetPort", 8080)]))


@contextmanager
def no_pods(cluster: Cluster) -> Iterator[None]:
    """Stop argocd-server."""
    name = ("deployment/argocd-server", "-n", "argocd")
    cluster.kubectl("scale", *name, "--replicas=0")
    try:
        yield
    finally:
        cluster.kubectl("scale", *name, "--replicas=1")
        cluster.kubectl("rollout", "status", *name, "--timeout=60s")


@contextmanager
def anonymous(cluster: Cluster) -> Iterator[None]:
    """Admit users without login."""
    name = ("configmap", "argocd-cm", "-n", "argocd")
    cluster.kubectl("patch", *name, "-p", json.dumps({"data": {"users.anonymous.enabled": "true"}}))
    try:
        yield
    finally:
        cluster.kubectl("patch", *name, "-p", json.dumps({"data": {"users.anonymous.enabled": None}}))


@contextmanager
def every_host(cluster: Cluster) -> Iterator[None]:
    """Serve every name, in Gateway and VirtualService."""
    gateway = patched("gateways", *(replaced(f"/spec/servers/{number}/hosts", ["*"]) for number in (0, 1)))
    with gateway(cluster), patched("virtualservices", replaced("/spec/hosts", ["*"]))(cluster):
        yield


def istio(kind: str, spec: dict[str, Any], group: str = "networking", namespace: str = "argocd") -> dict[str, Any]:
    name = {"name": "mistake", "namespace": namespace}
    return {"apiVersion": f"{group}.istio.io/v1", "kind": kind, "metadata": name, "spec": spec}


TO_SERVER = istio("DestinationRule", {"host": "argocd-server", "trafficPolicy": {
    "tls": {"mode": "SIMPLE", "insecureSkipVerify": True}
}})  # fmt: skip
DENY = istio(
    "AuthorizationPolicy",
    {"selector": {"matchLabels": {"istio": "ingressgateway"}}, "action": "DENY", "rules": [{}]},
    "security",
    "istio-system",
)
OLD_TLS = {
    "minProtocolVersion": "TLSV1_0",
    "cipherSuites": ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-GCM-SHA256"],
}
TLS_ROUTE = [
    {"match": [{"sniHosts": [HOST]}], "route": [{"destination": {"host": "argocd-server", "port": {"number": 443}}}]}
]
NO_WEBHOOK = {"match": [{"uri": {"exact": "/api/webhook"}}], "directResponse": {"status": 404}}


@dataclass(frozen=True)
class Seen:
    """What the probe must say about a mistake: a rule; `alone` if no other rule may come first."""

    mode: str
    name: str
    breaking: Breaking
    rule: str
    options: tuple[str, ...] = ()
    alone: bool = True


def of_table(number: int, rule: str, *options: str, alone: bool = True) -> Seen:
    """A mistake of test_breaks."""
    found: Break = BREAKS[number]
    return Seen(found.mode, found.name, found.breaking, rule, options, alone)


# From the client's side these are the same as others: another rule may come first.
CLOSED: dict[str, Any] = {"alone": False}

SEEN = [
    of_table(0, "A14", "--mode", GRPC_ROUTING),
    of_table(1, "A16"),
    of_table(2, "A16"),
    of_table(3, "D08", **CLOSED),
    Seen(GRPC_ROUTING, "the browser's route leads to HTTP/2", patched("virtualservices", replaced(
        "/spec/http/1/route/0/destination", {"host": "argocd-server-grpc", "port": {"number": 443}}
    )), "A15"),
    Seen(GRPC_ROUTING, "gRPC leads to HTTP/1.1", patched("virtualservices", replaced(
        "/spec/http/0/route/0/destination", {"host": "argocd-server", "port": {"number": 80}}
    )), "A14", ("--mode", GRPC_ROUTING)),
    Seen(GRPC_ROUTING, "the browser's route comes first", patched("virtualservices", {
        "op": "move", "from": "/spec/http/0", "path": "/spec/http/1"
    }), "A17", ("--mode", GRPC_ROUTING), **CLOSED),
    of_table(4, "A02"),
    of_table(5, "B01"),
    Seen(TERMINATION, "no server for port 80", patched("gateways", {"op": "remove", "path": "/spec/servers/0"}), "B07"),
    Seen(TERMINATION, "the gateway sends TLS", objects(TO_SERVER), "A03", **CLOSED),
    Seen(TERMINATION, "no such Service", patched("virtualservices", replaced(
        "/spec/http/0/route/0/destination/host", "argocd-servers"
    )), "A20"),
    Seen(TERMINATION, "no pods", no_pods, "D25"),
    Seen(TERMINATION, "another host in the route", patched("virtualservices", replaced(
        "/spec/hosts", ["cd.example.com"]
    )), "C04"),
    Seen(TERMINATION, "a certificate of another host", certificate(["shop.example.com"]), "C24"),
    Seen(TERMINATION, "an expired certificate", certificate([HOST], -1), "C25"),
    Seen(TERMINATION, "a self-signed certificate", certificate([HOST], own=True), "D15"),
    Seen(TERMINATION, "another port of the pods", wrong_port, "A23", **CLOSED),
    Seen(TERMINATION, "no such port of the Service", patched("virtualservices", replaced(
        "/spec/http/0/route/0/destination/port/number", 81
    )), "A19", **CLOSED),
    Seen(TERMINATION, "no such subset", patched("virtualservices", {
        "op": "add", "path": "/spec/http/0/route/0/destination/subset", "value": "none"
    }), "A32", **CLOSED),
    Seen(TERMINATION, "only a route for TLS", patched("virtualservices", {"op": "remove", "path": "/spec/http"}, {
        "op": "add", "path": "/spec/tls", "value": TLS_ROUTE
    }), "A06", **CLOSED),
    Seen(TERMINATION, "the route is not exported", patched("virtualservices", {
        "op": "add", "path": "/spec/exportTo", "value": ["."]
    }), "D06", **CLOSED),
    Seen(TERMINATION, "a route for port 443 alone", patched("virtualservices", {
        "op": "add", "path": "/spec/http/0/match", "value": [{"port": 443}]
    }), "B08", **CLOSED),
    # Without ciphers for them, Envoy has none that the old versions could use.
    Seen(TERMINATION, "old versions of TLS", patched("gateways", *(
        {"op": "add", "path": f"/spec/servers/1/tls/{key}", "value": value} for key, value in OLD_TLS.items()
    )), "A24"),
    Seen(TERMINATION, "every host", every_host, "C01"),
    Seen(TERMINATION, "a timeout", patched("virtualservices", {
        "op": "add", "path": "/spec/http/0/timeout", "value": "1s"
    }), "H01", ("--stay-open", "2")),
    Seen(TERMINATION, "a policy refuses all", objects(DENY), "F12"),
    Seen(TERMINATION, "no route for webhooks", patched("virtualservices", {
        "op": "add", "path": "/spec/http/0", "value": NO_WEBHOOK
    }), "G08"),
    Seen(TERMINATION, "anonymous users", anonymous, "F15"),
    Seen(PASSTHROUGH, "only a route for HTTP", patched("virtualservices", {"op": "remove", "path": "/spec/tls"}, {
        "op": "add", "path": "/spec/http", "value": [{"route": TLS_ROUTE[0]["route"]}]
    }), "A06", **CLOSED),
    Seen(PASSTHROUGH, "another SNI in the route", patched("virtualservices", replaced(
        "/spec/tls/0/match/0/sniHosts", ["cd.example.com"]
    ), replaced("/spec/hosts", ["cd.example.com", HOST])), "A06", **CLOSED),
    of_table(7, "C27", **CLOSED),
    of_table(8, "A01", **CLOSED),
]  # fmt: skip


def rules(found: Found, alone: bool) -> set[str]:
    """The rules of the findings above info: the likeliest of each, or all."""
    return {rule for one in above_info(found) for rule in [one["rule"], *([] if alone else one["others"])]}


@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: f"{seen.mode}: {seen.name}")
def test_a_mistake_that_clients_see_is_named(modes: Callable[[str], Cluster], probe: Probe, seen: Seen) -> None:
    cluster = modes(seen.mode)
    with seen.breaking(cluster):
        deadline = time.monotonic() + 30
        while seen.rule not in (found := rules(probe(*seen.options), seen.alone)):
            assert time.monotonic() < deadline, f"expected {seen.rule}, found {found}"
    until(lambda: not above_info(probe(*seen.options)), 30, "nothing to fix again")


def test_watching_measures_an_outage(modes: Callable[[str], Cluster], probe: Probe, installed: Path) -> None:
    cluster = modes(TERMINATION)
    env = plugin.environment(installed) | {"PYTHONPATH": ""}
    watching = cluster.popen(["argocd-istio", *arguments(cluster), "--watch"], env=env, stdout=-1, text=True)
    assert watching.stdout
    lines = (json.loads(line) for line in watching.stdout)
    assert next(lines)["state"] == "up"
    began = time.monotonic()
    with no_pods(cluster):
        # The first error may be of the pod that ends.
        while (down := next(lines))["rules"] != ["D25", "A32"]:
            assert down["state"] == "down"
    up = next(lines)
    most = time.monotonic() - began
    assert up["state"] == "up" and 0 < up["outage"] < most
    watching.send_signal(signal.SIGINT)
    assert list(lines)[-1]["outages"] == [up["outage"]] and watching.wait(60) == 130


def test_a_balancer_is_seen_and_its_loop_named(cluster: Cluster, probe: Probe, tmp_path: Path) -> None:
    site = Site(cluster, tmp_path)
    try:
        site.bring_up(Case(BALANCER, TERMINATION))
        found = probe("--mode", TERMINATION)
        assert above_info(found) == [] and (found["mode"], found["behind"]) == (TERMINATION, "envoy")
        redirect = {"op": "add", "path": "/spec/servers/0/tls", "value": {"httpsRedirect": True}}
        with patched("gateways", redirect)(cluster):
            until(lambda: "B06" in rules(probe(), True), 30, "the loop is named")
    finally:
        site.close()
