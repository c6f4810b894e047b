"""Makes a mistake in a running cluster: what lint says about its objects, what clients get, and what the probe says."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from argocd_istio.lint.catalogue import BY_ID, examples
from live.cluster import Cluster
from live.gateway import tls_secret
from tests.live.lifecycle import Object, get, next_second
from tests.live.mistakes.data import Certificate, Mistake
from tests.live.probing import SOURCES
from tests.plugin.exposed import issued
from tests.render.merge import merged

Key = tuple[str, str, str]

CORE = "namespaces,services,configmaps,secrets,deployments,statefulsets,networkpolicies"
ISTIO = ",".join(
    f"{kinds}.istio.io"
    for kinds in (
        "gateways.networking",
        "virtualservices.networking",
        "destinationrules.networking",
        "sidecars.networking",
        "authorizationpolicies.security",
        "peerauthentications.security",
    )
)
GATEWAY_API = ",".join(
    f"{kinds}.gateway.networking.k8s.io"
    for kinds in (
        "gateways",
        "httproutes",
        "grpcroutes",
        "tlsroutes",
        "listenersets",
        "referencegrants",
        "backendtlspolicies",
    )
)
"""Installed for some places."""
KUBERNETES = ("kube-system", "kube-public", "kube-node-lease")

# Every host here is of example.com, and in a cluster a Secret has its key.
NOT_HERE = ("--ignore", "C17,D12")

SETTINGS = ("ConfigMap", "argocd-cmd-params-cm", "argocd")
"""argocd-server reads it when it starts."""


def key(item: Object) -> Key:
    """Kind, name and namespace."""
    return item["kind"], item["metadata"]["name"], item["metadata"].get("namespace", "")


def applied(cluster: Cluster) -> list[Object]:
    """The objects in the cluster that rules judge, as `kubectl get` prints them."""
    everything = ("-A", "-o", "json")
    answer = cluster.kubectl("get", f"{CORE},{ISTIO},{GATEWAY_API}", *everything, check=False)
    if answer.returncode:
        answer = cluster.kubectl("get", f"{CORE},{ISTIO}", *everything)
    found: list[Object] = json.loads(answer.stdout)["items"]
    return [one for one in found if one["metadata"].get("namespace", one["metadata"]["name"]) not in KUBERNETES]


def linted(objects: Sequence[Object], *options: str) -> list[dict[str, str]]:
    """What `argocd-istio lint` finds in the objects."""
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    command = [*SOURCES, "lint", "-", "--format", "json", *NOT_HERE, *options]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1) and not done.stderr, done.stderr
    found: list[dict[str, str]] = json.loads(done.stdout)["findings"]
    return found


def changed(cluster: Cluster, objects: Sequence[Object], mistake: Mistake) -> list[Object]:
    """The objects with the mistake: those that differ, are new, or are deleted (with the key `$delete`)."""
    given = mistake.change or mistake.certificate
    text = mistake.change if given else examples(BY_ID[mistake.rule])["Wrong"]
    if mistake.certificate:
        text += f"\n---\n{json.dumps(issued_secret(cluster, mistake.certificate))}"
    before = {key(one): one for one in objects}
    after = {key(one): one for one in merged(list(objects), text)}
    return [one for name, one in after.items() if before.get(name) != one] + [
        {**one, "$delete": True} for name, one in before.items() if name not in after
    ]


def issued_secret(cluster: Cluster, wanted: Certificate) -> Object:
    """The gateway's Secret, with such a certificate."""
    certificate, key = issued(cluster.ca.parent, wanted.names, wanted.days, own=wanted.own)
    return tls_secret("argocd-certificate", wanted.namespace, certificate.read_bytes(), key.read_bytes())


def bare(item: Object) -> Object:
    """An object without what the API server adds, which it refuses in a new one."""
    meta = {
        name: value
        for name, value in item["metadata"].items()
        if name not in ("uid", "resourceVersion", "creationTimestamp", "generation", "ownerReferences")
    }
    if item["kind"] == "Namespace":
        meta.pop("namespace", None)
    return {**{name: value for name, value in item.items() if name not in ("status", "$delete")}, "metadata": meta}


