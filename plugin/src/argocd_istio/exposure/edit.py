"""`argocd-istio set`: change a field of the Exposure in the user's file.

Each function takes the bytes of the file and returns the new ones; nothing is read or written here.
A change can be reversed: if setting the former value would not restore the former bytes, for example in a list
with items in different styles, the change is refused. This does not apply to a former value that `set` itself
would refuse, such as a host with a scheme.
Every refusal is a SourceError.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from argocd_istio import GROUP
from argocd_istio.exposure.fields import BY_PATH, KINDS, MADE, MODE, PASSTHROUGH, PLAIN
from argocd_istio.exposure.file import check_file
from argocd_istio.exposure.hosts import as_typed, host_problem, url_problem
from argocd_istio.exposure.names import (
    Problem,
    class_problem,
    gateway_problem,
    label_key_problem,
    label_value_problem,
    labels_of,
    namespace_problem,
    parent_of,
    secret_problem,
    service_problem,
    shown,
)
from argocd_istio.exposure.wired import Wired
from argocd_istio.findings import ERROR, Finding
from argocd_istio.syntax import source as src
from argocd_istio.syntax.nodes import fields, text
from argocd_istio.syntax.source import Mapping, Node, Source, SourceError, visible
from argocd_istio.syntax.splice import Path, Value, change, former

V = TypeVar("V", str, list[str], dict[str, str])
Field = Literal[
    "secret-name",
    "selector",
    "url",
    "gateway-namespace",
    "gateway",
    "class-name",
    "parent",
    "redirect-parent",
    "server",
]
"""The fields that `unset` removes."""

HOSTS: Path = ("spec", "hosts")
URL: Path = ("spec", "url")
STATED_MODE: Path = ("spec", "mode")
NAMESPACE: Path = ("spec", "gateway", "namespace")
SELECTOR: Path = ("spec", "gateway", "selector")
SECRET: Path = ("spec", "tls", "secretName")
SECRETS: Path = ("spec", "tls", "secretNames")
EXISTING: Path = ("spec", "gateway", "existing")
CLASS_NAME: Path = ("spec", "gateway", "className")
PARENT: Path = ("spec", "gateway", "parent")
REDIRECT_PARENT: Path = ("spec", "gateway", "redirectParent")
SERVER: Path = ("spec", "server")


@dataclass(frozen=True)
class Edit:
    """The new content of the file, unchanged if there was nothing to change, and notices for the user.

    `consequences` finds the problems that the change causes.
    """

    data: bytes
    notices: list[str] = field(default_factory=list)


def set_hosts(data: bytes, hosts: Sequence[str], *, file: str, name: str | None = None) -> Edit:
    """Set spec.hosts. Upper case, a final dot and non-ASCII letters are converted to the DNS form, with a notice."""
    written = [as_typed(host) for host in hosts]
    _require("host", _hosts_problem(written))
    notices = [
        visible(f"{shown(given)} is written as {host}")
        for given, host in zip(hosts, written, strict=True)
        if given != host
    ]
    return _set(src.parse(data, file), name, HOSTS, written, _hosts_problem, notices)


def set_secret_name(data: bytes, secret: str, *, host: str | None = None, file: str, name: str | None = None) -> Edit:
    """Set spec.tls.secretName, or with `host` its entry in spec.tls.secretNames."""
    _require("secret-name", secret_problem(secret))
    path = SECRET if host is None else _secret_of(host)
    return _set(src.parse(data, file), name, path, secret, secret_problem)


def set_url(data: bytes, url: str, *, file: str, name: str | None = None) -> Edit:
    """Set spec.url."""
    _require("url", url_problem(url))
    return _set(src.parse(data, file), name, URL, url, url_problem)


def set_gateway_namespace(data: bytes, namespace: str, *, file: str, name: str | None = None) -> Edit:
    """Set spec.gateway.namespace."""
    _require("gateway-namespace", namespace_problem(namespace))
    return _set(src.parse(data, file), name, NAMESPACE, namespace, namespace_problem)


def set_mode(data: bytes, mode: str, *, secret: str | None = None, file: str, name: str | None = None) -> Edit:
    """Set spec.mode if it is stated, and with `secret` spec.tls.secretName.

    A stated passthrough allows no Secret: existing ones are removed, with a notice.
    """
    _require("mode", MODE.problem(mode))
    if mode == PASSTHROUGH and secret is not None:
        _require("secret-name", ("a Secret under passthrough", "none", "leave it out"))
    notices = []
    source = src.parse(data, file)
    number = _choose(source, name)
    root = source.documents[number].root
    if root and root.find(*STATED_MODE):
        data = change(source, number, STATED_MODE, mode)
        for path in (SECRETS, SECRET) if mode == PASSTHROUGH else ():
            there, value = former(src.parse(data, file), number, path)
            if there:
                data = change(src.parse(data, file), number, path, None)
                names = ", ".join(f"{key}: {name}" for key, name in value.items()) if isinstance(value, dict) else value
                removed = f"{'.'.join(map(str, path))} ({shown(str(names))})"
                notices.append(f"{visible(file)}: removed {removed}: argocd-server shows its own certificate")
    if secret is None:
        return Edit(data, notices)
    edited = set_secret_name(data, secret, file=file, name=name)
    return Edit(edited.data, [*notices, *edited.notices])


def set_selector(data: bytes, labels: Sequence[str], *, file: str, name: str | None = None) -> Edit:
    """Set spec.gateway.selector to labels such as `istio=ingress`."""
    selector = labels_of(labels)
    if isinstance(selector, tuple):
        raise SourceError("selector", 0, 0, *selector)
    _require("selector", _selector_problem(selector))
    return _set(src.parse(data, file), name, SELECTOR, selector, _selector_problem)


def set_gateway(data: bytes, gateway: str, *, file: str, name: str | None = None) -> Edit:
    """Set spec.gateway.existing."""
    _require("gateway", gateway_problem(gateway))
    return _set(src.parse(data, file), name, EXISTING, gateway, gateway_problem)


def set_class_name(data: bytes, class_name: str, *, file: str, name: str | None = None) -> Edit:
    """Set spec.gateway.className."""
    _require("class-name", class_problem(class_name))
    return _set(src.parse(data, file), name, CLASS_NAME, class_name, class_problem)


def set_parent(data: bytes, what: Field, parent: str, *, file: str, name: str | None = None) -> Edit:
    """Set spec.gateway.parent or spec.gateway.redirectParent to what `NAMESPACE/NAME/LISTENER` names."""
    found = parent_of(parent)
    if isinstance(found, tuple):
        raise SourceError(what, 0, 0, *found)
    _require(what, _parent_problem(found))
    path = PARENT if what == "parent" else REDIRECT_PARENT
    return _set(src.parse(data, file), name, path, found, _parent_problem)


def set_server(data: bytes, service: str, labels: Sequence[str], *, file: str, name: str | None = None) -> Edit:
    """Set spec.server.service, and with `labels` such as `app=argocd-server` spec.server.labels."""
    _require("server", service_problem(service))
    edited = _set(src.parse(data, file), name, (*SERVER, "service"), service, service_problem)
    if not labels:
        return edited
    found = labels_of(labels)
    if isinstance(found, tuple):
        raise SourceError("label", 0, 0, *found)
    _require("label", _selector_problem(found))
    return _set(src.parse(edited.data, file), name, (*SERVER, "labels"), found, _selector_problem)


def unset(data: bytes, what: Field, *, host: str | None = None, file: str, name: str | None = None) -> Edit:
    """Remove a field, so that its default applies; for a Secret with `host`, its entry in spec.tls.secretNames."""
    if host is not None and what != "secret-name":
        _require("host", (f"a host for {what}", "one for secret-name only", "leave it out"))
    paths = {
        "secret-name": SECRET,
        "url": URL,
        "selector": SELECTOR,
        "gateway-namespace": NAMESPACE,
        "gateway": EXISTING,
        "class-name": CLASS_NAME,
        "parent": PARENT,
        "redirect-parent": REDIRECT_PARENT,
        "server": SERVER,
    }
    path = paths[what] if host is None else _secret_of(host)
    source = src.parse(data, file)
    number = _choose(source, name)
    return Edit(change(source, number, path, None))


def _require(what: str, problem: Problem | None) -> None:
    """Raise SourceError for an invalid command-line value."""
    if problem:
        raise SourceError(what, 0, 0, *problem)


def _secret_of(host: str) -> Path:
    written = as_typed(host)
    _require("host", host_problem(written))
    return (*SECRETS, written)


def _hosts_problem(hosts: list[str]) -> Problem | None:
    for host in hosts:
        problem = host_problem(host)
        if problem:
            return problem
    if not hosts:
        return "no host", "one or more", "write one"
    host, count = Counter(hosts).most_common(1)[0]
    return (f"{shown(host)} {count} times", "each host once", "write it once") if count > 1 else None


def _parent_problem(parent: dict[str, str]) -> Problem | None:
    problems = (BY_PATH[f"spec.gateway.parent.{key}"].value.problem(value) for key, value in parent.items())
    return next(filter(None, problems), None)


def _selector_problem(labels: dict[str, str]) -> Problem | None:
    if not labels:
        return "no label", "one or more such as istio=ingress", "write one"
    for key, value in labels.items():
        problem = label_key_problem(key) or label_value_problem(value)
        if problem:
            return problem
    return None


def _set(
    source: Source,
    name: str | None,
    path: Path,
    value: V,
    problem_of: Callable[[V], Problem | None],
    notices: Sequence[str] = (),
) -> Edit:
    number = _choose(source, name)
    new = change(source, number, path, value)
    there, before = former(source, number, path)
    promised = not there or (isinstance(before, type(value)) and not problem_of(before))
    if promised and new != source.text.encode():
        _require_way_back(source, number, path, before, new)
    return Edit(new, list(notices))


def _require_way_back(source: Source, number: int, path: Path, before: Value | None, new: bytes) -> None:
    """Raise SourceError if setting the former value (None: removing the field) would not restore the old file."""
    try:
        back = change(src.parse(new, source.file), number, path, before)
    except SourceError as error:
        back = str(error).encode()
    old = source.text.encode()
    if back != old:
        same = next((at for at, pair in enumerate(zip(old, back, strict=False)) if pair[0] != pair[1]), 0)
        line = old[:same].count(b"\n") + 1
        found = "a layout that would be lost: setting the former value back would not restore it"
        raise SourceError(source.file, line, 1, found, "one that can be restored", "edit it by hand")


def consequences(
    old: bytes, new: bytes, *, file: str, before: Wired | None = None, after: Wired | None = None
) -> list[Finding]:
    """The findings of `check` in the new file but not in the old; `before` and `after` are the listed component."""
    if old == new and before == after:
        return []
    known = {(one.path, one.message) for one in check_file(src.parse(old, file), component=before)}
    source = src.parse(new, file)
    found = [one for one in check_file(source, component=after) if (one.path, one.message) not in known]
    return found if old == new else [*found, *_generated(source)]


def _generated(source: Source) -> Iterator[Finding]:
    """Refuse generated files: the next run of the generator would undo the change."""
    for document in source.documents:
        label = next((one for one in fields(document.root, "metadata", "labels") if one in MADE), "")
        if label and text(document.root, "kind") == PLAIN:
            hint = "change the generator's file, and run 'argocd-istio generate' again"
            found = f"found the label {label} of 'argocd-istio generate', expected an {PLAIN} of your own; {hint}"
            yield Finding(ERROR, source.file, document.line, "", found)


def _choose(source: Source, name: str | None) -> int:
    """The number of the document to change, from 0."""
    found = [
        (number, document.root)
        for number, document in enumerate(source.documents)
        if document.root
        and text(document.root, "kind") in KINDS
        and text(document.root, "apiVersion").startswith(f"{GROUP}/")
    ]
    if name is not None:
        named = [(number, root) for number, root in found if text(root, "metadata", "name") == name]
        if found and not named:
            raise source.error(found[0][1], f"no {' or '.join(KINDS)} named {shown(name)}", _named(found), "name that")
        found = named
    if not found:
        raise _nothing_to_set(source)
    if len(found) > 1:
        names = {text(root, "metadata", "name") for _, root in found}
        hint = "choose one with --name" if len(names) == len(found) else "give them different names"
        raise source.error(found[1][1], f"{len(found)} documents that could be meant ({_named(found)})", "one", hint)
    return found[0][0]


def _named(found: list[tuple[int, Node]]) -> str:
    return ", ".join(f"{text(root, 'metadata', 'name')} on line {root.line}" for _, root in found)


def _nothing_to_set(source: Source) -> SourceError:
    """The error for a file without Exposure: people often name the kustomization or a patch instead."""
    expected = f"a document of kind {' or '.join(KINDS)}"
    for document in source.documents:
        root = document.root
        if isinstance(root, src.Sequence) and root.items and text(root, 0, "op") and text(root, 0, "path"):
            return source.error(root, "a JSON patch", expected, "edit the patch by hand, or name the Exposure's file")
        if not isinstance(root, Mapping) or not ({"patches", "components"} & root.keys.keys()):
            continue
        patches = root.get("patches")
        for patch in patches.items if isinstance(patches, src.Sequence) else []:
            inline = patch.find("patch")
            if text(patch, "target", "kind") in KINDS or f"kind: {KINDS[0]}" in text(inline):
                where = f"the patch on line {inline.line}" if inline else shown(text(patch, "path"))
                return source.error(patch, "a patch of the Exposure", expected, f"edit {where} by hand")
        return source.error(root, "a kustomization", expected, "name the Exposure's file, which resources: lists")
    if not source.text.strip("\ufeff \t\r\n"):
        return SourceError(source.file, 0, 0, "an empty file", expected, "name the file that has it, or write it again")
    if any(text(document.root, "kind") == "List" for document in source.documents):
        return SourceError(source.file, 0, 0, "a List", expected, "take the Exposure out of it, or edit it by hand")
    return SourceError(source.file, 0, 0, "none", expected, "name the file that has it")
