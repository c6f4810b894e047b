"""A consumer's folder: create a new one, and find the gateway's namespace in an existing one."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from argocd_istio import API_VERSION
from argocd_istio.exposure.check import check
from argocd_istio.exposure.component import KUSTOMIZATIONS
from argocd_istio.exposure.fields import BY_PATH, FUNCTION, GENERATOR, KINDS, PASSTHROUGH, PLAIN, RUN
from argocd_istio.exposure.hosts import as_typed
from argocd_istio.exposure.names import labels_of, shown
from argocd_istio.exposure.schema import modeline
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
- {{component}}
"""
_OPTIONS = {
    "spec.mode": "--mode",
    "spec.hosts": "--host",
    "spec.gateway.namespace": "--gateway-namespace",
    "spec.gateway.selector": "--selector",
    "spec.tls.secretName": "--secret-name",
}
# Without "+", which kustomize decodes as a space in an address.
_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")


class ConsumerError(Exception):
    """The options are invalid; each line of the message begins with the option."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(map(visible, problems)))


class Consumer:
    """A new consumer: the text of its two files, and what the user should know.

    `labels` are the gateway's, as KEY=VALUE. Without `secret` and `labels` the defaults of the Exposure are written.
    `namespace` is where the gateway's pods are.
    Raises ConsumerError.
    """

    def __init__(
        self,
        mode: str,
        hosts: Sequence[str],
        secret: str | None,
        labels: Sequence[str],
        ref: str,
        checked: bool,
        *,
        namespace: str | None = None,
    ) -> None:
        self.checked = checked
        written = list(map(as_typed, hosts))
        self.notices = [
            f"--host: {visible(typed)} is written as {host}"
            for typed, host in zip(hosts, written, strict=True)
            if typed != host
        ]
        if not _REF.fullmatch(ref):
            expected = "a tag, branch or commit of letters, digits, . _ / -"
            raise ConsumerError(f"--ref: found {shown(ref)}, expected {expected}; write {REF}")
        named = labels_of(labels)
        if isinstance(named, tuple):
            raise ConsumerError("--selector: found {}, expected {}; {}".format(*named))
        pairs = named or BY_PATH["spec.gateway.selector"].default
        gateway = {"selector": pairs} if namespace is None else {"namespace": namespace, "selector": pairs}
        spec: dict[str, object] = {"mode": mode, "hosts": written, "gateway": gateway}
        if mode != PASSTHROUGH or secret is not None:
            spec["tls"] = {"secretName": BY_PATH["spec.tls.secretName"].default if secret is None else secret}
        self._check(spec)
        metadata: dict[str, object] = {"name": "argocd"}
        if checked:
            metadata["annotations"] = {FUNCTION: f"{RUN}\n"}
        else:
            # Without the generator the build does not compare the mode with the component.
            del spec["mode"]
        kind = GENERATOR if checked else PLAIN
        exposure = {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
        self.files = {
            EXPOSURE: f"{modeline(ref)}\n{to_yaml(exposure)}",
            KUSTOMIZATIONS[0]: _KUSTOMIZATION.format(
                list="generators" if checked else "resources", component=f"{LIBRARY}//components/{mode}?ref={ref}"
            ),
        }

    @staticmethod
    def _check(spec: dict[str, object]) -> None:
        """Apply the generator's rules to the options."""
        document = {"apiVersion": API_VERSION, "kind": GENERATOR, "metadata": {"name": "argocd"}, "spec": spec}
        try:
            source = parse(to_yaml(document).encode(errors="surrogateescape"), "")
        except SourceError as error:
            raise ConsumerError(f"found {error.found} in an option, expected plain text; write it again") from error
        lines = []
        for finding in check(source, source.documents[0].root, lines=False)[1]:
            if finding.severity == ERROR:
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

    def next_steps(self, folder: str) -> list[str]:
        """The two commands to run next."""
        name = shlex.quote(f"./{folder}" if folder.startswith("-") else folder or ".")
        explain, build = ("--enable-exec ", f"{FLAGS} ") if self.checked else ("", "")
        return [
            f"argocd-istio explain {explain}{name}",
            f"kustomize build {build}{name} | kubectl apply -f -",
        ]


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

    The default if the Exposure omits it; empty without an Exposure. The first Exposure counts; remote resources
    are not followed.
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
                return text(found, "spec", "gateway", "namespace") or default
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
