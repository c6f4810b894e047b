"""Whether the applied workloads are rolled out, and what they wait for."""

from __future__ import annotations

import json
import time

from live.api import Object
from live.errors import LiveError
from live.shell import Shell


def rolled_out(workload: Object) -> bool:
    """Whether a Deployment or StatefulSet runs its current template: all replicas new and ready, no old ones left."""
    status, want = workload.get("status", {}), workload["spec"].get("replicas", 1)
    counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "readyReplicas")]
    return status.get("observedGeneration") == workload["metadata"]["generation"] and counts == [want] * 3


def wait_rolled_out(shell: Shell, deadline: float) -> None:
    """Wait until every workload is rolled out. Raises LiveError after `deadline` (seconds of time.monotonic)."""
    began = time.monotonic()
    while pending := _not_rolled_out(shell):
        kind, name, namespace = pending[0]
        left = max(deadline - time.monotonic(), 1)
        status = ("rollout", "status", f"{kind}/{name}", "-n", namespace, f"--timeout={left:.0f}s")
        done = shell.kubectl(*status, check=False, timeout=left + 10)
        if done.returncode != 0:
            waited = time.monotonic() - began
            raise LiveError(f"{namespace}/{name} is not ready after {waited:.0f} s: {_why_not(shell, namespace)}")


def _not_rolled_out(shell: Shell) -> list[tuple[str, str, str]]:
    """Kind, name and namespace of every workload that is not rolled out."""
    found = json.loads(shell.kubectl("get", "deployments,statefulsets", "-A", "-o", "json").stdout)["items"]
    return [
        (one["kind"].lower(), one["metadata"]["name"], one["metadata"]["namespace"])
        for one in found
        if not rolled_out(one)
    ]


def _why_not(shell: Shell, namespace: str) -> str:
    """Why a container waits, because other pods may wait for it; else the name of a pod that is not ready."""
    waits, runs = [], []
    for pod in shell.pods(namespace):
        status = pod.get("status", {})
        for one in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
            if waiting := one["state"].get("waiting"):
                reason = f"{waiting.get('reason')} {waiting.get('message', '')}".rstrip()
                waits.append(f"pod {pod['metadata']['name']}: {reason}")
            elif not one["ready"] and "running" in one["state"]:
                runs.append(f"pod {pod['metadata']['name']}: running, but not ready")
    return [*waits, *runs, "see: make status"][0]
