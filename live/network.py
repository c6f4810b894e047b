"""The private network: one namespace per pod, each with its own veth pair (cable) to the node.

There is no bridge: the node routes packets between pods, so kube-proxy's address translation also applies to the
answers. Runs as root of the node's namespaces.
"""

from __future__ import annotations

import ipaddress
import subprocess
import threading
from pathlib import Path

from live.addresses import (
    CLIENT_ADDRESS,
    FIRST_POD_ADDRESS,
    LOAD_BALANCER_ADDRESSES,
    NODE_ADDRESS,
    SERVICE_ADDRESSES,
)
from live.api import Object

NAMESPACES = Path("/run/netns")

OWN_TABLE = 100
"""The routing table of connections that the node itself opens."""


def _ip(lines: list[str]) -> None:
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True, capture_output=True)


def inside(namespace: str) -> list[str]:
    """The prefix that runs a command in a network namespace."""
    return ["nsenter", f"--net={NAMESPACES / namespace}", "--"]


def namespace_of(pod: Object) -> str:
    """The name of a pod's network namespace."""
    meta = pod["metadata"]
    return f"{meta['name'][:40]}-{meta['uid'][:8]}"


def cable(namespace: str) -> str:
    """The node's end of a namespace's veth pair, named after the namespace's last 8 characters, which are unique."""
    return f"cable-{namespace[-8:]}"


class Network:
    """Allocates addresses and creates network namespaces. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = ipaddress.ip_address(FIRST_POD_ADDRESS)

    def start(self) -> None:
        """Set up the node's network namespace, and one for clients."""
        # Our own file system: we must not write to the machine's /run.
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        _ip(
            [
                "link set lo up",
                f"addr add {NODE_ADDRESS}/32 dev lo",
                # Any route works: kube-proxy sets the packet's real destination after this lookup.
                f"route add {SERVICE_ADDRESSES} dev lo src {NODE_ADDRESS}",
                f"route add {LOAD_BALANCER_ADDRESSES} dev lo src {NODE_ADDRESS} table {OWN_TABLE}",
                f"rule add iif lo to {LOAD_BALANCER_ADDRESSES} lookup {OWN_TABLE}",
                # kube-proxy rejects only other ports of cluster IPs. These would go round on lo.
                f"route add unreachable {LOAD_BALANCER_ADDRESSES}",
            ]
        )
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        self._add("client", CLIENT_ADDRESS)

    def add(self, namespace: str) -> str:
        """Create a pod's network namespace; returns its IP address."""
        with self._lock:
            address = str(self._next)
            self._next += 1
        self._add(namespace, address)
        return address

    def _add(self, namespace: str, address: str) -> None:
        link = cable(namespace)
        with self._lock:
            _ip(
                [
                    f"netns add {namespace}",
                    f"link add {link} type veth peer name eth0 netns {namespace}",
                    f"link set {link} up",
                    f"route add {address} dev {link}",
                ]
            )
        inner = f"""\
ip -batch - <<END
link set lo up
addr add {address}/32 dev eth0
link set eth0 up
route add {NODE_ADDRESS} dev eth0
route add default via {NODE_ADDRESS}
END
echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start"""
        # As in a container runtime, any user may listen on ports below 1024.
        subprocess.run([*inside(namespace), "sh", "-ec", inner], check=True, capture_output=True)

    def remove(self, namespace: str) -> None:
        """Delete a namespace, and with it its veth pair."""
        subprocess.run(["ip", "netns", "delete", namespace], check=False, capture_output=True)
