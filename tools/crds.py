"""Write `base/crds` from the Go types of the pinned Argo CD, or check that it matches them.

The schemas come from the pinned controller-gen, without descriptions. Equal parts are written once,
with YAML anchors: a fraction of the lines, and less for kustomize to copy.

    python -m tools.crds update
    python -m tools.crds verify
"""

from __future__ import annotations

import copy
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tools.build import HERE, ToolError, argocd_module, go, go_env, program, say

CRDS = HERE.parent / "base" / "crds"

GO_PACKAGE = "github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"

TRIMMED = "argocd-istio.github.io/trimmed"
WHY_TRIMMED = (
    "template is left out of generators nested in matrix and merge: Argo CD ignores it there, "
    "and with it the schema is too large for client-side kubectl apply"
)

HEADER = "# Generated from Argo CD's Go types by `make update-crds`; do not edit.\n"

Object = dict[str, Any]


def generate() -> dict[str, Object]:
    """The CRDs that upstream publishes, without descriptions, by file name (`application.yaml`).

    Raises ToolError if controller-gen is not available or fails.
    """
    argocd_module()
    env = go_env()
    env["PATH"] = f"{go().parent}{os.pathsep}{env.get('PATH', os.defpath)}"
    with tempfile.TemporaryDirectory() as folder:
        command = [str(program("controller-gen")), f"paths={GO_PACKAGE}", "crd:crdVersions=v1,maxDescLen=0"]
        command.append(f"output:crd:dir={folder}")
        result = subprocess.run(command, cwd=HERE / "argocd", env=env, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            lines = (result.stderr or result.stdout).strip().splitlines() or ["no output"]
            raise ToolError(f"controller-gen failed, exit code {result.returncode}: {lines[0]}")
        crds = [yaml.load(path.read_bytes(), yaml.CSafeLoader) for path in Path(folder).iterdir()]
    for crd in crds:
        # Upstream's changes after controller-gen.
        del crd["metadata"]["annotations"]
        crd["metadata"]["labels"] = {
            "app.kubernetes.io/name": crd["metadata"]["name"],
            "app.kubernetes.io/part-of": "argocd",
        }
    return {f"{crd['spec']['names']['singular']}.yaml": crd for crd in crds}


def trim(crd: Object) -> Object:
    """A copy of the ApplicationSet CRD without the `template` of generators nested in matrix and merge generators."""
    crd = copy.deepcopy(crd)
    crd["metadata"]["annotations"] = {TRIMMED: WHY_TRIMMED}
    for version in crd["spec"]["versions"]:
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
        generators = spec["properties"]["generators"]["items"]["properties"]
        for outer in ("matrix", "merge"):
            for nested in generators[outer]["properties"]["generators"]["items"]["properties"].values():
                nested.get("properties", {}).pop("template", None)
    return crd


class _Shared(dict[str, Any]):
    """A mapping that occurs more than once in the document: an anchor the first time, then aliases."""

    anchor: str


class _Merge(dict[str, Any]):
    """A mapping written as `{<<: *anchor}`; `<<` is its only key, with the shared mapping."""


class _Dumper(yaml.SafeDumper):
    """Block style, with mappings of one or two scalars on one line; anchors only on `_Shared`."""

    def ignore_aliases(self, data: Any) -> bool:
        return not isinstance(data, _Shared)

    def generate_anchor(self, node: yaml.Node) -> str:
        return str(node.anchor_name)  # type: ignore[attr-defined]

    def represent_mapping_node(self, data: Object) -> yaml.MappingNode:
        node = self.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=_on_one_line(data))
        if isinstance(data, _Shared):
            node.anchor_name = data.anchor  # type: ignore[attr-defined]
        return node

    def represent_merge(self, data: _Merge) -> yaml.MappingNode:
        key = yaml.ScalarNode("tag:yaml.org,2002:merge", "<<")
        return yaml.MappingNode("tag:yaml.org,2002:map", [(key, self.represent_data(data["<<"]))], flow_style=True)


_Dumper.add_representer(dict, _Dumper.represent_mapping_node)
_Dumper.add_representer(_Shared, _Dumper.represent_mapping_node)
_Dumper.add_representer(_Merge, _Dumper.represent_merge)


