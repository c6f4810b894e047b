"""The command line as a program: exit codes, streams, signals, and one line for each error."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from argocd_istio import __version__
from argocd_istio.cli import CODES
from argocd_istio.explain import FORMATS
from argocd_istio.exposure.fields import MODES
from tests.plugin.cases import BOMB, Called, exposure
from tests.render.render import ROOT, build_text
from tests.render.test_docs import DOCS, code
from tests.render.test_tree import BESIDE, CONSUMER, EXPOSURE, PATCH, write
from tests.work import HANG
from tools.build import program
from tools.reference import every_command

COMMAND = [sys.executable, "-m", "argocd_istio.cli"]
PLAIN = exposure("hosts: [cd.acme.io]\ngateway: {selector: {istio: edge}}\ntls: {secretName: a}\n", "Exposure").encode()
GOOD = exposure("mode: grpc-routing\nhosts: [cd.acme.io]\nurl: https://cd.acme.io\n").encode()

Result = subprocess.CompletedProcess[bytes]


def run(*arguments: str | bytes, input: bytes = b"", env: dict[str, str] | None = None, **more: Any) -> Result:
    """Run a command as a process; `env` adds to the environment."""
    return subprocess.run(
        [*COMMAND, *arguments],
        input=input,
        capture_output=True,
        check=False,
        timeout=HANG,
        env=os.environ | (env or {}),
        **more,
    )


# Every command that reads a file, with the arguments before the file.
READERS = {
    "check": ["check"],
    "generate": ["generate"],
    "explain": ["explain"],
    "drift": ["drift", "--against", "exposure.yaml"],
    "set host": ["set", "host", "cd2.acme.io"],
    "set secret-name": ["set", "secret-name", "other"],
    "set selector": ["set", "selector", "istio=ingress"],
    "set url": ["set", "url", "https://cd.acme.io"],
    "unset": ["unset", "url"],
}


def written(data: bytes) -> Callable[[Path], Any]:
    return lambda path: path.write_bytes(data)


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate((64 << 20) + 1)


# A function that makes the file, the exit code, and a part of the line.
BAD: dict[str, tuple[Callable[[Path], Any], int, str]] = {
    "no file": (lambda path: None, 3, "No such file or directory"),
    "a folder": (
        lambda path: path.mkdir(),
        2,
        "is a folder|a folder without|unable to find one of 'kustomization.yaml'",
    ),
    "a pipe": (lambda path: os.mkfifo(path), 2, "is a pipe"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), 2, "is a device|outside"),
    "a link to itself": (lambda path: path.symlink_to(path.name), 3, "Too many levels of symbolic links"),
    "more than 64 MiB": (sparse, 2, "67108864"),
    "empty": (written(b""), 2, "an empty file|found no"),
    "only comments": (written(b"# nothing\n\n"), 2, ""),
    "a text": (written(b"just text\n"), 2, ""),
    "a list": (written(b"- a\n- b\n"), 2, ""),
    "another kind": (written(b"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n"), 2, ""),
    "several, none of the kind": (written(b"kind: A\n---\nkind: B\n"), 2, ""),
    "binary": (written(bytes(range(256))), 2, "control character|not UTF-8"),
    "not UTF-8": (written(b"kind: \xff\n"), 2, "not UTF-8 at byte 6"),
    "UTF-16": (written(GOOD.decode().encode("utf-16")), 2, "UTF-16"),
    "an alias bomb": (written(BOMB.encode()), 2, "alias"),
    "deep nesting": (written(b"[" * 2000), 2, "nesting > 100"),
    "a tab": (written(b"spec:\n\tmode: x\n"), 2, "tabs"),
    "a key twice": (written(GOOD + b"kind: Exposure\n"), 2, "'kind' a second time; it is on line 2 too"),
    "a template": (written(b"{{- if .Values.on }}\nkind: Exposure\n{{- end }}\n"), 2, "render it first"),
    "an open quote": (written(b'spec: "\n'), 2, "invalid YAML"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("reader", READERS)
def test_an_unusable_file_gives_one_line(
    reader: str, case: str, here: Path, call: Called, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, expected, words = BAD[case]
    monkeypatch.setattr("argocd_istio.commands.inputs.PATIENCE", 0.01)
    make(here / "exposure.yaml")
    code, out, error = call(*READERS[reader], "exposure.yaml")
    assert (code, out) == (expected, ""), error
    assert re.search(words, error) and error.splitlines()[-1].startswith("exposure.yaml"), error
    assert error.count("\n") == (2 if reader in ("explain", "drift") and case == "a folder" else 1), error


WRONG = exposure("mode: grpc-routing\nhosts: [cd.acme.io]\nsecretName: a\n")


def test_findings_go_to_stderr_with_exit_code_1(here: Path, call: Called) -> None:
    (here / "exposure.yaml").write_text(WRONG)
    for command in ("check", "generate"):
        code, out, error = call(command)
        assert (code, out) == (1, "")
        assert re.fullmatch(r"exposure\.yaml:7: spec\.secretName: found the unknown field .*\n", error), error
    before = (here / "exposure.yaml").read_bytes()
    (here / "exposure.yaml").write_bytes(GOOD)
    assert call("check") == (0, "", "")
    (here / "wrong.yaml").write_bytes(before)
    code, out, error = call("check", "exposure.yaml", "wrong.yaml", "none.yaml", "wrong.yaml")
    assert code == 3 and [line.split(":")[0] for line in error.splitlines()] == [
        "wrong.yaml",
        "none.yaml",
        "wrong.yaml",
    ]


def test_only_exposures_are_checked_and_generate_requires_one(here: Path, call: Called) -> None:
    (here / "exposure.yaml").write_bytes(b"kind: ConfigMap\ndata: {a: 1}\n---\n" + PLAIN)
    assert call("check") == (0, "", "")
    assert call("generate")[0] == 0
    (here / "exposure.yaml").write_bytes(GOOD + b"---\n" + WRONG.encode())
    assert call("check")[0] == 1
    code, out, error = call("generate")
    assert (code, out) == (2, "") and "found 2 documents of kind" in error


@pytest.mark.parametrize("name", [b"argocd", b"other"])
def test_a_second_exposure_is_always_an_error(name: bytes, here: Path, call: Called) -> None:
    other = GOOD.replace(b"name: argocd", b"name: " + name)
    (here / "exposure.yaml").write_bytes(b"---\n".join([GOOD, other, *[GOOD] * 498]))
    line = len(GOOD.splitlines()) + 2
    assert call("check") == (
        1,
        "",
        f'exposure.yaml:{line}: found the ExposureGenerator "{name.decode()}" after the ExposureGenerator on line 1, '
        "and 498 more, expected one in a build; keep one\n",
    )


def test_a_kind_that_is_almost_right_is_named(here: Path, call: Called) -> None:
    (here / "exposure.yaml").write_bytes(GOOD.replace(b"ExposureGenerator", b"ExposureGenerater"))
    assert call("check") == (
        2,
        "",
        "exposure.yaml: found kind ExposureGenerater, expected a document of kind Exposure or ExposureGenerator; "
        "did you mean ExposureGenerator?\n",
    )


def test_generate_prints_what_check_accepts_and_kustomize_takes(here: Path, call: Called) -> None:
    (here / "generator.yaml").write_bytes(
        GOOD.replace(b"url", b"hosts: [a.x.io, b.x.io]\n  url")
        .replace(b"hosts: [cd.acme.io]\n  ", b"")
        .replace(b"cd.acme.io", b"b.x.io")
    )
    code, out, error = call("generate", "generator.yaml")
    assert (code, error) == (0, "")
    (here / "exposure.yaml").write_text(out)
    assert call("check") == (0, "", "")


def test_a_dash_is_stdin(here: Path) -> None:
    result = run("check", "-", input=WRONG.encode())
    assert result.returncode == 1 and result.stderr.startswith(b"stdin:7: spec.secretName: ")
    assert run("generate", "-", input=GOOD).stdout.startswith(b"apiVersion: argocd-istio.github.io/v1alpha1\n")
    nothing = run("explain", "-", input=b"kind: ConfigMap\n")
    assert (nothing.returncode, nothing.stdout) == (2, b"") and b"stdin: found no Gateway" in nothing.stderr
    assert run("check", "-", input=b"a" * ((64 << 20) + 1)).returncode == 2


@pytest.mark.parametrize("command", ["check", "generate", "explain", "drift --against a"])
def test_a_terminal_as_stdin_ends_at_once(command: str) -> None:
    terminal, other = pty.openpty()
    try:
        result = subprocess.run(
            [*COMMAND, *command.split(), "-"], stdin=other, capture_output=True, timeout=HANG, check=False
        )
    finally:
        os.close(terminal)
        os.close(other)
    assert (result.returncode, result.stdout) == (2, b"") and b"stdin is a terminal" in result.stderr


# ---- usage --------------------------------------------------------------------------------------------------------

TOP_OPTIONS = {"--version", "--help"}
USAGE = [
    (["none"], "argocd-istio: No such command 'none'; see argocd-istio --help"),
    (["--none"], "argocd-istio: No such option: --none; see argocd-istio --help"),
    (["check", "--nme", "a"], "argocd-istio check: No such option: --nme"),
    (["init"], "argocd-istio init: Missing argument 'DIR'; see argocd-istio init --help"),
    (["init", "cd"], "argocd-istio init: Missing option '--mode'; see argocd-istio init --help"),
    (["set", "host"], "argocd-istio set host: Missing argument 'HOST'; see argocd-istio set host --help"),
    (["set", "none"], "argocd-istio set: No such command 'none'"),
    (
        ["unset", "host"],
        "argocd-istio unset: Invalid value for FIELD: 'host' is not one of secret-name, selector, url, gateway-",
    ),
    (["explain", "--format", "png"], "argocd-istio explain: Invalid value for --format: 'png' is not one of text"),
    (["drift"], "argocd-istio drift: Missing option '--against'; see argocd-istio drift --help"),
    (["schema", "a"], "argocd-istio schema: Got unexpected extra argument"),
    (["\x1b[31m\n::error::"], "argocd-istio: No such command '\\x1b[31m\\n::error::'"),
]


@pytest.mark.parametrize(
    ("arguments", "line"), USAGE, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_wrong_usage_prints_one_line_and_exits_2(arguments: list[str], line: str, call: Called) -> None:
    code, out, error = call(*arguments)
    assert (code, out) == (2, "") and error.startswith(line) and error.endswith("--help\n"), error
    assert error.count("\n") == 1


def test_without_a_command_the_commands_are_listed(call: Called) -> None:
    code, out, error = call()
    assert (code, error) == (2, "")
    assert {name.split()[1] for name, _ in every_command()} | {"set"} == set(re.findall(r"^  ([a-z]+)  ", out, re.M))
    assert call("--version") == (0, f"argocd-istio {__version__}\n", "")


@pytest.mark.parametrize("name", dict(every_command()))
def test_help_fits_80_columns_with_a_valid_example(name: str, call: Called, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    path = name.split()[1:]
    code, out, error = call(*path, "--help")
    assert (code, error) == (0, "") and max(map(len, out.splitlines())) <= 80
    command = dict(every_command())[name]
    examples = [shlex.split(line.split(">")[0].split("|")[-1]) for line in command.help.split("\b\n")[1].splitlines()]
    for example in examples:
        assert example[: len(path) + 1] == ["argocd-istio", *path]
        assert " ".join(example) in out
        command.make_context(name, example[len(path) + 1 :])  # raises if it is wrong


@pytest.mark.parametrize("path", [[], ["set"]], ids=" ".join)
def test_group_help_has_a_valid_example(path: list[str], call: Called) -> None:
    code, out, error = call(*path, "--help")
    assert (code, error) == (0, "") and max(map(len, out.splitlines())) <= 80
    [example] = re.findall(r"^  argocd-istio (.*)", out, re.M)
    words = shlex.split(example)
    name = next(name for name in dict(every_command()) if f"argocd-istio {example} ".startswith(f"{name} "))
    assert words[: len(path)] == path
    dict(every_command())[name].make_context(name, words[len(name.split()) - 1 :])  # raises if it is wrong


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_and_option_in_the_documents_exists(page: Path) -> None:
    known = dict(every_command())
    for line in "\n".join(code(page.read_text())).splitlines():
        for words in re.findall(r"\bargocd-istio((?: [a-z][\w-]*| --?[a-z-]+)(?: [^\s|>;&]+)*)", line):
            path = [f"argocd-istio {' '.join(words.split()[:count])}" for count in (1, 2)]
            command = next((known[name] for name in path if name in known), None)
            options = set(re.findall(r" (--[a-z-]+)", words))
            if command is None:
                group = path[0] in {name.rpartition(" ")[0] for name in known} and " set" in path[0]
                assert group or (words.split()[0] in TOP_OPTIONS), line
            else:
                assert options <= {name for param in command.params for name in param.opts}, line


def test_no_output_line_is_a_ci_command(here: Path, call: Called) -> None:
    name = "::error::\x1b[31m"
    for command in READERS.values():
        assert call(*command, *(["--file"] if "set" in command else []), name)[2].startswith(
            "./::error::\\x1b[31m: No such file"
        )
    script = here / "kustomize"
    script.write_text("#!/bin/sh\nprintf '::error::\\033[31m\\n::b' >&2; exit 1\n")
    script.chmod(0o755)
    result = run("explain", ".", env={"KUSTOMIZE": str(script)})
    assert result.stderr.splitlines()[:2] == [b"./::error::\\x1b[31m", b"./::b"]
    (here / "render.yaml").write_text(
        build_text("overlays/termination/without-crds").replace("./argocd.", '"::error::"#')
    )
    assert call("explain", "render.yaml")[1].startswith(" ::error::\n")


def test_completion_offers_commands_and_values() -> None:
    def completed(words: str) -> set[str]:
        env = {"_ARGOCD_ISTIO_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        return set(run(env=env).stdout.decode().split())

    assert completed("argocd-istio ex") == {"explain"}
    assert completed("argocd-istio init cd --mode ") == set(MODES)
    assert completed("argocd-istio explain --format s") == {"svg"}
    assert completed("argocd-istio drift --format j") == {"json"}


def test_completion_prints_the_script_of_the_shell(call: Called) -> None:
    scripts = {shell: call("completion", shell) for shell in ("bash", "zsh", "fish")}
    for shell, words in (
        ("bash", "complete -o default -F"),
        ("zsh", "#compdef argocd-istio"),
        ("fish", "--no-files"),
    ):
        code, out, error = scripts[shell]
        assert (code, error) == (0, "") and words in out and "_ARGOCD_ISTIO_COMPLETE" in out
    code, out, error = call("completion", "nonsense")
    assert (code, out) == (2, "") and "'nonsense' is not one of bash, zsh, fish" in error
    for option in ("--install-completion", "--show-completion"):
        assert call(option)[0] == 2


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_the_script_for_bash_completes(here: Path) -> None:
    (here / "argocd-istio").write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')
    (here / "argocd-istio").chmod(0o755)
    script = (
        'eval "$(argocd-istio completion bash)"; COMP_WORDS=(argocd-istio exp); COMP_CWORD=1; '
        '_argocd_istio_completion argocd-istio; echo "${COMPREPLY[@]}"'
    )
    env = os.environ | {"PATH": f"{here}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=HANG, env=env)
    assert done.stdout == "explain\n"


@pytest.mark.parametrize("name", ["argocd-istio", "argocd-istio set", *dict(every_command())])
def test_h_is_help_and_names_arguments_by_words(name: str, call: Called) -> None:
    words = name.split()[1:]
    code, out, error = call(*words, "-h")
    assert (code, error) == (0, "") and call(*words, "--help")[1] == out
    assert not re.search(r"[{}<]|list\[", out.replace("${NAME}", "").replace("<(argocd", ""))


def test_help_and_page_have_every_exit_code(call: Called) -> None:
    _, out, _ = call("--help")
    page = (ROOT / "docs/plugin.md").read_text()
    for number, meaning in CODES.items():
        assert f"| {number} | {meaning} |" in page
        assert re.search(rf"^    {number} +{meaning.split()[0]}", out, re.M)
    assert " ".join(CODES["1"].replace("`", "").split()) in " ".join(out.split())


# ---- streams and signals ------------------------------------------------------------------------------------------


def test_output_that_nobody_reads_ends_quietly_with_141() -> None:
    for arguments in (["schema"], ["--help"], ["check", "--help"]):
        read_end, write_end = os.pipe()
        os.close(read_end)
        try:
            result = subprocess.run([*COMMAND, *arguments], stdout=write_end, stderr=subprocess.PIPE, check=False)
        finally:
            os.close(write_end)
        assert (result.returncode, result.stderr) == (141, b"")


def test_unwritable_output_exits_3() -> None:
    for arguments in (["schema"], ["--help"], ["--version"]):
        with Path("/dev/full").open("wb") as full:
            result = subprocess.run([*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, check=False)
        assert result.returncode == 3
        assert (
            result.stderr
            == b"stdout: cannot be written (No space left on device); make room or write to another place\n"
        )


def test_closed_streams_keep_exit_codes_and_files(here: Path) -> None:
    (here / "exposure.yaml").write_text(WRONG)

    def shell(line: str) -> int:
        words = " ".join(map(shlex.quote, COMMAND))
        return subprocess.run(["sh", "-c", f"{words} {line}"], capture_output=True, check=False).returncode

    assert shell("schema >&-") == 3
    assert shell("schema 2>&-") == 0
    assert shell("check 2>&-") == 1
    assert shell("check - <&-") == 2
    assert shell("check <&- >&- 2>&-") == 1
    assert shell("set url http://cd.acme.io <&- >&- 2>&-") == 2
    assert (here / "exposure.yaml").read_text() == WRONG


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_kustomize_without_a_traceback(number: int, code: int, here: Path) -> None:
    script = here / "kustomize"
    # The signal must come while the command waits for this program, after its message of a long build.
    script.write_text(f"#!/bin/sh\nsleep 1\necho $$ > pid\nexec sleep {5 * HANG}\n")
    script.chmod(0o755)
    environment = os.environ | {"KUSTOMIZE": str(script)}
    with subprocess.Popen([*COMMAND, "explain", "."], env=environment, stderr=subprocess.PIPE) as process:
        while not (here / "pid").exists() or not (here / "pid").read_text():
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(HANG) == code
        assert process.stderr and process.stderr.read() == b""
    with pytest.raises(ProcessLookupError):
        os.kill(int((here / "pid").read_text()), 0)


@pytest.mark.parametrize(
    "environment", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}, {"PYTHONUTF8": "0", "LC_ALL": "C"}]
)
def test_the_environment_does_not_change_output_bytes(environment: dict[str, str], here: Path) -> None:
    path = "größe\udcff\x1b.yaml"
    (here / path).write_text(WRONG)
    result = run("check", path, env=environment)
    assert result.returncode == 1
    assert re.match(rb"gr.*\\udc.*\\x1b\.yaml:7: spec\.secretName: ", result.stderr), result.stderr
    (here / path).write_bytes(GOOD)
    assert run("generate", path, env=environment).stdout == run("generate", path).stdout
    assert run("set", "url", "https://cd.acme.io:8443", path, env=environment).returncode == 0
    assert b"8443" in (here / path).read_bytes()


def on_terminal(*arguments: str, env: dict[str, str], printed: Path | None = None) -> str:
    """The output of a command on a terminal of 70 columns; `printed` is created after the first output."""
    terminal, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 70, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")} | env
    with subprocess.Popen([*COMMAND, *arguments], stdin=other, stdout=other, stderr=other, env=environment):
        os.close(other)
        written = b""
        with suppress(OSError):  # how Linux reports that the other end is closed
            while piece := os.read(terminal, 65536):
                written += piece
                if printed:
                    printed.touch()
    os.close(terminal)
    return written.decode().replace("\r\n", "\n")


@pytest.fixture
def slow(here: Path) -> dict[str, str]:
    """A kustomize that takes more than a second and, with PRINTED, waits for that file."""
    (here / "render.yaml").write_text(build_text("overlays/termination/without-crds"))
    wait = f"timeout {HANG} sh -c 'until test -e \"$PRINTED\"; do sleep 0.1; done'"
    (here / "kustomize").write_text(f'#!/bin/sh\nsleep 1.2\ntest -z "$PRINTED" || {wait}\ncat render.yaml\n')
    (here / "kustomize").chmod(0o755)
    return {"KUSTOMIZE": str(here / "kustomize"), "TERM": "xterm"}


def test_slow_builds_are_announced_on_terminals_only(here: Path, slow: dict[str, str]) -> None:
    printed = here / "printed"
    text = on_terminal("explain", ".", env=slow | {"PRINTED": str(printed)}, printed=printed)
    assert text.startswith("building . with kustomize\n\x1b[1margocd.example.com")
    result = run("explain", ".", env=slow)
    assert (result.returncode, result.stderr) == (0, b"")


def test_colours_and_width_are_the_terminals(slow: dict[str, str]) -> None:
    plain = run("explain", "render.yaml").stdout.decode()
    assert plain.startswith("argocd.example.com\n├─ port 80, HTTP (Gateway") and "\x1b" not in plain
    coloured = on_terminal("explain", "render.yaml", env=slow)
    assert "\x1b[33mHTTP/1.1 in clear text\x1b[0m" in coloured
    narrow = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert max(map(len, narrow.splitlines())) <= 70 < max(map(len, plain.splitlines()))
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}):
        assert on_terminal("explain", "render.yaml", env=slow | env) == narrow
    for env in ({"FORCE_COLOR": "1"}, {"CLICOLOR_FORCE": "1"}):
        assert "\x1b[33mHTTP/1.1 in clear text\x1b[0m" in run("explain", "render.yaml", env=env).stdout.decode()
    assert b"\x1b" not in run("explain", "render.yaml", env={"CLICOLOR_FORCE": "0"}).stdout
    for env in ({"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}):
        assert run("explain", "render.yaml", env=env).stdout.isascii()
    assert run("explain", "--ascii", "render.yaml").stdout.startswith(b"argocd.example.com\n|- port 80")


def test_explain_exits_1_if_it_marks_something(slow: dict[str, str], call: Called) -> None:
    assert call("explain", "render.yaml")[0] == 0
    text = Path("render.yaml").read_text()
    Path("render.yaml").write_text(text.replace("httpsRedirect: true", "httpsRedirect: false"))
    for form in FORMATS:
        code, out, error = call("explain", "render.yaml", "--format", form)
        assert (code, error) == (1, "") and "no httpsRedirect" in out


def test_explain_takes_tls_before_gateway(slow: dict[str, str], call: Called) -> None:
    assert "redirect loop" in call("explain", "render.yaml", "--tls-before-gateway")[1]
    text = Path("render.yaml").read_text()
    Path("render.yaml").write_text(text.replace("httpsRedirect: true", "httpsRedirect: false"))
    assert call("explain", "render.yaml", "--tls-before-gateway")[0] == 0


def test_explain_draws_several_inputs_together(slow: dict[str, str], here: Path, call: Called) -> None:
    whole = list(yaml.safe_load_all((here / "render.yaml").read_text()))
    istio = [one for one in whole if one["apiVersion"].startswith("networking.istio.io/")]
    (here / "istio.yaml").write_text(yaml.safe_dump_all(istio))
    rest = yaml.safe_dump_all([one for one in whole if one not in istio])
    (here / "rest.yaml").write_text(rest)
    picture = call("explain", "render.yaml")[1]
    assert call("explain", "istio.yaml", "rest.yaml") == (0, picture, "")
    joined = subprocess.run(
        ["bash", "-c", f"{shlex.join(COMMAND)} explain - <(cat istio.yaml)"], input=rest, capture_output=True, text=True
    )
    assert (joined.returncode, joined.stdout, joined.stderr) == (0, picture, "")
    assert call("explain", "rest.yaml", "rest.yaml")[2].startswith(
        "rest.yaml, rest.yaml: found no Gateway and no route"
    )


def test_findings_name_the_input_that_they_are_in(slow: dict[str, str], here: Path, call: Called) -> None:
    whole = list(yaml.safe_load_all((here / "render.yaml").read_text()))
    gateway = next(one for one in whole if one["kind"] == "Gateway")
    gateway["spec"]["servers"][0]["tls"]["httpsRedirect"] = False
    (here / "gateway.yaml").write_text(yaml.safe_dump(gateway))
    (here / "rest.yaml").write_text(yaml.safe_dump_all([one for one in whole if one is not gateway]))
    [problem] = json.loads(call("explain", "rest.yaml", "gateway.yaml", "--format", "json")[1])["problems"]
    assert (problem["file"], problem["object"]) == ("gateway.yaml", "Gateway argocd/argocd")
    assert (here / "gateway.yaml").read_text().splitlines()[problem["line"] - 1] == "  - hosts:"


@pytest.mark.parametrize(
    ("files", "rule"),
    [
        ({"kustomization.yaml": BESIDE + PATCH}, "K01: "),
        ({"exposure.yaml": EXPOSURE.replace("spec: {", "spec: {mode: termination, ")}, "K13: "),
        ({}, ""),
    ],
)
def test_explain_reports_faults_in_kustomizations(here: Path, files: dict[str, str], rule: str) -> None:
    write(here, CONSUMER | files)
    found = run("explain", ".", env={"KUSTOMIZE": str(program("kustomize"))})
    assert found.stdout.startswith(b"old.acme.io\n") and b"\xe2\x9c\x97" not in found.stdout
    assert (found.returncode, found.stderr.count(b"\n")) == ((1, 1) if rule else (0, 0))
    assert rule in found.stderr.decode()


def test_the_command_line_starts_without_rich() -> None:
    code = "import argocd_istio.commands, sys; print([name for name in sys.modules if name.split('.')[0] == 'rich'])"
    assert subprocess.check_output([sys.executable, "-c", code]) == b"[]\n"


# ---- set ----------------------------------------------------------------------------------------------------------


def test_setting_back_restores_the_files_bytes(here: Path, call: Called) -> None:
    file = here / "exposure.yaml"
    own = exposure(
        'hosts: ["cd.acme.io"]  # public\ngateway: {selector: {istio: edge}}\ntls: {secretName: a}\n'
    ).encode()
    changes = [
        (["set", "host", "cd2.acme.io"], ["set", "host", "cd.acme.io"], b'["cd2.acme.io"]  # public'),
        (["set", "secret-name", "b"], ["set", "secret-name", "a"], b"{secretName: b}"),
        (["set", "selector", "istio=x"], ["set", "selector", "istio=edge"], b"{istio: x}"),
        (["set", "url", "https://cd.acme.io:8443"], ["unset", "url"], b"https://cd.acme.io:8443"),
    ]
    for change, back, text in changes:
        for arguments in ([], ["exposure.yaml"], ["exposure.yaml", "--name", "argocd"]):
            file.write_bytes(own)
            assert call(*change, *arguments) == (0, "", "")
            assert text in file.read_bytes()
            assert call(*back, *arguments) == (0, "", "")
            assert file.read_bytes() == own


def test_set_accepts_several_hosts_and_per_host_certificates(here: Path, call: Called) -> None:
    file = here / "exposure.yaml"
    file.write_bytes(GOOD)
    assert call("set", "host", "cd.acme.io, CD2.acme.io")[0] == 0
    assert call("set", "secret-name", "two", "--host", "cd2.acme.io") == (0, "", "")
    code, out, _ = call("generate")
    assert code == 0 and "credentialName: two" in out and "- ./cd2.acme.io" in out
    assert call("unset", "secret-name", "--host", "cd2.acme.io") == (0, "", "")
    assert "two" not in call("generate")[1]


def test_a_wrong_value_is_refused_without_writing(here: Path, call: Called) -> None:
    (here / "exposure.yaml").write_bytes(GOOD)
    for arguments in (["host", "https://a.x.io"], ["secret-name", "A_B"], ["selector", "istio"], ["url", "http://x"]):
        code, out, error = call("set", *arguments)
        assert (code, out) == (2, "") and error.count("\n") == 1 and "expected" in error
    assert (here / "exposure.yaml").read_bytes() == GOOD
