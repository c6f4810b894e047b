"""The seeded faults: `faults/<letter>.yaml` has a list of them for each section of the rules.

A seed is one fault in a render or in a consumer's folder that has no error otherwise:

- `rule` is the ID that must be reported, `fault` what is wrong, in a few words.
- `base` names the render: a folder below `components` (`termination`, `existing-gateway/grpc-routing`,
  `passthrough/exposure-only`), or a file of `bases`. `change` are documents that are merged into it, see
  tests/render/merge.py. `CERTIFICATE-name` and `KEY-name` are one of certificates.yaml in base64.
- `files` replace files of a consumer's folder (`DEFAULT`) instead: name to text or YAML, null to remove one.
  `LIBRARY` at the start of a path is this repository. `paths` are what `lint` is called with, the folder itself if
  absent.
- `also` are further rules of severity error that the one fault breaks too; a comment says why.
- `line` is text of the line where the finding must be. `options` are arguments of `lint_files` by name.
- `fixed` does what the printed fix says: documents that are merged after `change`, or files as in `files`.
- `from` is `wild NN` or `istio NAME` for a fault seen there.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import yaml

from argocd_istio.commands.lint import lint_files
from argocd_istio.exposure.wired import wired
from argocd_istio.render.build import RenderError
from argocd_istio.tree.check import check_folder
from tests.plugin import ways_in
from tests.render.merge import CLUSTER, merged
from tests.render.render import ROOT, SEPARATOR, Object, build
from tools.build import argocd_module, program

HERE = Path(__file__).parent

DEFAULT: dict[str, Any] = {
    "kustomization.yaml": {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["exposure.yaml"],
        "components": ["LIBRARY/components/grpc-routing/without-crds"],
    },
    "exposure.yaml": {
        "apiVersion": "argocd-istio.github.io/v1alpha1",
        "kind": "Exposure",
        "metadata": {"name": "argocd"},
        "spec": {
            "hosts": ["cd.acme.io"],
            "gateway": {"selector": {"istio": "edge"}},
            "tls": {"secretName": "cd-certificate"},
        },
    },
}
"""A consumer without an error."""


@dataclass(frozen=True)
class Seed:
    """One fault; see the top of this file."""

    rule: str
    fault: str
    base: str = ""
    change: str = ""
    files: dict[str, Any] = field(default_factory=dict, compare=False)
    paths: tuple[str, ...] = (".",)
    also: tuple[str, ...] = ()
    line: str = ""
    options: dict[str, Any] = field(default_factory=dict, compare=False)
    fixed: str | dict[str, Any] = field(default="", compare=False)
    source: str = ""

    @property
    def letter(self) -> str:
        return self.rule[0]

    def __str__(self) -> str:
        return f"{self.rule} {self.fault}"


@dataclass(frozen=True)
class Found:
    """A finding of lint, with the text of its line."""

    rule: str
    severity: str
    subject: str
    message: str
    text: str


def load() -> list[Seed]:
    """All seeds, in the order of the files."""
    return [_seed(entry) for file in sorted((HERE / "faults").glob("*.yaml")) for entry in _entries(file)]


def near() -> list[Seed]:
    """Near misses: changes that no rule may call an error."""
    return [_seed(entry) for entry in _entries(HERE / "near.yaml")]


def _entries(file: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = yaml.load(file.read_text(), yaml.CSafeLoader)
    return entries


def _seed(entry: dict[str, Any]) -> Seed:
    lists: dict[str, Any] = {key: tuple(entry[key]) for key in ("also", "paths") if key in entry}
    source = entry.pop("from", "")
    entry["change"] = _CERTIFICATE.sub(_certificate, entry.get("change", ""))
    return Seed(**{**entry, **lists}, source=source)


_CERTIFICATE = re.compile(r"\b(CERTIFICATE|KEY)-([a-z]+)")


def _certificate(found: re.Match[str]) -> str:
    return _certificates()[found[2]][found[1].lower()]


@cache
def _certificates() -> dict[str, dict[str, str]]:
    pairs: dict[str, dict[str, str]] = yaml.load((HERE / "certificates.yaml").read_text(), yaml.CSafeLoader)
    return pairs


BASES = sorted(file.stem for file in (HERE / "bases").glob("*.yaml"))
"""The strangers' shapes."""


@cache
def base(name: str) -> list[Object]:
    """The objects of a base. Do not change them."""
    if name in BASES:
        text = (HERE / "bases" / f"{name}.yaml").read_text()
        below = re.match(r"# On (upstream's install|[a-z-]+):", text)
        return merged([] if not below else base(below[1]) if below[1] in BASES else upstream(), text)
    listed = wired(name) or wired(f"{name}/without-crds")
    assert listed, f"{name}: found no such base, expected a folder below components or a file of bases"
    with TemporaryDirectory() as folder:
        return build(ways_in.consumer(Path(folder) / "cd", wired(f"{name}/without-crds") or listed))


