"""The rules for names of Kubernetes objects and for labels.

Each rule returns what was found, what was expected and what to do.
Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/names and .../labels.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

Problem = tuple[str, str, str]
"""Found, expected, what to do."""

LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PART = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
SUBDOMAIN = rf"{_PART}(?:\.{_PART})*"
GATEWAY = f"{LABEL}/{SUBDOMAIN}"
_NAME = r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)"
LABEL_KEY, LABEL_VALUE = rf"(?![^/]{{254}})(?:{SUBDOMAIN}/)?{_NAME}", f"{_NAME}?"
"""ECMAScript patterns of what is accepted."""

PARENT_GROUPS = ("gateway.networking.k8s.io",)
"""The API group of the objects that routes of the Gateway API bind to."""

_TEMPLATE = re.compile(r"\{\{|\$\(|\$\{|\}\}")
SUBSTITUTE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*(?::?[=-][^{}]*)?\}")
"""Variables that Flux replaces after the build: `${name}`, and `${name:=default}`."""


SHOWN = 80
"""The most characters of a text in a message."""


def cut(text: str) -> str:
    """A text, shortened if it is long."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def shown(text: str) -> str:
    """A text in quotes, shortened if it is long."""
    return f'"{cut(text)}"' if len(text) <= SHOWN else f'"{cut(text)}" ({len(text)} characters)'


def problem_of_text(text: str, expected: str) -> Problem | None:
    """The problems that any kind of text can have: empty, unrendered, or with invisible characters."""
    if not text.strip():
        return "an empty text" if not text else f"a text of {len(text)} spaces", expected, "write one"
    if _TEMPLATE.search(text):
        hint = "render it before kustomize reads it"
        if SUBSTITUTE.search(text):
            hint += "; where Flux does so after the build: argocd-istio check --substitute"
        return f"the unrendered template {shown(text)}", expected, hint
    if "\n" in text.strip():
        return f"several lines in {shown(text)}", expected, "write one line"
    if "\n" in text:
        return f"a line end in {shown(text)}", expected, "write it on one line, without | or >"
    if not text.isprintable():
        return f"invisible characters in {shown(text)}", expected, "write it again"
    return None


def _subdomain(text: str, what: str, hint: str) -> Problem | None:
    expected = f"{what}: lower-case letters, digits, '-' and '.', at most 253 characters"
    problem = problem_of_text(text, expected)
    if problem or (len(text) <= 253 and re.fullmatch(SUBDOMAIN, text)):
        return problem
    return shown(text), expected, _in_lower_case(text, SUBDOMAIN) or hint


def _in_lower_case(text: str, pattern: str) -> str:
    """The hint if upper case is the only problem, else ""."""
    lower = text.lower()
    return f"write {lower}" if lower != text and len(lower) <= 253 and re.fullmatch(pattern, lower) else ""


def name_problem(name: str) -> Problem | None:
    """The problem of a text as the name of an object."""
    return _subdomain(name, "a name", "rename it")


def secret_problem(name: str) -> Problem | None:
    """The problem of a text as the name of a certificate Secret."""
    hint = "write the Secret's name alone"
    if "/" in name:
        hint += ": its namespace is not yours to choose here"
    return _subdomain(name, "the name of a Secret", hint)


def account_problem(name: str) -> Problem | None:
    """The problem of a text as the name of a ServiceAccount."""
    hint = "write the ServiceAccount's name alone"
    if "/" in name:
        hint += ": its namespace is a field of its own"
    return _subdomain(name, "the name of a ServiceAccount", hint)


def class_problem(name: str) -> Problem | None:
    """The problem of a text as the name of a GatewayClass."""
    return _subdomain(name, "the name of a GatewayClass", "copy it from 'kubectl get gatewayclasses'")


def section_problem(name: str) -> Problem | None:
    """The problem of a text as the name of a listener."""
    return _subdomain(name, "the name of a listener", "copy it from spec.listeners of the Gateway")


