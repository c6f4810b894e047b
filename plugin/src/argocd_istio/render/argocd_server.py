"""The settings of argocd-server: its port, whether that speaks TLS, and the path below which it serves.

Source: `cmd/argocd-server/commands/argocd_server.go` of Argo CD.
"""

from __future__ import annotations

from argocd_istio.render.model import ArgocdServer
from argocd_istio.render.objects import Objects, fields, items, text, texts
from argocd_istio.syntax.source import Node

PORT = 8080
"""Where argocd-server listens unless --port says otherwise."""
# What Go's strconv.ParseBool takes for true; a flag is read with it, an environment variable is not.
_TRUE = ("1", "t", "T", "TRUE", "true", "True")


def is_argocd_server(container: Node) -> bool:
    """Whether a container runs argocd-server."""
    named = any(word.endswith("/argocd-server") or word == "argocd-server" for word in _words(container))
    return named or text(container, "name") == "argocd-server"


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


def argocd_server(container: Node, namespace: str, objects: Objects) -> ArgocdServer:
    """What the container's command line, variables and ConfigMap say."""
    plain, because = insecure(container, namespace, objects)
    rootpath = _flag(container, "rootpath", "") or _variable(container, "ARGOCD_SERVER_ROOTPATH", namespace, objects)[0]
    basehref = _flag(container, "basehref", "") or _variable(container, "ARGOCD_SERVER_BASEHREF", namespace, objects)[0]
    return ArgocdServer(port(container), not plain, because, rootpath, basehref)


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
    value, place = _variable(container, "ARGOCD_SERVER_INSECURE", namespace, objects)
    if not value:
        return False, f"{place} not set"
    counts = "" if value.lower() in ("true", "false") else ", which counts as false"
    return value.lower() == "true", f'{place}: "{value}"{counts}'


def _variable(container: Node, name: str, namespace: str, objects: Objects) -> tuple[str, str]:
    """The value of an environment variable, empty where it has none, and what says so."""
    for variable in items(container, "env"):
        if text(variable, "name") != name:
            continue
        if text(variable, "value"):
            return text(variable, "value"), name
        key = text(variable, "valueFrom", "configMapKeyRef", "key")
        config = objects.one("", "ConfigMap", namespace, text(variable, "valueFrom", "configMapKeyRef", "name"))
        return text(fields(config.node, "data").get(key)) if config else "", key
    return "", name
