"""What befalls pods: their processes are killed or stand still, their network is cut."""

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
    """The way into a running container: its pod's network namespace, its first process, the words that enter it."""

    network: str
    init: int
    enter: list[str]


def doors(cluster: Cluster, pod: str, container: str = "*", namespace: str = "argocd") -> list[Door]:
    """The running containers of a pod, or that one. Raises LiveError where none runs."""
    files = (cluster.state / "pods" / f"{namespace}_{pod}").glob(f"{container}.json")
    found = [Door(*json.loads(path.read_text())) for path in files]
    if not found:
        raise LiveError(f"{namespace}/{pod}: no running container {container}; see: kubectl get pods -n {namespace}")
    return found


def pod_exec(
    cluster: Cluster, pod: str, container: str, command: list[str], *, namespace: str = "argocd", timeout: float = 10
) -> Completed:
    """Run a command in a container, as `kubectl exec` does. Raises LiveError where it fails."""
    [door] = doors(cluster, pod, container, namespace)
    return cluster.node_exec([*door.enter, *command], timeout=timeout)


def kill(cluster: Cluster, *pods: str, container: str = "*", namespace: str = "argocd") -> None:
    """End every process of these pods at once, without a warning; the pods stay, their containers start again."""
    found = [door for pod in pods for door in doors(cluster, pod, container, namespace)]
    cluster.node_exec(["kill", "-KILL", *(str(door.init) for door in found)])


@contextlib.contextmanager
def frozen(cluster: Cluster, pod: str, namespace: str = "argocd") -> Iterator[None]:
    """Every process of a pod stands still: connections stay open, nothing answers."""
    roots = [str(door.init) for door in doors(cluster, pod, namespace=namespace)]
    _signal(cluster, "STOP", roots)
    try:
        yield
    finally:
        _signal(cluster, "CONT", roots)


def _signal(cluster: Cluster, signal: str, roots: list[str]) -> None:
    """Send a signal to every process of the process namespaces of `roots`; one that has just ended is no failure."""
    script = """\
signal=$1; shift
for root; do
  space=$(readlink "/proc/$root/ns/pid" | sed 's/[][]/\\\\&/g')
  find /proc/[0-9]*/ns/pid -lname "$space" 2>/dev/null | cut -d/ -f3 | xargs -r kill "-$signal" || :
done"""
    cluster.node_exec(["sh", "-c", script, "sh", signal, *roots])


@contextlib.contextmanager
def cut_off(cluster: Cluster, pod: str, namespace: str = "argocd") -> Iterator[None]:
    """No packet reaches a pod or leaves it, and nobody is told."""
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
