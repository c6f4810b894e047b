"""How a sidecar's redirection knows the sidecar's own packets, and whether that can work here.

Each packet of an injected pod goes to its sidecar first, but for those that the sidecar sends itself. The kernel tells
them by the group that it knows the sender by, not by the one that a container shows. Bubblewrap shows any group, and
needs only one for it: the sidecar must have been started with the real one, which only root can give it.
"""

from __future__ import annotations

from pathlib import Path

GROUP = 1337
"""The sidecar's own, in Istio's rules."""

WHY_NOT = "sidecars need a cluster that root started: only root can give them the group that their redirection asks for"


def works() -> bool:
    """Whether the group exists for the processes that this one starts."""
    spans = (map(int, line.split()) for line in Path("/proc/self/gid_map").read_text().splitlines())
    return any(first <= GROUP < first + count for first, _, count in spans)
