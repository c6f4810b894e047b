"""A consumer's folder: create a new one, and find the gateway's namespace in an existing one."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from argocd_istio import API_VERSION
from argocd_istio.exposure.check import check
from argocd_istio.exposure.component import KUSTOMIZATIONS
from argocd_istio.exposure.fields import (
    BY_PATH,
    FUNCTION,
    GENERATOR,
    KINDS,
    MODES,
    PASSTHROUGH,
    PLAIN,
    RUN,
    nearest,
)
from argocd_istio.exposure.hosts import as_typed
from argocd_istio.exposure.names import labels_of, parent_of, shown
from argocd_istio.exposure.schema import modeline
from argocd_istio.exposure.wired import (
    BALANCER,
    EXPOSURE_ONLY,
    LISTENERS,
    NO_PASSTHROUGH,
    REDIRECT,
    WAYS,
    Wired,
    modes_of,
)
from argocd_istio.files import FileError, read
from argocd_istio.findings import ERROR
from argocd_istio.syntax.emit import to_yaml
from argocd_istio.syntax.nodes import text, texts
from argocd_istio.syntax.source import Node, SourceError, parse, visible

LIBRARY = "https://github.com/argocd-istio/argocd-istio"
REF = "main"
"""The reference of the library in new consumers and, by `make update-reference`, on every page and in the examples."""
EXPOSURE = "exposure.yaml"
FLAGS = "--enable-alpha-plugins --enable-exec"

_KUSTOMIZATION = f"""apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
{{list}}:
- {EXPOSURE}
components:
{{components}}"""
_OPTIONS = {
    "spec.mode": "--mode",
    "spec.hosts": "--host",
    "spec.gateway.namespace": "--gateway-namespace",
    "spec.gateway.selector": "--selector",
    "spec.gateway.existing": "--gateway",
    "spec.gateway.className": "--class-name",
    "spec.gateway.parent": "--parent",
    "spec.gateway.redirectParent": "--redirect-parent",
    "spec.server.service": "--service",
    "spec.server.labels": "--label",
    "spec.server": "--service, --label",
    "spec.tls.secretName": "--secret-name",
}
# Without "+", which kustomize decodes as a space in an address.
_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")


class ConsumerError(Exception):
    """The options are invalid; each line of the message begins with the option."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(map(visible, problems)))


class Gateway(NamedTuple):
    """What the options say about the gateway: `labels` and `namespace` of its pods, or the fields of a way."""

    labels: Sequence[str] = ()
    namespace: str | None = None
    existing: str | None = None
    class_name: str | None = None
    parent: str | None = None
    redirect_parent: str | None = None


class Consumer:
    """A new consumer: the text of its two files, and what the user should know.

    Without `secret` and labels of the gateway the defaults of the Exposure are written. `server` is the Service, and
    the labels as KEY=VALUE, of an argocd-server that is already installed.
    Raises ConsumerError.
    """

    def __init__(
        self,
        wired: Wired,
        hosts: Sequence[str],
        secret: str | None,
        gateway: Gateway,
        ref: str,
        checked: bool,
        *,
        server: tuple[str | None, Sequence[str]] = (None, ()),
    ) -> None:
        self.wired, self.checked = wired, checked
        written = list(map(as_typed, hosts))
        self.hosts = written
        self.notices = [
            f"--host: {visible(typed)} is written as {host}"
            for typed, host in zip(hosts, written, strict=True)
            if typed != host
        ]
        if not _REF.fullmatch(ref):
            expected = "a tag, branch or commit of letters, digits, . _ / -"
            raise ConsumerError(f"--ref: found {shown(ref)}, expected {expected}; write {REF}")
        if wired.way and wired.way not in WAYS:
            hint = nearest(wired.way, WAYS) or "choose one"
            raise ConsumerError(f"--way: found {shown(wired.way)}, expected one of {', '.join(WAYS)}; {hint}")
        if wired.mode in MODES and wired.mode not in modes_of(wired.way):
            found = f"{wired.mode} with --way {wired.way}"
            raise ConsumerError(f"--mode: found {found}, expected another mode; {NO_PASSTHROUGH}")
        spec: dict[str, object] = {"mode": wired.mode, "hosts": written, "gateway": _gateway(gateway, wired)}
        if wired.certificate or secret is not None:
            spec["tls"] = {"secretName": BY_PATH["spec.tls.secretName"].default if secret is None else secret}
        service, labels = server[0], _labels("--label", server[1])
        if service is not None or labels:
            spec["server"] = ({"service": service} if service is not None else {}) | (
                {"labels": labels} if labels else {}
            )
        self._check(spec, GENERATOR)
        metadata: dict[str, object] = {"name": "argocd"}
        if checked:
            metadata["annotations"] = {FUNCTION: f"{RUN}\n"}
        else:
            # Without the generator the build does not compare the mode with the component.
            del spec["mode"]
            if wired.way == LISTENERS and len(written) > 1:
                hint = "add it: each host needs listeners of its own, which the generator writes"
                raise ConsumerError(f"--host: found several hosts, expected --checked with --way {LISTENERS}; {hint}")
            self._check(spec, PLAIN)
        kind = GENERATOR if checked else PLAIN
        exposure = {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
        listed = [wired.folder(wired.amount), *([f"components/{REDIRECT}"] if gateway.redirect_parent else [])]
        self.files = {
            EXPOSURE: f"{modeline(ref)}\n{to_yaml(exposure)}",
            KUSTOMIZATIONS[0]: _KUSTOMIZATION.format(
                list="generators" if checked else "resources",
                components="".join(f"- {LIBRARY}//{folder}?ref={ref}\n" for folder in listed),
            ),
        }

    def _check(self, spec: dict[str, object], kind: str) -> None:
        """Apply the rules of a kind to the options."""
        document = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "argocd"}, "spec": spec}
        try:
            source = parse(to_yaml(document).encode(errors="surrogateescape"), "")
        except SourceError as error:
            raise ConsumerError(f"found {error.found} in an option, expected plain text; write it again") from error
        lines = []
        for finding in check(source, source.documents[0].root, lines=False, component=self.wired)[1]:
            if finding.severity == ERROR or finding.path in self.wired.unread:
                option = next((f"{name}: " for path, name in _OPTIONS.items() if finding.path.startswith(path)), "")
                lines.append(option + finding.message)
        if lines:
            raise ConsumerError(*lines)

    def write(self, folder: str) -> None:
        """Create the folder and both files, or nothing. Raises FileError."""
        for name in (*self.files, *KUSTOMIZATIONS):
            path = Path(folder, name)
            if os.path.lexists(path):
                raise FileError(path, "already exists; nothing was written; choose another folder or edit it", 2)
        made: list[Path] = []
        try:
            for parent in [*reversed(Path(folder).parents), Path(folder)]:
                if not parent.is_dir():
                    parent.mkdir()
                    made.append(parent)
            for name, content in self.files.items():
                path = Path(folder, name)
                file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
                made.append(path)
                _fill(file, content.encode())
        except BaseException as error:
            for path in reversed(made):
                with suppress(OSError):
                    if path.is_dir():
                        path.rmdir()
                    else:
                        path.unlink()
            if isinstance(error, OSError):
                raise FileError(error.filename or folder, f"{error.strerror}; nothing was written") from error
            raise

    @property
    def settings(self) -> list[str]:
        """What the owner of the install sets, a line for each way to do so; none for an install of this library."""
        if self.wired.amount != EXPOSURE_ONLY:
            return []
        url, insecure = f"https://{self.hosts[0]}", "false" if self.wired.mode == PASSTHROUGH else "true"
        return [
            f'in ConfigMap argocd-cmd-params-cm: server.insecure: "{insecure}", and in argocd-cm: url: {url}',
            f"or as Helm values: configs: {{params: {{server.insecure: {insecure}}}, cm: {{url: {url}}}}}",
            f"or in the operator's object: spec.server.insecure: {insecure} and spec.server.host: {self.hosts[0]}",
        ]

    def next_steps(self, folder: str) -> list[str]:
        """The two commands to run next."""
        name = shlex.quote(f"./{folder}" if folder.startswith("-") else folder or ".")
        explain, build = ("--enable-exec ", f"{FLAGS} ") if self.checked else ("", "")
        return [
            f"argocd-istio explain {explain}{name}",
            f"kustomize build {build}{name} | kubectl apply -f -",
        ]


