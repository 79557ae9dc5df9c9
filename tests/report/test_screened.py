"""The page of a screen."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from arbkit.errors import ConfigError
from arbkit.report import render_screen, write_screen
from arbkit.screen import Screen
from arbkit.screen.relative import relative_premiums


@pytest.fixture(scope="module")
def found() -> Screen:
    row = {
        "asset": "BTC", "net_bps_per_day": 12.5, "pnl_per_day": 1.25, "crossings_per_day": 2.0,
        "net_bps_per_crossing": 6.25, "premium_bps": 140.0, "premium_p05_bps": 90.0,
        "premium_median_bps": 130.0, "premium_p95_bps": 180.0, "net_bps_now": -3.0,
        "direction_now": "buy B, sell A", "open_pct": 40.0,
        "filled_pct": None, "tradable_pct": 99.0, "days": 2.0, "rows": 10, "leg_a": "u/BTC", "leg_b": "b/BTC",
    }  # fmt: skip
    frame = pl.DataFrame([row, {**row, "asset": "<ETH>", "net_bps_per_day": 0.0}])
    matrix = pl.DataFrame(
        [("BTC", "<ETH>", 20.0, 10.0, 30.0, 50.0, 9), ("<ETH>", "BTC", -60.0, None, None, 0.0, 9)],
        schema=relative_premiums({}, 0.0).schema,
        orient="row",
    )
    return Screen(
        frame=frame, matrix=matrix, finding="something", notes=("a bound",), pair="u x b", currency="USDT",
        size=1000.0, reference="none", costs_bps=10.0,
    )  # fmt: skip


def test_page_has_ranking_and_matrix_and_loads_nothing(found: Screen) -> None:
    page = render_screen(found, title="desk & co")
    assert "desk &amp; co" in page
    assert "&lt;ETH&gt;" in page
    assert "<ETH>" not in page
    assert ">12.5</td>" in page
    assert 'class="pays"' in page
    assert "\N{MINUS SIGN}60" in page
    assert "default-src 'none'" in page
    for outside in ("http:", "https:", "src="):
        assert outside not in page


def test_page_and_tables_are_written_beside_each_other(found: Screen, tmp_path: Path) -> None:
    paths = write_screen(found, tmp_path / "new" / "morning.html")
    assert [path.name for path in paths] == ["morning.html", "morning.csv", "morning-matrix.csv"]
    assert pl.read_csv(paths[1])["asset"].to_list() == ["BTC", "<ETH>"]
    assert pl.read_csv(paths[2]).height == 2


def test_place_that_cannot_be_written_is_one_clear_error(found: Screen, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"cannot be: .*name another with --to"):
        write_screen(found, tmp_path / "file" / "morning.html")
