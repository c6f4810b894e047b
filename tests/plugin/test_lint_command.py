"""`lint` and `rules` as commands: inputs, options, formats."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
import yaml

from argocd_istio.exposure.wired import Wired
from argocd_istio.formats import FORMATS
from argocd_istio.lint.catalogue import CATALOGUE, examples
from argocd_istio.lint.rules import RULES
from tests.plugin import ways_in
from tests.plugin.cases import Called
from tests.plugin.renders import overlay, source
from tests.plugin.test_rules import judge_of
from tests.render.render import ROOT
from tools.build import program, sarif_schema

GATEWAY = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: argocd, namespace: edge}
spec:
  selector: {istio: edge}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [argocd/cd.acme.io]
    tls: {mode: SIMPLE, credentialName: cd}
"""
BROKEN = GATEWAY.replace(", credentialName: cd", "")
REASON = "argocd-istio.github.io/ignore-A09: "


@pytest.fixture(autouse=True)
def _kustomize(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUSTOMIZE", str(program("kustomize")))


def ignoring(reason: str) -> str:
    """The broken Gateway with the annotation."""
    return BROKEN.replace("edge}\nspec", f'edge, annotations: {{{REASON}"{reason}"}}}}\nspec')


def found(out: str) -> list[str]:
    return [each["rule"] for each in json.loads(out)["findings"]]


def test_a_gateway_alone_is_enough(here: Path, call: Called) -> None:
    (here / "gateway.yaml").write_text(GATEWAY)
    code, out, error = call("lint", "gateway.yaml")
    assert (code, error) == (0, "")
    assert out.startswith("0 errors, 0 warnings, 0 notes; 3 rules not checked:\n  D01: whether the gateway's pods have")
    assert "  H07: these files have no route" in out
    code, out, _ = call("lint", "gateway.yaml", "--gateway-labels", "istio=other")
    assert code == 1 and "error D01 selector-without-gateway" in out
    (here / "gateway.yaml").write_text(BROKEN)
    code, out, error = call("lint", "gateway.yaml")
    assert (code, error) == (1, "")
    assert out.splitlines()[:4] == [
        "cd.acme.io:",
        "  error A09 no-credential: no credentialName: without a certificate the gateway shows a certificate "
        "of the mesh, which no client trusts",
        "      at gateway.yaml:7, Gateway edge/argocd, spec.servers[0]",
        "      fix: name the Secret in credentialName",
    ]


@pytest.mark.parametrize(
    ("host", "rule"), [("*", "C01"), ("cd.acme.io.", "C10"), ("cd_x.acme.io", "C11"), ("10.0.0.1", "C13")]
)
def test_hosts_of_a_fragment_are_judged(host: str, rule: str, here: Path, call: Called) -> None:
    destination = "{host: argocd-server.argocd.svc.cluster.local, port: {number: 80}}"
    routes = f"""\
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: argocd, namespace: argocd}}
spec:
  hosts: ["{host}"]
  gateways: [edge/argocd]
  http: [{{route: [{{destination: {destination}}}]}}]
"""
    (here / "a.yaml").write_text(GATEWAY.replace("argocd/cd.acme.io", f'"argocd/{host}"') + routes)
    _, out, _ = call("lint", "a.yaml", "--format", "json")
    assert [one["rule"] for one in json.loads(out)["findings"] if one["severity"] == "error"] == [rule]


def test_documents_lists_and_folders_are_read(here: Path, call: Called) -> None:
    listed = yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [yaml.safe_load(BROKEN)]})
    folder = here / "manifests"
    folder.mkdir()
    for name, text in (("a.yaml", f"kind: Other\n---\n{BROKEN}"), ("b.json", json.dumps(yaml.safe_load(BROKEN)))):
        (folder / name).write_text(text)
        assert found(call("lint", "manifests", "--format", "json")[1]) == ["A09"]
        (folder / name).unlink()
    (folder / "list.yml").write_text(listed)
    assert found(call("lint", "manifests/list.yml", "--format", "json")[1]) == ["A09"]
    (folder / "list.yml").unlink()
    code, out, error = call("lint", "manifests")
    assert (code, out) == (2, "") and "no kustomization.yaml and no YAML file" in error


