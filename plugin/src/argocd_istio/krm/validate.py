"""The validator as a pure function: the items of a ResourceList are judged and come back unchanged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from argocd_istio import API_VERSION
from argocd_istio.exposure.check import noun
from argocd_istio.exposure.fields import KINDS, LOCAL, VALIDATOR, nearest
from argocd_istio.findings import ERROR, Finding
from argocd_istio.krm.function import ResourceList
from argocd_istio.lint.options import LEVELS, failing, rules, stated, wants
from argocd_istio.lint.report import findings_of
from argocd_istio.lint.run import judge
from argocd_istio.render.model import Stated
from argocd_istio.render.objects import Objects
from argocd_istio.render.ways import facts
from argocd_istio.syntax.nodes import fields, is_true, text
from argocd_istio.syntax.scalars import reading
from argocd_istio.syntax.source import Document, Mapping, Node, Scalar, Source, SourceError
from argocd_istio.syntax.source import Sequence as Items

_BOOLEANS = ("tlsBeforeGateway", "istioCni")
_LISTS = ("select", "ignore")
_TEXTS = ("failOn", "gatewayNamespace", "istioVersion", "mesh")
FIELDS = (*_LISTS, *_TEXTS, "gatewayLabels", *_BOOLEANS)
"""The fields of spec: the options of `lint`."""


class _Config(NamedTuple):
    select: list[str]
    ignore: list[str]
    failing: Sequence[str]
    namespace: str
    before: bool
    stated: Stated


def run(given: ResourceList) -> tuple[ResourceList, list[Finding], int]:
    """The list with the findings as results, those that fail the build, and the exit code."""
    resource = {"kind": VALIDATOR, "name": text(given.config, "metadata", "name")}
    try:
        config = _config(given.config)
    except SourceError as error:
        given.findings.append(Finding(ERROR, "", 0, error.file, error.message, resource))
        return given, [one for one in given.findings if one.severity == ERROR], 2
    found = list(_judged(given, config))
    given.findings += found
    failed = [one for one in found if one.severity in config.failing]
    return given, failed, 1 if failed else 0


def _judged(given: ResourceList, config: _Config) -> Iterator[Finding]:
    source = Source(given.source.file, given.source.text)
    otherwise = ""
    for item in given.items:
        if text(item, "kind") in KINDS and text(item, "apiVersion") == API_VERSION:
            otherwise = otherwise or text(item, "spec", "gateway", "namespace")
        if text(item, "metadata", "annotations", LOCAL) != "true":
            source.documents.append(Document(item.start, item.line))
            source.documents[-1].root = item
    whole = facts(Objects(source), config.namespace, otherwise, tls_before_gateway=config.before, stated=config.stated)
    wanted = wants(config.select, config.ignore)
    judged = judge(whole)
    for one in findings_of(whole, judged, {}):
        if wanted(one.rule):
            # kustomize has written this text: its lines mean nothing to a user.
            one.file, one.line = "", 0
            one.message = f"{one.message}; {one.fix}" if one.fix else one.message
            yield one


def _config(node: Node | None) -> _Config:
    """Raises SourceError, with the field in place of the file."""
    if node is None or text(node, "kind") != VALIDATOR or text(node, "apiVersion") != API_VERSION:
        found = " ".join(filter(None, (text(node, "apiVersion"), text(node, "kind")))) or noun(node)
        raise SourceError("functionConfig", 0, 0, found, f"{API_VERSION} {VALIDATOR}", "list one under transformers:")
    spec = node.get("spec")
    if spec and not isinstance(spec.target, Mapping):
        raise SourceError("spec", 0, 0, noun(spec), "a mapping", "write fields such as failOn below it")
    given = fields(spec)
    for name, value in given.items():
        _require(name, value)
    labels = {key: _text(f"spec.gatewayLabels.{key}", value) for key, value in fields(spec, "gatewayLabels").items()}
    texts = {name: text(given[name]) for name in _TEXTS if name in given}
    level = texts.get("failOn", ERROR)
    if level not in LEVELS:
        raise SourceError("spec.failOn", 0, 0, noun(given["failOn"]), f"one of {', '.join(LEVELS)}", "write one")
    lists = {name: [_text(f"spec.{name}", each) for each in _items(given.get(name))] for name in _LISTS}
    namespace = texts.get("gatewayNamespace")
    cni = is_true(spec, "istioCni") if "istioCni" in given else None
    return _Config(
        rules(lists["select"], "spec.select"),
        rules(lists["ignore"], "spec.ignore"),
        failing(level),
        namespace or "",
        is_true(spec, "tlsBeforeGateway"),
        stated(_place, namespace, labels, texts.get("istioVersion"), texts.get("mesh"), cni),
    )


def _place(option: str) -> str:
    first, *more = option.split("-")
    return f"spec.{first}{''.join(map(str.capitalize, more))}"


def _require(name: str, value: Node) -> None:
    """The field is known and its value has the right shape."""
    place = f"spec.{name}"
    if name not in FIELDS:
        hint = nearest(name, FIELDS) or f"the fields are {', '.join(FIELDS)}"
        raise SourceError(place, 0, 0, "an unknown field", "an option of lint", hint)
    if name in _LISTS:
        expected, right = "a list of rules", isinstance(value, Items)
    elif name in _BOOLEANS:
        expected = "true or false"
        right = isinstance(value, Scalar) and not value.style and value.value in ("true", "false")
    elif name in _TEXTS:
        _text(place, value)
        return
    else:
        expected, right = "a mapping of labels", isinstance(value, Mapping)
    if not right:
        raise SourceError(place, 0, 0, noun(value), expected, "write one, or leave out the field")


def _items(node: Node | None) -> list[Node]:
    return [each.target for each in node.items] if isinstance(node, Items) else []


def _text(place: str, node: Node) -> str:
    if not isinstance(node, Scalar) or reading(node):
        hint = "quote it" if isinstance(node, Scalar) else "write a word"
        raise SourceError(place, 0, 0, noun(node), "text", hint)
    return node.value
