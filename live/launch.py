"""Starts and ends the processes of a cluster, in their own namespaces."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from live import injection
from live.errors import LiveError, ended
from live.image import Image
from live.pki import Authority
from tools.build import istio_module, program

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kubectl",
    "kustomize",
    "pilot-discovery",
    "pilot-agent",
    "envoy",
    "argocd",
)

# Files that are used from Istio's Go module unchanged.
ISTIO_FILES = {
    "istio-crds": "manifests/charts/base/files/crd-all.gen.yaml",
    "istiod-chart": injection.CHART,
    "envoy-bootstrap": "tools/packaging/common/envoy_bootstrap.json",
}


class Launched:
    """The running processes of a cluster. `pid` is the first one: when it ends, the kernel ends all others."""

    def __init__(self, pid: int, process: subprocess.Popen[bytes] | None = None, lifeline: int | None = None) -> None:
        self.pid, self._process, self._lifeline = pid, process, lifeline

    @classmethod
    def start(
        cls,
        state: Path,
        *,
        keep: bool,
        listener: socket.socket | None,
        argocd: Path | None = None,
        images: Mapping[str, Image] | None = None,
    ) -> Launched:
        """Create the state folder and start the node in it; returns when the control plane and the gateway are ready.

        The processes end with this one, unless `keep`. Connections to the socket `listener` are forwarded to the
        gateway's port 443. `argocd` is the program of Argo CD, if it is not the one built from the Go module, and
        `images` are further images of the node.
        Raises LiveError if a process ends or the kernel refuses namespaces.
        """
        _prepare(state, listener, argocd, images or {})
        read_end, write_end = os.pipe()
        process = _unshare(state, None if keep else read_end, listener)
        os.close(read_end)
        pid = 0
        try:
            pid = _child(process)
            (state / "cluster.json").write_text(json.dumps({"pid": pid, "started": started(pid)}))
            while not (state / "ready").exists():
                if process.poll() is not None:
                    raise LiveError(_why(state))
                time.sleep(0.02)
        except BaseException:
            process.kill()
            process.wait()
            while pid and started(pid):
                time.sleep(0.02)
            os.close(write_end)
            raise
        if keep:
            os.close(write_end)
        return cls(pid, process, None if keep else write_end)

    @classmethod
    def find(cls, state: Path) -> Launched:
        """The running processes of this state folder. Raises LiveError if there are none."""
        with contextlib.suppress(OSError, ValueError, TypeError, LookupError):
            known = json.loads((state / "cluster.json").read_text())
            if started(known["pid"]) == known["started"]:
                return cls(known["pid"])
        if (state / "failed").exists():
            raise ended(state)
        raise LiveError("no cluster is running; start one: make up MODE=grpc-routing")

    def end(self) -> None:
        """End all processes, and wait until they have ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        if self._process:
            self._process.wait()
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        while started(self.pid):
            time.sleep(0.02)


def started(pid: int) -> str | None:
    """When a process started, in clock ticks since boot; None if it has ended.

    The kernel reuses a process number, but not together with its start time.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def _prepare(state: Path, listener: socket.socket | None, argocd: Path | None, images: Mapping[str, Image]) -> None:
    """Create the state folder: the paths of the programs, a certificate authority, empty folders."""
    programs = {name: str(argocd if argocd and name == "argocd" else program(name)) for name in PROGRAMS}
    programs |= {name: str(istio_module() / path) for name, path in ISTIO_FILES.items()}
    state.mkdir(parents=True)
    (state / "programs.json").write_text(json.dumps(programs))
    (state / "images.json").write_text(json.dumps({name: image.written() for name, image in images.items()}))
    for name in ("home", "repositories", "bin"):
        (state / name).mkdir()
    for name in ("argocd", "kubectl", "kustomize"):
        (state / "bin" / name).symlink_to(programs[name])
    Authority.create(state / "ca", "argocd-istio test CA")
    (state / "port").write_text(str(listener.getsockname()[1] if listener else 0))


def _unshare(state: Path, lifeline: int | None, listener: socket.socket | None) -> subprocess.Popen[bytes]:
    """Start live.node as the first process of new namespaces."""
    forward = listener.fileno() if listener else None
    arguments = {"state": str(state), "lifeline": lifeline, "forward": forward}
    words = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    words += [] if os.geteuid() == 0 else ["--map-root-user"]
    with (state / "node.log").open("ab") as log:
        return subprocess.Popen(
            [*words, sys.executable, "-m", "live.node", json.dumps(arguments)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            pass_fds=[fd for fd in (lifeline, forward) if fd is not None],
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )


def _child(process: subprocess.Popen[bytes]) -> int:
    """The process that unshare started in the new namespaces. Raises LiveError if the kernel refuses namespaces."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while process.poll() is None:
        try:
            found = children.read_text().split()
        except OSError:
            break
        if found:
            return int(found[0])
        time.sleep(0.005)
    raise LiveError("the namespaces of the cluster could not be created; see what is missing: make doctor")


def _why(state: Path) -> str:
    failed = state / "failed"
    if failed.exists():
        return failed.read_text()
    last = (state / "node.log").read_text(errors="replace").strip().splitlines()[-1:] or ["no output"]
    return f"the node ended: {last[0]} (see {state / 'node.log'})"
