"""The private network: one namespace a pod, each on a cable of its own to the node.

No bridge: a packet between two pods is routed by the node, so what kube-proxy does to it on the
way out is undone on the way back. Runs as root of the node's namespaces.
"""

from __future__ import annotations

import ipaddress
import subprocess
import threading
from pathlib import Path

from live.addresses import CLIENT_ADDRESS, FIRST_POD_ADDRESS, NODE_ADDRESS, SERVICE_ADDRESSES
from live.api import Object

NAMESPACES = Path("/run/netns")


def _ip(lines: list[str]) -> None:
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True, capture_output=True)


def inside(namespace: str) -> list[str]:
    """The words that make a command run in a network namespace."""
    return ["nsenter", f"--net={NAMESPACES / namespace}", "--"]


def namespace_of(pod: Object) -> str:
    """The name of a pod's network namespace."""
    meta = pod["metadata"]
    return f"{meta['name'][:40]}-{meta['uid'][:8]}"


def cable(namespace: str) -> str:
    """The node's end of the cable of a network namespace, whose name's last 8 characters are its own alone."""
    return f"cable-{namespace[-8:]}"


class Network:
    """Gives out addresses and namespaces; every thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = ipaddress.ip_address(FIRST_POD_ADDRESS)

    def start(self) -> None:
        """Set up the node's own namespace and the clients'."""
        # A file system of our own: the machine's /run is not ours to write to.
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        _ip(
            [
                "link set lo up",
                f"addr add {NODE_ADDRESS}/32 dev lo",
                # Any route will do: kube-proxy gives the packet its real destination after this look-up.
                f"route add {SERVICE_ADDRESSES} dev lo src {NODE_ADDRESS}",
            ]
        )
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        self._add("client", CLIENT_ADDRESS)

    def add(self, namespace: str) -> str:
        """Make a pod's network namespace; returns its address."""
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
        # Any user may listen on 80 and 443, as a container runtime arranges it for pods.
        subprocess.run([*inside(namespace), "sh", "-ec", inner], check=True, capture_output=True)

    def remove(self, namespace: str) -> None:
        """Take a namespace away; its cable goes with it."""
        subprocess.run(["ip", "netns", "delete", namespace], check=False, capture_output=True)
