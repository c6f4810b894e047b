"""Runs the other tools on files, and reads what they report."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from tests.peers import schemas
from tests.render.render import Object, load
from tools.build import program, wheel


class Message(NamedTuple):
    """What a tool reports: its code, the object's kind and name, and the text without lines of the file."""

    code: str
    kind: str
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.kind}/{self.name}: {self.text}"


Reports = dict[Path, list[Message]]
"""What a tool reports on each file."""


def istioctl(files: Sequence[Path]) -> Reports:
    """`istioctl analyze` without a cluster, one run a file: it takes all files of a run as one cluster."""

    def of(file: Path) -> list[Message]:
        command = [str(program("istioctl")), "analyze", "--use-kube=false", "--all-namespaces", "--output", "json"]
        done = _run([*command, str(file)])
        # It writes its log to stdout too.
        found = [_istioctl(each) for each in json.loads(re.sub(r"^\d{4}-.*\n", "", done.stdout, flags=re.M))]
        return found + _unread(done.stderr, load(file.read_text()))

    program("istioctl")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(files, pool.map(of, files), strict=True))


def _unread(text: str, objects: list[Object]) -> list[Message]:
    """The documents that it cannot read: `error processing FILE[NUMBER]: reason`."""
    found = re.findall(r"error processing \S+\[(\d+)\]: (.*)", text)
    named = [(objects[int(number) - 1], reason) for number, reason in found]
    return [Message("unread", one["kind"], one["metadata"]["name"], reason) for one, reason in named]


def _istioctl(each: dict[str, Any]) -> Message:
    # "Kind namespace/name", in the other program " (Kind namespace/name file:line)".
    kind, name = each["origin"].strip(" ()").split()[:2]
    return Message(each["code"], kind, name.rpartition("/")[2], each["message"])


def analyzers(files: Sequence[Path]) -> Reports:
    """The analyzers of istioctl with the kinds that the command reads from a cluster only, such as Service and Pod.

    A file `<stem>.cluster` has what is in the cluster beside a file.
    """
    sets = [f"{file} {more}" if (more := file.with_suffix(".cluster")).exists() else str(file) for file in files]
    done = _run([str(program("istio-analyzers"))], input="\n".join(sets))
    found = {}
    # It writes its log to stdout too.
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    for file, line in zip(files, lines, strict=True):
        each = json.loads(line)
        found[file] = [_istioctl(one) for one in each["messages"] or ()]
        found[file] += _unread(each["error"], load(file.read_text()))
    return found


def kubeconform(files: Sequence[Path]) -> Reports:
    """kubeconform with the schemas of the pinned modules, one run for all files."""
    folder = files[0].parent / "schemas"
    schemas.write(folder)
    command = [str(program("kubeconform")), "-strict", "-ignore-missing-schemas", "-output", "json"]
    done = _run([*command, "-schema-location", f"{folder}/{schemas.LOCATION}", *map(str, files)])
    found: Reports = {file: [] for file in files}
    for each in json.loads(done.stdout)["resources"]:
        for error in each.get("validationErrors") or [{"path": "", "msg": each["msg"]}]:
            text = f"{error['path']}: {error['msg']}" if error["path"] else each["msg"].partition("#' - ")[2]
            message = Message(each["status"].removeprefix("status"), each["kind"], each["name"], text or each["msg"])
            found[Path(each["filename"])].append(message)
    return found


_CHECKOV = """
import contextlib, io, json, os, sys, warnings
warnings.simplefilter("ignore")
from checkov.main import Checkov
for file in sys.stdin.read().split():
    if not os.fork():
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            Checkov(argv=[*sys.argv[1:], "--file", file]).run(banner="")
        print(json.dumps({"file": file, "report": json.loads(output.getvalue() or "[]")}), flush=True)
        os._exit(0)
    os.wait()
"""
"""Imports checkov once, which takes seconds, and forks for each file: a run leaves something behind for the next."""


def checkov(files: Sequence[Path]) -> Reports:
    """checkov, one run a file."""
    options = ["--framework", "kubernetes", "--output", "json", "--quiet", "--compact", "--skip-download"]
    command = [sys.executable, "-c", _CHECKOV, *options]
    env = {**os.environ, "PYTHONPATH": str(wheel("checkov", sys.version))}
    shares = [files[number :: os.cpu_count() or 1] for number in range(os.cpu_count() or 1)]
    with ThreadPoolExecutor() as pool:
        runs = list(pool.map(lambda share: _run(command, input="\n".join(map(str, share)), env=env), shares))
    found: Reports = {}
    for line in "".join(done.stdout for done in runs).splitlines():
        each = json.loads(line)
        reports = each["report"] if isinstance(each["report"], list) else [each["report"]]
        failed = [check for one in reports for check in one.get("results", {}).get("failed_checks", ())]
        found[Path(each["file"])] = [_checkov(check) for check in failed]
    missing = [str(file) for file in files if file not in found]
    assert not missing, f"checkov: no report on {missing[0]}: {runs[0].stderr[-1000:]}"
    return found


def _checkov(check: dict[str, Any]) -> Message:
    kind, _, name = check["resource"].split(".", 2)
    return Message(check["check_id"], kind, name, check["check_name"])


def _run(command: list[str], **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


TOOLS: dict[str, Callable[[Sequence[Path]], Reports]] = {
    "istioctl": istioctl,
    "istioctl, in a cluster": analyzers,
    "kubeconform": kubeconform,
    "checkov": checkov,
}
