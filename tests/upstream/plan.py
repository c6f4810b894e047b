"""The cells of the matrix: which set of upstream's tests runs through which exposure, and by which protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from tests.live.table import MODES
from tests.live.ways import API, EXISTING, OWN, Case
from tests.upstream.catalogue import SAMPLE, Known, explain

NATIVE, WEB = "native", "grpc-web"
EMPTY = {"way": "own", "sidecars": "none"}
"""How fields without a value are named."""


@dataclass(frozen=True)
class Cell:
    """A set of tests through one exposure. `protocol` is that of the CLI."""

    way: str
    mode: str
    protocol: str
    set: str
    sidecars: str = ""
    """The mutual TLS mode of the sidecars; empty without sidecars."""

    @property
    def case(self) -> Case:
        return Case(self.way, self.mode)

    @property
    def fields(self) -> dict[str, str]:
        """The cell's fields, as options and known failures name them."""
        return {name: value or EMPTY[name] for name, value in asdict(self).items()}

    @property
    def command(self) -> str:
        """What runs the cell."""
        options = " ".join(f"--{name} {value}" for name, value in self.fields.items())
        return f'make test-upstream ONLY="{options}"'

    def explain(self, test: str) -> Known | None:
        """Why the test fails here; None if it must pass."""
        return explain(test, self.fields)

    def always_fails(self, test: str) -> bool:
        """Whether the test has a known failure here that does not come only sometimes."""
        known = self.explain(test)
        return known is not None and not known.sometimes

    def __str__(self) -> str:
        mesh = f" with sidecars ({self.sidecars})" if self.sidecars else ""
        return f"{self.case.component}{mesh}, {self.protocol}, {self.set}"


def plan() -> Iterator[Cell]:
    """Every cell, in the order of the page."""
    for way in (OWN, API):
        yield from (Cell(way, mode, NATIVE, "core") for mode in MODES)
    for way in (OWN, API, EXISTING):
        yield from (Cell(way, mode, protocol, SAMPLE) for protocol in (NATIVE, WEB) for mode in MODES)
    yield from (Cell(OWN, mode, NATIVE, SAMPLE, "STRICT") for mode in MODES)
    yield from (Cell(OWN, "grpc-routing", NATIVE, name) for name in ("appns", "appset", "pods"))


def select(**wanted: str | None) -> list[Cell]:
    """The cells that have all these fields; None fits every cell."""
    return [cell for cell in plan() if all(value in (None, cell.fields[name]) for name, value in wanted.items())]
