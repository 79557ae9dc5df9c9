"""Tables on the page of the benchmarks."""

from __future__ import annotations

from pathlib import Path

from benchmarks.__main__ import SECTIONS
from benchmarks.page import README, write_tables

ABOUT = {"date": "2026-01-02 03:04 UTC", "load": "0.10 0.20 0.30"}


def test_a_section_is_replaced_between_its_marks_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    rest = "<!-- end startup -->\nafter\n<!-- ingest -->\n<!-- end ingest -->\n"
    page.write_text("before\n<!-- startup -->\nold\n" + rest)
    rows = [{"process": "arbkit backtest", "wall ratio": 1.6}]
    assert write_tables(page, ABOUT, {"startup": rows, "trials": []}) == ["trials"]
    text = page.read_text()
    assert "old" not in text
    assert text.startswith("before\n<!-- startup -->\n\n`python -m benchmarks --only startup`, 2026-01-02")
    assert "| arbkit backtest |" in text
    assert "| warm backtest over bare imports, wall | <= 1.5 |" in text
    assert text.endswith(rest)
    assert write_tables(page, ABOUT, {"startup": rows}) == []
    assert page.read_text() == text


def test_every_section_has_its_place_on_the_page() -> None:
    text = README.read_text(encoding="utf-8")
    for name in SECTIONS:
        assert text.count(f"<!-- {name} -->") == text.count(f"<!-- end {name} -->") == 1
