"""`init` writes a consumer that builds at once, or nothing; `explain` knows a consumer's gateway."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from argocd_istio import cli, consumer
from argocd_istio.exposure.fields import MODES
from argocd_istio.exposure.schema import modeline
from argocd_istio.exposure.wired import API, EXISTING, EXPOSURE_ONLY, LISTENERS, PARENT, WITHOUT_CRDS, Wired
from tests.plugin.cases import exposure
from tests.plugin.ways_in import COMPONENTS, folder_of
from tests.render.consumer import one, write
from tests.render.git_http import git_finds
from tests.render.render import ROOT, build, load
from tests.render.test_examples import repositories  # noqa: F401 - a fixture
from tools.build import program

KUSTOMIZE = [str(program("kustomize")), "build"]
HOSTS = ["--host", "cd.marker.test", "--host", "cd2.marker.test"]

Called = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Called:
    """Runs a command in this process and an empty folder; exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def called(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = cli.run(list(arguments))
        return code, *capfd.readouterr()

    return called


def files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_files_match_the_readme_plus_a_schema_line(call: Called, tmp_path: Path) -> None:
    code, out, error = call("init", "cd", "--mode", "grpc-routing", "--host", "cd.acme.io")
    assert (code, error) == (0, "")
    expected = files(ROOT / "examples/remote")
    expected["exposure.yaml"] = modeline(consumer.REF) + "\n" + re.sub(r"^#.*\n", "", expected["exposure.yaml"])
    assert files(tmp_path / "cd") == expected
    assert out.splitlines() == [
        "Wrote cd/exposure.yaml and cd/kustomization.yaml. Next:",
        "  argocd-istio explain cd",
        "  kustomize build cd | kubectl apply -f -",
    ]


@pytest.mark.parametrize("mode", MODES)
def test_init_writes_a_consumer_that_builds(
    mode: str,
    call: Called,
    tmp_path: Path,
    repositories: Path,  # noqa: F811
    installed: Path,
) -> None:
    secret = [] if mode == "passthrough" else ["--secret-name", "marker-certificate"]
    options = ["--mode", mode, "--host", "cd.marker.test", "--selector", "istio=marker-gateway", *secret]
    env = git_finds(f"file://{repositories}/argocd-istio.git")
    env["PATH"] = f"{installed}{os.pathsep}{env['PATH']}"
    built = {}
    for name, more in (("plain", []), ("checked", ["--checked"])):
        assert call("init", name, *options, *more)[0] == 0
        assert call("check", f"{name}/exposure.yaml")[0] == 0
        flags = consumer.FLAGS.split() if more else []
        built[name] = subprocess.run([*KUSTOMIZE, *flags, name], env=env, capture_output=True, check=True).stdout
    assert built["plain"] == built["checked"]
    text = built["plain"].decode()
    assert "url: https://cd.marker.test" in text and "istio: marker-gateway" in text
    assert not re.search(r"argocd\.example\.com|istio: ingressgateway|argocd-certificate", text)
    assert len(load(text)) > 50


def test_the_printed_commands_are_the_ones_that_work(
    call: Called,
    tmp_path: Path,
    repositories: Path,  # noqa: F811
    installed: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in git_finds(f"file://{repositories}/argocd-istio.git").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{installed}{os.pathsep}{Path(KUSTOMIZE[0]).parent}{os.pathsep}{os.environ['PATH']}")
    for folder in ("cd", "-c d", "größe's"):
        for checked in ([], ["--checked"]):
            code, out, _ = call("init", *checked, "--mode", "termination", *HOSTS, "--", f"{folder}{len(checked)}")
            explain, build = (line.strip() for line in out.splitlines()[1:])
            assert code == 0 and explain.startswith("argocd-istio explain ")
            result = subprocess.run(["sh", "-c", explain], capture_output=True, text=True, check=False)
            assert (result.returncode, result.stderr) == (0, "")
            assert result.stdout.splitlines()[0] == "cd.marker.test, cd2.marker.test"
            before, apply = build.split(" | ")
            assert apply == "kubectl apply -f -" and shlex.split(before)[:2] == ["kustomize", "build"]
            assert b"kind: Gateway" in subprocess.run(["sh", "-c", before], capture_output=True, check=True).stdout


@pytest.mark.parametrize("name", ["kustomization.yaml", "kustomization.yml", "Kustomization", "exposure.yaml"])
@pytest.mark.parametrize("kind", ["file", "folder", "dangling link"])
def test_nothing_is_overwritten_or_left_beside_it(name: str, kind: str, call: Called, tmp_path: Path) -> None:
    there = tmp_path / "cd" / name
    there.parent.mkdir()
    if kind == "file":
        there.write_text("mine\n")
    elif kind == "folder":
        there.mkdir()
    else:
        there.symlink_to("nowhere")
    code, out, error = call("init", "cd", "--mode", "termination", *HOSTS)
    assert (code, out) == (2, "")
    assert error == f"cd/{name}: already exists; nothing was written; choose another folder or edit it\n"
    assert [path.name for path in (tmp_path / "cd").iterdir()] == [name]
    assert kind != "file" or there.read_text() == "mine\n"


FAULTS = ["mkdir", "open", "write", "fsync"]


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), KeyboardInterrupt(), SystemExit(143)], ids=repr
)
@pytest.mark.parametrize("function", FAULTS)
def test_a_fault_at_any_step_leaves_nothing(
    function: str, error: BaseException, call: Called, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step fails at its first call, then at its second, until init gets through."""
    real: Any = getattr(os, function)
    for number in range(1, 10):
        calls = 0

        def failing(*arguments: Any, number: int = number, **more: Any) -> Any:
            nonlocal calls
            # Python opens files to import modules too; only calls that create files count.
            if function != "open" or arguments[1] & os.O_CREAT:
                calls += 1
                if calls == number:
                    raise error
            return real(*arguments, **more)

        with monkeypatch.context() as patch:
            patch.setattr(os, function, failing)
            made = consumer.Consumer(Wired("termination"), ["cd.acme.io"], None, consumer.Gateway(), "main", False)
            try:
                made.write("a/b/cd")
            except BaseException:
                assert list(tmp_path.iterdir()) == []
            else:
                assert calls < number and number > 1
                assert len(files(tmp_path / "a/b/cd")) == 2
                return
    raise AssertionError("init never got through")


def test_an_unwritable_place_exits_3(call: Called, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder, words in (("file/cd", "File exists"), ("x" * 300, "File name too long"), ("/proc/cd", "")):
        code, out, error = call("init", folder, "--mode", "termination", *HOSTS)
        assert (code, out) == (3, "") and words in error and error.endswith("; nothing was written\n"), error
        assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


OPTIONS = {
    EXISTING: ["--gateway", "edge/shared"],
    API: ["--class-name", "istio"],
    PARENT: ["--parent", "edge/shared/https", "--redirect-parent", "edge/shared/http"],
    LISTENERS: ["--parent", "edge/shared"],
    "": ["--selector", "istio=edge"],
}


def options(wired: Wired) -> list[str]:
    """The options of init for a component."""
    found = ["--mode", wired.mode, "--host", "cd.acme.io", *OPTIONS.get(wired.way, [])]
    found += ["--way", wired.way] if wired.way else []
    found += ["--without-crds"] if wired.amount == WITHOUT_CRDS else []
    server = ["--exposure-only", "--service", "cd-argocd-server", "--label", "app=cd,release=cd"]
    return found + (server if wired.amount == EXPOSURE_ONLY else [])


RULES = {"K08", "K18"}
"""Notes: a branch in the address, and the owner of a Gateway."""


@pytest.mark.parametrize("wired", COMPONENTS, ids=folder_of)
def test_init_knows_every_way_and_amount(wired: Wired, call: Called, tmp_path: Path) -> None:
    for checked in ([], ["--checked"]):
        folder = tmp_path / f"cd{len(checked)}"
        code, out, error = call("init", folder.name, *options(wired), *checked)
        assert (code, error) == (0, "")
        file = folder / "kustomization.yaml"
        listed = yaml.safe_load(file.read_text())["components"]
        assert listed[0] == f"{consumer.LIBRARY}//{folder_of(wired)}?ref={consumer.REF}"
        code, _, error = call("check", "--strict", folder.name)
        assert code == 0 and set(re.findall(r"^\S+ \S+ (K\d+): ", error, re.M)) <= RULES, error
        assert error.count("\n") == error.count(": info: "), error
        insecure = f'server.insecure: "{str(wired.mode != "passthrough").lower()}", and in argocd-cm: url: https://cd.'
        assert (insecure in out) == (wired.amount == EXPOSURE_ONLY)
    here = tmp_path / "cd0/kustomization.yaml"
    local = here.read_text().replace(f"{consumer.LIBRARY}//", f"{os.path.relpath(ROOT, here.parent)}/")
    here.write_text(local.replace(f"?ref={consumer.REF}", ""))
    objects = build(here.parent)
    if wired.way == PARENT:
        [parent] = one(objects, "HTTPRoute", "argocd-redirect")["spec"]["parentRefs"]
        whole = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "shared", "namespace": "edge"}
        assert list(parent.items()) == list((whole | {"sectionName": "http"}).items())


WRONG = [
    (["--mode", "termination", *HOSTS, "--way", "gateway"], '--way: found "gateway", expected one of existing-gateway'),
    (["--mode", "termination", *HOSTS, "--way", API], "--class-name: found nothing, expected the name of a GatewayC"),
    (["--mode", "termination", *HOSTS, "--way", EXISTING], "--gateway: found nothing, expected the namespace and name"),
    (["--mode", "termination", *HOSTS, "--way", PARENT], "--parent: found nothing, expected name and namespace of a "),
    (
        ["--mode", "termination", *HOSTS, "--way", PARENT, "--parent", "edge/shared"],
        "--parent: found nothing, expected the name of a listener, for components/gateway-api/existing-gateway/term",
    ),
    (
        ["--mode", "termination", *HOSTS, "--way", LISTENERS, "--parent", "edge/shared/https", "--checked"],
        "--parent: found a listener, expected none",
    ),
    (
        ["--mode", "termination", *HOSTS, "--way", LISTENERS, "--parent", "edge/shared"],
        "--host: found several hosts, expected --checked with --way gateway-api/listener-set; add it: each host needs",
    ),
    (["--mode", "termination", *HOSTS, "--parent", "shared"], '--parent: found "shared", expected NAMESPACE/NAME or'),
    (["--mode", "termination", *HOSTS, "--parent", "a/b/c"], "--parent: found a field that components/termination do"),
    (["--mode", "termination", *HOSTS, "--class-name", "istio"], "--class-name: found a field that components/term"),
    (
        ["--mode", "termination", *HOSTS, "--way", API, "--class-name", "istio", "--selector", "a=b"],
        "--selector: found a field that components/gateway-api/termination does not read, expected none; remove it",
    ),
    (
        ["--mode", "passthrough", *HOSTS, "--way", "behind-load-balancer"],
        "--mode: found passthrough with --way behind-load-balancer, expected another mode; the gateway gets no TLS",
    ),
    (["--mode", "termination", *HOSTS, "--exposure-only"], "--service: found nothing, expected the name of a Service"),
    (["--mode", "termination", *HOSTS, "--service", "a"], "--service: found a field that components/termination does"),
    (
        ["--mode", "termination", *HOSTS, "--exposure-only", "--service", "a", "--label", "b"],
        '--label: found "b", expected KEY=VALUE such as istio=ingress',
    ),
    (["--mode", "edge", *HOSTS], '--mode: found "edge", expected one of passthrough, termination, grpc-routing'),
    (["--mode", "grpc-ruting", *HOSTS], "did you mean grpc-routing?"),
    (["--mode", "termination", "--host", "https://cd.acme.io/"], '--host: found "https://cd.acme.io/"'),
    (["--mode", "termination", "--host", "*.acme.io"], '--host: found the wildcard "*.acme.io"'),
    (["--mode", "termination", "--host", ""], "--host: found an empty text"),
    (["--mode", "termination", "--host", "a.x.io", "--host", "A.x.io."], '--host: found "a.x.io" a second time'),
    (["--mode", "termination", "--host", "\x1b[31m.x.io"], "--host: found"),
    (["--mode", "termination", *HOSTS, "--secret-name", "ns/name"], '--secret-name: found "ns/name"'),
    (["--mode", "passthrough", *HOSTS, "--secret-name", "a"], "--secret-name: found a Secret under passthrough"),
    (["--mode", "termination", *HOSTS, "--selector", "istio"], '--selector: found "istio", expected KEY=VALUE'),
    (["--mode", "termination", *HOSTS, "--selector", "a b=c"], "--selector: found"),
    (
        ["--mode", "termination", *HOSTS, "--selector", "a=b", "--selector", "a=c"],
        '--selector: found "a" a second time',
    ),
    (["--mode", "termination", *HOSTS, "--ref", "a b&c"], '--ref: found "a b&c", expected a tag, branch or commit'),
    # A blank in kustomize's address.
    (["--mode", "termination", *HOSTS, "--ref", "v1+2"], '--ref: found "v1+2", expected a tag, branch or commit'),
]


@pytest.mark.parametrize(("options", "words"), WRONG, ids=[row[1] for row in WRONG])
def test_a_wrong_option_is_named_without_writing(options: list[str], words: str, call: Called, tmp_path: Path) -> None:
    code, out, error = call("init", "cd", *options)
    assert (code, out) == (2, "") and words in error and error.startswith("--"), error
    assert all(line.isprintable() for line in error.removesuffix("\n").split("\n"))
    assert list(tmp_path.iterdir()) == []


def test_a_host_is_normalized_with_a_notice(call: Called, tmp_path: Path) -> None:
    code, _, error = call("init", "cd", "--mode", "termination", "--host", "CD.acme.io.")
    assert (code, error) == (0, "--host: CD.acme.io. is written as cd.acme.io\n")
    assert "- cd.acme.io\n" in (tmp_path / "cd/exposure.yaml").read_text()


def test_the_default_ref_is_main_before_tags() -> None:
    versions = re.findall(r"^## (v\S+)(.*)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    released = [version for version, state in versions if state != " (not yet released)"]
    assert [*released, "main"][0] == consumer.REF


def test_the_five_lines_of_the_readme_work(
    tmp_path: Path,
    repositories: Path,  # noqa: F811
    installed: Path,
) -> None:
    text = (ROOT / "README.md").read_text()
    [block] = [block for block in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S) if "pipx" in block]
    install, *commands = block.splitlines()
    address, folder = re.findall(r'"git\+(\S+)@\S+#subdirectory=(\S+)"', install)[0]
    assert address == consumer.LIBRARY and f"@{consumer.REF}#" in install
    assert (ROOT / folder / "pyproject.toml").exists()
    assert len(commands) == 4
    env = git_finds(f"file://{repositories}/argocd-istio.git")
    env["PATH"] = os.pathsep.join([str(installed), str(Path(KUSTOMIZE[0]).parent), env["PATH"]])
    outputs = []
    for command in commands:
        line = command.removesuffix(" | kubectl apply -f -")
        result = subprocess.run(["sh", "-c", line], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        # Until the first tag, check notes that main is a branch.
        notes = [note for note in result.stderr.splitlines() if ": info: K08: " not in note]
        assert (result.returncode, notes) == (0, []), line
        outputs.append(result.stdout)
    assert commands[-1].endswith(" | kubectl apply -f -") and "kind: Gateway" in outputs[-1]
    assert outputs[0].splitlines()[1:] == [f"  {command}" for command in commands[2:]]


# ---- the gateway of a consumer ------------------------------------------------------------------------------------


def test_explain_takes_gateway_namespace_from_the_consumer(
    call: Called, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUSTOMIZE", KUSTOMIZE[0])
    spec = "hosts: [a.x.io]\ngateway: {namespace: edge, selector: {istio: edge}}\ntls: {secretName: a}\n"
    ours = {"resources": ["exposure.yaml"], "components": ["components/termination/without-crds"]}
    write(tmp_path / "cd", ours, exposure=exposure(spec, "Exposure"))
    assert "Secret edge/a\n" in call("explain", "cd")[1]
    assert "Secret own/a\n" in call("explain", "cd", "--gateway-namespace", "own")[1]
    (tmp_path / "cd/exposure.yaml").write_text(exposure(spec.replace("namespace: edge, ", ""), "Exposure"))
    assert "Secret istio-system/a\n" in call("explain", "cd")[1]


def test_explain_finds_gateway_namespace_in_listed_files(
    call: Called, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUSTOMIZE", KUSTOMIZE[0])
    spec = "hosts: [a.x.io]\ngateway: {namespace: edge, selector: {istio: edge}}\ntls: {secretName: a}\n"
    mode = {"components": ["components/termination/without-crds"]}
    write(tmp_path / "base", {"resources": ["exposure.yaml"], **mode}, exposure=exposure(spec, "Exposure"))
    write(tmp_path / "overlay", {"resources": ["../base"]})
    write(tmp_path / "outer", {"resources": ["../overlay/"]})
    part = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component", "resources": ["exposure.yaml"]}
    write(tmp_path / "part", part, exposure=exposure(spec, "Exposure"))
    write(tmp_path / "parted", mode | {"components": ["../part", *mode["components"]]})
    for folder in ("overlay", "outer", "parted"):
        assert "Secret edge/a\n" in call("explain", folder)[1], folder


def test_cyclic_or_remote_resources_give_no_gateway_namespace(tmp_path: Path) -> None:
    address = "https://github.com/argocd-istio/argocd-istio//components/termination?ref=v1"
    listed = ["../b", address, "../none", "x" * 5000, "\0"]
    (tmp_path / "a").mkdir()
    (tmp_path / "a/kustomization.yaml").write_text(yaml.safe_dump({"resources": listed, "components": ["../b"]}))
    write(tmp_path / "b", {"resources": ["../a", ".", "../a/kustomization.yaml"]})
    assert consumer.gateway_namespace(str(tmp_path / "a")) == ""


def test_an_invalid_gateway_namespace_gives_one_line(call: Called, tmp_path: Path) -> None:
    assert call("explain", "--gateway-namespace", "X Y", "cd") == (
        2,
        "",
        "--gateway-namespace: found \"X Y\", expected a namespace: lower-case letters, digits and '-', "
        "at most 63 characters; write its name\n",
    )


def test_the_docs_picture_matches_the_command(call: Called, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUSTOMIZE", KUSTOMIZE[0])
    code, out, error = call("explain", str(ROOT / "examples/local"), "--format", "svg")
    assert (code, error) == (0, "") and out == (ROOT / "docs/explain-grpc-routing.svg").read_text()
    assert f"```\n{call('explain', str(ROOT / 'examples/local'))[1]}```" in (ROOT / "docs/plugin.md").read_text()


def test_a_failed_build_shows_kustomizes_own_error(
    call: Called, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "cd", {"components": ["components/termination/without-crds"]})
    for variable, value, words in (
        ("KUSTOMIZE", KUSTOMIZE[0], "nothing selected by Exposure"),
        ("KUSTOMIZE", "/nowhere/kustomize", "KUSTOMIZE names /nowhere/kustomize, which is not a program"),
        ("PATH", "", "found neither kustomize nor kubectl"),
    ):
        with monkeypatch.context() as patch:
            patch.delenv("KUSTOMIZE", raising=False)
            patch.delenv("KUBECTL", raising=False)
            patch.setenv(variable, value)
            code, out, error = call("explain", "cd")
        assert (code, out) == (2, "") and words in error and error.splitlines()[-1].startswith("cd: "), error


def test_without_kustomize_kubectl_builds_and_cannot_run_functions(
    call: Called, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("KUSTOMIZE", raising=False)
    monkeypatch.setenv("KUBECTL", str(program("kubectl")))
    assert call("explain", str(ROOT / "overlays/termination/without-crds"))[0] == 0
    code, _, error = call("explain", "--enable-exec", str(ROOT / "overlays/termination/without-crds"))
    assert code == 2 and error.endswith("found no kustomize, and kubectl cannot run functions; install kustomize\n")


def test_a_function_runs_only_on_request(call: Called, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUSTOMIZE", KUSTOMIZE[0])
    assert call("init", "cd", "--checked", "--mode", "termination", *HOSTS)[0] == 0
    (tmp_path / "argocd-istio-generator").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
    (tmp_path / "argocd-istio-generator").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    code, out, error = call("explain", "cd")
    assert (code, out) == (2, "") and "run again with --enable-exec if you trust it" in error
    assert not (tmp_path / "ran").exists()
    assert call("explain", "--enable-exec", "cd")[0] == 2
    assert (tmp_path / "ran").exists()


def test_many_wrong_hosts_are_lines_and_no_file(call: Called, tmp_path: Path) -> None:
    wrong = [word for number in range(120) for word in ("--host", f"bad_{number}")]
    code, out, error = call("init", "cd", "--mode", "termination", *wrong)
    assert (code, out) == (2, "") and "bad_0" in error and "Traceback" not in error
    assert files(tmp_path) == {}


def test_any_folder_name_works_in_next_commands(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "argocd_istio.cli", "init"]
    for folder, shown in ((b"\xff", b"explain '\xff'\n"), (b"", b"explain .\n")):
        done = subprocess.run(
            [*words, folder, "--mode", "termination", "--host", "cd.acme.io"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT / "plugin/src")},
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"") and shown in done.stdout
        assert (tmp_path / os.fsdecode(folder) / "exposure.yaml").exists()


def test_a_host_is_normalized_and_reported(call: Called, tmp_path: Path) -> None:
    code, _, error = call("init", "cd", "--mode", "termination", "--host", "BÜCHER.example.")
    assert (code, error) == (0, "--host: BÜCHER.example. is written as xn--bcher-kva.example\n")
    assert "- xn--bcher-kva.example\n" in files(tmp_path)["cd/exposure.yaml"]


@pytest.mark.parametrize("option", ["--host=a\udcff.acme.io", "--selector=k\udcff=v", "--secret-name=s\udcff"])
def test_a_non_text_option_gives_one_line(call: Called, tmp_path: Path, option: str) -> None:
    code, out, error = call("init", "cd", "--mode", "termination", "--host", "cd.acme.io", option)
    assert (code, out) == (2, "") and error.count("\n") == 1 and "expected" in error
    assert files(tmp_path) == {}


def test_a_template_is_recognized(call: Called, tmp_path: Path) -> None:
    (tmp_path / "exposure.yaml").write_text("hosts: {{ .Values.hosts }}\n")
    code, out, error = call("check", "exposure.yaml")
    assert (code, out) == (2, "") and "template" in error
