"""Funding tables: what a panel takes, drops and refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from arbkit.config import Params
from arbkit.engine import backtest
from arbkit.errors import ConfigError, DataError
from arbkit.panel import Funding, Panel

SECOND = 1_000_000_000
PARAMS = Params(
    min_spread_bps=20,
    taker_fee_a_bps=5,
    taker_fee_b_bps=5,
    slippage_bps=0,
    max_position_usd=1_000,
    funding=True,
)


def panel(**meta: Any) -> Panel:
    ts = np.arange(1, 6) * SECOND
    rich = np.full(5, 101.0)
    frame = {"ts": ts, "bid_a": rich - 1.1, "ask_a": rich - 1, "bid_b": rich, "ask_b": rich + 0.1}
    return Panel.from_frame(pl.DataFrame(frame), leg_a="upbit/KRW-X", leg_b="binance/XUSDT", **meta)


def table(*times: int, rate: float = 0.01, symbol: str = "XUSDT") -> pl.DataFrame:
    rows = {"ts": [t * SECOND for t in times], "rate": [rate] * len(times)}
    return pl.DataFrame(rows).with_columns(venue=pl.lit("binance"), symbol=pl.lit(symbol))


def test_a_short_perpetual_receives_what_longs_pay() -> None:
    result = backtest(panel(spot_b=False).with_funding(table(1, 3)), PARAMS)
    assert result.metrics.funding_usd == pytest.approx(0.01 * 10 * 101.05)
    assert result.flags == ("sells spot at upbit/KRW-X short without inventory",)


def test_a_perpetual_leg_without_funding_is_flagged() -> None:
    bare = backtest(panel(spot_a=True, spot_b=False), PARAMS.replace(funding=False))
    assert "funding of the perpetual at binance/XUSDT is not simulated" in bare.flags


def test_single_times_outside_are_dropped_and_flagged() -> None:
    made = panel().with_funding(table(0, 2, 9))
    assert made.funding is not None
    assert made.funding.ts.tolist() == [2 * SECOND]
    assert made.flags == ("2 of 3 funding times lie outside the panel and are not paid",)


def test_a_slice_keeps_the_times_within_it_and_no_flag() -> None:
    part = panel().with_funding(table(2, 4)).rows(2, 5)
    assert part.funding is not None
    assert part.funding.ts.tolist() == [4 * SECOND]
    assert part.flags == ()
    assert panel().with_funding(table(2)).rows(3, 5).funding is not None


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_file_gives_the_same_as_a_frame(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"funding.{suffix}"
    frame = table(2, 4).with_columns(pl.col("ts").cast(pl.Datetime("ns")))
    getattr(frame, f"write_{suffix}")(path)
    assert panel().with_funding(path).fingerprint == panel().with_funding(table(2, 4)).fingerprint


def test_a_panel_keeps_its_funding_on_disk_and_in_its_fingerprint(tmp_path: Path) -> None:
    made = panel().with_funding(table(2, 4))
    made.write(tmp_path / "panel.parquet")
    assert Panel.read(tmp_path / "panel.parquet").fingerprint == made.fingerprint
    assert made.fingerprint != panel().fingerprint
    assert made.fingerprint != panel().with_funding(table(2, 4, rate=0.02)).fingerprint


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (table(9, 10), "all 2 lie outside: 1970-01-01T00:00:09 to"),
        (table(0), "all 1 lie outside"),
        (table(3, 2), "funding times of leg b must be in order"),
        (table(2, 2), "leg b must have one funding rate at a time, had two at 1970-01-01T00:00:02"),
        (table(2, rate=float("nan")), "a funding rate must be finite, row 0 held nan"),
        (table(2).with_columns(rate=pl.lit(None, pl.Float64)), "a funding rate must be finite"),
        (table(2, symbol="YUSDT"), "rows of upbit/KRW-X or binance/XUSDT, had binance/YUSDT"),
        (table(2).drop("rate"), "`?rate`?"),
        (table(2).drop("venue"), "`?venue`?"),
        (table(2).with_columns(rate=pl.lit("much")), "column `rate` must hold numbers"),
    ],
)
def test_a_bad_table_is_refused(frame: pl.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message):
        panel().with_funding(frame)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: there is no such funding file"):
        panel().with_funding(tmp_path / "none.csv")


def test_arrays_of_two_lengths_or_a_third_leg_are_refused() -> None:
    whole = np.array([SECOND, 2 * SECOND])
    with pytest.raises(DataError, match="one time, leg and rate per row"):
        panel().replace(funding=Funding(whole, whole[:1], np.zeros(2)))
    with pytest.raises(DataError, match=r"must be 0 \(A\) or 1 \(B\)"):
        panel().replace(funding=Funding(whole, np.array([0, 2]), np.zeros(2)))


def test_funding_needs_a_table_and_real_fills() -> None:
    with pytest.raises(ConfigError, match=r"needs a panel with a funding table.*with_funding"):
        backtest(panel(), PARAMS)
    with pytest.raises(ConfigError, match="has no place in `pnl_model` convergence"):
        backtest(panel().with_funding(table(2)), PARAMS.replace(pnl_model="convergence"))
