"""The table of fields, the schema, the documents and the wiring agree."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from argocd_istio.exposure import schema
from argocd_istio.exposure.fields import (
    BY_PATH,
    CLASS,
    FIELDS,
    GENERATED,
    HOST,
    KEY,
    MODE_LABEL,
    MODES,
    NAME,
    NAMESPACE,
    PARENT_KIND,
    SECRET,
    SECTION,
    SERVICE,
    SHARED,
    VALUE,
    Text,
    complete,
)
from argocd_istio.exposure.hosts import URL_PATTERN, url_problem
from tests.plugin.cases import checked, exposure, generator
from tests.plugin.strategies import specs
from tests.plugin.test_build import completed, plainly
from tests.plugin.test_check import RIGHT, WRONG
from tests.render.consumer import MODES as OVERLAYS
from tests.render.render import ROOT
from tools import reference
from tools.build import ToolError

VALIDATOR = jsonschema.Draft7Validator(schema.schema())


def test_schema_and_tables_are_what_the_code_gives() -> None:
    reference.verify()


def test_a_stale_file_is_named(tmp_path: Path) -> None:
    for path in reference.files():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, tmp_path / path)
    reference.verify(tmp_path)
    page = tmp_path / reference.PAGE
    page.write_text(page.read_text().replace("spec.hosts", "spec.host"))
    with pytest.raises(ToolError, match=r"docs/plugin.md: does not match the code; run 'make update-reference'"):
        reference.verify(tmp_path)
    page.write_text(page.read_text().replace("<!-- fields -->", ""))
    with pytest.raises(ToolError, match="no <!-- fields -->"):
        reference.verify(tmp_path)


def test_one_constant_moves_every_page_and_example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "REF", "v9.9.9")
    texts = {str(path): text for path, text in reference.files().items() if path != reference.SCHEMA}
    assert {"README.md", "docs/plugin.md", "examples/remote/kustomization.yaml"} <= texts.keys()
    for path, text in texts.items():
        assert not re.search(r"\?ref=main|@main#|rev: main|/main/", text), path


# What the wiring looks at to refuse an Exposure that names a function.
REFUSED = {"/kind", "/metadata/configFn"}


def sources() -> set[str]:
    """Every field of the Exposure that a component reads, in replacements and in tests of patches."""
    found = set()
    for file in (ROOT / "components").rglob("kustomization.yaml"):
        kustomization = yaml.safe_load(file.read_text())
        for replacement in kustomization.get("replacements", []):
            if replacement["source"].get("kind") == "Exposure":
                found.add(replacement["source"]["fieldPath"])
        for patch in kustomization.get("patches", []):
            if patch.get("target", {}).get("kind") == "Exposure":
                operations = yaml.safe_load(patch["patch"])
                tested = {one["path"] for one in operations if one["op"] == "test"} - REFUSED
                # A path that is a message is no field.
                tested = {path for path in tested if " " not in path}
                found |= set(map(_field, tested))
    return found


def _field(pointer: str) -> str:
    """A JSON pointer as findings write the place."""
    first, second, *rest = (part.replace("~1", "/") for part in pointer[1:].split("/"))
    return f"{first}.{second}[{rest[0]}]" if second == "labels" else ".".join([first, second, *rest])


def test_every_field_reaches_the_wiring() -> None:
    wired = {path for field in FIELDS for path in field.wired}
    # The Exposure carries argocd-cm's own data through, see components/exposure.
    assert wired == sources() - {"spec.settings"}
    assert all(field.wired for field in FIELDS)
    assert set(GENERATED) <= wired


PARENTS = ("spec.gateway.parent", "spec.gateway.redirectParent")


def carried() -> set[str]:
    """The plain fields, those that the wiring copies with others as the mapping of all."""
    plain = {field.path for field in FIELDS if field.plain and field.path != "spec.mode"}
    return {path.rpartition(".")[0] if path.startswith(PARENTS) else path for path in plain}


def test_plain_fields_are_wired_by_kustomize_alone() -> None:
    alone = {f"{parent}.{key}" for parent in PARENTS for key in ("name", "namespace", "sectionName")}
    assert carried() == sources() & (BY_PATH.keys() | set(PARENTS)) - alone


def test_the_labels_are_those_of_the_wiring() -> None:
    text = "".join(file.read_text() for file in (ROOT / "components").rglob("kustomization.yaml"))
    labels = set(re.findall(r"argocd-istio\.github\.io/(?:address|urls|servers|listeners|mode)\b", text))
    assert labels == {*GENERATED.values(), MODE_LABEL}


def test_the_page_names_each_label_with_its_field() -> None:
    rows = re.findall(
        r"^\| `(argocd-istio\S+)` \| .*? \| `(spec\.\w+(?:\.\w+)*)`: ", (ROOT / "docs/plugin.md").read_text(), re.M
    )
    assert dict(rows) == {label: path for path, label in GENERATED.items()} | {MODE_LABEL: "spec.mode"}


def test_the_modes_are_the_overlays() -> None:
    folders = {path.name for path in (ROOT / "overlays").iterdir()}
    assert set(MODES) == set(OVERLAYS) == folders


def test_the_defaults_are_those_of_the_overlays() -> None:
    gateway = yaml.safe_load((ROOT / "base/istio/gateway.yaml").read_text())["spec"]
    assert BY_PATH["spec.gateway.selector"].default == gateway["selector"]
    [https] = [server for server in gateway["servers"] if server["name"] == "https"]
    assert BY_PATH["spec.tls.secretName"].default == https["tls"]["credentialName"]


def test_the_page_of_consumers_lists_the_plain_fields() -> None:
    page = (ROOT / "components/README.md").read_text()
    rows = re.findall(r"^\| `(spec\.[\w.]+)` \|", page, re.M)
    assert set(rows) == carried()


def errors(document: Any) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(document)]


@pytest.mark.parametrize(
    "kind",
    [HOST, SECRET, NAMESPACE, KEY, VALUE, NAME, SHARED, SERVICE, CLASS, SECTION, PARENT_KIND],
    ids=lambda kind: str(kind.noun),
)
def test_the_pattern_of_a_text_is_its_rule(kind: Text) -> None:
    """Except for punycode, which no pattern knows."""

    @given(st.text(st.sampled_from("ab01-._/A"), max_size=12) | st.from_regex(kind.pattern, fullmatch=True))
    @settings(max_examples=300)
    def same(text: str) -> None:
        matches = bool(re.fullmatch(kind.pattern, text)) and len(text) <= kind.longest
        assert "xn--" in text or matches == (kind.problem(text) is None)

    same()


@given(st.text(st.sampled_from("ab.:/01"), max_size=12))
def test_the_address_pattern_accepts_all_valid_addresses(text: str) -> None:
    assert url_problem(f"https://{text}") or re.fullmatch(URL_PATTERN, f"https://{text}")


def test_the_schema_is_valid_draft_7() -> None:
    jsonschema.Draft7Validator.check_schema(schema.schema())


@pytest.mark.parametrize("spec", RIGHT)
def test_the_schema_accepts_what_the_check_accepts(spec: str) -> None:
    text = exposure(spec)
    # Editors read YAML 1.2, where << is an ordinary key.
    if "<<" not in spec:
        assert errors(yaml.safe_load(text)) == []
    found, _ = checked(text)
    assert found and errors(complete(found)) == []


@given(specs(api=True), st.booleans())
def test_the_schema_accepts_valid_specs_and_their_output(spec: dict[str, Any], several: bool) -> None:
    assert errors(generator(**spec)) == []
    assert errors(yaml.safe_load(completed(generator(**spec)))) == []
    if spec.keys() <= {"hosts", "gateway", "mode"}:
        assert errors(plainly(spec)) == []


BEYOND = (
    "a second time",
    "url: https://c.d",
    "cd.acme.oi",
    "c.d: e",
    "!Ref",
    "!!int",
    "a line end",
    "several hosts",
    "found ListenerSet",
)


@pytest.mark.parametrize("spec", [spec for spec, line in WRONG if not any(one in spec + line for one in BEYOND)])
def test_the_schema_refuses_what_the_check_refuses(spec: str) -> None:
    """The schema states everything except BEYOND: agreement of values, tags, and in Python a final line end."""
    try:
        document = yaml.safe_load(exposure(spec))
    except yaml.YAMLError:
        return
    assert errors(document)


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"hosts": ["a.b"], "gateway": {"selector": {"a": "b"}}, "url": "https://a.b"}},
        {"spec": {"hosts": ["a.b"]}},
        {"spec": {"hosts": ["a.b"], "gateway": {"selector": {"a": "b"}}, "address": "a.b"}},
        {"metadata": {"name": "a", "labels": {"argocd-istio.github.io/address": "generated"}}},
        {"spec": {"hosts": ["a.b"], "gateway": {"className": "istio", "listeners": []}}},
    ],
)
def test_the_schema_refuses_generator_fields_in_plain_exposures(change: dict[str, Any]) -> None:
    plain = plainly({"hosts": ["a.b"]})
    assert errors(plain) == [] and errors(plain | change)


def test_the_modeline_names_the_schemas_file() -> None:
    line = schema.modeline("v1")
    assert line.startswith("# yaml-language-server: $schema=https://")
    path = line.split("/v1/")[1]
    tracked = subprocess.run(["git", "ls-files", path], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert tracked.strip() == path


def test_check_and_schema_share_length_limits() -> None:
    prefix, host = "a" * 253, ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
    for spec, right in (
        ({"hosts": [host], "url": f"https://{host}:65535"}, True),
        ({"hosts": [f"{host}e"]}, False),
        ({"hosts": ["a.io"], "gateway": {"selector": {f"{prefix}/b": "c"}}}, True),
        ({"hosts": ["a.io"], "gateway": {"selector": {f"{prefix}a/b": "c"}}}, False),
    ):
        assert (checked(yaml.safe_dump(generator(**spec)))[0] is not None) == right
        assert (errors(generator(**spec)) == []) == right