def test_folders_below_a_folder_are_read(here: Path, call: Called) -> None:
    for name in ("deep/er", "deep/built/base", ".git", "chart/templates", "empty"):
        (here / "all" / name).mkdir(parents=True)
    (here / "all/deep/er/gateway.yaml").write_text(BROKEN)
    (here / "all/deep/built/kustomization.yaml").write_text("resources: [base]\n")
    (here / "all/deep/built/base/x.yaml").write_text("a: [")
    (here / "all/.git/x.yaml").write_text("a: [")
    (here / "all/chart/Chart.yaml").write_text("name: x\n")
    (here / "all/chart/templates/x.yaml").write_text("{{ a }}")
    (here / "all/again").symlink_to(here / "all")
    code, out, error = call("lint", "all", "--format", "json")
    assert code == 1 and [one["file"] for one in json.loads(out)["findings"]] == ["all/deep/er/gateway.yaml"]
    around = "which is not part of the files around it; run"
    assert error.splitlines() == [
        f"all/chart: found a Helm chart, {around} helm template all/chart",
        f"all/deep/built: found a kustomization, {around} argocd-istio lint all/deep/built",
    ]
    (here / "all/deep/er/gateway.yaml").unlink()
    code, out, error = call("lint", "all")
    assert (code, out) == (2, "") and error.endswith("name its folders, such as all/chart\n")
    (here / "all/deep/er/gateway.yaml").write_text("a: [")
    code, out, error = call("lint", "all")
    assert (code, out) == (2, "") and error.splitlines()[-1].startswith("all/deep/er/gateway.yaml:2:1: found invalid")


def test_stdin_is_read(here: Path, call: Called) -> None:
    (here / "gateway.yaml").write_text(BROKEN)
    descriptor = os.open("gateway.yaml", os.O_RDONLY)
    own = os.dup(0)
    try:
        os.dup2(descriptor, 0)
        assert call("lint", "-", "--format", "github")[1].startswith("::error file=stdin,line=7,title=A09::")
    finally:
        os.dup2(own, 0)
        os.close(own)
        os.close(descriptor)


def test_a_built_folder_has_places_in_sources(tmp_path: Path, call: Called) -> None:
    folder = ways_in.consumer(tmp_path / "cd", Wired("termination", "", "without-crds"))
    file = folder / "kustomization.yaml"
    listed = yaml.safe_load(file.read_text())
    patch = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "argocd-cmd-params-cm", "namespace": "argocd"},
        "data": {"server.insecure": "no"},
    }
    (folder / "insecure.yaml").write_text("# why\n" + yaml.safe_dump(patch))
    labels = [{"pairs": {"team": "a"}, "includeSelectors": True}]
    file.write_text(yaml.safe_dump({**listed, "patches": [{"path": "insecure.yaml"}], "labels": labels}))
    code, out, _ = call("lint", str(folder), "--format", "json")
    entries = {each["rule"]: each for each in json.loads(out)["findings"]}
    assert code == 1 and {"A11", "K04"} <= entries.keys()
    assert entries["K04"]["name"] == "common-labels" and entries["K04"]["file"].endswith("kustomization.yaml")
    assert entries["A11"]["file"].endswith("insecure.yaml")
    line = (folder / "insecure.yaml").read_text().splitlines()[entries["A11"]["line"] - 1]
    assert "server.insecure" in line


def test_a_failed_build_is_explained_by_its_sources(tmp_path: Path, call: Called) -> None:
    folder = ways_in.consumer(tmp_path / "cd", Wired("termination", "", "without-crds"))
    file = folder / "kustomization.yaml"
    file.write_text(file.read_text() + "\ncomponent: [a]\n")
    code, out, error = call("lint", str(folder), "--format", "json")
    assert code == 1 and found(out) == ["K15"] and "component" in error
    (folder / "exposure.yaml").write_text("kind: Other")
    file.write_text("resources: [missing.yaml]\n")
    code, out, error = call("lint", str(folder))
    assert code in (1, 2) and "missing.yaml" in out + error


