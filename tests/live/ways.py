"""The ways in for teams that already have a gateway, an Argo CD or a load balancer: what they have, and the answers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from live.addresses import GATEWAY_NAMESPACE
from live.cluster import Cluster
from live.gateway import tls_secret
from tests.live.conftest import HERE, HOST
from tests.live.lifecycle import Object, erase, until, workloads_ready
from tests.live.questions import Client, curl
from tests.live.table import GRPC_ROUTING, MODES, PASSTHROUGH, TERMINATION, Cell, Row
from tests.render.consumer import write
from tools.build import argocd_module, program

OURS, UPSTREAM, CHART = "ours", "upstream's", "the chart's"
OWN, EXISTING, BALANCER = "", "existing-gateway", "behind-load-balancer"

NEIGHBOUR = "shop.example.com"
WILDCARD, BALANCERS = "wildcard", "balancer"
SHARED = "argocd/*.example.com"
NAMES = {UPSTREAM: "argocd-server", CHART: "cd-argocd-server"}
"""The Service and Deployment of argocd-server by install; the chart's are those of a release called `cd`."""
LABELS = {
    UPSTREAM: {"app.kubernetes.io/name": "argocd-server"},
    CHART: {"app.kubernetes.io/name": "argocd-server", "app.kubernetes.io/instance": "cd"},
}


@dataclass(frozen=True)
class Case:
    """A way in one mode; `install` is who installed Argo CD."""

    way: str
    mode: str
    install: str = OURS

    @property
    def component(self) -> str:
        """The folder that a consumer lists."""
        parts = ["components", self.way, self.mode, "" if self.install == OURS else "exposure-only"]
        return "/".join(part for part in parts if part)

    def __str__(self) -> str:
        return f"{self.component.removeprefix('components/')} on {self.install} install"

    def expected(self, row: Row) -> Cell:
        """The cell of the row: as in the mode's table, except for what belongs to the owner of gateway and install."""
        cell = row.expected[self.mode]
        if row.name == "certificate shown" and self.mode != PASSTHROUGH and self.way:
            cell = replace(cell, status=f"200, {WILDCARD if self.way == EXISTING else BALANCERS}")
        # The load balancer redirects by itself.
        if row.name in ("http GET", "http POST") and self.way == BALANCER:
            cell = replace(cell, served_by="")
        server = NAMES.get(self.install, "argocd-server")
        return replace(cell, served_by=cell.served_by.replace("argocd-server:", f"{server}:"))


CASES = [
    *(Case(EXISTING, mode) for mode in MODES),
    *(Case(BALANCER, mode) for mode in (TERMINATION, GRPC_ROUTING)),
    *(Case(OWN, mode, UPSTREAM) for mode in MODES),
    Case(BALANCER, GRPC_ROUTING, UPSTREAM),
    *(Case(EXISTING, mode, CHART) for mode in MODES),
]


