"""How a sidecar's redirection recognizes the sidecar's own packets, and whether that works here.

Every packet of an injected pod goes through its sidecar, except those that the sidecar sends itself. The kernel
recognizes these by the sender's real group, not by the group that the container shows. Bubblewrap can show any group in
the container, but the sidecar must be started with the real one, and only root can do that.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from live.network import inside

GROUP = 1337
"""The sidecar's group ID in Istio's rules."""

WHY_NOT = "sidecars need a cluster started by root: only root can give them the group that their redirection requires"


# A sidecar that calls its own pod by the pod's address needs a rule. Istio has one by user and one by group, but all
# other loopback traffic leaves the chain between the two. Here the kernel knows the sidecar only by its group, so its
# rule is inserted first. The sidecar calls the application from 127.0.0.6.
_TABLE = "inet istio-proxy-nat"
_TO_ITSELF = (
    "istio-output oifname lo ip saddr != 127.0.0.6 ip daddr != 127.0.0.1 tcp dport != 15008 "
    f"meta skgid {GROUP} jump istio-in-redirect"
)


def complete(network: str) -> None:
    """Add a rule after istio-init: calls of a sidecar to its own pod go through the sidecar, as on a real node.

    Does nothing if Istio's table does not exist, because the container was not istio-init.
    """
    nft = [*inside(network), "nft"]
    if _TABLE in subprocess.run([*nft, "list", "tables"], check=True, capture_output=True, text=True).stdout:
        subprocess.run([*nft, "insert", "rule", *_TABLE.split(), *_TO_ITSELF.split()], check=True, capture_output=True)


def works() -> bool:
    """Whether this process can start others with that group: whether its user namespace maps it."""
    spans = (map(int, line.split()) for line in Path("/proc/self/gid_map").read_text().splitlines())
    return any(first <= GROUP < first + count for first, _, count in spans)
