"""`set` and `unset` as commands: refusals, output, and the meaning of each argument."""

from __future__ import annotations

import copy
import re
import shlex
import subprocess
import sys
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import yaml

from argocd_istio.exposure.fields import MODES, PASSTHROUGH
from argocd_istio.exposure.wired import API, EXISTING, EXPOSURE_ONLY, LISTENERS, PARENT, Wired, modes_of
from tests.plugin import ways_in
from tests.plugin.cases import Called, exposure
from tests.plugin.ways_in import COMPONENTS, folder_of
from tests.render.render import ROOT
from tools.reference import every_command

HEADER = "# ours\n"
GENERATOR = HEADER + exposure("mode: grpc-routing\nhosts:\n- cd.acme.io  # public\ntls: {secretName: a}\n")
PLAIN = exposure("hosts: [cd.acme.io]\ngateway: {selector: {istio: edge}}\ntls: {secretName: a}\n", "Exposure")
TWO = exposure("mode: termination\nhosts: [a.b, c.d]\ntls: {secretNames: {c.d: e}}\n")

# The file's spec, the arguments, and the field that check would refuse.
REFUSED = {
    "an address of another host": (GENERATOR, "set url https://x.acme.io", "spec.url"),
    "a certificate of another host": (GENERATOR, "set secret-name x --host no.acme.io", "spec.tls.secretNames"),
    "hosts without one that has a certificate": (TWO, "set host a.b", "spec.tls.secretNames"),
    "an address in a plain Exposure": (PLAIN, "set url https://cd.acme.io:8443", "spec.url"),
    "a certificate for one host in a plain Exposure": (
        PLAIN,
        "set secret-name x --host cd.acme.io",
        "spec.tls.secretN",
    ),
    "a plain Exposure without a selector": (PLAIN, "unset selector", "spec.gateway.selector"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_changes_that_check_refuses_are_not_written(case: str, here: Path, call: Called) -> None:
    text, typed, path = REFUSED[case]
    file = here / "exposure.yaml"
    file.write_text(text)
    code, out, error = call(*typed.split())
    assert (code, out) == (1, "") and file.read_text() == text
    assert re.match(rf"exposure\.yaml:\d+: {re.escape(path)}", error)
    assert error.endswith(
        "exposure.yaml: nothing was written: check would refuse it; correct that first, or add --force\n"
    )
    assert call(*typed.split(), "--force")[0] == 0
    assert file.read_text() != text and call("check")[0] == 1


def test_a_generated_file_is_not_changed(here: Path, call: Called) -> None:
    (here / "generator.yaml").write_text(GENERATOR)
    assert call("generate", "generator.yaml", "-o", "exposure.yaml")[0] == 0
    code, _, error = call("set", "host", "a.b")
    assert code == 1 and "of 'argocd-istio generate', expected an Exposure of your own; change the generator's" in error
    assert "a.b" not in (here / "exposure.yaml").read_text()


def test_an_error_that_was_there_before_stops_nothing(here: Path, call: Called) -> None:
    file = here / "exposure.yaml"
    file.write_text(PLAIN.replace("[cd.acme.io]", '["${domain}"]'))
    assert call("set", "secret-name", "b") == (0, "", "")
    assert "secretName: b" in file.read_text()


def test_a_diff_is_shown_and_nothing_is_written(here: Path, call: Called) -> None:
    file = here / "exposure.yaml"
    file.write_text(GENERATOR)
    assert call("set", "host", "cd2.acme.io", "--diff") == (
        0,
        "--- exposure.yaml\n+++ exposure.yaml\n@@ -5,5 +5,5 @@\n spec:\n   mode: grpc-routing\n   hosts:\n"
        "-  - cd.acme.io  # public\n+  - cd2.acme.io  # public\n   tls: {secretName: a}\n",
        "",
    )
    code, out, error = call("set", "url", "https://x.acme.io", "--diff")
    assert code == 1 and "+  url: https://x.acme.io\n" in out and error.count("\n") == 1
    assert call("set", "host", "cd.acme.io", "--diff") == (0, "", "")
    assert file.read_text() == GENERATOR
    file.write_text(PLAIN[:-1])
    assert call("unset", "secret-name", "--diff", "--force")[1].count("\\ No newline at end of file\n") >= 1


def test_a_diff_is_one_that_patch_applies(here: Path, call: Called) -> None:
    file = here / "exposure.yaml"
    for text in (GENERATOR, GENERATOR.replace("\n", "\r\n"), GENERATOR[:-1]):
        file.write_bytes(text.encode())
        _, diff, _ = call("set", "host", "a.b", "c.d", "--diff")
        subprocess.run(["git", "apply", "-p0", "-"], input=diff.encode(), cwd=here, check=True)
        applied = file.read_bytes()
        file.write_bytes(text.encode())
        assert call("set", "host", "a.b", "c.d")[0] == 0
        assert file.read_bytes() == applied


# ---- the words


@pytest.mark.parametrize(
    "words",
    [
        "a.b c.d",
        "a.b,c.d",
        "a.b, c.d",
        "a.b c.d exposure.yaml",
        "a.b,c.d --file exposure.yaml",
        "-f exposure.yaml a.b c.d",
    ],
)
def test_hosts_are_words_or_parts_between_commas(words: str, here: Path, call: Called) -> None:
    file = here / "exposure.yaml"
    file.write_text(GENERATOR)
    assert call("set", "host", *re.split(r"(?<!,) ", words)) == (0, "", "")
    assert yaml.safe_load(file.read_text())["spec"]["hosts"] == ["a.b", "c.d"]


def test_a_possible_host_is_not_a_file(here: Path, call: Called) -> None:
    for name in ("exposure.yaml", "c.d"):
        (here / name).write_text(GENERATOR)
    assert call("set", "host", "a.b", "c.d")[0] == 0
    assert (here / "c.d").read_text() == GENERATOR and "- c.d" in (here / "exposure.yaml").read_text()
    assert call("set", "host", "a.b", "./c.d")[0] == 0
    assert "- a.b  # public" in (here / "c.d").read_text()


def test_a_file_that_is_named_twice_is_refused(here: Path, call: Called) -> None:
    for words in ("host a.b x.yaml", "secret-name a x.yaml", "selector a=b x.yaml"):
        code, _, error = call("set", *words.split(), "--file", "y.yaml")
        assert code == 2 and "the file is named twice; leave one of them out" in error


def test_init_takes_commas_and_repeated_options(here: Path, call: Called) -> None:
    assert call("init", "a", "--mode", "termination", "--host", "a.b,c.d", "--selector", "x=y,z=w")[0] == 0
    twice = ["--host", "a.b", "--host", "c.d", "--selector", "x=y", "--selector", "z=w"]
    assert call("init", "b", "--mode", "termination", *twice)[0] == 0
    assert (here / "a/exposure.yaml").read_text() == (here / "b/exposure.yaml").read_text()


def test_one_secret_may_be_set_for_several_hosts(here: Path, call: Called) -> None:
    (here / "exposure.yaml").write_text(TWO)
    assert call("set", "secret-name", "x", "--host", "a.b,c.d") == (0, "", "")
    names = yaml.safe_load((here / "exposure.yaml").read_text())["spec"]["tls"]["secretNames"]
    assert names == {"a.b": "x", "c.d": "x"}
    assert call("unset", "secret-name", "--host", "a.b", "--host", "c.d") == (0, "", "")
    assert "secretNames" not in (here / "exposure.yaml").read_text()


# ---- the gateway's namespace


def test_the_gateways_namespace_is_set_and_unset(here: Path, call: Called) -> None:
    file = here / "exposure.yaml"
    file.write_text(PLAIN)
    assert call("set", "gateway-namespace", "edge") == (0, "", "")
    assert yaml.safe_load(file.read_text())["spec"]["gateway"]["namespace"] == "edge"
    assert call("unset", "gateway-namespace") == (0, "", "") and file.read_text() == PLAIN
    assert call("set", "gateway-namespace", "A B")[0] == 2 and file.read_text() == PLAIN


def test_init_writes_the_gateways_namespace(here: Path, call: Called) -> None:
    options = ["--mode", "termination", "--host", "a.b", "--gateway-namespace"]
    assert call("init", "cd", *options, "edge")[0] == 0
    assert yaml.safe_load((here / "cd/exposure.yaml").read_text())["spec"]["gateway"]["namespace"] == "edge"
    assert call("init", "ce", *options, "A B")[2].startswith('--gateway-namespace: found "A B", expected a namespace')


# ---- the mode

KUSTOMIZATION = "resources: [exposure.yaml]  # ours\ncomponents:\n- {}\n- ../components/high-availability\n"


@pytest.mark.parametrize(
    "component",
    [
        "../../components/{}",
        "https://github.com/argocd-istio/argocd-istio//components/{}/without-crds?ref=v0.1.0  # the mode",
        '"../components/{}"',
        "'../components/{}/'",
    ],
)
def test_the_mode_changes_one_word_of_the_kustomization(component: str, here: Path, call: Called) -> None:
    (here / "exposure.yaml").write_text(PLAIN)
    file = here / "kustomization.yaml"
    for mode in (*MODES[1:], MODES[0]):
        file.write_text(KUSTOMIZATION.format(component.format("termination")))
        assert call("set", "mode", mode) == (0, "", "")
        assert file.read_text() == KUSTOMIZATION.format(component.format(mode))
        assert (here / "exposure.yaml").read_text() == PLAIN


@pytest.mark.parametrize("wired", COMPONENTS, ids=folder_of)
def test_a_mode_keeps_its_way_and_amount(wired: Wired, tmp_path: Path, call: Called) -> None:
    folder = ways_in.consumer(tmp_path / "cd", wired)
    for mode in modes_of(wired.way):
        call("set", "mode", mode, "--force", "--file", str(folder))
        [listed] = yaml.safe_load((folder / "kustomization.yaml").read_text())["components"]
        assert listed.endswith("/" + Wired(mode, wired.way).folder(wired.amount))


OF_API = {"group": "gateway.networking.k8s.io", "kind": "Gateway"}
OF_WAYS: list[tuple[Wired, list[str], str, Any]] = [
    (Wired("termination", EXISTING), ["gateway", "a/b.c"], "gateway.existing", "a/b.c"),
    (Wired("termination", API), ["class-name", "a.b"], "gateway.className", "a.b"),
    (
        Wired("termination", PARENT),
        ["parent", "a/b/c"],
        "gateway.parent",
        {**OF_API, "namespace": "a", "name": "b", "sectionName": "c"},
    ),
    (
        Wired("termination", PARENT),
        ["parent", "ListenerSet/a/b/c"],
        "gateway.parent",
        {**OF_API, "kind": "ListenerSet", "namespace": "a", "name": "b", "sectionName": "c"},
    ),
    (
        Wired("passthrough", PARENT),
        ["redirect-parent", "a/b/c"],
        "gateway.redirectParent",
        {**OF_API, "namespace": "a", "name": "b", "sectionName": "c"},
    ),
    (Wired("passthrough", LISTENERS), ["parent", "a/b"], "gateway.parent", {**OF_API, "namespace": "a", "name": "b"}),
    (
        Wired("grpc-routing", "", EXPOSURE_ONLY),
        ["server", "cd", "--label", "a=b,c=d", "--label", "e="],
        "server",
        {"service": "cd", "labels": {"a": "b", "c": "d", "e": ""}},
    ),
]


@pytest.mark.parametrize(("wired", "command", "path", "value"), OF_WAYS, ids=lambda one: "")
def test_a_field_of_a_way_is_set(
    wired: Wired, command: list[str], path: str, value: Any, tmp_path: Path, call: Called
) -> None:
    folder = ways_in.consumer(tmp_path / "cd", wired)
    before = yaml.safe_load((folder / "exposure.yaml").read_text())
    assert call("set", *command, "--file", str(folder)) == (0, "", "")
    part, _, key = path.partition(".")
    expected = copy.deepcopy(before)
    if key:
        expected["spec"].setdefault(part, {})[key] = value
    else:
        expected["spec"][part] = value
    assert yaml.safe_load((folder / "exposure.yaml").read_text()) == expected
    # Without it the component cannot be built, so unset needs --force.
    assert call("unset", command[0], "--force", "--file", str(folder))[0] == 0
    left = yaml.safe_load((folder / "exposure.yaml").read_text())["spec"]
    assert key not in left.get(part, {}) if key else part not in left


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("gateway shared", 'gateway: found "shared", expected the namespace and name of a Gateway'),
        ("class-name A", 'class-name: found "A", expected the name of a GatewayClass'),
        ("parent a", 'parent: found "a", expected NAMESPACE/NAME or NAMESPACE/NAME/LISTENER; copy them from the Gatew'),
        ("parent a/b/c/d", 'parent: found "a/b/c/d", expected NAMESPACE/NAME'),
        ("parent Secret/a/b", 'parent: found "Secret", expected Gateway or ListenerSet'),
        ("redirect-parent A/b/c", "redirect-parent: found"),
        ("redirect-parent a/b/_", 'redirect-parent: found "_", expected the name of a listener'),
        ("server a/b", 'server: found "a/b", expected the name of a Service'),
        ("server a --label b", 'label: found "b", expected KEY=VALUE'),
        ("class-name istio", "a field that components/termination does not read, expected none"),
    ],
)
def test_a_wrong_value_of_a_way_is_refused(command: str, words: str, tmp_path: Path, call: Called) -> None:
    folder = ways_in.consumer(tmp_path / "cd", Wired("termination"))
    before = (folder / "exposure.yaml").read_text()
    code, _, error = call("set", *command.split(), "--file", str(folder))
    assert words in error and error.count("\n") == 1 and code in (0, 2)
    assert (code == 0) == ("does not read" in words) == ((folder / "exposure.yaml").read_text() != before)


