"""The ways in for teams that already have a gateway, an Argo CD or a load balancer: what they have, and the answers."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from argocd_istio.exposure.fields import complete
from live.addresses import GATEWAY_NAMESPACE
from live.cluster import Cluster
from live.gateway import tls_secret
from live.render import kustomize_build
from tests.live import table
from tests.live.conftest import HERE, HOST
from tests.live.lifecycle import Object, erase, until, workloads_ready
from tests.live.questions import Client, curl
from tests.live.table import GRPC_ROUTING, MODES, PASSTHROUGH, TERMINATION, Cell, Row
from tests.plugin import cases
from tests.render.consumer import write
from tests.render.render import load
from tools.build import (
    GATEWAY_API_MODULE,
    NEWEST_GATEWAY_API,
    OLDEST_GATEWAY_API,
    argocd_module,
    module_version,
    program,
)

OURS, UPSTREAM, CHART = "ours", "upstream's", "the chart's"
OWN, EXISTING, BALANCER = "", "existing-gateway", "behind-load-balancer"
API, API_EXISTING, LISTENER_SET = "gateway-api", "gateway-api/existing-gateway", "gateway-api/listener-set"
"""The ways of the Gateway API: with our own Gateway, or with the Gateway of another team."""

GROUP = "gateway.networking.k8s.io"
API_KINDS = [f"{kind}.{GROUP}" for kind in ("gateways", "listenersets", "httproutes", "tlsroutes")]
"""What the ways of the Gateway API apply in the group, for kubectl."""

NEIGHBOUR = "shop.example.com"
WILDCARD, BALANCERS = "wildcard", "balancer"
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
    pin: str = NEWEST_GATEWAY_API
    """The release of the Gateway API, for its ways."""

    @property
    def component(self) -> str:
        """The folder that a consumer lists."""
        parts = ["components", self.way, self.mode, "" if self.install == OURS else "exposure-only"]
        return "/".join(part for part in parts if part)

    @property
    def api(self) -> bool:
        """Whether it is a way of the Gateway API."""
        return self.way.startswith(API)

    @property
    def crds(self) -> str:
        """The version of the Gateway API's CRDs."""
        return module_version(self.pin, GATEWAY_API_MODULE) if self.api else ""

    def __str__(self) -> str:
        crds = f", CRDs {self.crds}" if self.api else ""
        return f"{self.component.removeprefix('components/')} on {self.install} install{crds}"

    def usual(self, row: Row) -> Cell:
        """The cell of the mode's table, with the names of the install."""
        cell, server = row.expected[self.mode], NAMES.get(self.install, "argocd-server")
        return replace(cell, served_by=cell.served_by.replace("argocd-server:", f"{server}:"))

    def expected(self, row: Row) -> Cell:
        """The cell of the row."""
        found = self._difference(row)
        return replace(self.usual(row), **found.change) if found else self.usual(row)

    def reason(self, row: Row) -> str:
        """Why the cell of the row is not that of the mode's table; empty if it is."""
        found = self._difference(row)
        return found.reason if found else ""

    def _difference(self, row: Row) -> Difference | None:
        known = [one for one in DIFFERENCES if self.way in one.ways and row.name in one.rows]
        # A gateway that does not end TLS has no certificate.
        return None if self.mode == PASSTHROUGH or not known else known[0]


@dataclass(frozen=True)
class Difference:
    """Cells that differ from the mode's table, in the modes in which the gateway ends TLS."""

    ways: tuple[str, ...]
    rows: tuple[str, ...]
    change: dict[str, str]
    """The fields of the cell that differ."""
    reason: str


_SHOWN = ("certificate shown",)
_REFUSED = {"status": "404", "protocol": "h1"}

DIFFERENCES = (
    Difference((EXISTING, API_EXISTING), _SHOWN, {"status": f"200, {WILDCARD}"}, "the other team has the certificate"),
    Difference(
        (EXISTING, API_EXISTING),
        ("https, other SNI",),
        _REFUSED,
        "the Gateway ends TLS for *.example.com, and has no route for this host",
    ),
    Difference(
        (API,),
        ("https, other SNI", "https, no SNI"),
        _REFUSED,
        "our listener has no hostname: the gateway shows our certificate, and has no route for this host",
    ),
    Difference((BALANCER,), _SHOWN, {"status": f"200, {BALANCERS}"}, "the load balancer ends TLS"),
    Difference(
        (BALANCER,), ("http GET", "http GET, HTTP/2", "http POST"), {"served_by": ""}, "the load balancer redirects"
    ),
    Difference(
        (BALANCER,),
        ("http, other Host",),
        {"status": "301", "served_by": ""},
        "the load balancer redirects every host",
    ),
)