def test_rules_are_selected_and_ignored(here: Path, call: Called) -> None:
    (here / "a.yaml").write_text(BROKEN.replace("argocd/cd.acme.io", "'*'") + "---\n" + ROUTE)
    every = set(found(call("lint", "a.yaml", "--format", "json")[1]))
    assert {"A09", "C01"} <= every
    assert set(found(call("lint", "a.yaml", "--format", "json", "--select", "C,no-credential")[1])) >= {"A09", "C01"}
    assert found(call("lint", "a.yaml", "--format", "json", "--select", "no-credential")[1]) == ["A09"]
    assert "A09" not in found(call("lint", "a.yaml", "--format", "json", "--ignore", "a09")[1])
    code, _, error = call("lint", "a.yaml", "--select", "Z99")
    assert (code, error) == (2, '--select: found "Z99", expected a rule; see argocd-istio rules\n')


ROUTE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: argocd, namespace: argocd}
spec:
  hosts: ['*']
  gateways: [edge/argocd]
  http:
  - route: [{destination: {host: argocd-server, port: {number: 80}}}]
---
apiVersion: v1
kind: Service
metadata: {name: argocd-server, namespace: argocd}
spec: {selector: {app: argocd-server}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: argocd-server, namespace: argocd}
spec:
  selector: {matchLabels: {app: argocd-server}}
  template:
    metadata: {labels: {app: argocd-server}}
    spec: {containers: [{name: argocd-server, args: [argocd-server, --insecure]}]}