def _on_one_line(mapping: Object) -> bool:
    return len(mapping) <= 2 and not any(isinstance(value, dict | list) for value in mapping.values())


def _names(mapping: Object, path: tuple[str, ...]) -> Iterator[str]:
    """Names for a mapping, best first: `string` for `{type: string}`, else from its path, then with numbers.

    At the path `properties.spec.properties.source`: `source`, `spec-source`, `source-2`, ...
    """
    if _on_one_line(mapping):
        yield "-".join(name if value is True else str(value) for name, value in mapping.items())
    words = [word for word in path[:-1] if word != "properties"] + [path[-1]]
    for start in range(len(words) - 1, -1, -1):
        if words[start] not in ("items", "properties"):
            yield "-".join(words[start:])
    for number in itertools.count(2):
        yield f"{words[-1]}-{number}"


def _share(document: Object) -> Object:
    """`document` with sorted keys and each repeated mapping as one `_Shared`.

    Only values of mappings are shared: kustomize refuses an anchor on an item of a list.
    """
    seen: Counter[str] = Counter()

    def key(value: Any) -> str | None:
        return json.dumps(value, sort_keys=True) if isinstance(value, dict) and value else None

    def count(value: Any) -> None:
        for part in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
            text = key(part) if isinstance(value, dict) else None
            if text:
                seen[text] += 1
            if not text or seen[text] == 1:
                count(part)

    shared: dict[str, _Shared] = {}
    taken: set[str] = set()

    def build(value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, list):
            return [build(item, path) for item in value]
        if not isinstance(value, dict):
            return value
        return {name: refer(value[name], (*path, name)) for name in sorted(value)}

    def refer(value: Any, path: tuple[str, ...]) -> Any:
        text = key(value)
        if not text or seen[text] < 2:
            return build(value, path)
        if text in shared:
            # kustomize expands the whole target of a plain alias again at every use. It does not for
            # a merge, which makes the build a fifth faster; a target without parts has nothing to expand.
            return shared[text] if _on_one_line(value) else _Merge({"<<": shared[text]})
        shared[text] = _Shared(build(value, path))
        shared[text].anchor = next(name for name in _names(value, path) if name not in taken)
        taken.add(shared[text].anchor)
        return shared[text]

    count(document)
    result: Object = build(document, ())
    return result


def dump(crd: Object) -> str:
    """The YAML of one CRD, with anchors."""
    text: str = yaml.dump(_share(crd), Dumper=_Dumper, sort_keys=False, width=sys.maxsize)
    return HEADER + text


def files() -> dict[str, str]:
    """The text of every generated file, by path below `base/crds`."""
    crds = generate()
    texts = {f"full/{name}": dump(crd) for name, crd in crds.items()}
    # The other two are small enough; `base/crds` takes them from `full`.
    texts["applicationset.yaml"] = dump(trim(crds["applicationset.yaml"]))
    return dict(sorted(texts.items()))


def update() -> None:
    """Write the generated files."""
    for name, text in files().items():
        (CRDS / name).write_bytes(text.encode())


def verify(folder: Path = CRDS) -> None:
    """Raise ToolError with the first file below `folder` that does not match the Go types."""
    texts = files()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "kustomization.yaml" and str(path.relative_to(folder)) not in texts:
            raise ToolError(f"{path}: no Go type generates this file; delete it")
    for name, text in texts.items():
        path = folder / name
        if not path.exists():
            raise ToolError(f"{path}: not found; run 'make update-crds' and commit the result")
        if path.read_bytes() != text.encode():
            raise ToolError(f"{path}: does not match Argo CD's Go types; run 'make update-crds' and commit the result")


def main(arguments: list[str]) -> int:
    """Run `update` or `verify`."""
    commands = {"update": update, "verify": verify}
    if len(arguments) != 1 or arguments[0] not in commands:
        say(f"usage: python -m tools.crds {'|'.join(commands)}")
        return 2
    try:
        commands[arguments[0]]()
    except ToolError as error:
        say(f"crds: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
