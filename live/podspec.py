"""The environment and files that a Pod's manifest gives its containers. Starts no processes and writes no files."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

from live.api import Object

# (kind, namespace, name) -> the object, or None if it does not exist.
Lookup = Callable[[str, str, str], Object | None]
# (pod, source of a projected volume) -> a token of the pod's ServiceAccount.
Token = Callable[[Object, Object], str]


UNITS = (
    {"": Fraction(1), "m": Fraction(1, 1000)}
    | {letter: Fraction(1000**power) for power, letter in enumerate("kMGTPE", 1)}
    | {f"{letter}i": Fraction(1024**power) for power, letter in enumerate("KMGTPE", 1)}
)
"""The factor of each suffix of a quantity."""


class NotYet(Exception):
    """A container cannot start yet, because something that it needs is missing; the message says what."""


class File(NamedTuple):
    """A file of a volume; `mode` as in chmod."""

    data: bytes
    mode: int


def containers(pod: Object) -> list[Object]:
    found: list[Object] = pod["spec"]["containers"]
    return found


def field(pod: Object, path: str) -> str:
    """The value of a `fieldRef`. Raises NotYet for a path that a kubelet would refuse."""
    keyed = re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path)
    if keyed:
        return str(pod["metadata"].get(keyed[1], {}).get(keyed[2], ""))
    value: Any = pod
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, str):
        return value
    if path in ("metadata.labels", "metadata.annotations") and isinstance(value, dict):
        # Quoted with Go's escapes: JSON's, but letters outside ASCII are not escaped.
        return "\n".join(f"{key}={json.dumps(text, ensure_ascii=False)}" for key, text in sorted(value.items()))
    raise NotYet(f"fieldRef {path} has no value")


def resource(container: Object, ref: Object) -> str:
    """The value of a `resourceFieldRef`, divided by its divisor and rounded up. Raises NotYet if it is not set."""
    kind, _, name = ref["resource"].partition(".")
    stated = container.get("resources", {}).get(kind, {}).get(name)
    if stated is None:
        raise NotYet(f"resourceFieldRef {ref['resource']}: the container does not set it, and this node has no default")
    return str(math.ceil(quantity(str(stated)) / (quantity(str(ref.get("divisor", "1"))) or 1)))


def quantity(text: str) -> Fraction:
    """A Kubernetes quantity, with or without a suffix, as a number."""
    digits = re.match(r"[0-9.]*", text)[0]  # type: ignore[index]
    return Fraction(digits) * UNITS[text.removeprefix(digits)]


def expand(text: str, env: dict[str, str]) -> str:
    """Replace `$(NAME)` if NAME is in `env`; `$$` is a dollar sign."""
    return re.sub(
        r"\$(\$|\(([^)\s]+)\))",
        lambda m: "$" if m[1] == "$" else env.get(m[2], m[0]),
        text,
    )


def _data(kind: str, found: Object) -> dict[str, bytes]:
    if kind == "Secret":
        return {key: base64.b64decode(value) for key, value in found.get("data", {}).items()}
    text = {key: str(value).encode() for key, value in found.get("data", {}).items()}
    return text | {key: base64.b64decode(value) for key, value in found.get("binaryData", {}).items()}


def _source(kind: str, namespace: str, name: str, optional: bool, lookup: Lookup) -> dict[str, bytes] | None:
    found = lookup(kind, namespace, name)
    if found is None and not optional:
        raise NotYet(f'{kind.lower()} "{name}" not found')
    return None if found is None else _data(kind, found)


def environment(
    pod: Object, container: Object, image: dict[str, str], services: list[Object], lookup: Lookup
) -> dict[str, str]:
    """The environment of a container: from the image, then the Services, then the manifest; later values win.

    Raises NotYet if a ConfigMap, a Secret or a key that is not optional is missing.
    """
    namespace = pod["metadata"]["namespace"]
    env = image | service_links(services, namespace, links=pod["spec"].get("enableServiceLinks", True))
    for source in container.get("envFrom", []):
        for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if key in source:
                ref = source[key]
                data = _source(kind, namespace, ref["name"], ref.get("optional", False), lookup) or {}
                env |= {source.get("prefix", "") + name: value.decode() for name, value in data.items()}
    for entry in container.get("env", []):
        value = _value(pod, container, entry, lookup)
        if value is not None:
            env[entry["name"]] = expand(value, env) if "valueFrom" not in entry else value
    return env


def _value(pod: Object, container: Object, entry: Object, lookup: Lookup) -> str | None:
    source, namespace = entry.get("valueFrom"), pod["metadata"]["namespace"]
    if source is None:
        return str(entry.get("value", ""))
    for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        if key in source:
            ref = source[key]
            data = _source(kind, namespace, ref["name"], ref.get("optional", False), lookup)
            if data is not None and ref["key"] in data:
                return data[ref["key"]].decode()
            if ref.get("optional", False):
                return None
            raise NotYet(f"couldn't find key {ref['key']} in {kind} {namespace}/{ref['name']}")
    if "fieldRef" in source:
        return field(pod, source["fieldRef"]["fieldPath"])
    if "resourceFieldRef" in source:
        return resource(container, source["resourceFieldRef"])
    raise NotYet(f"environment variable {entry['name']}: this node does not support the source {', '.join(source)}")


def service_links(services: list[Object], namespace: str, *, links: bool) -> dict[str, str]:
    """The variables that a kubelet sets for the API server and, with `links`, for the namespace's Services."""
    env: dict[str, str] = {}
    for service in services:
        meta, spec = service["metadata"], service["spec"]
        is_api = (meta["namespace"], meta["name"]) == ("default", "kubernetes")
        address = spec.get("clusterIP", "None")
        if address == "None" or not spec.get("ports") or not (is_api or (links and meta["namespace"] == namespace)):
            continue
        prefix = meta["name"].upper().replace("-", "_")
        first = spec["ports"][0]
        env |= {f"{prefix}_SERVICE_HOST": address, f"{prefix}_SERVICE_PORT": str(first["port"])}
        env[f"{prefix}_PORT"] = f"tcp://{address}:{first['port']}"
        for port in spec["ports"]:
            if "name" in port:
                env[f"{prefix}_SERVICE_PORT_{port['name'].upper().replace('-', '_')}"] = str(port["port"])
            stem = f"{prefix}_PORT_{port['port']}_TCP"
            env |= {stem: f"tcp://{address}:{port['port']}", f"{stem}_PROTO": "tcp"}
            env |= {f"{stem}_PORT": str(port["port"]), f"{stem}_ADDR": address}
    return env


