"""Findings are the same bytes under any hash seed and in any order of documents."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.render.render import ROOT, SEPARATOR
from tests.seeded.seeds import Seed, lint, load, text

WHOLE = ("grpc-routing", "gateway-api/grpc-routing", "upstream-shared-gateway", "upstream-insecure-argument")
"""Whole installs, each with two Gateways' worth of objects or more."""
RULES = ("A14", "C19", "C21", "D12", "D17", "D25")
SEEDS = [*(Seed("", name, name) for name in WHOLE), *(seed for seed in load() if seed.rule in RULES and seed.base)]
PROGRAM = "import sys; from argocd_istio.cli import run; sys.exit(run(sys.argv[1:]))"


def linted(folder: Path, hash_seed: str, *names: str) -> bytes:
    """What lint prints, as JSON, in a process of its own."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT / "plugin/src")}
    command = [sys.executable, "-c", PROGRAM, "lint", *names, "--format", "json"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    assert done.returncode in (0, 1) and done.stdout, done.stderr.decode()
    return done.stdout


def test_a_hash_seed_changes_no_byte(tmp_path: Path) -> None:
    """All in one run: many objects of the same names, so that most rules have findings."""
    names = [f"{at}.yaml" for at in range(len(SEEDS))]
    for name, seed in zip(names, SEEDS, strict=True):
        (tmp_path / name).write_text(text(seed))
    first, *others = [linted(tmp_path, number, *names) for number in ("0", "1", "2", "4294967295")]
    assert len(first) > 10_000
    assert all(each == first for each in others)


@pytest.mark.parametrize("seed", SEEDS, ids=str)
def test_the_order_of_documents_changes_no_finding(tmp_path: Path, seed: Seed) -> None:
    parts = [part for part in SEPARATOR.split(text(seed)) if part.strip()]
    found = []
    for number in range(3):
        if number:
            random.Random(number).shuffle(parts)
        (tmp_path / "render.yaml").write_text("---\n".join(parts))
        found.append(findings_of(tmp_path / "render.yaml"))
    assert found[1:] == found[:1] * 2


def findings_of(file: Path) -> list[tuple[str, ...]]:
    """The findings without their lines, sorted: the order of the report is that of the objects."""
    found = lint(Seed("", ""), file.parent)
    return sorted((one.rule, one.severity, one.subject, one.message, one.text) for one in found)
