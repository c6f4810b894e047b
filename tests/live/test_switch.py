"""Switch the mode of a running install by applying another overlay; only the pods that need it restart."""

from __future__ import annotations

import pytest

from live.cluster import Cluster
from tests.live.lifecycle import erase, overlay, running, wrong
from tests.live.table import GRPC_ROUTING, PASSTHROUGH, TERMINATION

CLIENT_SIDE, SERVER_SIDE = "client-side", "server-side"

# (mode, how it was applied, next mode, how that is applied). Ordered so that most switches start from the install
# that the switch before left.
SWITCHES = [
    (PASSTHROUGH, CLIENT_SIDE, TERMINATION, CLIENT_SIDE),
    (TERMINATION, CLIENT_SIDE, PASSTHROUGH, CLIENT_SIDE),
    (PASSTHROUGH, CLIENT_SIDE, GRPC_ROUTING, CLIENT_SIDE),
    (GRPC_ROUTING, CLIENT_SIDE, TERMINATION, CLIENT_SIDE),
    (TERMINATION, CLIENT_SIDE, GRPC_ROUTING, CLIENT_SIDE),
    (GRPC_ROUTING, CLIENT_SIDE, PASSTHROUGH, CLIENT_SIDE),
    (PASSTHROUGH, CLIENT_SIDE, TERMINATION, SERVER_SIDE),
    (PASSTHROUGH, SERVER_SIDE, GRPC_ROUTING, SERVER_SIDE),
    # Client-side apply does not remove fields that server-side apply wrote: each mode must set all that it needs.
    (GRPC_ROUTING, SERVER_SIDE, PASSTHROUGH, CLIENT_SIDE),
]
INSECURE = {PASSTHROUGH: False, TERMINATION: True, GRPC_ROUTING: True}


class Install:
    """The install that all switches share."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._mode = ""
        self._managers: set[str] = set()

    def begin(self, mode: str, manager: str) -> None:
        """Ensure that the mode is installed by that manager only: keep the current install, or make a new one."""
        if (self._mode, self._managers) == (mode, {manager}):
            return
        erase(self._cluster)
        self._managers = set()
        self.apply(mode, manager)
        assert wrong(self._cluster, mode) == []

    def apply(self, mode: str, manager: str) -> None:
        """Apply the mode's overlay, and wait until it serves."""
        self._mode = ""  # unknown if the apply fails
        self._managers.add(manager)
        self._cluster.apply(overlay(mode), server_side=manager == SERVER_SIDE)
        self._cluster.wait_ready()
        self._mode = mode


@pytest.fixture(scope="module")
def install(cluster: Cluster) -> Install:
    return Install(cluster)


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: "{} {} to {} {}".format(*switch))
def test_switch(cluster: Cluster, install: Install, switch: tuple[str, str, str, str]) -> None:
    before, first, after, second = switch
    install.begin(before, first)
    pods = running(cluster)
    install.apply(after, second)
    assert wrong(cluster, after) == []
    restarted = {name for name, uids in running(cluster).items() if uids != pods[name]}
    assert restarted == ({"argocd-server"} if INSECURE[before] != INSECURE[after] else set())
