"""`check` as a command: whole files, folders, pipes, the component beside the file, and formats for programs."""

from __future__ import annotations

import copy
import json
import os
import re
import shlex
import subprocess
import sys
import threading
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml

from argocd_istio.exposure.wired import Wired
from argocd_istio.formats import FORMATS
from tests.plugin import ways_in
from tests.plugin.cases import Called, exposure
from tests.plugin.ways_in import COMPONENTS, folder_of
from tests.render.consumer import write
from tests.render.render import ROOT
from tests.work import HANG

PLAIN = exposure("hosts: [cd.acme.io]\ngateway: {selector: {istio: edge}}\ntls: {secretName: a}\n", "Exposure")
GENERATOR = exposure("mode: grpc-routing\nhosts: [cd.acme.io]\n")
WRONG = exposure("hosts: [CD.acme.io]\ntls: {secretName: a-cacert}\n")
WARNED = exposure("hosts: [cd.acme.io]\ntls: {secretName: a-cacert}\n")
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"


# ---- faults of a whole file


@pytest.mark.parametrize("head", ["%YAML 1.2", "%YAML 1.1", "%TAG ! tag:x,2000:", "# a\n\n%YAML 1.2"])
def test_a_directive_is_an_error(head: str, here: Path, call: Called) -> None:
    (here / "exposure.yaml").write_text(f"{head}\n---\n{PLAIN}")
    code, out, error = call("check")
    line, word = head.count("\n") + 1, head.split("\n")[-1].split()[0]
    assert (code, out) == (1, "")
    assert error == (
        f"exposure.yaml:{line}: found the directive {word}, expected none: kustomize reads none; remove the line\n"
    )


def test_a_generator_file_contains_only_generators(here: Path, call: Called) -> None:
    (here / "exposure.yaml").write_text(f"{GENERATOR}---\n{CONFIG_MAP}")
    assert call("check") == (
        1,
        "",
        'exposure.yaml:8: found the ConfigMap "x" beside an ExposureGenerator, expected generators only; '
        "move it to a file of its own, under resources:\n",
    )
    runs = CONFIG_MAP.replace("{name: x}", "{name: x, annotations: {config.kubernetes.io/function: 'exec: {path: a}'}}")
    builtin = CONFIG_MAP.replace("v1", "builtin").replace("ConfigMap", "ConfigMapGenerator")
    (here / "exposure.yaml").write_text("---\n".join([GENERATOR, runs, builtin]))
    assert call("check") == (0, "", "")


def test_an_exposure_in_a_list_is_checked(here: Path, call: Called) -> None:
    def listed(text: str) -> str:
        return "apiVersion: v1\nkind: List\nitems:\n- " + text.replace("\n", "\n  ") + "\n"

    (here / "exposure.yaml").write_text(listed(PLAIN))
    assert call("check") == (0, "", "")
    (here / "exposure.yaml").write_text(listed(PLAIN.replace("cd.acme.io", "CD.acme.io")))
    assert call("check")[0] == 1
    (here / "exposure.yaml").write_text(listed(PLAIN).replace("kind: Exposure", "kind: Other"))
    assert "found kind Other" in call("check")[2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "found an empty file, expected a document of kind"),
        (" \n\n", "found an empty file"),
        ("# nothing\n", "found comments only"),
        (f"<<<<<<< HEAD\n{PLAIN}=======\n>>>>>>> other\n", "exposure.yaml:1:1: found the conflict marker <<<<<<<,"),
        (PLAIN.replace("  hosts", "<<<<<<< a b\n  hosts"), "exposure.yaml:5:1: found the conflict marker"),
        (
            PLAIN.replace("  gateway", "\xa0 gateway"),
            "exposure.yaml:6:1: found the character U+00A0 in place",
        ),
        (PLAIN.replace("[cd.acme.io]", "\n  -\xa0a.b\n  - c.d"), "exposure.yaml:6:4: found the character U+00A0"),
        (PLAIN.replace("hosts: ", "hosts:\xa0"), "exposure.yaml:5:9: found the character U+00A0"),
    ],
)
def test_a_missing_exposure_gives_one_line(text: str, words: str, here: Path, call: Called) -> None:
    (here / "exposure.yaml").write_text(text)
    code, _, error = call("check")
    assert code == 2 and words in error and error.count("\n") == 1, error


