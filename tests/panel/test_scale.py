"""How much of a position each row would take."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest

import arbkit
from arbkit import ConfigError, Panel, Params
from arbkit.panel import joined_view, split_view
from arbkit.panel.reference import settled_ns
from arbkit.risk import scale_of
from arbkit.units import HOUR_NS, MINUTE_NS
from tests.markets import market_frame

SCALE = "ewma:10m,target=60"


@pytest.fixture(scope="module")
def panel() -> Panel:
    return Panel.from_frame(market_frame())


def test_the_scale_of_a_panel_is_made_of_its_mids_and_tradable_rows(panel: Panel) -> None:
    found = panel.with_scale(SCALE)
    mids = (panel.bid_a + panel.ask_a) / 2, (panel.bid_b + panel.ask_b) / 2
    assert found.scale is not None
    assert found.scale.tolist() == scale_of(SCALE, panel.ts, *mids, panel.tradable).tolist()
    assert found.meta.reference == f"none; scale={SCALE}"
    assert 0.2 < np.mean(found.scale) < 0.9


def test_trades_are_opened_at_the_scaled_size_and_not_before_there_is_a_forecast(panel: Panel) -> None:
    params = Params(
        min_spread_bps=3, taker_fee_a_bps=1, taker_fee_b_bps=1, slippage_bps=0, max_position_usd=1_000
    )
    scaled = panel.with_scale(SCALE)
    assert scaled.scale is not None
    trades = arbkit.backtest(scaled, params).trades
    rows = trades["entry_index"].to_numpy()
    assert trades["notional_usd"].to_list() == (1_000 * scaled.scale[rows]).tolist()
    assert len(trades) > 5
    assert trades["notional_usd"].n_unique() > 5
    assert rows.min() >= np.flatnonzero(scaled.scale)[0]


def test_a_reference_and_a_scale_make_one_view(panel: Panel) -> None:
    view = joined_view("ewma:20m", SCALE)
    assert split_view(view) == ("ewma:20m", SCALE)
    assert split_view("ewma:20m") == ("ewma:20m", "none")
    both = panel.with_reference(view)
    one_by_one = panel.with_reference("ewma:20m").with_scale(SCALE)
    assert both.fingerprint == one_by_one.fingerprint
    assert both.meta == one_by_one.meta
    assert both.meta.reference == view


def test_a_scale_that_was_asked_for_goes_with_its_view_and_one_of_the_data_stays(panel: Panel) -> None:
    assert panel.with_scale(SCALE).with_reference("none").scale is None
    assert panel.with_scale(SCALE).with_scale("none").scale is None
    own = panel.replace(scale=np.full(len(panel), 0.5))
    assert own.with_reference("ewma:20m").scale is not None
    assert own.with_scale("none").scale is None


def test_a_column_can_be_the_scale(panel: Panel) -> None:
    columns = {"half": np.full(len(panel), 0.5), "much": np.full(len(panel), 1.5)}
    own = Panel.from_frame(panel.to_frame().with_columns(**{k: pl.Series(v) for k, v in columns.items()}))
    assert own.with_scale("column:half").scale.tolist() == columns["half"].tolist()  # type: ignore[union-attr]
    with pytest.raises(ConfigError, match=r"in \[0, 1\] in every row"):
        own.with_scale("column:much")
    with pytest.raises(ConfigError, match="has no column 'hal'"):
        own.with_scale("column:hal")


def test_a_scale_remembers_as_long_as_its_model() -> None:
    assert settled_ns(joined_view("none", SCALE)) == 200 * MINUTE_NS + 2 * MINUTE_NS
    assert settled_ns(joined_view("ewma:6h", SCALE)) == 120 * HOUR_NS


def test_quotes_that_are_too_old_are_not_measured(panel: Panel) -> None:
    keep = (panel.ts < 100 * MINUTE_NS) | (panel.ts > 200 * MINUTE_NS)
    gap = Panel.from_frame(market_frame().filter(pl.Series(keep)))
    aged = gap.replace(meta=dataclasses.replace(gap.meta, max_age_ns=MINUTE_NS))
    after = int(np.flatnonzero(gap.ts > 200 * MINUTE_NS)[0])
    known, calm = aged.with_scale(SCALE).scale, gap.with_scale(SCALE).scale
    assert known is not None
    assert calm is not None
    assert known[after] == pytest.approx(known[after - 1], rel=0.05)
    assert calm[after] == 1.0


@pytest.mark.parametrize("scale", ["ewma:10m", "emwa:10m,target=5", "column"])
def test_a_scale_that_is_none_is_one_clear_error(panel: Panel, scale: str) -> None:
    with pytest.raises(ConfigError):
        panel.with_scale(scale)