CASES = [
    *(Case(EXISTING, mode) for mode in MODES),
    *(Case(BALANCER, mode) for mode in (TERMINATION, GRPC_ROUTING)),
    *(Case(OWN, mode, UPSTREAM) for mode in MODES),
    Case(BALANCER, GRPC_ROUTING, UPSTREAM),
    *(Case(EXISTING, mode, CHART) for mode in MODES),
]

API_CASES = [
    # The cluster gets newer CRDs afterwards; older ones are refused.
    *(Case(API, mode, pin=OLDEST_GATEWAY_API) for mode in MODES),
    *(Case(API, mode) for mode in MODES),
    *(Case(API_EXISTING, mode) for mode in MODES),
    *(Case(LISTENER_SET, mode) for mode in MODES),
    *(Case(API, mode, UPSTREAM) for mode in MODES),
    *(Case(way, GRPC_ROUTING, CHART) for way in (API, API_EXISTING, LISTENER_SET)),
]


# The browser, gRPC-Web, gRPC, a stream, the certificate, clear text, and a neighbour who claims the host.
SAMPLE = table.rows(
    "UI, HTTP/1.1",
    "/api/version, HTTP/2",
    "certificate shown",
    "argocd version",
    "argocd version --grpc-web",
    "Python gRPC, VersionService/Version",
    "event stream, HTTP/2",
    "http GET",
    "http POST",
    table.CLAIMED,
)


class Site:
    """A cluster with what a team already has, and the case that is exposed now."""

    def __init__(self, cluster: Cluster, folder: Path, hosts: tuple[str, ...] = (HOST,)) -> None:
        self._cluster, self._folder, self.hosts = cluster, folder, hosts
        self._install = self._pin = ""
        self._balancer = ExitStack()
        self.words = ""
        """The output of the last apply."""
        self.consumer = folder

    def bring_up(self, case: Case) -> Client:
        """Expose Argo CD as in the case; returns a client of it."""
        cluster = self._cluster
        self._balancer.close()
        cluster.set_hosts([*self.hosts, NEIGHBOUR])
        if case.api and self._pin != case.pin:
            cluster.install_gateway_api(case.pin)
            self._pin = case.pin
        self._have(case.install)
        self._remove_entry()
        if case.install != OURS:
            configure(cluster, case)
        other_team(cluster, case)
        self.consumer = consumer(self._folder / str(case).replace("/", "-"), case, hosts=self.hosts)
        self.words = cluster.apply(self.consumer).stdout
        # argocd-server creates the project of the Application when it starts.
        cluster.kubectl("wait", "appprojects.argoproj.io/default", "-n", "argocd", "--for=create", "--timeout=60s")
        cluster.kubectl("apply", "-f", HERE / "application.yaml")
        if case.way == BALANCER:
            self._balancer.enter_context(load_balancer(cluster, self._folder, self.hosts))
            to_balancer(cluster, self.hosts)
            workloads_ready(cluster)
        else:
            cluster.wait_ready(90)
            cluster.set_hosts([*self.hosts, NEIGHBOUR])
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
        kinds = [
            "gateways.networking.istio.io",
            "virtualservices.networking.istio.io",
            *(API_KINDS if self._pin else ()),
        ]
        self._cluster.kubectl("delete", ",".join(kinds), "--all", "-n", "argocd")
        # istiod's Deployment of a Gateway ends a little later.
        left = ("deployment/argocd-istio", "-n", "argocd", "--for=delete", "--timeout=60s")
        self._cluster.kubectl("wait", *left)


PARENT = {"group": GROUP, "kind": "Gateway", "name": "shared", "namespace": "edge"}
GATEWAYS: dict[str, Object] = {
    EXISTING: {"existing": "edge/shared"},
    API: {"className": "istio"},
    API_EXISTING: {
        "parent": {**PARENT, "sectionName": "https"},
        "redirectParent": {**PARENT, "sectionName": "http"},
    },
    LISTENER_SET: {"parent": PARENT},
}
"""`spec.gateway` by way; in the other ways it selects the pods."""


def consumer(folder: Path, case: Case, *more: str, hosts: tuple[str, ...] = (HOST,), **fields: Any) -> Path:
    """A consumer of the case, with the fields of an Exposure that it reads and no others.

    `more` are further components, and `fields` further fields of the kustomization.
    """
    spec: Object = {"hosts": list(hosts), "gateway": GATEWAYS.get(case.way, {"selector": {"istio": "ingressgateway"}})}
    if case.way in (OWN, API, LISTENER_SET) and case.mode != PASSTHROUGH:
        spec["tls"] = {"secretName": "argocd-certificate"}
    if case.install != OURS:
        spec["server"] = {"service": NAMES[case.install], "labels": LABELS[case.install]}
    exposure = {
        "apiVersion": "argocd-istio.github.io/v1alpha1",
        "kind": "Exposure",
        "metadata": {"name": "argocd"},
        "spec": spec,
    }
    if case.way == LISTENER_SET and len(hosts) > 1:
        exposure = generated({**spec, "mode": case.mode})
    components = [case.component, *more]
    # The other team's port 80 does not redirect.
    if case.way == API_EXISTING:
        components.append("components/gateway-api/redirect")
    return write(folder, {"resources": ["exposure.yaml"], "components": components, **fields}, exposure=exposure)