# ---- the component beside the file


def consumer(folder: Path, mode: str, text: str, name: str = "components/{}/without-crds") -> None:
    listed = "generators" if "ExposureGenerator" in text else "resources"
    write(folder, {listed: ["exposure.yaml"], "components": [name.format(mode)]}, exposure=text)


@pytest.mark.parametrize("text", [PLAIN, GENERATOR])
def test_a_mode_contradicting_the_component_is_an_error(text: str, here: Path, call: Called) -> None:
    stated = text.replace("spec:\n", "spec:\n  mode: termination\n").replace("  mode: grpc-routing\n", "")
    consumer(here / "cd", "grpc-routing", stated)
    assert call("check", "cd/exposure.yaml") == (
        1,
        "",
        "cd/exposure.yaml:5: spec.mode: found termination, expected grpc-routing, the component that the kustomization "
        "lists; change one of them, with 'argocd-istio set mode'\n",
    )
    consumer(here / "cd", "termination", stated)
    assert call("check", "cd/exposure.yaml") == (0, "", "")


def test_a_kustomization_listing_another_file_is_ignored(here: Path, call: Called) -> None:
    stated = PLAIN.replace("spec:\n", "spec:\n  mode: termination\n")
    consumer(here / "cd", "grpc-routing", stated)
    (here / "cd/other.yaml").write_text(stated)
    code, _, error = call("check", "cd/other.yaml")
    assert code == 0 and "info: spec.mode: found a mode in a plain Exposure, expected the component" in error
    (here / "cd/kustomization.yaml").write_text("a: [")
    assert call("check", "cd/exposure.yaml")[0] == 0


@pytest.mark.parametrize(
    "component",
    [
        "https://github.com/argocd-istio/argocd-istio//components/passthrough?ref=main",
        "../../components/passthrough/without-crds/",
        "components/passthrough",
    ],
)
def test_a_secret_is_required_only_by_some_modes(component: str, here: Path, call: Called) -> None:
    bare = PLAIN.replace("  tls: {secretName: a}\n", "")
    (here / "exposure.yaml").write_text(bare)
    kustomization = here / "kustomization.yaml"
    kustomization.write_text(f"resources: [./exposure.yaml]\ncomponents:\n- {component}\n")
    assert call("check") == (0, "", "")
    kustomization.write_text(kustomization.read_text().replace("passthrough", "termination"))
    assert call("check")[0] == 1 and "spec.tls.secretName: found nothing" in call("check")[2]
    kustomization.unlink()
    assert call("check")[0] == 0 and "warning: spec.tls.secretName" in call("check")[2]


@pytest.mark.parametrize("more", [[], ["--checked"]])
@pytest.mark.parametrize("mode", ["passthrough", "termination", "grpc-routing"])
def test_a_fresh_consumer_has_no_findings(mode: str, more: list[str], here: Path, call: Called) -> None:
    assert call("init", "cd", "--mode", mode, "--host", "cd.acme.io", *more)[0] == 0
    assert call("check", "--strict", "cd/exposure.yaml") == (0, "", "")


# ---- variables that Flux replaces after the build


@pytest.mark.parametrize("host", ["${domain}", "cd.${domain}", "${name}.acme.io", "${domain:=cd.acme.io}"])
def test_a_substituted_host_is_taken_where_asked_to(host: str, here: Path, call: Called) -> None:
    (here / "exposure.yaml").write_text(PLAIN.replace("[cd.acme.io]", f'["{host}"]'))
    code, _, error = call("check")
    assert code == 1 and error.endswith("where Flux does so after the build: argocd-istio check --substitute\n")
    assert call("check", "--substitute") == (0, "", "")
    assert call("generate", "--substitute")[0] == 0


