"""The picture of the fault tables is made of rows that the page has."""

from __future__ import annotations

from pathlib import Path

from benchmarks.fault_chart import rows_of

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_both_tables_are_read_from_the_page() -> None:
    page = (DOCS / "faults.md").read_text(encoding="utf-8")
    for section, right in (("faults", "equal"), ("feeds", "right")):
        rows = rows_of(page, section)
        assert {row["venue"] for row in rows} >= {"upbit", "binance_usdm", "binance_spot"}
        assert {row[right] for row in rows} == {"yes"}
    assert rows_of(page, "nothing") == []
    assert "](img/faults.png)" in page
    assert (DOCS / "img" / "faults.png").exists()
