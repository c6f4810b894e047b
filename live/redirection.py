"""How a sidecar's redirection knows the sidecar's own packets, and whether that can work here.

Each packet of an injected pod goes to its sidecar first, but for those that the sidecar sends itself. The kernel tells
them by the group that it knows the sender by, not by the one that a container shows. Bubblewrap shows any group, and
needs only one for it: the sidecar must have been started with the real one, which only root can give it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from live.network import inside

GROUP = 1337
"""The sidecar's own, in Istio's rules."""

WHY_NOT = "sidecars need a cluster that root started: only root can give them the group that their redirection asks for"


# Istio's rule for a sidecar that calls its own pod by the pod's address comes by user first, then by group, and between
# the two everything else on the loopback leaves. Here the kernel knows the sidecar by its group alone. From 127.0.0.6
# it calls the application.
_TABLE = "inet istio-proxy-nat"
_TO_ITSELF = (
    "istio-output oifname lo ip saddr != 127.0.0.6 ip daddr != 127.0.0.1 tcp dport != 15008 "
    f"meta skgid {GROUP} jump istio-in-redirect"
)


def complete(network: str) -> None:
    """After istio-init: a sidecar reaches its own pod through itself, as where its user is real too.

    Another container with rights over the network makes no such table, and nothing is done.
    """
    nft = [*inside(network), "nft"]
    if _TABLE in subprocess.run([*nft, "list", "tables"], check=True, capture_output=True, text=True).stdout:
        subprocess.run([*nft, "insert", "rule", *_TABLE.split(), *_TO_ITSELF.split()], check=True, capture_output=True)


def works() -> bool:
    """Whether the group exists for the processes that this one starts."""
    spans = (map(int, line.split()) for line in Path("/proc/self/gid_map").read_text().splitlines())
    return any(first <= GROUP < first + count for first, _, count in spans)
