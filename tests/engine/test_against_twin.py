"""The engine against the plain twin, over random panels and every parameter.

The quick profile runs in `make test`; set `ARBKIT_TWIN_EXAMPLES=20000` for a long search.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import polars as pl
import polars.selectors as cs
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from arbkit.config import Params
from arbkit.engine import backtest, backtest_many
from arbkit.panel import Funding, Ladders, Panel
from arbkit.records import METRICS_DTYPE
from arbkit.units import duration_ns
from tests.strategies import FEATURES, Case, cases, panels, parameters
from tests.twin.compare import compare_attribution, compare_equity, compare_metrics, compare_trades, differs
from tests.twin.market import Row
from tests.twin.twin import run

#: The ways the engine can run; each must give the twin's result.
ENGINES = ("step", "scan", "skip")
EXAMPLES = int(os.environ.get("ARBKIT_TWIN_EXAMPLES", "150"))

profile = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def panel_of(
    rows: tuple[Row, ...], *, fair: bool, entry_ok: bool, funding: tuple[tuple[int, str, float], ...] = ()
) -> Panel:
    """Build the panel that shows the same rows; optional columns only where a case has them."""

    def column(name: str, dtype: Any = np.float64) -> Any:
        return np.array([getattr(row, name) for row in rows], dtype=dtype)

    extras: dict[str, Any] = {"fair": column("fair")} if fair else {}
    if entry_ok:
        extras["entry_ok"] = column("entry_ok", np.bool_)
    extras |= {name: column(name) for name in ("scale", "fx_a", "fx_b")}
    extras["ladders"] = ladders_of(rows)
    due = [entry for entry in funding if entry[0] <= rows[-1].ts]
    stamps, legs, rates = [e[0] for e in due], ["ab".index(e[1]) for e in due], [e[2] for e in due]
    extras["funding"] = Funding(*map(np.array, (stamps, legs, rates)))  # type: ignore[arg-type]
    prices = [column(name) for name in ("bid_a", "ask_a", "bid_b", "ask_b")]
    return Panel(column("ts", np.int64), *prices, **extras)


def ladders_of(rows: tuple[Row, ...], levels: int = 3) -> Ladders:
    """Lay the rows' ladders out as arrays, NaN where a level is missing."""
    arrays = {}
    for field in Ladders._fields:
        side, what, venue = field.split("_")
        array = np.full((len(rows), levels), np.nan)
        for index, row in enumerate(rows):
            for level, pair in enumerate(row.ladders.get(f"{side}_{venue}", ())):
                array[index, level] = pair[0 if what == "px" else 1]
        arrays[field] = array
    return Ladders(**arrays)