def hosts_file(services: list[Object], slices: list[Object], pod: Object) -> str:
    """A pod's hosts file: its own name, as a kubelet writes it, and then the names that cluster DNS would resolve.

    The pod's own name comes first, and hides a Service of the same name. A Service's name resolves to its address.
    A headless Service's name resolves to the addresses of its ready pods, or of all pods if it publishes those that
    are not ready. Each pod of a StatefulSet also has a name below its headless Service.
    """
    headless = {(one["metadata"]["namespace"], one["metadata"]["name"]): list[Object]() for one in services}
    for part in slices:
        meta = part["metadata"]
        owner = (meta["namespace"], meta.get("labels", {}).get("kubernetes.io/service-name", ""))
        headless.get(owner, []).extend(
            one for one in part.get("endpoints") or [] if one.get("conditions", {}).get("ready")
        )
    namespace, spec = pod["metadata"]["namespace"], pod["spec"]
    own_name = spec.get("hostname", pod["metadata"]["name"])
    below = [f"{own_name}.{spec['subdomain']}.{namespace}.svc.cluster.local"] if "subdomain" in spec else []
    lines = ["127.0.0.1 localhost", " ".join([pod["status"]["podIP"], *below, own_name])]
    for service in services:
        place, name = service["metadata"]["namespace"], service["metadata"]["name"]
        address = service["spec"].get("clusterIP", "None")
        found = [(name, address)]
        if address == "None":
            pods = headless[place, name]
            found = [(name, one["addresses"][0]) for one in pods]
            found += [(f"{one['hostname']}.{name}", one["addresses"][0]) for one in pods if "hostname" in one]
        for short, where in found:
            full = f"{short}.{place}"
            own = [short] if place == namespace else []
            lines.append(" ".join([where, *own, full, f"{full}.svc", f"{full}.svc.cluster.local"]))
    return "\n".join(lines) + "\n"


def command(container: Object, entrypoint: list[str], default_args: list[str], env: dict[str, str]) -> list[str]:
    """The command line: `command` replaces the image's entrypoint and arguments, `args` only its arguments."""
    if "command" in container:
        line = [*container["command"], *container.get("args", [])]
    else:
        line = [*entrypoint, *container.get("args", default_args)]
    return [expand(part, env) for part in line]


def volume_files(pod: Object, volume: Object, lookup: Lookup, token: Token) -> dict[str, File] | None:
    """The files of a volume by path; None for an emptyDir.

    Raises NotYet if a source that is not optional is missing, or if the kind of volume is not supported.
    """
    if "emptyDir" in volume:
        return None
    if "projected" in volume:
        files: dict[str, File] = {}
        for source in volume["projected"].get("sources", []):
            files |= _files(pod, source, volume["projected"].get("defaultMode", 0o644), lookup, token)
        return files
    kinds = {key: value for key, value in volume.items() if key != "name"}
    mode = next(iter(kinds.values())).get("defaultMode", 0o644)
    return _files(pod, kinds, mode, lookup, token)


def _files(pod: Object, source: Object, mode: int, lookup: Lookup, token: Token) -> dict[str, File]:
    namespace = pod["metadata"]["namespace"]
    for key, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
        if key in source:
            ref = source[key]
            name, optional = ref.get("secretName") or ref["name"], ref.get("optional", False)
            data = _source(kind, namespace, name, optional, lookup) or {}
            if "items" not in ref:
                return {path: File(value, mode) for path, value in data.items()}
            files = {}
            for item in ref["items"]:
                if item["key"] in data:
                    files[item["path"]] = File(data[item["key"]], item.get("mode", mode))
                elif not optional:
                    raise NotYet(f"{kind.lower()} {namespace}/{name}: references non-existent key {item['key']}")
            return files
    if "downwardAPI" in source:
        items = source["downwardAPI"].get("items", [])
        return {
            item["path"]: File(field(pod, item["fieldRef"]["fieldPath"]).encode(), item.get("mode", mode))
            for item in items
        }
    if "serviceAccountToken" in source:
        ref = source["serviceAccountToken"]
        return {ref["path"]: File(token(pod, ref).encode(), mode)}
    raise NotYet(f"this node does not support the volume source {', '.join(source)}")


def port_number(container: Object, port: int | str) -> int:
    """A probe's port number, from a number or the name of a container port. Raises NotYet for an unknown name."""
    if isinstance(port, int):
        return port
    for entry in container.get("ports", []):
        if entry.get("name") == port:
            return int(entry["containerPort"])
    raise NotYet(f"container {container['name']} has no port named {port}")