def send(cluster: Cluster, verb: str, objects: Sequence[Object], *options: str) -> None:
    """Apply, create, replace or delete objects."""
    if objects:
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [bare(one) for one in objects]})
        cluster.kubectl(verb, "-f", "-", *options, input=text)


@contextmanager
def made(cluster: Cluster, before: Sequence[Object], mistake: Mistake) -> Iterator[None]:
    """Make the mistake, and undo it. `before` are the objects in the cluster."""
    old = {key(one): one for one in before}
    different = changed(cluster, before, mistake)
    deleted = [one for one in different if "$delete" in one]
    new = [one for one in different if key(one) not in old]
    other = [one for one in different if one not in deleted and one not in new]
    try:
        send(cluster, "delete", deleted)
        send(cluster, "create", new)
        _replace(cluster, other)
        _again(cluster, mistake)
        _rolled_out(cluster, different)
        if mistake.fresh:
            cluster.restart_gateway()
        yield
    finally:
        send(cluster, "delete", new, "--ignore-not-found")
        _replace(cluster, [old[key(one)] for one in other])
        send(cluster, "create", deleted)
        _rolled_out(cluster, different)
        if mistake.fresh:
            cluster.restart_gateway()


def _replace(cluster: Cluster, objects: Sequence[Object]) -> None:
    """Replace objects. The type of a Secret cannot change: it is deleted and created."""
    send(cluster, "replace", [one for one in objects if one["kind"] == "Secret"], "--force")
    send(cluster, "replace", [one for one in objects if one["kind"] != "Secret"])


def _again(cluster: Cluster, mistake: Mistake) -> None:
    """Create objects again, which makes them the youngest."""
    for name in mistake.again:
        kind, _, short = name.partition("/")
        item = get(cluster, kind, short)
        next_second()
        send(cluster, "delete", [item])
        send(cluster, "create", [item])


def _rolled_out(cluster: Cluster, different: Sequence[Object]) -> None:
    """Wait for the pods that differ."""
    workloads = [key(one) for one in different if one["kind"] in ("Deployment", "StatefulSet")]
    if any(key(one) == SETTINGS for one in different):
        cluster.kubectl("rollout", "restart", "deployment/argocd-server", "-n", "argocd")
        workloads.append(("Deployment", "argocd-server", "argocd"))
    for kind, name, namespace in workloads:
        cluster.kubectl("rollout", "status", f"{kind.lower()}/{name}", "-n", namespace, "--timeout=90s")


def refusal(cluster: Cluster, before: Sequence[Object], mistake: Mistake) -> str:
    """The API server's answer to objects that it refuses, empty if it takes them."""
    names = {key(one) for one in before}
    words = []
    for one in changed(cluster, before, mistake):
        text = json.dumps(bare(one))
        verb = "replace" if key(one) in names else "create"
        words.append(cluster.kubectl(verb, "--dry-run=server", "-f", "-", input=text, check=False).stderr)
    return "\n".join(filter(None, words))


def webhook(cluster: Cluster) -> Object:
    """The registration of istiod's webhook that refuses objects, as in Istio's chart."""
    name = ("mutatingwebhookconfigurations", "istio-sidecar-injector")
    injector = json.loads(cluster.kubectl("get", *name, "-o", "json").stdout)["webhooks"][0]["clientConfig"]
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "istio-validator"},
        "webhooks": [
            {
                "name": "validation.istio.io",
                "clientConfig": {**injector, "service": {**injector["service"], "path": "/validate"}},
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "rules": [
                    {
                        "operations": ["CREATE", "UPDATE"],
                        "apiGroups": ["networking.istio.io", "security.istio.io"],
                        "apiVersions": ["*"],
                        "resources": ["*"],
                    }
                ],
            }
        ],
    }
