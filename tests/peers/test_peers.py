"""The comparison with other tools, which writes results/peers.md: `make test-rules` runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers import analyzers, counts, judged, results, schemas, tools
from tests.peers.counts import Case, Count
from tests.peers.tools import Message
from tests.seeded import seeds, table


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    return counts.write(tmp_path_factory.mktemp("peers"), seeds.load())


@pytest.fixture(scope="module")
def counted(cases: list[Case]) -> dict[str, Count]:
    return {tool: counts.count(tool, cases) for tool in tools.TOOLS}


def lint(files: tuple[Path, ...]) -> list[str]:
    """The rules of lint's findings, and the severity if it is no error."""
    command = [sys.executable, "-m", "argocd_istio.cli", "lint", "--format", "github", *map(str, files)]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    levels = {"::error": "", "::warning": " (warning)", "::notice": " (info)"}
    return [f"{line.partition('title=')[2][:3]}{levels[line.partition(' ')[0]]}" for line in lines if "title=" in line]


def test_the_page_is_written(cases: list[Case], counted: dict[str, Count], tmp_path: Path, results_dir: Path) -> None:
    hits = {case.seed: table.hit(case.seed, seeds.findings(case.seed)) for case in cases}
    files = sorted({file for case in analyzers.cases() for file in case.files})
    rows = analyzers.rows(tools.istioctl(files), lint)
    text = results.markdown(cases, hits, counted, len(schemas.write(tmp_path / "schemas")), rows)
    results.write(text, results_dir)
    assert not any(each.changed == frozenset() and each.file for each in cases if each.seed.base)


def test_no_schema_refuses_a_file_without_a_fault(counted: dict[str, Count]) -> None:
    assert not any(counted["kubeconform"].bases.values())


def test_every_tool_finds_something(counted: dict[str, Count]) -> None:
    assert all(any(count.found.values()) for count in counted.values())


def test_every_message_without_a_fault_is_judged(counted: dict[str, Count]) -> None:
    """A row that no message needs is left over from another version of a tool, or of the seeds."""
    messages = [one for count in counted.values() for each in count.bases.values() for one in each]
    assert [str(each) for each in messages if judged.on_base(each)[1] == judged.NOT_JUDGED] == []
    met = {start for start in judged.ON_BASES for each in messages if each.code.startswith(start)}
    assert met == judged.ON_BASES.keys()


def test_a_message_about_something_else_does_not_count() -> None:
    message = Message("IST0128", "DestinationRule", "argocd-server", "no caCertificates")
    assert judged.why_not(message, "A03") and not judged.why_not(message, "A28")
    check = Message("CKV_K8S_20", "Deployment", "mock", "privilege escalation")
    assert judged.why_not(check, "F24") and not judged.why_not(check, "I01")
