"""Books collected into frames."""

from __future__ import annotations

import pytest

from arbkit.data.ingest.book_rows import BookRows
from arbkit.data.schema import book_schema


def test_rows_have_the_schema_and_missing_levels_are_null() -> None:
    rows = BookRows(2)
    rows.add(1, None, [(10.0, 1.0)], [(11.0, 2.0), (12.0, 3.0), (13.0, 4.0)])
    rows.add(None, 2, [], [])
    assert len(rows) == 2
    frame = rows.take()
    assert frame.schema == book_schema(2)
    assert frame.row(0)[2:] == (10.0, 1.0, 11.0, 2.0, None, None, 12.0, 3.0)
    assert frame.row(1)[2:] == (None,) * 8
    assert frame["ts_event"].null_count() == frame["ts_recv"].null_count() == 1
    assert len(rows) == 0


@pytest.mark.parametrize(("inverse", "expected"), [(False, 200.0), (True, 20.0)])
def test_contracts_become_base_units(inverse: bool, expected: float) -> None:
    rows = BookRows(1, contract_size=100.0, inverse=inverse)
    rows.add(1, 1, [(10.0, 2.0)], [])
    frame = rows.take()
    assert frame["bid_sz_00"][0] == expected
    assert frame["ask_sz_00"][0] is None
