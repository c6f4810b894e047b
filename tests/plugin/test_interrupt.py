"""An interrupt at any moment after Python began to run our code ends the program, without a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile

import pytest

from tests.plugin.cases import exposure
from tests.work import HANG

# When Python imports, opens or compiles something for every N-th time, a child of the program interrupts itself, with
# its own streams; the program waits for it and continues. At the end it prints the count and what became of each child.
PROGRAM = """
import json, os, sys
every, count, children, busy = int(sys.argv.pop(1)), 0, [], False

def hook(event, arguments):
    global count, busy
    if busy or event not in ("import", "open", "compile", "exec"):
        return
    count += 1
    if every and count % every == 1 % every:
        busy = True
        errors = os.memfd_create("")
        child = os.fork()
        if child == 0:
            own = os.open("/proc/self/fd/0", os.O_RDONLY)
            os.lseek(own, os.lseek(0, 0, os.SEEK_CUR), os.SEEK_SET)
            os.dup2(own, 0)
            os.dup2(os.memfd_create(""), 1)
            os.dup2(errors, 2)
            os.kill(os.getpid(), 2)
            return
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        children.append((count, code, os.pread(errors, 1 << 20, 0).decode()))
        os.close(errors)
        busy = False

from argocd_istio.{module} import main
parent = os.getpid()
sys.addaudithook(hook)
code = main()
if os.getpid() == parent:
    print("times", count, json.dumps(children), file=sys.stderr)
sys.exit(code)
"""
MOMENTS = 60
RUNS = {
    "check": ("cli", ["check", "-"], exposure("hosts: [CD.acme.io]\n"), {130, 1}),
    "help": ("cli", ["--help"], "", {130, 0}),
    "generator": ("krm.generator", [], "kind: A\n", {-2, 2}),
}


Ended = list[tuple[int, int, str]]


def interrupted(name: str, every: int) -> tuple[int, int, Ended]:
    """The program's exit code, how many moments it had, and each that was tried: which, its exit code and stderr."""
    module, arguments, text, _ = RUNS[name]
    command = [sys.executable, "-c", PROGRAM.replace("{module}", module), str(every), *arguments]
    with tempfile.TemporaryFile("w+") as file:
        file.write(text)
        file.seek(0)
        done = subprocess.run(command, stdin=file, capture_output=True, text=True, timeout=HANG, check=False)
    times, children = done.stderr.rpartition("times ")[2].split(" ", 1)
    return done.returncode, int(times), json.loads(children)


@pytest.mark.parametrize("name", RUNS)
def test_an_early_interrupt_gives_no_traceback(name: str) -> None:
    expected = RUNS[name][3]
    code, times, _ = interrupted(name, 0)
    assert code in expected and times > MOMENTS
    every = max(1, times // MOMENTS)
    _, _, ended = interrupted(name, every)
    assert [at for at, _, _ in ended] == list(range(1, times + 1, every))
    for at, code, errors in ended:
        assert code in expected, (at, code, errors)
        assert "Traceback" not in errors and "ignored" not in errors, (at, errors)


def test_the_console_scripts_import_next_to_nothing() -> None:
    for module in ("cli", "krm.generator", "krm.validator"):
        code = f"import sys; before = set(sys.modules); import argocd_istio.{module}; print(*set(sys.modules) - before)"
        loaded = set(subprocess.check_output([sys.executable, "-c", code], text=True).split())
        ours = {f"argocd_istio.{module}", "argocd_istio", "argocd_istio.krm", "argocd_istio.krm.program"}
        ours.add("argocd_istio.streams")
        assert loaded - ours <= {"__future__"}