def test_passthrough_behind_a_load_balancer_is_refused(tmp_path: Path, call: Called) -> None:
    folder = ways_in.consumer(tmp_path / "cd", Wired("termination", "behind-load-balancer", "without-crds"))
    before = (folder / "kustomization.yaml").read_text()
    code, _, error = call("set", "mode", "passthrough", "--force", "--file", str(folder))
    assert code == 2 and "found passthrough behind a load balancer: the gateway gets no TLS to pass through" in error
    assert error.count("\n") == 1 and (folder / "kustomization.yaml").read_text() == before


def test_passthrough_with_a_login_is_refused(tmp_path: Path, call: Called) -> None:
    folder = ways_in.consumer(tmp_path / "cd", Wired("termination", "", "without-crds"))
    file = folder / "kustomization.yaml"
    before = file.read_text().rstrip("\n") + "\n"
    [entry] = re.findall(r"[^\s\[]*components/termination/without-crds", before)
    login = entry.replace("termination/without-crds", "edge-login")
    file.write_text(before := before.replace(entry, f"{entry}\n- {login}") if f"- {entry}" in before else "")
    code, _, error = call("set", "mode", "passthrough", "--force", "--file", str(folder))
    assert code == 2 and error.count("\n") == 1 and file.read_text() == before
    assert f"{file}:" in error and "found the login edge-login, and mode passthrough" in error
    assert call("set", "mode", "grpc-routing", "--file", str(folder))[0] == 0


