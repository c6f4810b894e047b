"""The rules of lint as a function: in kustomize's build, and each wrong configuration."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from argocd_istio import API_VERSION
from argocd_istio.exposure.fields import LOCAL
from argocd_istio.krm.function import parse_list
from argocd_istio.krm.validate import FIELDS, run
from argocd_istio.lint.rule import IGNORE
from tests.plugin.cases import resource_list
from tests.plugin.cases import run as started
from tests.plugin.renders import overlay
from tests.plugin.test_build import build
from tests.plugin.test_lint_command import BROKEN
from tests.render.consumer import exposure, write
from tests.render.render import ROOT, BuildError
from tools import plugin
from tools.build import program

FUNCTION = {"config.kubernetes.io/function": "exec: {path: argocd-istio-validator}\n"}
PAGE = (ROOT / "docs/plugin.md").read_text()


def validator(**spec: Any) -> dict[str, Any]:
    """An ExposureValidator as a consumer lists it."""
    metadata = {"name": "lint", "annotations": FUNCTION}
    return {"apiVersion": API_VERSION, "kind": "ExposureValidator", "metadata": metadata, "spec": spec}


def gateway() -> dict[str, Any]:
    """A Gateway without a certificate: A09."""
    found: dict[str, Any] = yaml.safe_load(BROKEN)
    return found


def consumer(folder: Path, validate: Any, *more: Any) -> Path:
    """A consumer of termination, which has no error of its own, with more objects."""
    kustomization = {
        "components": ["components/termination/without-crds"],
        "resources": ["exposure.yaml", *(f"more{number}.yaml" for number in range(len(more)))],
        "transformers": ["lint.yaml"] if validate else [],
    }
    files = {f"more{number}": each for number, each in enumerate(more)}
    return write(folder, kustomization, exposure=exposure(hosts=["cd.acme.io"]), lint=validate, **files)


def test_a_right_build_stays_the_same(tmp_path: Path, installed: Path) -> None:
    checked = build(consumer(tmp_path / "checked", validator()), installed)
    assert checked == build(consumer(tmp_path / "plain", None), installed)


def test_an_error_fails_the_build_with_a_line(tmp_path: Path, installed: Path) -> None:
    with pytest.raises(BuildError) as failed:
        build(consumer(tmp_path / "wrong", validator(), gateway()), installed)
    first, *rest = str(failed.value).splitlines()
    assert first == (
        "Gateway edge/argocd: A09: spec.servers[0]: no credentialName: without a certificate the gateway shows a "
        "certificate of the mesh, which no client trusts; name the Secret in credentialName"
    )
    assert "couldn't execute function: exit status 1" in "\n".join(rest)
    spared = validator(ignore=["no-credential", "C26"])
    assert "namespace: edge" in build(consumer(tmp_path / "ignored", spared, gateway()), installed)
    with pytest.raises(BuildError, match="Deployment argocd/argocd-server: info: I06: spec: "):
        build(consumer(tmp_path / "strict", validator(failOn="info")), installed)


def test_an_annotation_spares_an_object_in_a_build(tmp_path: Path, installed: Path) -> None:
    item = gateway()
    reasons = {"A09": "its owner adds the Secret", "C26": "its routes are in the cluster"}
    item["metadata"]["annotations"] = {f"{IGNORE}{rule}": reason for rule, reason in reasons.items()}
    assert "ignore-A09" in build(consumer(tmp_path, validator(), item), installed)


def outcome(config: Any, *items: Any) -> tuple[int, list[str], Any]:
    """Exit code, lines and output of the function, with the given items."""
    result, findings, code = run(parse_list(resource_list(config, list(items))))
    return code, list(map(str, findings)), yaml.load(result.to_yaml(), yaml.CSafeLoader)


def test_items_pass_unchanged_and_results_have_all() -> None:
    earlier = {"message": "from another function", "severity": "info"}
    items = [gateway(), {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"n": "0755"}}]
    given = parse_list(resource_list(validator(), items, results=[earlier]))
    result, [shown], code = run(given)
    value = yaml.load(result.to_yaml(), yaml.CSafeLoader)
    assert code == 1 and str(shown).startswith("Gateway edge/argocd: A09: ")
    assert value["items"] == items
    first, error, *_ = value["results"]
    assert first == earlier
    assert error == {
        "message": shown.message,
        "severity": "error",
        "resourceRef": {
            "apiVersion": "networking.istio.io/v1",
            "kind": "Gateway",
            "namespace": "edge",
            "name": "argocd",
        },
        "field": {"path": "spec.servers[0]"},
        "tags": {"rule": "A09"},
    }


def test_local_objects_are_not_judged() -> None:
    item = gateway()
    item["metadata"]["annotations"] = {LOCAL: "true"}
    code, lines, value = outcome(validator(), item)
    assert (code, lines, value["items"]) == (0, [], [item])


def test_each_option_counts() -> None:
    def rules(**spec: Any) -> set[str]:
        value = outcome(validator(**spec), *overlay("termination"))[2]
        return {one["tags"]["rule"] for one in value.get("results", []) if "tags" in one}

    every = rules()
    assert {"E01", "I06"} <= every
    assert rules(select=["I", "clear-text-behind-the-gateway"]) == {"E01", *(rule for rule in every if rule[0] == "I")}
    assert rules(ignore=["E01", "I"]) == {rule for rule in every if rule != "E01" and rule[0] != "I"}
    assert "D01" in rules(gatewayLabels={"istio": "other"}) and "D01" not in every
    assert "B06" in rules(tlsBeforeGateway=True) - every
    assert "F09" in rules(mesh="sidecar") - every


WRONG = [
    (None, "functionConfig: found nothing, expected argocd-istio.github.io/v1alpha1 ExposureValidator; list one"),
    ({"kind": "ConfigMap", "apiVersion": "v1"}, "functionConfig: found v1 ConfigMap, expected argocd-istio"),
    (validator() | {"spec": []}, "spec: found an empty list, expected a mapping"),
    (
        validator(failon="error"),
        "spec.failon: found an unknown field, expected an option of lint; did you mean failOn?",
    ),
    (validator(zzz=1), "spec.zzz: found an unknown field, expected an option of lint; the fields are select, ignore,"),
    (validator(failOn="never"), 'spec.failOn: found the text "never", expected one of error, warning, info'),
    (validator(failOn=None), "spec.failOn: found nothing, expected text"),
    (validator(ignore="A09"), 'spec.ignore: found the text "A09", expected a list of rules'),
    (validator(ignore=["Z99"]), 'spec.ignore: found "Z99", expected a rule; see argocd-istio rules'),
    (validator(select=[1]), "spec.select: found the number 1, expected text; quote it"),
    (validator(select=[[]]), "spec.select: found an empty list, expected text; write a word"),
    (validator(istioVersion=1.3), "spec.istioVersion: found the number 1.3, expected text; quote it"),
    (validator(istioVersion="new"), 'spec.istioVersion: found "new", expected a version such as 1.30'),
    (validator(mesh="yes"), 'spec.mesh: found "yes", expected one of sidecar, ambient, none'),
    (validator(gatewayNamespace="a b"), 'spec.gatewayNamespace: found "a b"'),
    (validator(gatewayLabels=["a"]), "spec.gatewayLabels: found a list, expected a mapping of labels"),
    (validator(gatewayLabels={"a": True}), "spec.gatewayLabels.a: found the boolean true, expected text; quote it"),
    (validator(istioCni="yes"), 'spec.istioCni: found the text "yes", expected true or false'),
    (validator(tlsBeforeGateway=None), "spec.tlsBeforeGateway: found nothing, expected true or false"),
    (validator(mesh="\x1b[31m::error::"), 'spec.mesh: found "\\x1b[31m::error::"'),
]


@pytest.mark.parametrize(("config", "words"), WRONG, ids=[row[1][:40] for row in WRONG])
def test_a_wrong_configuration_is_one_line(config: Any, words: str) -> None:
    code, [line], value = outcome(config, gateway())
    assert code == 2 and words in line and line.isprintable(), line
    assert line.startswith("ExposureValidator") and value["items"] == [gateway()]
    assert [one["severity"] for one in value["results"]] == ["error"]


def test_the_program_answers_like_the_generator() -> None:
    module = "-m argocd_istio.krm.validator"
    result = started(resource_list(validator(), [gateway()]), command=module)
    assert result.returncode == 1 and result.stderr.startswith(b"Gateway edge/argocd: A09: ")
    result = started(b"", "--help", command=module)
    assert b"argocd-istio lint DIR" in result.stdout and result.returncode == 0
    result = started(b"a: b", command=module)
    assert (result.returncode, result.stdout) == (2, b"") and result.stderr.startswith(b"stdin:1:1: found no kind")


# ---- the page


def test_the_page_shows_a_working_validator(tmp_path: Path, installed: Path) -> None:
    """The files of docs/plugin.md: they build, and a fault gives the line that is shown."""
    [config] = [each for each in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S) if "ExposureValidator" in each]
    [listed] = [each for each in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S) if "transformers:" in each]
    here = os.path.relpath(ROOT, tmp_path)
    own = exposure(hosts=["cd.acme.io"], gateway={"selector": {"istio": "ingressgateway"}})
    (tmp_path / "kustomization.yaml").write_text(
        re.sub(r"https://\S+?//(\S+)\?ref=\S+", rf"{here}/\1/without-crds", listed)
    )
    (tmp_path / "exposure.yaml").write_text(yaml.safe_dump(own))
    (tmp_path / "lint.yaml").write_text(config)
    assert "kind: Gateway" in build(tmp_path, installed)
    change = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cmd-params-cm"}}
    change["metadata"] = {"name": "argocd-cmd-params-cm", "namespace": "argocd"}
    change |= {"data": {"server.insecure": "false"}}
    patched = {**yaml.safe_load((tmp_path / "kustomization.yaml").read_text()), "patches": [{"patch": str(change)}]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(patched))
    with pytest.raises(BuildError) as failed:
        build(tmp_path, installed)
    [line] = re.findall(r"^ConfigMap argocd/argocd-cmd-params-cm: .*", PAGE, re.M)
    assert line in str(failed.value).splitlines()


def test_the_page_names_every_field() -> None:
    section = PAGE.partition("## In the build")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(\w+)`", section)) >= {*FIELDS}


def test_kubectl_refuses_a_validator(tmp_path: Path, installed: Path) -> None:
    command = [str(program("kubectl")), "kustomize", str(consumer(tmp_path, validator()))]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=plugin.environment(installed))
    assert result.returncode != 0 and "external plugins disabled" in result.stderr