class Site:
    """A cluster with what a team already has, and the case that is exposed now."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster, self._folder = cluster, folder
        self._install = ""
        self._balancer = ExitStack()
        self.words = ""
        """The output of the last apply."""
        self.consumer = folder

    def bring_up(self, case: Case) -> Client:
        """Expose Argo CD as in the case; returns a client of it."""
        cluster = self._cluster
        self._balancer.close()
        cluster.set_hosts([HOST, NEIGHBOUR])
        self._have(case.install)
        self._remove_entry()
        if case.install != OURS:
            configure(cluster, case)
        other_team(cluster, case)
        self.consumer = consumer(self._folder / str(case).replace("/", "-"), case)
        self.words = cluster.apply(self.consumer).stdout
        cluster.kubectl("apply", "-f", HERE / "application.yaml")
        cluster.set_hosts([HOST, NEIGHBOUR])
        if case.way == BALANCER:
            self._balancer.enter_context(load_balancer(cluster, self._folder))
            to_balancer(cluster)
            workloads_ready(cluster)
        else:
            cluster.wait_ready(90)
        client = Client(cluster, HOST)
        until(lambda: curl(client, "/healthz").code == 200, 30, f"{case} serves")
        return client

    def close(self) -> None:
        """End the load balancer."""
        self._balancer.close()

    def _have(self, install: str) -> None:
        if self._install == install:
            return
        if install == OURS or self._install in ("", OURS):
            erase(self._cluster)
        if install != OURS:
            if self._install in ("", OURS):
                self._cluster.kubectl("create", "namespace", "argocd")
                upstream = argocd_module() / "manifests/install.yaml"
                arguments = ("-n", "argocd", "--server-side", "--force-conflicts", "-f", upstream)
                self._cluster.kubectl("apply", *arguments)
            if install == CHART:
                rename(self._cluster)
        self._install = install

    def _remove_entry(self) -> None:
        kinds = ("gateways.networking.istio.io", "virtualservices.networking.istio.io")
        for kind in kinds:
            self._cluster.kubectl("delete", kind, "--all", "-n", "argocd", "--ignore-not-found", check=False)


def consumer(folder: Path, case: Case) -> Path:
    """A consumer of the case, with the fields that it reads and no others."""
    gateway: Object = {"existing": "edge/shared"} if case.way == EXISTING else {"selector": {"istio": "ingressgateway"}}
    spec: Object = {"hosts": [HOST], "gateway": gateway}
    if case.way == OWN and case.mode != PASSTHROUGH:
        spec["tls"] = {"secretName": "argocd-certificate"}
    if case.install != OURS:
        spec["server"] = {"service": NAMES[case.install], "labels": LABELS[case.install]}
    exposure = {
        "apiVersion": "argocd-istio.github.io/v1alpha1",
        "kind": "Exposure",
        "metadata": {"name": "argocd"},
        "spec": spec,
    }
    return write(folder, {"resources": ["exposure.yaml"], "components": [case.component]}, exposure=exposure)


# --- a Gateway that another team owns


def other_team(cluster: Cluster, case: Case) -> None:
    """Apply the other team's Gateway on the same pods, with an application of its own.

    If the case uses that Gateway, it also serves a wildcard host to namespace argocd.
    """
    certificate = cluster.issue([HOST, "*.example.com"], WILDCARD)
    objects = [
        tls_secret(WILDCARD, GATEWAY_NAMESPACE, *certificate),
        *yaml.safe_load_all((HERE / "samples/existing-gateway.yaml").read_text()),
    ]
    [gateway] = [one for one in objects if one["kind"] == "Gateway"]
    servers = {server["name"]: server for server in gateway["spec"]["servers"]}
    if case.way != EXISTING:
        servers["http"]["hosts"].remove(SHARED)
        gateway["spec"]["servers"].remove(servers["https"])
    elif case.mode == PASSTHROUGH:
        servers["https"]["port"]["protocol"] = "TLS"
        servers["https"]["tls"] = {"mode": "PASSTHROUGH"}
    apply(cluster, objects)


def apply(cluster: Cluster, objects: list[Object]) -> None:
    """Apply objects as a List."""
    cluster.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


# --- an Argo CD that somebody else installed


def configure(cluster: Cluster, case: Case) -> None:
    """What the owner of the install sets for the mode, with the restart that it needs."""
    insecure = "false" if case.mode == PASSTHROUGH else "true"
    patch = json.dumps({"data": {"server.insecure": insecure}})
    cluster.kubectl("patch", "configmap", "argocd-cmd-params-cm", "-n", "argocd", "-p", patch)
    url = json.dumps({"data": {"url": f"https://{HOST}"}})
    cluster.kubectl("patch", "configmap", "argocd-cm", "-n", "argocd", "-p", url)
    cluster.kubectl("rollout", "restart", "-n", "argocd", f"deployment/{NAMES[case.install]}")
    workloads_ready(cluster)


def rename(cluster: Cluster) -> None:
    """Give argocd-server of upstream's install the names that the chart gives it in a release called `cd`."""
    for kind in ("deployment", "service"):
        found = json.loads(cluster.kubectl("get", kind, "argocd-server", "-n", "argocd", "-o", "json").stdout)
        cluster.kubectl("delete", kind, "argocd-server", "-n", "argocd")
        found["metadata"] = {"name": NAMES[CHART], "namespace": "argocd", "labels": LABELS[CHART]}
        spec = found["spec"]
        if kind == "service":
            spec = {"ports": spec["ports"], "selector": LABELS[CHART]}
        else:
            spec["selector"] = {"matchLabels": LABELS[CHART]}
            spec["template"]["metadata"] = {"labels": LABELS[CHART]}
        cluster.kubectl("create", "-f", "-", input=json.dumps({**found, "spec": spec, "status": None}))


# --- a load balancer that ends TLS


def to_balancer(cluster: Cluster) -> None:
    """Lead the clients to the load balancer, which runs in their network."""
    (cluster.state / "client-hosts").write_text(f"127.0.0.1 localhost {HOST}\n")


@contextmanager
def load_balancer(cluster: Cluster, folder: Path) -> Iterator[None]:
    """An Envoy that ends TLS and sends plain HTTP to the gateway's port 80, as HTTP/2 if the client does."""
    certificate, key = cluster.issue([HOST], BALANCERS)
    # Only so that its certificate has a name in the table.
    apply(cluster, [tls_secret(BALANCERS, "default", certificate, key)])
    (folder / "balancer.crt").write_bytes(certificate)
    (folder / "balancer.key").write_bytes(key)
    config = yaml.safe_load((HERE / "samples/load-balancer.yaml").read_text())
    text = json.dumps(config).replace("{folder}", str(folder)).replace("{gateway}", cluster.gateway_ip)
    (folder / "balancer.json").write_text(text)
    command = [str(program("envoy")), "--config-path", str(folder / "balancer.json"), "--use-dynamic-base-id"]
    with (folder / "balancer.log").open("ab") as log:
        process = cluster.popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait()
