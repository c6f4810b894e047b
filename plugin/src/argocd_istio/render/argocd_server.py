"""The settings of argocd-server: its port, whether that speaks TLS, and the path below which it serves.

Source: `cmd/argocd-server/commands/argocd_server.go` of Argo CD.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from argocd_istio.render.model import ArgocdServer, Value
from argocd_istio.render.objects import Objects, Place
from argocd_istio.syntax.nodes import fields, items, text, texts
from argocd_istio.syntax.source import Node

PORT = 8080
"""argocd-server's port without --port."""
# True values of Go's strconv.ParseBool, which reads flags, but not environment variables.
_TRUE = ("1", "t", "T", "TRUE", "true", "True")


def is_argocd_server(container: Node) -> bool:
    """Whether a container runs argocd-server."""
    words = texts(container, "command") + texts(container, "args")
    named = any(word.endswith("/argocd-server") or word == "argocd-server" for word in words)
    return named or text(container, "name") == "argocd-server"


class _Value(NamedTuple):
    """A setting: `text` is empty if it is not set, None if unknown; `source` describes where it comes from."""

    text: str | None
    source: str
    place: Place


def _words(container: Place) -> list[tuple[str, Place]]:
    """The words of the command line."""
    named = [(key, at) for key in ("command", "args") for at in range(len(items(container.node, key)))]
    return [(text(container.node, *path), container.at(*path)) for path in named if text(container.node, *path)]


def flag(container: Place, name: str, bare: str) -> _Value:
    """The last value of a command line flag, `bare` if it has none."""
    found = _Value("", f"--{name}", container)
    words = _words(container)
    for (word, place), (after, _) in zip(words, [*words, ("", container)][1:], strict=True):
        flag, assigned, value = word.partition("=")
        if flag == f"--{name}":
            found = _read(value if assigned else bare or after, f"--{name}", place)
    return found


def _read(value: str, source: str, place: Place) -> _Value:
    """Expand $(NAME) like Kubernetes."""
    return _Value(None, f"{source} takes another variable", place) if "$(" in value else _Value(value, source, place)


def argocd_server(container: Place, objects: Objects) -> ArgocdServer:
    """The settings from the container's command line, variables and ConfigMap."""
    plain, because, setting = insecure(container, objects)
    rootpath, basehref = (_path(container, name, objects) for name in ("rootpath", "basehref"))
    return ArgocdServer(
        port(container),
        None if plain is None else not plain,
        because,
        rootpath.text,
        basehref.text,
        setting.source,
        setting.place,
        tuple(_all_insecure(container, objects)),
        _versions(container, objects),
        _ciphers(container, objects),
    )


_PARAMETERS, _KEY = "argocd-cmd-params-cm", "server.insecure"


def _all_insecure(container: Place, objects: Objects) -> Iterator[Value]:
    """Every place that states whether argocd-server speaks plain HTTP, the first one that counts first."""
    stated = flag(container, "insecure", "true")
    given = variable(container, "ARGOCD_SERVER_INSECURE", objects)
    item = objects.one("", "ConfigMap", container.object.namespace, _PARAMETERS)
    place = Place(item).at("data").at(_KEY) if item else container
    own = _Value(text(item.node if item else None, "data", _KEY), _KEY, place)
    for each in (stated, given, own):
        if each.text and not (each is own and own.place.node is given.place.node):
            yield Value(each.source, each.text, each.place)


def _versions(container: Place, objects: Objects) -> tuple[Value, Value]:
    """The least and the most TLS version; "" if not stated or not known."""
    found = []
    for which in ("min", "max"):
        value = flag(container, f"tls{which}version", "")
        value = variable(container, f"ARGOCD_TLS_{which.upper()}_VERSION", objects) if value.text == "" else value
        found.append(Value(value.source, value.text or "", value.place))
    return found[0], found[1]


def _ciphers(container: Place, objects: Objects) -> Value | None:
    given = flag(container, "tlsciphers", "")
    value = variable(container, "ARGOCD_TLS_CIPHERS", objects) if given.text == "" else given
    return Value(value.source, value.text, value.place) if value.text else None


def _path(container: Place, name: str, objects: Objects) -> _Value:
    given = flag(container, name, "")
    return variable(container, f"ARGOCD_SERVER_{name.upper()}", objects) if given.text == "" else given


def port(container: Place) -> int:
    """The port that argocd-server listens on."""
    value = flag(container, "port", "").text or ""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 6 else PORT


def insecure(
    container: Place, objects: Objects, name: str = "insecure", of: str = "ARGOCD_SERVER_INSECURE"
) -> tuple[bool | None, str, _Value]:
    """Whether argocd-server speaks plain HTTP, or another flag is set; and the setting that decides it.

    None if unknown.

    The flag overrides the variable. The variable is only read as "true" or "false" in any case:
    `util/env.ParseBoolFromEnv` of Argo CD reads everything else as false.
    """
    given = flag(container, name, "true")
    found = given if given.text != "" else variable(container, of, objects)
    value, source = found.text, found.source
    if value is None:
        return None, f"not known: {source}", found
    if found is given:
        return value in _TRUE, f"{source}={value}", found
    if not value:
        return False, f"{source} not set", found
    counts = "" if value.lower() in ("true", "false") else ", which counts as false"
    return value.lower() == "true", f'{source}: "{value}"{counts}', found


def variable(container: Place, name: str, objects: Objects) -> _Value:
    """An environment variable. The last of several with its name counts; all override envFrom."""
    for at in reversed(range(len(items(container.node, "env")))):
        variable = container.at("env", at)
        if text(variable.node, "name") == name:
            return _given(variable, name, objects)
    for at in reversed(range(len(items(container.node, "envFrom")))):
        whole = container.at("envFrom", at)
        prefix = text(whole.node, "prefix")
        for kind, field in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
            owner = text(whole.node, field, "name")
            if owner and name.startswith(prefix):
                found = _of(kind, owner, name.removeprefix(prefix), whole, objects)
                if found.text != "":
                    return found
    return _Value("", name, container)


def _given(variable: Place, name: str, objects: Objects) -> _Value:
    """The value of an entry of env."""
    if text(variable.node, "value") or not fields(variable.node, "valueFrom"):
        return _read(text(variable.node, "value"), name, variable.at("value"))
    for kind, field in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
        owner, key = (text(variable.node, "valueFrom", field, each) for each in ("name", "key"))
        if owner and key:
            return _of(kind, owner, key, variable, objects)
    return _Value(None, f"{name} is set when the pod starts", variable)


def _of(kind: str, owner: str, key: str, asking: Place, objects: Objects) -> _Value:
    """A key of a ConfigMap or Secret that `asking` refers to. Of a Secret only the keys are read, not the values."""
    item = objects.one("", kind, asking.object.namespace, owner)
    if item is None:
        return _Value(None, f"{key} of {kind} {asking.object.namespace}/{owner}, which is not in these files", asking)
    if kind == "Secret" and any(key in fields(item.node, each) for each in ("data", "stringData")):
        return _Value(None, f"{key} of {item}, which is not read", asking)
    place = Place(item).at("data")
    return _Value(text(place.node, key) if place.path else "", key, place.at(key))
