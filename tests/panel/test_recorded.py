"""What a recording says beside its books, in the panels made of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from arbkit import load_panel, open_dataset
from arbkit.data import InstrumentInfo
from arbkit.data.growing import GrowingDataset
from arbkit.data.schema import EVENT_SCHEMAS
from arbkit.errors import CoverageError
from arbkit.panel import Panel
from tests.data.conftest import START_NS, make_book

PAIR = {"a": "upbit/KRW-BTC", "b": "binance_usdm/BTCUSDT"}
SECOND = 10**9


def events(table: str, *rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=EVENT_SCHEMAS[table], orient="row")


def state(at_s: float, symbol: str, entry_ok: bool) -> dict[str, object]:
    venue = "upbit" if symbol.startswith("KRW") else "binance_usdm"
    row = {"ts": START_NS + int(at_s * SECOND), "venue": venue, "symbol": symbol, "entry_ok": entry_ok}
    return row | {"trading": entry_ok, "can_deposit": None, "can_withdraw": None, "warnings": []}


def paid(at_s: float, symbol: str, rate: float) -> dict[str, object]:
    ts = START_NS + int(at_s * SECOND)
    return {"ts": ts, "venue": "binance_usdm", "symbol": symbol, "rate": rate, "mark_price": None}


def write(folder: Path, tables: dict[str, pl.DataFrame], low: int = 0, high: int = 20) -> None:
    """Add rows of both legs, one a second."""
    with GrowingDataset(folder) as dataset:
        batches = []
        for leg, kind in zip(PAIR.values(), ("spot", "perpetual"), strict=True):
            venue, symbol = leg.split("/")
            info = InstrumentInfo(venue=venue, symbol=symbol, base="BTC", quote="USDT", kind=kind)
            batches.append((info, make_book(high, recv_delay_ns=0)[low:]))
        dataset.commit(batches, tables)


def load(folder: Path, **options: object) -> Panel:
    return load_panel(folder, PAIR, cache=False, **options)  # type: ignore[arg-type]


def test_states_say_from_when_on_an_entry_makes_no_sense(tmp_path: Path) -> None:
    rows = [
        state(5, "KRW-BTC", False),
        state(8, "KRW-BTC", True),
        state(7.5, "BTCUSDT", False),
        state(10, "BTCUSDT", True),
        state(0, "KRW-ETH", False),
    ]
    write(tmp_path / "d", {"states": events("states", *rows)})
    entry_ok = load(tmp_path / "d").entry_ok
    assert entry_ok is not None
    assert np.flatnonzero(~entry_ok).tolist() == [5, 6, 7, 8, 9]


def test_nothing_that_speaks_against_entries_is_no_column(tmp_path: Path) -> None:
    write(tmp_path / "d", {"states": events("states", state(5, "KRW-BTC", True))})
    assert load(tmp_path / "d").entry_ok is None


def test_payments_that_were_recorded_are_paid(tmp_path: Path) -> None:
    rows = [paid(-10, "BTCUSDT", 0.5), paid(4, "BTCUSDT", 1e-4), paid(5, "ETHUSDT", 0.1)]
    write(tmp_path / "d", {"funding": events("funding", *rows)})
    funding = load(tmp_path / "d", funding="recorded").funding
    assert funding is not None
    assert (funding.rate.tolist(), funding.leg.tolist()) == ([1e-4], [1])
    assert load(tmp_path / "d", funding=open_dataset(tmp_path / "d").table("funding")).funding is not None
    assert load(tmp_path / "d", funding="recorded", start=START_NS + 8 * SECOND).funding is None


def test_a_dataset_without_payments_says_so(tmp_path: Path) -> None:
    write(tmp_path / "d", {})
    with pytest.raises(CoverageError, match="no funding payments were recorded"):
        load(tmp_path / "d", funding="recorded")


def test_a_panel_names_its_files_and_a_dataset_may_grow(tmp_path: Path) -> None:
    write(tmp_path / "d", {}, high=10)
    first = load(tmp_path / "d")
    write(tmp_path / "d", {}, low=10)
    second = load(tmp_path / "d")
    assert len(first.meta.files) == 2
    assert set(first.meta.files) < set(second.meta.files)
    assert all(mark.endswith(".parquet " + mark.split()[-1]) for mark in first.meta.files)
    assert (len(first), len(second)) == (10, 20)
    assert load(tmp_path / "d", end=START_NS + 5 * SECOND).meta.files == first.meta.files
    second.write(tmp_path / "p.parquet")
    assert Panel.read(tmp_path / "p.parquet").meta.files == second.meta.files