def parent_of(text: str) -> dict[str, str] | Problem:
    """The parent of routes that `[KIND/]NAMESPACE/NAME[/LISTENER]` names, or the problem of the text."""
    words = text.split("/")
    # The API server adds group and kind: without them kubectl reports each apply as a change.
    kind = {"group": PARENT_GROUPS[0], "kind": words.pop(0) if words[0][:1].isupper() else "Gateway"}
    if not 2 <= len(words) <= 3:
        return shown(text), "NAMESPACE/NAME or NAMESPACE/NAME/LISTENER", "copy them from the Gateway"
    section = {"sectionName": words[2]} if len(words) > 2 else {}
    return {**kind, "name": words[1], "namespace": words[0], **section}


def namespace_problem(name: str) -> Problem | None:
    """The problem of a text as the name of a namespace."""
    expected = "a namespace: lower-case letters, digits and '-', at most 63 characters"
    hint = _in_lower_case(name, LABEL) or "write its name"
    problem = problem_of_text(name, expected)
    return problem if problem or re.fullmatch(LABEL, name) else (shown(name), expected, hint)


def instance_problem(name: str) -> Problem | None:
    """The problem of a text as the name of an instance."""
    expected = "the name of an instance: lower-case letters, digits and '-', at most 63 characters"
    hint = _in_lower_case(name, LABEL) or "write a short word, such as two"
    problem = problem_of_text(name, expected)
    return problem if problem or re.fullmatch(LABEL, name) else (shown(name), expected, hint)


def gateway_problem(name: str) -> Problem | None:
    """The problem of a text as a Gateway's namespace and name."""
    expected = "the namespace and name of a Gateway, such as istio-ingress/shared"
    problem = problem_of_text(name, expected)
    if problem or (len(name) <= 317 and re.fullmatch(GATEWAY, name)):
        return problem
    hint = _in_lower_case(name, GATEWAY) or "copy both from 'kubectl get gateways.networking.istio.io -A'"
    if "/" not in name and re.fullmatch(SUBDOMAIN, name):
        hint = f"write its namespace before it: NAMESPACE/{cut(name)}"
    elif name.startswith("./"):
        hint = "write its namespace instead of the dot"
    return shown(name), expected, hint


def service_problem(name: str) -> Problem | None:
    """The problem of a text as the name of a Service."""
    expected = "the name of a Service: lower-case letters, digits and '-', at most 63 characters"
    problem = problem_of_text(name, expected)
    if problem or re.fullmatch(LABEL, name):
        return problem
    hint = _in_lower_case(name, LABEL) or "copy it from 'kubectl get services'"
    first = re.split(r"[./:]", name)[0]
    if first != name and re.fullmatch(LABEL, first):
        hint = "write its name alone: its namespace is that of your kustomization"
    return shown(name), expected, hint


def label_key_problem(key: str) -> Problem | None:
    """The problem of a text as the key of a label."""
    expected = "the key of a label, such as istio"
    problem = problem_of_text(key, expected)
    if problem:
        return problem
    hint = "copy it from 'kubectl get pods --show-labels'"
    return None if len(key) <= 317 and re.fullmatch(LABEL_KEY, key) else (shown(key), expected, hint)


def labels_of(words: Iterable[str]) -> dict[str, str] | Problem:
    """The labels in KEY=VALUE words, or the problem of the words."""
    found: dict[str, str] = {}
    for word in words:
        key, sign, value = word.partition("=")
        if not sign:
            return shown(word), "KEY=VALUE such as istio=ingress", "write the label in that form"
        if key in found:
            return f"{shown(key)} a second time", "each label once", "remove one"
        found[key] = value
    return found


def label_value_problem(value: str) -> Problem | None:
    """The problem of a text as the value of a label; an empty text is valid."""
    expected = "the value of a label: letters, digits, '-', '_' and '.', at most 63 characters"
    problem = problem_of_text(value, expected) if value else None
    hint = "copy it from 'kubectl get pods --show-labels'"
    return problem if problem or re.fullmatch(LABEL_VALUE, value) else (shown(value), expected, hint)
