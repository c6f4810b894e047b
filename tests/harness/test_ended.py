"""What a command in a cluster reports after the cluster has ended."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from live.errors import LiveError
from live.shell import Shell


@pytest.mark.parametrize("reason", ["", "istiod ended with exit code 1 (see istiod.log)"])
def test_commands_report_that_the_cluster_ended(tmp_path: Path, reason: str) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    if reason:
        (tmp_path / "failed").write_text(reason)
    with pytest.raises(LiveError) as refused:
        Shell(tmp_path, gone.pid).exec(["true"])
    found = reason or f"see {tmp_path / 'node.log'}"
    assert str(refused.value) == f"the cluster ended by itself: {found}; start it again: make up"