def test_a_stated_mode_changes_with_the_component(here: Path, call: Called) -> None:
    (here / "exposure.yaml").write_text(GENERATOR)
    file = here / "kustomization.yaml"
    before = "generators: [exposure.yaml]\ncomponents: [../components/grpc-routing]\n"
    file.write_text(before)
    code, out, _ = call("set", "mode", "termination", "--diff")
    assert code == 0 and out.count("\n+") == 4 and file.read_text() == before
    assert call("set", "mode", "termination") == (0, "", "")
    assert file.read_text() == before.replace("grpc-routing", "termination")
    assert (here / "exposure.yaml").read_text() == GENERATOR.replace("grpc-routing", "termination")


@pytest.mark.parametrize("text", [GENERATOR, PLAIN.replace("spec:\n", "spec:\n  mode: grpc-routing\n"), TWO])
def test_each_mode_can_be_set_from_each(text: str, here: Path, call: Called) -> None:
    file, exposed = here / "kustomization.yaml", here / "exposure.yaml"
    listed = "resources" if "kind: Exposure\n" in text else "generators"
    for first, then in permutations(MODES, 2):
        exposed.write_text(text)
        file.write_text(
            f"{listed}: [exposure.yaml]\ncomponents: [../components/{yaml.safe_load(text)['spec']['mode']}]\n"
        )
        for mode in (first, then):
            secret = [] if mode == PASSTHROUGH else ["--secret-name", "b"]
            code, _, error = call("set", "mode", mode, *secret)
            assert (code, call("check")) == (0, (0, "", "")), error
            assert f"components/{mode}]" in file.read_text()
            tls = yaml.safe_load(exposed.read_text())["spec"].get("tls")
            assert bool(tls) == (mode != PASSTHROUGH)


