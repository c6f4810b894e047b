"""The test that the files of this folder share."""

from __future__ import annotations

import pytest

from tests.live import table
from tests.live.all_ways import results
from tests.live.questions import Client
from tests.live.table import ROWS, Row
from tests.live.ways import Case


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_cell(client: Client, case: Case, row: Row, cells: results.Cells) -> None:
    found = table.measure(client, row)
    results.add(cells, case, row, found)
    assert found == case.expected(row)