@pytest.mark.parametrize(
    "host", ["C.${domain}", "*.${domain}", "https://${domain}", "{{ domain }}", "$(domain)", "${}"]
)
def test_text_no_substitution_can_fix_is_refused(host: str, here: Path, call: Called) -> None:
    (here / "exposure.yaml").write_text(PLAIN.replace("[cd.acme.io]", f'["{host}"]'))
    assert call("check", "--substitute")[0] == 1


def test_every_field_may_be_substituted(here: Path, call: Called) -> None:
    spec = (
        'hosts: ["${a}"]\nurl: "https://${a}:8443"\nmode: termination\n'
        'gateway: {namespace: "${b}", selector: {istio: "${c}"}, existing: "${e}"}\ntls: {secretName: "${d}-tls"}\n'
        'server: {service: "${f}", labels: {app: "${g}"}}\n'
    )
    (here / "exposure.yaml").write_text(exposure(spec))
    assert call("check")[0] == 1
    assert call("check", "--substitute") == (0, "", "")


# ---- sources of the text


def test_folders_files_and_stdin_are_checked_together(here: Path, call: Called) -> None:
    for name in ("a", "b"):
        (here / name).mkdir()
        (here / name / "exposure.yaml").write_text(WRONG)
        (here / name / "other.yaml").write_text(CONFIG_MAP)
    code, _, error = call("check", "a", "b/exposure.yaml", "b")
    assert code == 1
    assert [line.split(":")[0] for line in error.splitlines() if "warning" not in line] == [
        "a/exposure.yaml",
        "b/exposure.yaml",
        "b/exposure.yaml",
    ]
    (here / "a/exposure.yaml").unlink()
    code, _, error = call("check", "a")
    assert (code, error.count("\n")) == (2, 1) and error.startswith("a: found a folder without a kustomization and ")


def shell(line: str, input: str = "") -> subprocess.CompletedProcess[str]:
    """Run a line of bash, with our program as `argocd-istio`."""
    program = " ".join(map(shlex.quote, [sys.executable, "-m", "argocd_istio.cli"]))
    return subprocess.run(
        ["bash", "-c", f'argocd-istio() {{ {program} "$@"; }}\n{line}'],
        input=input,
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )


def test_stdin_and_process_substitution_are_read(here: Path) -> None:
    (here / "wrong.yaml").write_text(WRONG)
    for line, name in (
        ("argocd-istio check -", "stdin"),
        ("argocd-istio check /dev/stdin", "stdin"),
        ("argocd-istio check /dev/fd/0", "stdin"),
        ("argocd-istio check < wrong.yaml -", "stdin"),
        ("argocd-istio check <(cat wrong.yaml)", "/dev/fd/"),
        ("argocd-istio check <(sleep 0.2; cat wrong.yaml)", "/dev/fd/"),
    ):
        done = shell(line, WRONG)
        assert done.returncode == 1 and done.stderr.startswith(name), (line, done)
        assert ":5: spec.hosts[0]: found upper case" in done.stderr
    done = shell("argocd-istio check /dev/fd/77")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1) and "Bad file descriptor" in done.stderr
    done = shell("argocd-istio check <(yes)")
    assert done.returncode == 2 and "67108864" in done.stderr


def test_a_named_pipe_is_read_once(here: Path, call: Called) -> None:
    os.mkfifo(here / "pipe")
    writer = threading.Thread(target=lambda: (here / "pipe").write_text(WRONG))
    writer.start()
    code, _, error = call("check", "pipe")
    writer.join(HANG)
    assert code == 1 and error.startswith("pipe:5: spec.hosts[0]")


# ---- for scripts


def test_strict_counts_warnings_and_quiet_hides_others(here: Path, call: Called) -> None:
    (here / "exposure.yaml").write_text(WARNED)
    for options, code, lines in (([], 0, 1), (["-q"], 0, 0), (["--strict"], 1, 1), (["--strict", "--quiet"], 1, 1)):
        found, out, error = call("check", *options)
        assert (found, out, error.count("\n")) == (code, "", lines), options
    (here / "exposure.yaml").write_text(PLAIN.replace("[cd.acme.io]", "[cd.acme.io, cd2.acme.io]"))
    assert call("check", "--strict")[0] == 0
    assert call("check", "--strict", "-q") == (0, "", "")