@cache
def upstream() -> list[Object]:
    """Upstream's install.yaml in namespace argocd, without the CRDs."""
    parts = SEPARATOR.split((argocd_module() / "manifests/install.yaml").read_text())
    objects = [
        yaml.load(part, yaml.CSafeLoader) for part in parts if not re.search("^kind: CustomResource", part, re.M)
    ]
    for item in filter(None, objects):
        if item["kind"] not in CLUSTER:
            item["metadata"]["namespace"] = "argocd"
    return list(filter(None, objects))


def objects(seed: Seed) -> list[Object]:
    """The objects with the fault."""
    return merged(base(seed.base), seed.change)


_TEXTS: dict[int, str] = {}
"""The YAML of the objects of bases, which live as long as this: most are written in many seeds."""


def written(whole: list[Object], name: str) -> str:
    """Objects as a YAML stream, most of them those of a base."""
    for item in base(name):
        _TEXTS.setdefault(id(item), _dumped(item))
    return "---\n".join(_TEXTS.get(id(item)) or _dumped(item) for item in whole)


def _dumped(item: Object) -> str:
    return str(yaml.dump(item, Dumper=yaml.CSafeDumper, sort_keys=False, width=1000))


def text(seed: Seed) -> str:
    """The YAML stream with the fault; of a consumer what kustomize builds."""
    if not seed.files:
        return written(objects(seed), seed.base)
    with folder(seed) as path:
        return "---\n".join(map(_dumped, build(path)))


@contextlib.contextmanager
def folder(seed: Seed) -> Iterator[Path]:
    """A temporary folder with what is checked: the consumer, or render.yaml."""
    with TemporaryDirectory() as top:
        path = Path(top).resolve() / "cd"
        path.mkdir()
        if not seed.files:
            (path / "render.yaml").write_text(text(seed))
        for name, content in {**DEFAULT, **seed.files}.items() if seed.files else ():
            if content is None:
                continue
            file = path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            whole = content if isinstance(content, str) else _dumped(content)
            file.write_text(whole.replace("LIBRARY", os.path.relpath(ROOT, file.parent)))
        yield path


def findings(seed: Seed) -> list[Found]:
    """What lint reports, except what it reports without the fault too."""
    with folder(seed) as path:
        return _without(lint(seed, path), seed)


def _without(found: list[Found], seed: Seed) -> list[Found]:
    before = {(one.rule, one.subject, one.message) for one in _before(seed.base, json.dumps(seed.options))}
    return [one for one in found if (one.rule, one.subject, one.message) not in before]


@cache
def _before(name: str, options: str) -> list[Found]:
    """What lint reports on a base, or on the consumer without a fault if there is no base."""
    clean = Seed("", "", name, files={} if name else {"kustomization.yaml": DEFAULT["kustomization.yaml"]})
    clean = replace(clean, options=json.loads(options))
    with folder(clean) as path:
        return lint(clean, path)


def errors_before(name: str) -> list[Found]:
    """The errors of a base, or of the consumer without a fault."""
    return [one for one in _before(name, "{}") if one.severity == "error"]


def after(seed: Seed) -> list[Found] | None:
    """What lint reports after the fix, by --fix if `fixed` does not state it; None if neither changes anything."""
    if isinstance(seed.fixed, str) and seed.fixed:
        return findings(replace(seed, change=f"{seed.change}\n---\n{seed.fixed}"))
    if isinstance(seed.fixed, dict):
        return findings(replace(seed, files={**seed.files, **seed.fixed}))
    with folder(seed) as path:
        before = {file: file.read_bytes() for file in path.rglob("*.yaml")}
        lint(seed, path, fix=True, select=[seed.rule])
        if all(file.read_bytes() == old for file, old in before.items()):
            return None
        return _without(lint(seed, path), seed)


def lint(seed: Seed, path: Path, **more: Any) -> list[Found]:
    """What lint reports on a folder of this seed; `more` are further arguments of `lint_files`."""
    paths = [str((path / each).resolve()) for each in seed.paths] if seed.files else [str(path / "render.yaml")]
    output = io.StringIO()
    with contextlib.redirect_stdout(output), patch.dict(os.environ, KUSTOMIZE=str(program("kustomize"))):
        try:
            lint_files(paths, form="json", **{"gateway_namespace": "istio-system", **seed.options, **more})
        except RenderError:
            if seed.rule != "K08":
                raise
            # Nothing fetches a remote reference here: what lint finds in the files themselves remains.
            return [Found(one.rule, one.severity, "", one.message, "") for one in check_folder(paths[0])]
    lines: dict[str, list[str]] = {}
    found = []
    for each in json.loads(output.getvalue())["findings"]:
        if each["file"] not in lines:
            lines[each["file"]] = Path(each["file"]).read_text().splitlines()
        line = lines[each["file"]][each["line"] - 1].strip() if each["line"] else ""
        found.append(Found(each["rule"], each["severity"], each.get("object", ""), each["message"], line))
    return found