def generated(spec: Object) -> Object:
    """The Exposure that the generator writes for the spec."""
    found, findings = cases.checked(yaml.dump(cases.generator(**spec), default_style='"'))
    assert found and findings == [], findings
    return complete(found)


EXPOSING = ("Gateway", "VirtualService", "ListenerSet", "HTTPRoute", "TLSRoute", "Sidecar")
"""The kinds that only the exposure has; its Service has the label of its name."""


def unexpose(cluster: Cluster, folder: Path) -> bool:
    """Delete the objects of the consumer that expose Argo CD, and return whether it has others."""
    objects = load(kustomize_build(folder).decode())
    exposing = [one for one in objects if one["kind"] in EXPOSING or one["metadata"]["name"] == "argocd-server-grpc"]
    cluster.kubectl("delete", "-f", "-", input="---\n".join(json.dumps(one) + "\n" for one in exposing))
    return len(objects) > len(exposing)


def installed(cluster: Cluster) -> dict[str, Object]:
    """The objects of the install: a pod's identity, and what its owner wrote into the others."""
    kinds = "pods,deployments,statefulsets,services,configmaps,secrets,serviceaccounts,roles,rolebindings"
    listed = json.loads(cluster.kubectl("get", kinds, "-n", "argocd", "-o", "json").stdout)["items"]
    ours = ("argocd-istio", "argocd-server-grpc")
    return {
        f"{one['kind']}/{one['metadata']['name']}": {
            "uid": one["metadata"]["uid"],
            **{field: one.get(field) for field in ("spec", "data", "rules", "subjects") if one["kind"] != "Pod"},
        }
        for one in listed
        if not one["metadata"]["name"].startswith(ours)
    }


# --- a Gateway that another team owns


def other_team(cluster: Cluster, case: Case, namespace: str = "argocd") -> None:
    """Apply the other team's Gateway, with an application of its own; one of Istio is on the same pods as ours.

    If the case uses that Gateway, it also serves a wildcard host to the namespace of Argo CD.
    """

    def sample(name: str) -> list[Object]:
        text = (HERE / "samples" / name).read_text()
        return list(yaml.safe_load_all(re.sub(r"(?<=metadata.name: )argocd\b|\bargocd(?=/)", namespace, text)))

    certificate = cluster.issue([HOST, "*.example.com"], WILDCARD)
    if case.api:
        objects = sample("shared-gateway.yaml")
        [gateway] = [one for one in objects if one["kind"] == "Gateway"]
        listeners = {listener["name"]: listener for listener in gateway["spec"]["listeners"]}
        if case.way != API_EXISTING:
            gateway["spec"]["listeners"].remove(listeners["http"])
            gateway["spec"]["listeners"].remove(listeners["https"])
        elif case.mode == PASSTHROUGH:
            listeners["https"].update(protocol="TLS", tls={"mode": "Passthrough"})
        apply(cluster, [*objects, tls_secret(WILDCARD, "edge", *certificate)])
        cluster.kubectl("wait", "-n", "edge", "gateways.gateway.networking.k8s.io/shared", "--for=condition=Programmed")
        return
    objects = [
        tls_secret(WILDCARD, GATEWAY_NAMESPACE, *certificate),
        *sample("existing-gateway.yaml"),
    ]
    [gateway] = [one for one in objects if one["kind"] == "Gateway"]
    servers = {server["name"]: server for server in gateway["spec"]["servers"]}
    if case.way != EXISTING:
        servers["http"]["hosts"].remove(f"{namespace}/*.example.com")
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


def to_balancer(cluster: Cluster, hosts: tuple[str, ...] = (HOST,)) -> None:
    """Lead the clients to the load balancer, which runs in their network."""
    cluster.set_hosts([], dict.fromkeys(hosts, "127.0.0.1"))


@contextmanager
def load_balancer(cluster: Cluster, folder: Path, hosts: tuple[str, ...] = (HOST,)) -> Iterator[None]:
    """An Envoy that ends TLS and sends plain HTTP to the gateway's port 80, as HTTP/2 if the client does."""
    certificate, key = cluster.issue(list(hosts), BALANCERS)
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
