"""Measures the time from no cluster to an Application that the real CLI has synced through the gateway."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from statistics import median

from bench.builds import ROOT
from live.cluster import Cluster

HOST = "argocd.example.com"  # the host in the overlays
TARGET = 20.0
PROBE = 3.0
OBJECT = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "delivered"}}


@dataclass(frozen=True)
class Start:
    """Seconds from the start until each point was reached; the programs are already built."""

    control_plane: float
    applied: float
    ready: float
    synced: float
    probe: float
    """Seconds of `argocd-istio probe` at the running exposure."""


def once() -> Start:
    """One start with overlays/grpc-routing. Raises LiveError if a step fails."""
    begin, reached = time.perf_counter(), []

    def mark() -> None:
        reached.append(time.perf_counter() - begin)

    cluster = Cluster.start()
    try:
        mark()
        cluster.apply(ROOT / "overlays" / "grpc-routing")
        mark()
        cluster.wait_ready()
        mark()
        url = cluster.git_repository("delivered", {"object.json": json.dumps(OBJECT)})
        place = ["--dest-server", "https://kubernetes.default.svc", "--dest-namespace", "default"]
        for words in (
            ["login", HOST, "--username", "admin", "--password", cluster.admin_password()],
            ["app", "create", "delivered", "--repo", url, "--path", ".", *place],
            ["app", "sync", "delivered", "--timeout", "30"],
        ):
            cluster.exec(["argocd", *words], env={"SSL_CERT_FILE": str(cluster.ca)}, check=True)
        mark()
        cluster.kubectl("get", "configmap", "delivered", "-n", "default")
        reached.append(_probe(cluster))
    finally:
        cluster.stop()
    return Start(*reached)


def _probe(cluster: Cluster) -> float:
    """Seconds of a probe that finds nothing to fix. Raises LiveError if it does."""
    options = ["--cacert", str(cluster.ca), "--mode", "grpc-routing", "--strict", "--format", "json"]
    command = [sys.executable, "-m", "argocd_istio.cli", "probe", f"https://{HOST}", *options]
    seconds: float = json.loads(cluster.exec(command, check=True).stdout)["seconds"]
    return seconds


def measure(rounds: int) -> Start:
    """The median of each point over the rounds."""
    found = [once() for _ in range(rounds)]
    return Start(*(median(getattr(one, name) for one in found) for name in Start.__annotations__))


def table(start: Start) -> str:
    """The figures for people."""
    points = (("control plane", start.control_plane), ("applied", start.applied), ("ready", start.ready))
    reached = "reached" if start.synced <= TARGET else "MISSED"
    line = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in points)
    text = f"from nothing: {line}, Application synced {start.synced:.1f} s (at most {TARGET:g} s: {reached})"
    return f"{text}; probe {start.probe:.1f} s (at most {PROBE:g} s: {'reached' if start.probe <= PROBE else 'MISSED'})"
