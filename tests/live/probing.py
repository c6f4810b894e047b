"""`argocd-istio probe` as a client of a live cluster."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from argocd_istio.findings import INFO
from live.cluster import Cluster
from tests.live.conftest import HOST

SOURCES = (sys.executable, "-m", "argocd_istio.cli")
"""The program from the work tree."""

Found = dict[str, Any]


def arguments(cluster: Cluster) -> list[str]:
    """Probe the exposed host, verifying with the test CA, and print JSON."""
    return ["probe", f"https://{HOST}", "--cacert", str(cluster.ca), "--format", "json"]


def probed(
    cluster: Cluster, *options: str, program: Sequence[str] = SOURCES, env: dict[str, str] | None = None
) -> Found:
    """What the probe prints; its exit code must fit."""
    done = cluster.exec([*program, *arguments(cluster), *options], env=env, timeout=120)
    assert done.stderr == "" and done.returncode in (0, 1), done.stderr
    found: Found = json.loads(done.stdout)
    assert done.returncode == (1 if found["errors"] else 0) or "--strict" in options
    return found


def above_info(found: Found) -> list[Found]:
    """The findings that somebody must fix."""
    return [one for one in found["findings"] if one["severity"] != INFO]