def records(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return a frame's rows as dictionaries, times as whole nanoseconds."""
    return frame.with_columns(cs.temporal().cast(pl.Int64)).to_dicts()


def engine_disagreements(case: Case, engine: str, interval: str = "1h") -> list[str]:
    """Run both on one case and list where they differ."""
    every_ns = duration_ns(interval)
    twin = run(case.rows, case.params, case.funding, every_ns)
    panel = panel_of(case.rows, fair=case.fair, entry_ok=case.entry_ok, funding=case.funding)
    result = backtest(panel, case.params, engine=engine, interval=interval)
    found = compare_trades(twin, records(result.trades))
    found += compare_metrics(twin, result.metrics.to_dict(), METRICS_DTYPE.names or ())
    found += compare_equity(twin, records(result.equity()))
    found += compare_equity(twin, records(result.equity(every=interval)), every_ns)
    if case.params.pnl_model == "executable":
        found += compare_attribution(twin, records(result.attribution()))
    return found


@profile
@given(case=cases(FEATURES), interval=st.sampled_from(("1h", "20m")))
def test_engine_and_twin_agree_to_the_last_trade(case: Case, interval: str) -> None:
    for engine in ENGINES:
        assert engine_disagreements(case, engine, interval) == [], engine


@settings(parent=profile, max_examples=max(EXAMPLES // 6, 10))
@given(data=st.data())
def test_many_sets_agree_with_the_twin_one_by_one(data: st.DataObject) -> None:
    rows, fair, entry_ok = data.draw(panels(FEATURES))
    sets = data.draw(st.lists(parameters(rows, FEATURES, fair), min_size=1, max_size=4))
    panel = panel_of(rows, fair=fair, entry_ok=entry_ok)
    names = METRICS_DTYPE.names or ()
    for engine in ENGINES:
        frame = backtest_many(panel, sets, engine=engine)
        for params, metrics in zip(sets, frame.to_dicts(), strict=True):
            note(f"{engine}: {params!r}")
            assert compare_metrics(run(rows, params), metrics, names) == []


ROWS = tuple(
    Row(second * 1_000_000_000, 99.9, 100.0, 100.0 + premium, 100.1 + premium)
    for second, premium in enumerate((1.0, 0.5, -0.2, 1.0, 0.9))
)
PARAMS: dict[str, Any] = {
    "min_spread_bps": 20,
    "taker_fee_a_bps": 5,
    "taker_fee_b_bps": 5,
    "slippage_bps": 4,
    "max_position_usd": 1_000,
}


class TestTheComparisonCanFail:
    """A comparison that accepts anything proves nothing."""

    def test_one_more_bps_of_pnl_is_seen(self) -> None:
        twin = run(ROWS, PARAMS)
        trades = [dict(trade) for trade in twin.trades]
        assert compare_trades(twin, trades) == []
        trades[0]["pnl_bps"] += 1e-6
        assert compare_trades(twin, trades) != []

    @pytest.mark.parametrize(
        ("name", "value"),
        [("exit_index", 3), ("exit_reason", "timeout"), ("side", "LONG_B_SHORT_A"), ("mae_bps", None)],
    )
    def test_another_index_reason_side_or_null_is_seen(self, name: str, value: Any) -> None:
        twin = run(ROWS, PARAMS)
        assert compare_trades(twin, [twin.trades[0] | {name: value}, *twin.trades[1:]]) != []

    def test_a_missing_trade_is_seen(self) -> None:
        twin = run(ROWS, PARAMS)
        assert compare_trades(twin, twin.trades[1:]) != []

    def test_a_missing_column_is_seen(self) -> None:
        twin = run(ROWS, PARAMS)
        del (trades := [dict(trade) for trade in twin.trades])[0]["fees_usd"]
        assert compare_trades(twin, trades) != []

    @pytest.mark.parametrize("name", ["excursions", "max_drawdown_mtm_pct", "fees_usd", "exposure_pct"])
    def test_another_metric_is_seen(self, name: str) -> None:
        twin = run(ROWS, PARAMS)
        assert compare_metrics(twin, twin.metrics, [name]) == []
        assert compare_metrics(twin, twin.metrics | {name: twin.metrics[name] + 1e-6}, [name]) != []

    def test_another_equity_is_seen(self) -> None:
        twin = run(ROWS, PARAMS)
        names = {"ts": "ts", "balance": "balance_usd", "equity": "equity_usd", "drawdown_pct": "drawdown_pct"}
        rows = [{names[k]: v for k, v in point._asdict().items() if k in names} for point in twin.equity]
        assert compare_equity(twin, rows) == []
        rows[2]["equity_usd"] *= 1 + 1e-8
        assert compare_equity(twin, rows) != []
        assert compare_equity(twin, rows[1:]) != []

    def test_another_attribution_is_seen(self) -> None:
        twin = run(ROWS, PARAMS)
        rows = [dict(row) for row in twin.attribution]
        assert compare_attribution(twin, rows) == []
        rows[0]["book_usd"] -= 1e-6
        assert compare_attribution(twin, rows) != []

    def test_nan_differs_from_a_number_and_none_from_nan(self) -> None:
        nan = float("nan")
        assert differs(nan, 1.0)
        assert differs(None, nan)
        assert not differs(nan, nan)

    def test_a_changed_rule_is_seen_by_the_engine_comparison(self) -> None:
        params = Params.from_dict(PARAMS | {"exit_spread_bps": 60.0})
        engine = backtest(panel_of(ROWS, fair=False, entry_ok=False), params)
        twin = run(ROWS, PARAMS)
        assert compare_trades(twin, records(engine.trades)) != []