def test_json_has_each_finding_and_the_counts(here: Path, call: Called) -> None:
    (here / "exposure.yaml").write_text(WRONG)
    code, out, error = call("check", "--format", "json", "exposure.yaml", "none.yaml")
    assert (code, error) == (3, "")
    found = json.loads(out)
    assert (found["errors"], found["warnings"], found["infos"]) == (2, 0, 0)
    first, last = found["findings"]
    assert {key: first[key] for key in ("severity", "file", "line", "field")} == {
        "severity": "error",
        "file": "exposure.yaml",
        "line": 5,
        "field": "spec.hosts[0]",
    }
    assert first["message"].startswith('found upper case in "CD.acme.io"')
    assert last == {
        "severity": "error",
        "file": "none.yaml",
        "line": None,
        "rule": None,
        "field": None,
        "message": "No such file or directory",
    }
    (here / "exposure.yaml").write_text(PLAIN)
    assert json.loads(call("check", "--format", "json")[1])["findings"] == []


def test_every_format_has_the_rules_id(here: Path, call: Called) -> None:
    (here / "kustomization.yaml").write_text("namePrefix: a-\nresources: [overlays]\ncomponents: []\n")
    (here / "overlays").symlink_to(ROOT / "overlays/termination")
    output = {form: "".join(call("check", ".", "--format", form)[1:]) for form in FORMATS}
    assert json.loads(output["json"])["findings"][0]["rule"] == "K03"
    assert json.loads(output["sarif"])["runs"][0]["results"][0]["ruleId"] == "K03"
    assert output["github"].startswith("::error file=kustomization.yaml,line=1,title=K03::")
    assert output["text"].startswith("kustomization.yaml:1: K03: ")


def test_a_folder_of_consumers_names_one(call: Called) -> None:
    code, _, error = call("check", str(ROOT / "examples/environments"))
    assert code == 2 and error.endswith(f"name its folders, such as {ROOT / 'examples/environments/common'}\n")


def test_github_gets_one_workflow_command_a_finding(here: Path, call: Called) -> None:
    name = "a:b,c%.yaml"
    (here / name).write_text(WARNED)
    code, out, error = call("check", "--format", "github", name)
    assert (code, error) == (0, "")
    assert out.startswith("::warning file=a%3Ab%2Cc%25.yaml,line=6::spec.tls.secretName: found ")
    assert out.count("\n") == 1
    (here / name).write_text("a: [\n")
    assert call("check", "--format", "github", name)[1].startswith("::error file=a%3Ab%2Cc%25.yaml,line=2::found ")


