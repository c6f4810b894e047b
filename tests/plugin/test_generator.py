"""The program that kustomize runs: what it loads, touches and returns."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from argocd_istio import __version__
from tests.plugin.cases import generator, resource_list, run
from tests.work import HANG

GOOD = resource_list(generator(hosts=["cd.acme.io"]))
BAD = resource_list(generator(hosts=["https://cd.acme.io"]))
PROGRAM = [sys.executable, "-m", "argocd_istio.krm.generator"]

LOADED = """
import sys
from argocd_istio.krm.generator import main
code = main()
print(*sys.modules, file=sys.stderr)
sys.exit(code)
"""

BLOCKED = """
import builtins, os, socket, sys
import argocd_istio.krm.generator, argocd_istio.krm.function, encodings.punycode, idna.uts46data, difflib

def audit(event, arguments):
    if event in {"open", "import", "os.listdir", "os.scandir", "subprocess.Popen"} or event.startswith("socket."):
        print(f"touched: {event} {arguments}", file=sys.stderr)
        os._exit(9)

sys.addaudithook(audit)
os._exit(argocd_istio.krm.generator.main())
"""


def test_it_loads_no_cli_or_slow_packages() -> None:
    result = subprocess.run([sys.executable, "-c", LOADED], input=GOOD, capture_output=True, check=True)
    loaded = set(result.stderr.decode().split())
    assert "yaml" in loaded and "argocd_istio.exposure.check" in loaded
    slow = {"typer", "click", "rich", "ruamel", "ruamel.yaml", "dataclasses", "inspect", "typing", "json", "difflib"}
    slow |= {"logging", "pathlib", "socket", "subprocess", "hashlib", "encodings.idna", "idna", "argocd_istio.cli"}
    assert loaded & slow == set()


@pytest.mark.parametrize("data", [GOOD, BAD, resource_list(generator(host="münchen.de", hosts=["münchen.de"]))])
def test_it_uses_no_file_socket_or_environment(data: bytes) -> None:
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(
        [sys.executable, "-c", BLOCKED], input=data, capture_output=True, check=False, env=environment
    )
    assert b"touched" not in result.stderr, result.stderr
    assert result.returncode == (0 if data is GOOD else 2)
    assert yaml.safe_load(result.stdout)["kind"] == "ResourceList"


def test_the_block_in_the_test_above_blocks() -> None:
    program = BLOCKED.replace("os._exit(argocd_istio.krm.generator.main())", "")
    for attempt in ("open('/dev/null')", "socket.socket()", "os.listdir('/')"):
        command = [sys.executable, "-c", program + attempt]
        result = subprocess.run(command, capture_output=True, check=False)
        assert result.returncode == 9, result.stderr


def test_input_and_output_are_always_utf8() -> None:
    config = generator(hosts=["münchen.de"])
    for name, value in (("PYTHONIOENCODING", "ascii"), ("LC_ALL", "C"), ("PYTHONUTF8", "0")):
        result = run(resource_list(config), env=os.environ | {name: value})
        assert result.returncode == 2
        assert 'found letters beyond ASCII in "münchen.de"' in result.stderr.decode()


def test_version_help_and_unknown_arguments() -> None:
    assert run(b"", "--version").stdout.decode() == f"argocd-istio-generator {__version__}\n"
    assert "kustomize build --enable-alpha-plugins --enable-exec" in run(b"", "--help").stdout.decode()
    result = run(GOOD, "--host=cd.acme.io")
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.decode().startswith("found the argument --host=cd.acme.io, expected none; ")


def test_a_terminal_on_stdin_prints_usage() -> None:
    ours, theirs = pty.openpty()
    try:
        result = subprocess.run(PROGRAM, stdin=theirs, capture_output=True, check=False, timeout=HANG)
    finally:
        os.close(ours)
        os.close(theirs)
    assert (result.returncode, result.stdout) == (2, b"")
    assert b"argocd-istio check FILE" in result.stderr


def closed(which: str, data: bytes = GOOD) -> subprocess.CompletedProcess[bytes]:
    """Run with a shell redirection of a standard stream, such as a closed one."""
    command = f"{' '.join(PROGRAM)} {which}"
    return subprocess.run(["sh", "-c", command], input=data, capture_output=True, check=False, timeout=HANG)


def test_a_full_disk_exits_3() -> None:
    result = closed(">/dev/full")
    assert (result.returncode, result.stdout) == (3, b"")
    assert result.stderr.decode() == (
        "stdout: cannot be written (No space left on device); make room or write to another place\n"
    )


@pytest.mark.parametrize("which", ["2>&-", "2>/dev/full"])
def test_without_stderr_the_exit_code_is_the_same(which: str) -> None:
    assert closed(which).returncode == 0
    result = closed(which, BAD)
    assert result.returncode == 2 and yaml.safe_load(result.stdout)["results"]


def test_missing_stdin_or_stdout_gives_one_line() -> None:
    result = closed("<&-")
    assert result.returncode == 2 and b"found no ResourceList on stdin" in result.stderr
    result = closed(">&-")
    assert result.returncode == 3 and result.stderr.startswith(b"stdout: cannot be written")
    result = closed("</proc/self/mem")
    assert result.returncode == 3 and result.stderr.startswith(b"stdin: cannot be read")


def test_a_closed_pipe_exits_quietly() -> None:
    large = resource_list(generator(hosts=[f"n{n}.acme.io" for n in range(20_000)]))
    process = subprocess.Popen(PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin and process.stdout and process.stderr
    process.stdout.close()
    process.stdin.write(large)
    process.stdin.close()
    assert process.wait(HANG) == 141
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_ends_without_a_traceback(number: signal.Signals) -> None:
    """Python ends by the signal, which shells show as 130 and 143."""
    process = subprocess.Popen(PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + HANG
    while "_yaml" not in Path(f"/proc/{process.pid}/maps").read_text():
        assert time.monotonic() < deadline, "it does not load PyYAML"
        time.sleep(0.01)
    process.send_signal(number)
    output, errors = process.communicate(timeout=HANG)
    assert (process.returncode, output, errors) == (-number, b"", b"")