def _labels(option: str, words: Sequence[str]) -> dict[str, str]:
    found = labels_of(words)
    if isinstance(found, tuple):
        raise ConsumerError("{}: found {}, expected {}; {}".format(option, *found))
    return found


def _gateway(options: Gateway, wired: Wired) -> dict[str, object]:
    """The fields of `spec.gateway`."""
    selector = _labels("--selector", options.labels)
    if not selector and wired.way in ("", BALANCER):
        selector = BY_PATH["spec.gateway.selector"].default
    found: dict[str, object] = {
        "namespace": options.namespace,
        "selector": selector or None,
        "existing": options.existing,
        "className": options.class_name,
    }
    for name, option in (("parent", options.parent), ("redirectParent", options.redirect_parent)):
        if option is not None:
            parent = parent_of(option)
            if isinstance(parent, tuple):
                raise ConsumerError("{}: found {}, expected {}; {}".format(_OPTIONS[f"spec.gateway.{name}"], *parent))
            found[name] = parent
    return {name: value for name, value in found.items() if value is not None}


def _fill(file: int, content: bytes) -> None:
    """Write a new file and close it."""
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)
    finally:
        os.close(file)


def gateway_namespace(folder: str) -> str:
    """The namespace of the gateway's pods, from the Exposure that the folder lists, directly or in local folders.

    The default if the Exposure omits it; empty without an Exposure, and if it omits it for the Gateway API. The first
    Exposure counts; remote resources are not followed.
    """
    default: str = BY_PATH["spec.gateway.namespace"].default
    seen: set[str] = set()
    waiting = [folder or "."]
    while waiting:
        path = waiting.pop()
        real = os.path.realpath(path)
        if real in seen:
            continue
        seen.add(real)
        if os.path.isdir(path):  # noqa: PTH112
            waiting += reversed(_entries(path))
            continue
        for found in _documents(path, API_VERSION):
            if text(found, "kind") in KINDS and text(found, "apiVersion") == API_VERSION:
                stated = text(found, "spec", "gateway", "namespace")
                api = any(found.find("spec", "gateway", field) for field in ("className", "parent"))
                return stated or ("" if api else default)
    return ""


def _entries(folder: str) -> list[str]:
    """The paths of what a folder's kustomization lists."""
    lists = ("generators", "resources", "components")
    tops = [top for name in KUSTOMIZATIONS for top in _documents(os.path.join(folder, name))]  # noqa: PTH118
    entries = [entry for top in tops for key in lists for entry in texts(top, key)]
    return [os.path.join(folder, entry) for entry in entries if "\0" not in entry]  # noqa: PTH118


def _documents(path: str, word: str = "") -> list[Node]:
    """The documents of a file that contains the word; none if it is unreadable, which kustomize reports."""
    try:
        data = read(path)
        if word.encode() not in data:
            return []
        return [document.root for document in parse(data, path).documents if document.root]
    except (FileError, SourceError, ValueError):
        return []
