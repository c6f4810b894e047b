"""Faults to inject into pods: kill or stop their processes, or cut off their network."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from live.cluster import Cluster
from live.errors import LiveError
from live.network import cable
from live.shell import Completed


@dataclass(frozen=True)
class Door:
    """How to enter a running container: its pod's network namespace, its first process, the command that enters it."""

    network: str
    init: int
    enter: list[str]


def doors(cluster: Cluster, pod: str, container: str = "*", namespace: str = "argocd") -> list[Door]:
    """The running containers of a pod that match the glob `container`. Raises LiveError if there are none."""
    files = (cluster.state / "pods" / f"{namespace}_{pod}").glob(f"{container}.json")
    found = [Door(*json.loads(path.read_text())) for path in files]
    if not found:
        raise LiveError(f"{namespace}/{pod}: no running container {container}; see: kubectl get pods -n {namespace}")
    return found


def pod_exec(
    cluster: Cluster, pod: str, container: str, command: list[str], *, namespace: str = "argocd", timeout: float = 10
) -> Completed:
    """Run a command in a container, like `kubectl exec`; `timeout` in seconds. Raises LiveError if it fails."""
    [door] = doors(cluster, pod, container, namespace)
    return cluster.node_exec([*door.enter, *command], timeout=timeout)


def kill(cluster: Cluster, *pods: str, container: str = "*", namespace: str = "argocd") -> None:
    """Kill every process of these pods with SIGKILL. The pods stay, and their containers start again."""
    found = [door for pod in pods for door in doors(cluster, pod, container, namespace)]
    cluster.node_exec(["kill", "-KILL", *(str(door.init) for door in found)])


@contextlib.contextmanager
def frozen(cluster: Cluster, pod: str, namespace: str = "argocd") -> Iterator[None]:
    """Stop every process of a pod (SIGSTOP): connections stay open, but nothing answers."""
    roots = [str(door.init) for door in doors(cluster, pod, namespace=namespace)]
    _signal(cluster, "STOP", roots)
    try:
        yield
    finally:
        _signal(cluster, "CONT", roots)


def _signal(cluster: Cluster, signal: str, roots: list[str]) -> None:
    """Send a signal to every process in the PID namespaces of `roots`; ignores processes that have just ended."""
    script = """\
signal=$1; shift
for root; do
  space=$(readlink "/proc/$root/ns/pid" | sed 's/[][]/\\\\&/g')
  find /proc/[0-9]*/ns/pid -lname "$space" 2>/dev/null | cut -d/ -f3 | xargs -r kill "-$signal" || :
done"""
    cluster.node_exec(["sh", "-c", script, "sh", signal, *roots])


@contextlib.contextmanager
def cut_off(cluster: Cluster, pod: str, namespace: str = "argocd") -> Iterator[None]:
    """Drop every packet to and from a pod, without an error to the sender."""
    link = cable(doors(cluster, pod, namespace=namespace)[0].network)
    rules = f"""\
table ip {link} {{
  chain from {{ type filter hook prerouting priority raw; iifname {link} drop; }}
  chain to {{ type filter hook postrouting priority raw; oifname {link} drop; }}
}}"""
    cluster.node_exec(["nft", "-f", "-"], input=rules)
    try:
        yield
    finally:
        cluster.node_exec(["nft", "delete", "table", "ip", link])
