"""A running install changes its mode by another overlay's apply; only what must restart does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from live.cluster import Cluster
from tests.live.lifecycle import differing, erase, overlay, running, said, wrong
from tests.live.table import GRPC_ROUTING, PASSTHROUGH, TERMINATION

CLIENT_SIDE, SERVER_SIDE = "client-side", "server-side"

# (mode, how it was applied, next mode, how that is applied). In the order of a walk, in which each switch
# finds the install as the one before left it.
SWITCHES = [
    (PASSTHROUGH, CLIENT_SIDE, TERMINATION, CLIENT_SIDE),
    (TERMINATION, CLIENT_SIDE, PASSTHROUGH, CLIENT_SIDE),
    (PASSTHROUGH, CLIENT_SIDE, GRPC_ROUTING, CLIENT_SIDE),
    (GRPC_ROUTING, CLIENT_SIDE, TERMINATION, CLIENT_SIDE),
    (TERMINATION, CLIENT_SIDE, GRPC_ROUTING, CLIENT_SIDE),
    (GRPC_ROUTING, CLIENT_SIDE, PASSTHROUGH, CLIENT_SIDE),
    (PASSTHROUGH, CLIENT_SIDE, TERMINATION, SERVER_SIDE),
    (PASSTHROUGH, SERVER_SIDE, GRPC_ROUTING, SERVER_SIDE),
    # Client-side apply does not remove what server-side apply wrote: each mode must state what it needs.
    (GRPC_ROUTING, SERVER_SIDE, PASSTHROUGH, CLIENT_SIDE),
]
INSECURE = {PASSTHROUGH: False, TERMINATION: True, GRPC_ROUTING: True}


@pytest.fixture(scope="module")
def bring(cluster: Cluster) -> Callable[[str, str], None]:
    """Have the mode installed by that manager alone; from nothing where another has had a hand in it."""
    managers: set[str] = set()

    def bring(mode: str, manager: str, *, switch: bool = False) -> None:
        if not switch and managers != {manager}:
            erase(cluster)
            managers.clear()
        managers.add(manager)
        cluster.apply(overlay(mode), server_side=manager == SERVER_SIDE)
        cluster.wait_ready()

    return bring


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: "{} {} to {} {}".format(*switch))
def test_switch(cluster: Cluster, bring: Callable[..., None], switch: tuple[str, str, str, str]) -> None:
    before, first, after, second = switch
    bring(before, first)
    assert wrong(cluster, before) == []
    pods = running(cluster)
    bring(after, second, switch=True)
    assert wrong(cluster, after) == []
    restarted = {name for name, uids in running(cluster).items() if uids != pods[name]}
    assert restarted == ({"argocd-server"} if INSECURE[before] != INSECURE[after] else set())
    if second == CLIENT_SIDE:
        assert differing(said(cluster.apply(overlay(after)).stdout), ["unchanged"]) == {}
