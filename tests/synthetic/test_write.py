"""A synthetic market as a dataset."""

from __future__ import annotations

from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from arbkit.data import open_dataset
from arbkit.errors import ConfigError, DataError
from arbkit.synthetic import Market, MarketSpec, write_market

LEGS = ("upbit/KRW-BTC", "binance_usdm/BTCUSDT", "upbit/KRW-USDT")


def test_the_dataset_holds_the_rows_of_the_market(kimchi: MarketSpec, tmp_path: Path) -> None:
    market = Market(kimchi, rows=3_000, levels=3)
    write_market(market, tmp_path / "kimchi", chunk_rows=500)
    dataset = open_dataset(tmp_path / "kimchi")
    for leg in LEGS:
        stored = dataset.scan(leg).collect()
        expected = market.frame(leg)
        assert_frame_equal(stored.select(expected.columns), expected, check_exact=True)


def test_the_manifest_says_what_was_made(kimchi: MarketSpec, tmp_path: Path) -> None:
    manifest = write_market(Market(kimchi, seed=9, rows=2_000, levels=2), tmp_path / "kimchi")
    found = {item.leg: item for item in manifest.instruments}
    assert set(found) == set(LEGS)
    assert "seed=9" in manifest.source
    assert [found[leg].tick_size for leg in LEGS] == [1000.0, 0.1, 1.0]
    assert [found[leg].kind for leg in LEGS] == ["spot", "perpetual", "spot"]
    assert all(item.has_ts_recv and item.levels == 2 and "synthetic" in item.flags for item in found.values())
    assert found[LEGS[0]].rows + found[LEGS[1]].rows == 2_000


def test_the_fingerprint_depends_on_spec_and_seed_only(kimchi: MarketSpec, tmp_path: Path) -> None:
    one = write_market(Market(kimchi, seed=1, rows=1_000), tmp_path / "one", chunk_rows=130)
    same = write_market(Market(kimchi, seed=1, rows=1_000), tmp_path / "same")
    other = write_market(Market(kimchi, seed=2, rows=1_000), tmp_path / "other")
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_an_existing_dataset_is_kept_unless_it_is_to_be_replaced(kimchi: MarketSpec, tmp_path: Path) -> None:
    write_market(Market(kimchi, rows=500), tmp_path / "kimchi")
    with pytest.raises(DataError, match="exists already"):
        write_market(Market(kimchi, rows=600), tmp_path / "kimchi")
    manifest = write_market(Market(kimchi, rows=600), tmp_path / "kimchi", mode="replace")
    assert open_dataset(tmp_path / "kimchi").fingerprint == manifest.fingerprint


def test_progress_counts_up_to_the_rows_written(kimchi: MarketSpec, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    manifest = write_market(
        Market(kimchi, rows=2_000),
        tmp_path / "kimchi",
        chunk_rows=300,
        progress=lambda *step: seen.append(step),
    )
    assert seen == sorted(seen)
    assert seen[-1][0] == manifest.rows
    assert all(done <= total for done, total in seen)


def test_a_market_too_short_for_all_its_instruments_leaves_nothing(
    kimchi: MarketSpec, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="ask for more rows"):
        write_market(Market(kimchi, rows=1), tmp_path / "kimchi")
    assert not (tmp_path / "kimchi").exists()
