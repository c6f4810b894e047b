"""`argocd-istio probe` at the live chain: nothing to fix in each mode. mistakes/ has what it says about mistakes."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from live.cluster import Cluster
from tests.conftest import Figures
from tests.live.conftest import HOST, ROOT
from tests.live.lifecycle import intrude, until
from tests.live.mistakes.data import Certificate, Mistake, load
from tests.live.mistakes.observe import named
from tests.live.mistakes.run import applied, made
from tests.live.probing import Found, above_info, arguments, probed
from tests.live.table import MODES, PASSTHROUGH, TERMINATION
from tests.live.ways import BALANCER, Case, Site
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
    [old] = [one for one in load("istio") if (one.rule, one.place) == ("A24", TERMINATION)]
    with made(cluster, applied(cluster), old):
        until(lambda: probe()["facts"]["tls"]["1.1"], 30, "TLS 1.1 is accepted")
        agrees(cluster, probe(), tmp_path)


# --- what files do not show


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


# A certificate may be self-signed, a policy refuse, and a route answer webhooks itself: lint reports none of them.
REFUSING = """
    apiVersion: security.istio.io/v1
    kind: AuthorizationPolicy
    metadata: {name: mistake, namespace: istio-system}
    spec: {selector: {matchLabels: {istio: ingressgateway}}, action: DENY, rules: [{}]}
"""
NO_WEBHOOK = """
    kind: VirtualService
    metadata: {name: argocd}
    spec:
      http:
      - {match: [{uri: {exact: /api/webhook}}], directResponse: {status: 404}}
      - route: [{destination: {host: argocd-server, port: {number: 80}}}]
"""
ON_PURPOSE = [
    Mistake("D15", TERMINATION, "a self-signed certificate", certificate=Certificate([HOST], own=True)),
    Mistake("F12", TERMINATION, "a policy refuses all", REFUSING),
    Mistake("G08", TERMINATION, "no route for webhooks", NO_WEBHOOK),
]


@pytest.mark.parametrize("mistake", ON_PURPOSE, ids=str)
def test_what_may_be_meant_is_named(modes: Callable[[str], Cluster], probe: Probe, mistake: Mistake) -> None:
    cluster = modes(mistake.place)
    with made(cluster, applied(cluster), mistake):
        until(lambda: named(probe(), mistake.rule) == "first", 30, f"{mistake.rule} is named")
    until(lambda: not above_info(probe()), 30, "nothing to fix again")


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


def test_a_balancer_is_seen(cluster: Cluster, probe: Probe, tmp_path: Path) -> None:
    site = Site(cluster, tmp_path)
    try:
        site.bring_up(Case(BALANCER, TERMINATION))
        found = probe("--mode", TERMINATION)
        assert above_info(found) == [] and (found["mode"], found["behind"]) == (TERMINATION, "envoy")
    finally:
        site.close()
