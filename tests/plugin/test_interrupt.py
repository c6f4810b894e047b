"""An interrupt at any moment after Python began to run our code ends the program, without a traceback."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.plugin.cases import exposure
from tests.work import HANG

# Interrupts itself when Python imports, opens or compiles something for the N-th time; prints the count.
PROGRAM = """
import os, sys
wanted, count = int(sys.argv.pop(1)), 0

def hook(event, arguments):
    global count
    if event in ("import", "open", "compile", "exec"):
        count += 1
        if count == wanted:
            os.kill(os.getpid(), 2)

from argocd_istio.{module} import main
sys.addaudithook(hook)
code = main()
print("times", count, file=sys.stderr)
sys.exit(code)
"""
MOMENTS = 60
RUNS = {
    "check": ("cli", ["check", "-"], exposure("hosts: [CD.acme.io]\n"), {130, 1}),
    "help": ("cli", ["--help"], "", {130, 0}),
    "generator": ("krm.generator", [], "kind: A\n", {-2, 2}),
}


def interrupted(name: str, at: int) -> subprocess.CompletedProcess[str]:
    module, arguments, text, _ = RUNS[name]
    command = [sys.executable, "-c", PROGRAM.format(module=module), str(at), *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=HANG, check=False)


@pytest.mark.parametrize("name", RUNS)
def test_an_early_interrupt_gives_no_traceback(name: str) -> None:
    expected = RUNS[name][3]
    whole = interrupted(name, 0)
    times = int(whole.stderr.split()[-1])
    assert whole.returncode in expected and times > MOMENTS
    for at in range(1, times + 1, max(1, times // MOMENTS)):
        done = interrupted(name, at)
        assert done.returncode in expected, (at, done)
        assert "Traceback" not in done.stderr and "ignored" not in done.stderr, (at, done.stderr)


def test_the_console_scripts_import_next_to_nothing() -> None:
    for module in ("cli", "krm.generator"):
        code = f"import sys; before = set(sys.modules); import argocd_istio.{module}; print(*set(sys.modules) - before)"
        loaded = set(subprocess.check_output([sys.executable, "-c", code], text=True).split())
        ours = {f"argocd_istio.{module}", "argocd_istio", "argocd_istio.krm", "argocd_istio.streams"}
        assert loaded - ours <= {"__future__"}
