"""The results of the tests in an injected namespace, as a table with a date."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tests.live.injected import PEERS
from tests.live.table import MODES
from tools.versions import module, versions


class Results:
    """Collects the results of the tests."""

    def __init__(self) -> None:
        self._with: dict[tuple[str, str], list[str]] = {}
        self._without: dict[tuple[str, str], tuple[list[str], int]] = {}

    def cell(self, mode: str, peer: str, row: str, right: bool) -> None:
        """Add the result of a row with our Sidecar; `right` if it was as expected."""
        self._with.setdefault((mode, peer), []).append("" if right else row)

    def without(self, mode: str, peer: str, failing: list[str], asked: int) -> None:
        """Add the rows that fail without our Sidecar; `asked` is the number of rows that were asked."""
        self._without[mode, peer] = failing, asked

    def write(self, folder: Path) -> None:
        """Write `mesh.md` to the folder."""
        if self._with:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "mesh.md").write_text(self._markdown())

    def _markdown(self) -> str:
        measured = f"Argo CD {module()}, Istio {versions()['istio']}, Envoy {versions()['envoy']}"
        lines = [
            "# Truth table with sidecars",
            "",
            f"{datetime.now(UTC):%-d %B %Y}, by `make test-mesh`: {measured}.",
            "",
            "Every pod of Argo CD's namespace has a sidecar. A cell: rows with the expected answer, of all rows.",
            "Without our Sidecar, argocd-server is the older Service.",
            "",
            "| mode | mutual TLS | with our Sidecar | without | fails without |",
            "| --- | --- | --- | --- | --- |",
        ]
        for mode in MODES:
            for peer in PEERS:
                cells, (failing, asked) = self._with.get((mode, peer), []), self._without.get((mode, peer), ([], 0))
                names = "every row" if len(failing) == asked > 0 else "; ".join(failing)
                figures = f"{cells.count('')} of {len(cells)} | {asked - len(failing)} of {asked}"
                lines.append(f"| {mode} | {peer} | {figures} | {names} |")
        return "\n".join(lines) + "\n"
