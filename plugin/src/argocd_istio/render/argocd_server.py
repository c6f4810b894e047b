"""What a pod listens to: which container is argocd-server, on which port, and whether that port speaks TLS."""

from __future__ import annotations

from argocd_istio.render.objects import Object, Objects, fields, items, labels, number, text, texts
from argocd_istio.syntax.source import Node

PORT = 8080
"""Where argocd-server listens unless --port says otherwise."""
_KINDS = (
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("apps", "DaemonSet"),
    ("apps", "ReplicaSet"),
    ("argoproj.io", "Rollout"),
    ("", "Pod"),
)
# What Go's strconv.ParseBool takes for true; a flag is read with it, an environment variable is not.
_TRUE = ("1", "t", "T", "TRUE", "true", "True")


class Workload:
    """A workload and its pod's template."""

    def __init__(self, item: Object) -> None:
        self.item = item
        self.template = item.node if item.kind == "Pod" else item.node.find("spec", "template")
        self.labels = labels(self.template, "metadata", "labels")
        self.containers = items(self.template, "spec", "containers")

    def port_named(self, name: str) -> int:
        """The container port of that name; 0 where no container has it."""
        for container in self.containers:
            for port in items(container, "ports"):
                if text(port, "name") == name:
                    return number(port, "containerPort")
        return 0

    def argocd_server(self) -> Node | None:
        """The container that runs argocd-server."""
        for container in self.containers:
            if text(container, "name") == "argocd-server" or any(
                word.endswith("/argocd-server") or word == "argocd-server" for word in _words(container)
            ):
                return container
        return None


def workloads(objects: Objects) -> list[Workload]:
    """Everything in the render that makes pods."""
    return [Workload(item) for group, kind in _KINDS for item in objects.of(group, kind)]


def _words(container: Node) -> list[str]:
    return texts(container, "command") + texts(container, "args")


def _flag(container: Node, name: str, bare: str) -> str:
    """The last value of a command line flag, `bare` where it stands without one; empty where it is not there."""
    value = ""
    words = _words(container)
    for word, after in zip(words, [*words, ""][1:], strict=True):
        if word == f"--{name}":
            value = bare or after
        elif word.startswith(f"--{name}="):
            value = word.partition("=")[2]
    return value


def port(container: Node) -> int:
    """The port that argocd-server listens on."""
    value = _flag(container, "port", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 6 else PORT


def insecure(container: Node, namespace: str, objects: Objects) -> tuple[bool, str]:
    """Whether argocd-server speaks plain HTTP, and what says so.

    The flag counts before the variable. The variable counts only as "true" or "false" in any case:
    `util/env.ParseBoolFromEnv` of Argo CD takes everything else for false.
    """
    flag = _flag(container, "insecure", "true")
    if flag:
        return flag in _TRUE, f"--insecure={flag}"
    for variable in items(container, "env"):
        if text(variable, "name") != "ARGOCD_SERVER_INSECURE":
            continue
        if text(variable, "value"):
            value, place = text(variable, "value"), "ARGOCD_SERVER_INSECURE"
        else:
            key = text(variable, "valueFrom", "configMapKeyRef", "key")
            name = text(variable, "valueFrom", "configMapKeyRef", "name")
            config = objects.one("", "ConfigMap", namespace, name)
            value = text(fields(config.node, "data").get(key)) if config else ""
            place = key
        if not value:
            return False, f"{place} not set"
        counts = "" if value.lower() in ("true", "false") else ", which counts as false"
        return value.lower() == "true", f'{place}: "{value}"{counts}'
    return False, "ARGOCD_SERVER_INSECURE not set"
