"""How many executions the fuzz tests have, and which.

`make check` runs a part. `make fuzz` sets ARGOCD_ISTIO_FUZZ, runs that many times as many, and writes
`results/fuzz.md`.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

TIMES = int(os.environ.get("ARGOCD_ISTIO_FUZZ") or 1)
SEED = int(os.environ.get("ARGOCD_ISTIO_FUZZ_SEED") or 1)
"""Another one gives other inputs; a failure names it."""

START = "fuzz of "
"""How the names of figures start that the page has."""


def write(figures: dict[str, dict[str, int]], folder: Path) -> None:
    """Write `fuzz.md`, if the whole was run."""
    found = {name.removeprefix(START): one for name, one in sorted(figures.items()) if name.startswith(START)}
    if TIMES == 1 or not found:
        return
    rows = []
    for name, one in found.items():
        more = ", ".join(f"{what} {count}" for what, count in one.items() if what != "executions")
        rows.append(f"| {name} | {one['executions']} | {more} |")
    total = sum(one["executions"] for one in found.values())
    text = f"""# Fuzzing of lint and probe

{datetime.now(UTC):%-d %B %Y}, by `make fuzz`, seed {SEED}: {total} executions.

No execution raised an exception, printed a traceback or did not end. `tests/plugin/test_lint_fuzz.py` and
`tests/plugin/test_probe_fuzz.py` say what else they check.

| what | executions | of them |
| --- | --- | --- |
"""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "fuzz.md").write_text(text + "\n".join(rows) + "\n")
