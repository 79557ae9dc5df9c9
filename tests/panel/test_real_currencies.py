"""BTC-USD against BTC-EUR with the real EUR/USD: the figures of the recording's own page."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from arbkit.data import Dataset, DatasetWriter, InstrumentInfo, book_schema, open_dataset
from arbkit.errors import CoverageError
from arbkit.panel import Panel, load_panel

pytestmark = pytest.mark.real_data

MINUTE = 60 * 10**9
HOUR = 60 * MINUTE
COLUMNS = ["ms", "bid_o", "bid_h", "bid_l", "bid", "bid_size", "ask_o", "ask_h", "ask_l", "ask", "ask_size"]
PAIR = {"a": "coinbase/BTC-USD", "b": "coinbase/BTC-EUR"}


def bars(folder: Path, name: str, days: tuple[str, ...], shift_ns: int = 0) -> pl.DataFrame:
    """Read quote bars; a stamp is the bar's start, and its close is known at its end."""
    frames = []
    for day in days:
        with zipfile.ZipFile(folder / f"{name}__{day}_quote.zip") as archive:
            text = archive.read(archive.namelist()[0])
        frame = pl.read_csv(text, has_header=False, new_columns=COLUMNS)
        midnight = int(np.datetime64(f"{day[:4]}-{day[4:6]}-{day[6:]}", "ns").astype(np.int64))
        ts = midnight + frame["ms"].cast(pl.Int64) * 1_000_000 + MINUTE + shift_ns
        frames.append(
            pl.DataFrame(
                {
                    "ts_event": ts.cast(pl.Datetime("ns", "UTC")),
                    "ts_recv": pl.Series([None] * len(ts), dtype=pl.Datetime("ns", "UTC")),
                    "bid_px_00": frame["bid"].cast(pl.Float64),
                    "bid_sz_00": None,
                    "ask_px_00": frame["ask"].cast(pl.Float64),
                    "ask_sz_00": None,
                }
            ).cast(book_schema(1))
        )
    return pl.concat(frames)


def written(
    real_data: Path, path: Path, *, days: tuple[str, ...] = ("20180404",), shift_ns: int = 0
) -> Dataset:
    folder = real_data / "coinbase_btcusd_btceur_fx_1m"
    with DatasetWriter(path, source="test") as writer:
        for symbol, quote in (("BTC-USD", "USD"), ("BTC-EUR", "EUR")):
            name = f"crypto__coinbase__minute__btc{quote.lower()}"
            writer.write(
                InstrumentInfo(venue="coinbase", symbol=symbol, base="BTC", quote=quote),
                bars(folder, name, days),
            )
        info = InstrumentInfo(venue="oanda", symbol="EUR-USD", base="EUR", quote="USD", kind="fx")
        fx_days = ("20180403", "20180404")
        writer.write(info, bars(folder, "forex__oanda__minute__eurusd", fx_days, shift_ns))
        writer.commit()
    return open_dataset(path)


def premium(panel: Panel) -> np.ndarray:
    return panel.spreads()["premium_bps"].drop_nulls().to_numpy()


def test_the_premium_has_the_mean_and_deviation_of_its_page(real_data: Path, tmp_path: Path) -> None:
    data = written(real_data, tmp_path / "btc")
    panel = load_panel(data, PAIR, {"symbol": "EUR-USD", "max_age": "10m"}, currency="USD", max_age="10m")
    both = panel.tradable
    assert both.mean() > 0.99
    values = premium(panel)
    assert values.mean() == pytest.approx(-23.0, abs=0.3)
    assert values.std() == pytest.approx(16.1, abs=0.3)
    best = np.maximum(*(panel.spreads()[name].drop_nulls().to_numpy() for name in ("s_ab_bps", "s_ba_bps")))
    assert (best > 20).mean() == pytest.approx(0.58, abs=0.02)


def test_fx_read_in_another_time_zone_widens_the_spread(real_data: Path, tmp_path: Path) -> None:
    fx = {"symbol": "EUR-USD", "max_age": "10m"}
    right = load_panel(written(real_data, tmp_path / "right"), PAIR, fx, currency="USD")
    shifted = load_panel(written(real_data, tmp_path / "wrong", shift_ns=4 * HOUR), PAIR, fx, currency="USD")
    assert premium(right).std() == pytest.approx(16.1, abs=0.3)
    assert premium(shifted).std() == pytest.approx(21.4, abs=1.0)


def test_executable_fx_costs_its_own_spread(real_data: Path, tmp_path: Path) -> None:
    data = written(real_data, tmp_path / "btc")
    mid, executable = (
        load_panel(data, PAIR, {"symbol": "EUR-USD", "max_age": "10m", "price": price}, currency="USD")
        for price in ("mid", "executable")
    )
    cost = (mid.spreads()["s_ab_bps"] - executable.spreads()["s_ab_bps"]).drop_nulls()
    assert cost.min() > 0
    assert 0.2 < cost.median() < 3


def test_a_day_without_fx_is_refused(real_data: Path, tmp_path: Path) -> None:
    data = written(real_data, tmp_path / "btc", days=("20180404", "20180405"))
    with pytest.raises(
        CoverageError, match=r"FX must cover the books to their end, oanda/EUR-USD was last quoted 2018-04-0"
    ):
        load_panel(data, PAIR, {"symbol": "EUR-USD", "max_age": "10m"}, currency="USD")