def test_a_removed_secret_is_named(here: Path, call: Called) -> None:
    (here / "exposure.yaml").write_text(GENERATOR)
    (here / "kustomization.yaml").write_text("generators: [exposure.yaml]\ncomponents: [../components/grpc-routing]\n")
    assert call("set", "mode", "passthrough") == (
        0,
        "",
        'exposure.yaml: removed spec.tls.secretName ("a"): argocd-server shows its own certificate\n',
    )
    error = call("set", "mode", "passthrough", "--secret-name", "a")[2]
    assert error.startswith("secret-name: found a Secret under passthrough")


@pytest.mark.parametrize(
    ("kustomization", "words"),
    [
        (None, "found no kustomization beside it that lists it"),
        ("resources: [other.yaml]\n", "found no kustomization beside it that lists it"),
        ("resources: [exposure.yaml]\n", "found no component that is a mode"),
        (
            KUSTOMIZATION.format("components/termination\n- components/passthrough"),
            "found 2 components that are a mode",
        ),
        (KUSTOMIZATION.format('"components/termina\\x74ion"'), "found a component with escapes or line ends"),
    ],
)
def test_without_one_component_the_mode_is_refused(
    kustomization: str | None, words: str, here: Path, call: Called
) -> None:
    (here / "exposure.yaml").write_text(GENERATOR)
    if kustomization:
        (here / "kustomization.yaml").write_text(kustomization)
    code, out, error = call("set", "mode", "passthrough", "--force")
    assert (code, out, error.count("\n")) == (2, "", 1) and words in error
    assert (here / "exposure.yaml").read_text() == GENERATOR


