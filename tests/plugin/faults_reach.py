"""Services, subsets and hosts that lead nowhere; rows as in `faults`."""

from __future__ import annotations

import copy
from typing import Any

from tests.plugin.faults import NO_WAY, Row, after, both_hosts, item, pod
from tests.plugin.renders import Breaking, plus, routes, rule, service
from tests.render.consumer import one
from tests.render.render import Object

SERVER = "argocd-server.argocd.svc.cluster.local"
MANY = "that share no data: logins and caches come and go"


def unselected(objects: list[Object]) -> None:
    del service(objects)["selector"]


def external(name: str) -> Breaking:
    """The Service as another name."""

    def change(objects: list[Object]) -> None:
        unselected(objects)
        service(objects).update(type="ExternalName", externalName=name)

    return change


def slice_of(name: str) -> Object:
    found = item("discovery.k8s.io/v1", "EndpointSlice", "by-hand")
    found["metadata"]["labels"] = {"kubernetes.io/service-name": name}
    return found


def alias(objects: list[Object]) -> None:
    """Another Service is a name of argocd-server's."""
    routes(objects)["http"][0]["route"][0]["destination"]["host"] = "cd"
    objects.append(item("v1", "Service", "cd", spec={"type": "ExternalName", "externalName": SERVER}))


def subset(**labels: str) -> Breaking:
    """The destination is a subset with these labels."""
    to = rule(subsets=[{"name": "v1", "labels": labels}])
    return plus(to, lambda objects: routes(objects)["http"][0]["route"][0]["destination"].update(subset="v1"))


def twice(**more: Any) -> Breaking:
    """A second VirtualService for the host."""

    def change(objects: list[Object]) -> None:
        other = copy.deepcopy(one(objects, "VirtualService"))
        other["metadata"]["name"] = "old"
        for each in (*other["spec"].get("http", []), *other["spec"].get("tls", [])):
            each.update(more)
        objects.append(other)

    return change


def redis(kind: str, name: str, replicas: int, *containers: Object, namespace: str = "argocd") -> Object:
    spec = {"replicas": replicas, "template": {"spec": {"containers": list(containers)}}}
    return item("apps/v1", kind, name, namespace, spec=spec)


REDIS, SENTINEL = {"name": "redis"}, {"name": "sentinel"}
PROGRAM = {"name": "cache", "command": ["/usr/local/bin/redis-server"]}
REPLICA = {"name": "redis", "args": ["redis-server", "--replicaof", "first", "6379"]}


def host(rule_id: str, name: str, message: str, *more: str) -> Row:
    return (rule_id, f"the host {name}", "termination", both_hosts(name), [message, *more])


END = "Istio refuses it, or no request matches it"

REACH: list[Row] = [
    (
        "D27",
        "a Service without a selector",
        "termination",
        unselected,
        [NO_WAY, "Service argocd/argocd-server has no selector: which pods it leads to is not known here"],
    ),
    (
        "D27",
        "endpoints by hand",
        "termination",
        plus(slice_of("argocd-server"), unselected),
        ["Service argocd/argocd-server has no selector: which pods it leads to is not known here"],
    ),
    (
        "D27",
        "a Service of another name",
        "termination",
        external("cd.acme.io"),
        [NO_WAY, "Service argocd/argocd-server is an alias of cd.acme.io: where it leads is not known here"],
    ),
    (
        "A32",
        "a subset of no pods",
        "termination",
        subset(version="v1"),
        ["subset v1 selects none of the pods of Service argocd/argocd-server: the gateway answers 503"],
    ),
    (
        "C21",
        "two VirtualServices for everything",
        "termination",
        twice(),
        [
            "VirtualServices argocd/argocd and argocd/old both take all of this host: only the older one counts, "
            "and these files do not show which that is"
        ],
    ),
    (
        "C21",
        "two VirtualServices for one SNI",
        "passthrough",
        twice(),
        [
            "VirtualServices argocd/argocd and argocd/old both take all of this host: only the older one counts, "
            "and these files do not show which that is"
        ],
    ),
    (
        "I14",
        "several Redis as a StatefulSet",
        "termination",
        plus(redis("StatefulSet", "argo-cd-redis", 2, REDIS)),
        [f"StatefulSet argocd/argo-cd-redis has 2 replicas {MANY}"],
    ),
    (
        "I14",
        "several Redis by their program",
        "termination",
        plus(redis("Deployment", "cache", 2, PROGRAM)),
        [f"Deployment argocd/cache has 2 replicas {MANY}"],
    ),
    host("C11", "-cd.acme.io", f'the label "-cd" in "-cd.acme.io": {END}'),
    host("C11", "cd..acme.io", f'an empty label in "cd..acme.io": {END}'),
    host("C11", "cd_x.acme.io", f'the label "cd_x" in "cd_x.acme.io": {END}'),
    host("C15", "b\u00fccher.acme.io", f'letters beyond ASCII in "b\u00fccher.acme.io": {END}'),
    host("C15", "xn--a.acme.io", f'the label "xn--a", which does not decode: {END}'),
    host("C10", "cd.acme.io.", f'a final dot in "cd.acme.io.": {END}'),
    host("C13", "10.1.2.3", f'the IP address "10.1.2.3": {END}'),
    host("C16", "localhost", f'the single label "localhost": {END}'),
    host("C12", ".".join(["a" * 60] * 5), f"a host of 304 characters: {END}"),
]

REACH_SPARED: list[tuple[str, str, Breaking, str]] = [
    ("another name of argocd-server's Service", "termination", alias, "Service argocd/argocd-server, port 80"),
    (
        "a subset of argocd-server's pods",
        "termination",
        after(subset(version="v1"), lambda objects: pod(objects)["labels"].update(version="v1")),
        "pods argocd-server",
    ),
    (
        "two VirtualServices, one of them for a path",
        "termination",
        twice(match=[{"uri": {"prefix": "/api/webhook"}}]),
        "VirtualService argocd/old",
    ),
    (
        "Redis with Sentinel",
        "termination",
        plus(redis("StatefulSet", "argocd-redis-ha-server", 3, REDIS, SENTINEL)),
        "plain HTTP",
    ),
    ("Redis with a master", "termination", plus(redis("StatefulSet", "redis-replicas", 3, REPLICA)), "plain HTTP"),
    ("a proxy of Redis", "termination", plus(redis("Deployment", "redis-ha-haproxy", 3, {"name": "proxy"})), "plain"),
    (
        "Redis of another application",
        "termination",
        plus(redis("Deployment", "redis", 3, REDIS, namespace="shop")),
        "plain HTTP",
    ),
]