"""


@pytest.mark.parametrize(("level", "code"), [("error", 0), ("warning", 1), ("info", 1)])
def test_the_least_severity_fails(level: str, code: int, here: Path, call: Called) -> None:
    text = GATEWAY.replace("SIMPLE", "PASSTHROUGH")  # A08 is a warning
    (here / "a.yaml").write_text(text)
    assert call("lint", "a.yaml", "--fail-on", level)[0] == code
    code, _, error = call("lint", "a.yaml", "--fail-on", "never")
    assert code == 2 and "not one of error, warning, info" in error


def test_a_baseline_leaves_out_known_findings(here: Path, call: Called) -> None:
    (here / "a.yaml").write_text(BROKEN)
    assert call("lint", "a.yaml", "--write-baseline", "known.json")[0] == 0
    (here / "a.yaml").write_text("\n# moved\n" + BROKEN)
    code, out, _ = call("lint", "a.yaml", "--baseline", "known.json")
    assert code == 0 and "1 in the baseline" in out
    second = BROKEN.replace("name: argocd", "name: other").replace("cd.acme.io", "b.acme.io")
    (here / "a.yaml").write_text(BROKEN + "---\n" + second)
    code, out, _ = call("lint", "a.yaml", "--baseline", "known.json", "--format", "json")
    assert code == 1 and [each["object"] for each in json.loads(out)["findings"]] == ["Gateway edge/other"]
    for text in ("", "[]", '{"findings": [{}]}', "\x00"):
        (here / "known.json").write_text(text)
        code, out, error = call("lint", "a.yaml", "--baseline", "known.json")
        assert (code, out) == (2, "") and error.startswith("known.json: found no baseline")
    assert stat.S_IMODE((here / "known.json").stat().st_mode) & 0o111 == 0


def test_an_annotation_needs_a_reason(here: Path, call: Called) -> None:
    (here / "a.yaml").write_text(ignoring("the secret comes by a webhook"))
    code, out, _ = call("lint", "a.yaml")
    assert code == 0 and "1 left out by annotations" in out
    for reason in ("", " ", "."):
        (here / "a.yaml").write_text(ignoring(reason))
        code, out, _ = call("lint", "a.yaml")
        assert code == 1 and "ignore-A09 states no reason and leaves nothing out" in out


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_has_the_finding(form: str, here: Path, call: Called) -> None:
    (here / "a.yaml").write_text(BROKEN)
    code, out, error = call("lint", "a.yaml", "--format", form)
    assert (code, error) == (1, "")
    if form == "json":
        assert [each["rule"] for each in json.loads(out)["not_checked"]] == ["D01", "D16", "H07"]
    if form == "sarif":
        [result] = json.loads(out)["runs"][0]["results"]
        assert (result["ruleId"], result["level"]) == ("A09", "error")
    if form == "junit":
        case = ElementTree.fromstring(out).find("testsuite/testcase")
        assert case is not None and case.attrib["name"] == "A09 Gateway edge/argocd"
        (here / "a.yaml").write_text(GATEWAY)
        assert ElementTree.fromstring(call("lint", "a.yaml", "--format", form)[1]).attrib["failures"] == "0"
    assert "A09" in out and "no credentialName" in out


def odd_names(here: Path) -> list[str]:
    """Files with many findings, and names that each format must escape."""
    rows = [
        BROKEN,
        "---\n".join([GATEWAY.replace("SIMPLE", "PASSTHROUGH"), ROUTE]),
        *(row[0] for row in MENDED.values()),
    ]
    names = ["a b%.yaml", "-x:,.yaml", 'é<&>".yaml', *(f"{number}.yaml" for number in range(len(rows)))]
    for name, text in zip(names, rows, strict=False):
        (here / name).write_text(text)
    return [f"./{name}" for name in names[: len(rows)]]


def test_sarif_follows_its_schema(here: Path, call: Called) -> None:
    valid = jsonschema.Draft4Validator(json.loads(sarif_schema()))
    names = odd_names(here)
    for command in ("lint", "check"):
        found = json.loads(call(command, *names, "--format", "sarif")[1])
        assert len(found["runs"][0]["results"]) > 3
        assert [error.message for error in valid.iter_errors(found)] == []
    del found["runs"][0]["tool"]
    assert not valid.is_valid(found)


def test_junit_has_a_case_for_each_finding(here: Path, call: Called) -> None:
    names = odd_names(here)
    top = ElementTree.fromstring(call("lint", *names, "--format", "junit")[1])
    cases = top.findall("testsuite/testcase")
    files = {case.attrib["classname"] for case in cases}
    failed = [case for case in cases if case.findall("failure")]
    assert int(top.attrib["tests"]) == len(cases) > int(top.attrib["failures"]) == len(failed) > 3
    assert files <= set(names) and len(files) > 2
    # A note is no failure.
    assert all(case.attrib["name"] and (case in failed or case.findall("system-out")) for case in cases)
    assert {case.find("failure").attrib["type"] for case in failed} == {"error", "warning"}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "option",
    [
        ("--gateway-namespace", "a b"),
        ("--gateway-labels", "istio"),
        ("--istio-version", "new"),
        ("--mesh", "yes"),
    ],
    ids=lambda option: option[0],
)
def test_a_wrong_option_is_one_line(option: tuple[str, str], here: Path, call: Called) -> None:
    (here / "a.yaml").write_text(GATEWAY)
    code, out, error = call("lint", "a.yaml", *option)
    assert (code, out) == (2, "") and error.startswith(option[0]) and error.count("\n") == 1


def test_what_is_unknown_is_not_checked(here: Path, call: Called) -> None:
    (here / "a.yaml").write_text(GATEWAY + "---\n" + ROUTE.partition("---")[0].replace("'*'", "cd.acme.io"))
    data = json.loads(call("lint", "a.yaml", "--format", "json")[1])
    assert data["errors"] == 0
    assert {"A02", "A14", "A15", "A20"} <= {each["rule"] for each in data["not_checked"]}
    (here / "a.yaml").write_text(GATEWAY + "---\n" + ROUTE.replace("'*'", "cd.acme.io"))
    data = json.loads(call("lint", "a.yaml", "--format", "json")[1])
    assert not {"A02", "A14", "A15", "A20"} & {each["rule"] for each in data["not_checked"]}


ROUTED = GATEWAY + "---\n" + ROUTE.replace("'*'", "cd.acme.io")
MENDED = {
    "A08": (GATEWAY.replace("SIMPLE", "PASSTHROUGH"), ", credentialName: cd", ""),
    "A12": (
        "# why\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: argocd-cmd-params-cm, namespace: argocd}\n"
        "data:\n  server.insecure:   true  # off\n",
        "  true ",
        "  'true' ",
    ),
    "A24": (GATEWAY.replace("cd}", "cd, minProtocolVersion: TLSV1_0}"), ", minProtocolVersion: TLSV1_0", ""),
    "A25": (GATEWAY.replace("cd}", "cd, cipherSuites: [AES128-SHA]}"), ", cipherSuites: [AES128-SHA]", ""),
    "B03": (GATEWAY.replace("cd}", "cd, httpsRedirect: true}"), ", httpsRedirect: true", ""),
    "C03": (
        ROUTED.replace("edge", "argocd").replace("argocd/cd", "cd"),
        "hosts: [cd.acme.io]\n    tls",
        "hosts: [./cd.acme.io]\n    tls",
    ),
    "C09": (ROUTED.replace("cd.acme", "CD.acme"), "CD.acme", "cd.acme"),
    "H01": (ROUTED.replace("80}}}]", "80}}}]\n    timeout: 30s"), "\n    timeout: 30s", ""),
    "I11": (
        ROUTED.replace("port: 80, targetPort", "port: 80, protocol: 6, targetPort"),
        "protocol: 6",
        "protocol: '6'",
    ),
    "G03": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\n  labels: {app.kubernetes.io/part-of: argocd}\n"
        "data:\n    url: 'http://cd.acme.io'  # ours\n",
        "http://",
        "https://",
    ),
}


@pytest.mark.parametrize("rule", MENDED)
@pytest.mark.parametrize("listed", [False, True], ids=["document", "list"])
def test_a_fix_changes_one_value_alone(rule: str, listed: bool, here: Path, call: Called) -> None:
    text, old, new = MENDED[rule]
    if listed:
        documents = [part.removeprefix("# why\n").splitlines() for part in text.split("---\n")]
        members = ("- " + "".join(f"  {line}\n" for line in lines).lstrip() for lines in documents)
        text = f"kind: List\napiVersion: v1\nitems:\n{''.join(members)}"
        old, new = old.replace("\n", "\n  "), new.replace("\n", "\n  ")
    (here / "a.yaml").write_text(text)
    right = text.replace(old, new)
    assert rule in found(call("lint", "a.yaml", "--format", "json")[1])
    code, out, error = call("lint", "a.yaml", "--diff", "--select", rule)
    assert (code, error) == (1, "") and (here / "a.yaml").read_text() == text
    lines = [line[1:] for line in out.splitlines()[2:]]
    assert set(right.splitlines()) - set(text.splitlines()) <= set(lines)
    code, out, error = call("lint", "a.yaml", "--fix", "--ignore", rule, "--format", "json")
    assert (here / "a.yaml").read_text() == text
    code, out, error = call("lint", "a.yaml", "--fix", "--format", "json")
    assert (here / "a.yaml").read_text() == right and rule not in found(out)
    assert error == f"a.yaml: corrected {rule}\n"
    assert call("lint", "a.yaml", "--diff")[:2] == (0, "")


def test_the_table_has_each_rule_with_fix() -> None:
    """By the example of each rule: one that gives a fix needs a row above."""
    mending = set()
    for rule in RULES:
        if rule.wrong:
            found = judge_of(rule.mode, examples(rule)["Wrong"], rule.stated).findings
            mending |= {one.rule for one in found if one.mends}
    assert mending == MENDED.keys()


def test_a_fix_reaches_the_source_of_a_build(tmp_path: Path, call: Called) -> None:
    folder = ways_in.consumer(tmp_path / "cd", Wired("termination", "", "without-crds"))
    file = folder / "kustomization.yaml"
    (folder / "gateway.yaml").write_text(GATEWAY.replace("SIMPLE", "PASSTHROUGH"))
    listed = yaml.safe_load(file.read_text())
    resources = [*listed.get("resources", []), "gateway.yaml"]
    file.write_text(yaml.safe_dump({**listed, "resources": resources}))
    before = {path: path.read_text() for path in folder.rglob("*.yaml")}
    assert call("lint", str(folder), "--fix", "--select", "A08")[0] == 0
    before[folder / "gateway.yaml"] = before[folder / "gateway.yaml"].replace(", credentialName: cd", "")
    assert {path: path.read_text() for path in folder.rglob("*.yaml")} == before


def test_stdin_is_not_changed(here: Path, call: Called) -> None:
    (here / "pipe").write_text(MENDED["A08"][0])
    own = os.dup(0)
    descriptor = os.open("pipe", os.O_RDONLY)
    try:
        os.dup2(descriptor, 0)
        assert call("lint", "-", "--diff")[:2] == (0, "")
        os.lseek(0, 0, os.SEEK_SET)
        code, out, error = call("lint", "-", "--fix")
        assert (code, out) == (2, "") and error.startswith("stdin: found --fix, expected files")
    finally:
        os.dup2(own, 0)
        os.close(own)
        os.close(descriptor)


def test_rules_are_listed_and_explained(call: Called) -> None:
    code, out, error = call("rules")
    assert (code, error) == (0, "") and [line[:3] for line in out.splitlines()] == [rule.id for rule in CATALOGUE]
    for rule in CATALOGUE:
        for word in (rule.id.lower(), rule.name, *rule.covers):
            code, out, error = call("rules", word)
            assert (code, error) == (0, "") and out.startswith(f"{rule.id} {rule.name} ({rule.severity})\n")
    code, out, error = call("rules", "Z99")
    assert (code, out) == (2, "") and "is no rule" in error


# ---- the page


def code_blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "docs/plugin.md").read_text(), re.M | re.S)


def production(folder: Path) -> Path:
    """A consumer with a fault in its second file."""
    made = ways_in.consumer(folder, Wired("termination", "", "without-crds"))
    (made / "gateway.yaml").write_text(BROKEN)
    listed = yaml.safe_load((made / "kustomization.yaml").read_text())
    listed["resources"] = [*listed["resources"], "gateway.yaml"]
    (made / "kustomization.yaml").write_text(yaml.safe_dump(listed))
    return made


def test_the_pages_commands_for_pipelines_run(here: Path, call: Called) -> None:
    production(here / "production")
    assert call("lint", "production", "--write-baseline", "known.json", "--ignore", "A09")[0] == 0
    [block] = [block for block in code_blocks("sh") if "--baseline known.json --format" in block]
    lines = [line for line in block.splitlines() if " lint " in line]
    assert len(lines) == 2
    for line in lines:
        command, _, file = line.partition(" > ")
        code, out, error = call(*shlex.split(command)[1:])
        assert (code, error) == (1, "") and file in ("lint.sarif", "lint.xml")
        assert ["A09" in text for text in (out, re.sub("A09", "", out))] == [True, False] and "C26" not in out


def test_the_pages_workflow_annotates_lines(here: Path, call: Called) -> None:
    production(here / "production")
    [block] = [block for block in code_blocks("yaml") if block.startswith("on: pull_request")]
    [job] = yaml.safe_load(block)["jobs"].values()
    [command] = [step["run"] for step in job["steps"] if step.get("run", "").startswith("argocd-istio ")]
    code, out, error = call(*shlex.split(command)[1:])
    assert (code, error) == (1, "")
    errors = [line for line in out.splitlines() if line.startswith("::error ")]
    assert errors[0].startswith("::error file=production/gateway.yaml,line=7,title=A09::spec.servers[0]: Gateway edge")
    [install] = [step["run"] for step in job["steps"] if "install" in step.get("run", "")]
    assert install in (ROOT / "docs/plugin.md").read_text().partition("## What it finds")[0]


def test_the_order_of_documents_makes_no_difference(here: Path, call: Called) -> None:
    objects: list[Any] = overlay("grpc-routing")
    outputs = []
    for each in (objects, objects[::-1]):
        (here / "a.yaml").write_text(source(each).text)
        data = json.loads(call("lint", "a.yaml", "--format", "json")[1])
        outputs.append(sorted((one["rule"], one["object"], one["message"]) for one in data["findings"]))
    assert outputs[0] == outputs[1]