def test_mode_changes_in_both_files_or_none(here: Path, call: Called) -> None:
    (here / "exposure.yaml").write_text(GENERATOR)
    before = "generators: [exposure.yaml]\ncomponents: [../components/grpc-routing]\n"
    (here / "kustomization.yaml").write_text(before)
    (here / "exposure.yaml").chmod(0o444)
    code, _, error = call("set", "mode", "termination")
    assert code == 3 and "is read-only" in error
    assert (here / "kustomization.yaml").read_text() == before


def test_a_folder_means_its_exposure(here: Path, call: Called) -> None:
    (here / "cd").mkdir()
    assert call("set", "host", "a.b", "--file", "cd")[0] == 2
    (here / "cd/exposure.yaml").write_text(PLAIN)
    assert call("set", "host", "a.b", "--file", "cd") == (0, "", "")
    assert (here / "cd/exposure.yaml").read_text() == PLAIN.replace("cd.acme.io", "a.b")


def test_an_unknown_mode_is_refused(here: Path, call: Called) -> None:
    (here / "exposure.yaml").write_text(GENERATOR)
    code, _, error = call("set", "mode", "grpc-ruting")
    assert code == 2 and error.startswith('mode: found "grpc-ruting", expected one of passthrough, termination, grpc-')


# ---- the documents


def test_the_pages_examples_run_in_order(here: Path, call: Called) -> None:
    page = (ROOT / "docs/plugin.md").read_text()
    [block] = [text for text in re.findall(r"^```sh\n(.*?)^```", page, re.M | re.S) if "--diff" in text]
    for line in block.splitlines():
        program, *words = shlex.split(line)
        code, _, error = call(*words)
        assert (program, code, error) == ("argocd-istio", 0, ""), (line, error)
    assert call("check", "--strict", "cd/exposure.yaml") == (0, "", "")


NEEDS = {command[0]: wired for wired, command, *_ in reversed(OF_WAYS)}
"""The component that a command of `set` needs."""


def test_the_examples_of_help_run_in_their_order(here: Path, call: Called, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("init", "cd", "--checked", "--mode", "grpc-routing", "--host", "cd.acme.io")[0] == 0
    for name, command in every_command():
        if " set " in name:
            wired = NEEDS.get(name.split()[-1])
            monkeypatch.chdir(ways_in.consumer(here / name.split()[-1], wired) if wired else here / "cd")
            for line in command.help.split("\b\n")[1].splitlines():
                code, _, error = call(*shlex.split(line)[1:])
                assert (code, error) == (0, ""), (line, error)
    monkeypatch.chdir(here / "cd")
    assert call("check", "--strict") == (0, "", "")


def test_an_absolute_path_needs_no_current_folder(tmp_path: Path) -> None:
    file = tmp_path / "exposure.yaml"
    file.write_text(PLAIN)
    gone = tmp_path / "gone"
    gone.mkdir()
    words = [sys.executable, "-m", "argocd_istio.cli", "set", "host", "x.y", "--file", str(file)]
    script = f"cd {shlex.quote(str(gone))} && rmdir {shlex.quote(str(gone))} && exec {shlex.join(words)}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "") and "x.y" in file.read_text()