def test_sarif_names_file_line_and_rule(here: Path, call: Called) -> None:
    (here / "a b.yaml").write_text(WARNED.replace("cd.acme.io", "cd.acme.svc"))
    code, out, error = call("check", "--format", "sarif", "a b.yaml")
    assert (code, error) == (0, "")
    sarif = json.loads(out)
    [run] = sarif["runs"]
    assert sarif["version"] == "2.1.0" and run["tool"]["driver"]["name"] == "argocd-istio"
    assert [(one["ruleId"], one["level"]) for one in run["results"]] == [
        ("spec.hosts", "warning"),
        ("spec.tls.secretName", "warning"),
    ]
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == {one["ruleId"] for one in run["results"]}
    place = run["results"][1]["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "a%20b.yaml"}, "region": {"startLine": 6}}


def test_an_unknown_format_is_refused(here: Path, call: Called) -> None:
    assert call("check", "--format", "xml")[::2] == (
        2,
        "argocd-istio check: Invalid value for --format: 'xml' is not one of text, json, github, sarif, junit; "
        "see argocd-istio check --help\n",
    )


# ---- the ways in


@pytest.mark.parametrize("wired", COMPONENTS, ids=folder_of)
def test_each_component_reads_what_it_requires(wired: Wired, tmp_path: Path, call: Called) -> None:
    file = str(ways_in.consumer(tmp_path / "cd", wired) / "exposure.yaml")
    assert call("check", "--strict", file) == (0, "", "")


REQUIRED = [(wired, path) for wired in COMPONENTS for path in wired.required]


@pytest.mark.parametrize(("wired", "path"), REQUIRED, ids=[f"{folder_of(one)} {path}" for one, path in REQUIRED])
def test_a_missing_field_of_the_way_is_found(wired: Wired, path: str, tmp_path: Path, call: Called) -> None:
    spec = copy.deepcopy(ways_in.spec(wired))
    _, part, *keys, key = path.split(".")
    below = reduce(lambda at, name: at[name], keys, spec[part])
    del below[key]
    if not spec[part]:
        del spec[part]
    file = str(ways_in.consumer(tmp_path / "cd", wired, spec) / "exposure.yaml")
    code, _, error = call("check", file)
    assert code == 1 and (f"{path}: found nothing, expected" in error or "spec.server: found no" in error), error


UNREAD: dict[str, Any] = {
    "spec.gateway.selector": {"istio": "edge"},
    "spec.gateway.existing": "edge/shared",
    "spec.gateway.className": "istio",
    "spec.gateway.parent": {"name": "shared", "sectionName": "https"},
    "spec.gateway.redirectParent": {"name": "shared", "sectionName": "http"},
    "spec.tls.secretName": "a",
    "spec.server.service": "a",
    "spec.server.labels": {"a": "b"},
}


@pytest.mark.parametrize("wired", [*COMPONENTS[::3], *COMPONENTS[2::3]], ids=folder_of)
def test_fields_that_the_way_ignores_are_warnings(wired: Wired, tmp_path: Path, call: Called) -> None:
    spec = copy.deepcopy(ways_in.spec(wired))
    others = [path for path in UNREAD if path.rpartition(".")[2] in ("existing", "className", "parent")]
    # Two of these are an error.
    left_out = others[1:] if wired.way not in ways_in.GATEWAYS else others
    stated = {path: value for path, value in UNREAD.items() if path not in left_out}
    for path, value in stated.items():
        _, part, key = path.split(".")
        spec.setdefault(part, {}).setdefault(key, value)
    file = str(ways_in.consumer(tmp_path / "cd", wired, spec) / "exposure.yaml")
    code, _, error = call("check", file)
    found = re.findall(r"warning: (\S+): found a field that (\S+) does not read, expected none; remove it", error)
    assert code == 0 and found == [(path, wired.title) for path in wired.unread if path in stated]


def test_an_address_is_unread_without_an_install(tmp_path: Path, call: Called) -> None:
    wired = Wired("termination", "", "exposure-only")
    folder = ways_in.consumer(tmp_path / "cd", wired)
    text = GENERATOR.replace("grpc-routing", "termination").replace("hosts", "url: https://cd.acme.io\n  hosts")
    (folder / "exposure.yaml").write_text(text + "  server: {service: a, labels: {b: c}}\n")
    code, _, error = call("check", str(folder / "exposure.yaml"))
    assert code == 0 and "warning: spec.url: found a field that components/termination/exposure-only does not" in error


def test_several_secrets_reopen_no_port(tmp_path: Path, call: Called) -> None:
    wired = Wired("termination", "behind-load-balancer")
    folder = ways_in.consumer(tmp_path / "cd", wired)
    text = GENERATOR.replace("grpc-routing", "termination") + "  tls: {secretNames: {cd.acme.io: b}}\n"
    (folder / "exposure.yaml").write_text(text)
    code, _, error = call("check", str(folder / "exposure.yaml"))
    assert code == 1 and "spec.tls.secretNames: found Secrets behind a load balancer, which ends TLS" in error


def test_without_a_kustomization_no_way_is_guessed(here: Path, call: Called) -> None:
    for wired in COMPONENTS:
        text = exposure(yaml.safe_dump(ways_in.spec(wired)), "Exposure")
        (here / "exposure.yaml").write_text(text)
        assert call("check")[0] == 0
        assert "components/" not in call("check")[2]
