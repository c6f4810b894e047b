"""Which journeys through Argo CD's UI pass in each mode and way, as one page with a date."""

from __future__ import annotations

from collections.abc import Iterator, Set
from datetime import UTC, datetime
from pathlib import Path

from tests.live import ways
from tests.live.table import GRPC_ROUTING, MODES
from tests.live.ways import OURS, OWN, Case
from tools.build import NEWEST_GATEWAY_API
from tools.versions import module, versions

ISTIO_CASES = [
    *(Case(OWN, mode) for mode in MODES),
    *(case for case in ways.CASES if case.install == OURS or case.mode == GRPC_ROUTING),
]
API_CASES = [
    case
    for case in ways.API_CASES
    if case.pin == NEWEST_GATEWAY_API and (case.install == OURS or case.mode == GRPC_ROUTING)
]
CASES = [*ISTIO_CASES, *API_CASES]

JOURNEYS = {
    "test_a_person_logs_in_and_out": "login and logout",
    "test_deep_link_leads_through_the_login": "deep link",
    "test_tree_shows_a_sync_without_reload": "sync without reload",
}
"""The columns, by the name of the test."""


def key(case: Case, journey: str) -> str:
    """The name that pytest gives to a journey in a case."""
    return f"{journey}[{case}]"


def write(passed: Set[str], folder: Path) -> None:
    """Write `ui.md` to the folder, if every journey passed in every case."""
    if passed >= {key(case, journey) for case in CASES for journey in JOURNEYS}:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ui.md").write_text("\n".join(_markdown()) + "\n")


def _markdown() -> Iterator[str]:
    measured = f"Argo CD {module()}, Istio {versions()['istio']}, Envoy {versions()['envoy']}"
    yield from (
        "# Argo CD's UI in every way",
        "",
        f"{datetime.now(UTC):%-d %B %Y}, by `make test-ui`: {measured}.",
        "",
        "Chromium opens Argo CD's own UI through the gateway. A person logs in and out, a link to an object leads",
        "through the login to it, and the tree shows a sync that `kubectl` starts. The browser reported no error.",
        "",
        f"|  | component | install | CRDs of the Gateway API | {' | '.join(JOURNEYS.values())} |",
        f"|{' --- |' * (4 + len(JOURNEYS))}",
    )
    for number, case in enumerate(CASES, 1):
        yield f"| {number} | `{case.component}` | {case.install} | {case.crds} |{' ok |' * len(JOURNEYS)}"
