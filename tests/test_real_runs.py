"""The stable facts of docs/real-data.md, run again with the code that draws its pictures."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import arbkit
from arbkit import Params
from arbkit.cli.main import main as shell
from arbkit.data import open_dataset
from arbkit.data.ingest import compare_tops
from arbkit.errors import CoverageError

pytestmark = pytest.mark.real_data

REPOSITORY = Path(__file__).resolve().parents[1]
DAY_S = 86_400
PAIR = {"a": "coinbase/BTC-USD", "b": "coinbase/BTC-EUR"}


@pytest.fixture
def ingest(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], str]:
    """Return what ingests a shipped spec into an empty working directory and gives back what was printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARBKIT_DATA", str(real_data))

    def run(name: str) -> str:
        assert shell(["data", "ingest", str(REPOSITORY / "datasets" / "specs" / f"{name}.yaml")]) == 0
        assert shell(["data", "validate", f"datasets/{name}"]) == 0
        said = capsys.readouterr()
        return said.out + said.err

    return run


@pytest.fixture(scope="module")
def page() -> Any:
    """The module that draws the page's pictures."""
    source = importlib.util.spec_from_file_location("draw", REPOSITORY / "docs" / "img" / "draw.py")
    assert source is not None
    assert source.loader is not None
    module = importlib.util.module_from_spec(source)
    source.loader.exec_module(module)
    return module


def taker(fee: float, **changes: Any) -> Params:
    """Return parameters that enter when one crossing pays for itself, at one fee on both legs."""
    base = Params(
        min_spread_bps=0, taker_fee_a_bps=fee, taker_fee_b_bps=fee, slippage_bps=0, max_position_usd=1000
    )
    return base.replace(**changes)


def premium(panel: arbkit.Panel) -> np.ndarray[Any, Any]:
    values = panel.spreads()["premium_bps"].to_numpy()
    return values[np.isfinite(values)]


def test_link_trades_by_the_hundred_at_no_fee_and_never_at_five_bps(
    ingest: Callable[[str], str], page: Any
) -> None:
    ingest("link_binance_huobi")
    panel = page.link_panel()
    spreads = panel.spreads()
    assert len(panel) == 7200
    for column, percentiles in (
        ("s_ab_bps", [-2.03, 0.52, 1.57, 4.37]),
        ("s_ba_bps", [-1.99, 0.55, 1.82, 8.03]),
    ):
        found = np.percentile(spreads[column].to_numpy(), [50, 95, 99, 100])
        assert found == pytest.approx(percentiles, abs=0.006)
    runs = [arbkit.backtest(panel, taker(fee)).metrics for fee in (0, 1, 2, 5, 10)]
    assert [run.total_trades for run in runs] == [804, 55, 5, 0, 0]
    assert all(run.mtm_pnl_usd < 0 for run in runs[:3])


def test_link_loses_more_per_trade_with_time_and_with_size(ingest: Callable[[str], str], page: Any) -> None:
    ingest("link_binance_huobi")
    panel = arbkit.load_panel("datasets/link_binance_huobi", pair=page.LINK, levels=10)
    delays = (0, 1, 1000, 2000, 5000, 30_000)
    late = [arbkit.backtest(panel, taker(0, latency_ms=delay)).metrics for delay in delays]
    assert [run.total_trades for run in late] == [804, 705, 705, 593, 390, 104]
    assert [run.winning_trades for run in late] == [83, 31, 31, 31, 11, 3]
    sizes = (100, 1000, 10_000, 30_000)
    deep = [
        arbkit.backtest(panel, taker(0, depth_levels=10, max_position_usd=size)).metrics for size in sizes
    ]
    assert [run.total_trades for run in deep] == [602, 266, 16, 6]
    assert [run.rejected_thin for run in deep] == [242, 597, 795, 800]
    bps = [run.realized_pnl_usd / (run.turnover_usd / 4) * 1e4 for run in (*late[:2], *deep)]
    assert bps == pytest.approx([-1.8, -3.2, -2.1, -2.7, -5.6, -7.3], abs=0.05)
    top = arbkit.backtest(panel, taker(0, depth_levels=1)).metrics
    assert (top.total_trades, top.beyond_book) == (794, 352)


def test_what_the_five_checks_say_of_the_best_hindsight_on_link(
    ingest: Callable[[str], str], page: Any
) -> None:
    ingest("link_binance_huobi")
    panel = arbkit.load_panel("datasets/link_binance_huobi", pair=page.LINK, levels=10)
    best = taker(0, min_spread_bps=2.25, exit_spread_bps=-6.5)
    late = arbkit.edge_vs_latency(panel, best).frame
    assert late["mtm_pnl_usd"][0] == pytest.approx(3.653, abs=1e-3)
    assert late["there_pct"].round(2).unique(maintain_order=True).to_list() == [
        100,
        20.93,
        11.63,
        13.95,
        6.98,
    ]
    size = arbkit.capacity(panel, best).frame
    assert size["total_trades"].to_list() == [12, 10, 9, 8, 7, 5, 3, 1, 1, 1, 1, 1]
    assert size.sort("mtm_pnl_usd")["notional_usd"][-1] == 10_000
    assert arbkit.break_even_fee(panel, best).first_zero_bps == pytest.approx(1.30, abs=0.005)
    found = arbkit.opportunities(panel, best)
    assert (found.frame.height, found.frame.filter(pl.col("duration_s") <= 1).height) == (43, 34)
    assert arbkit.optimism_audit(panel, best).survives == pytest.approx(0)


def test_euro_premium_is_widened_by_every_wrong_clock_of_its_rates(
    ingest: Callable[[str], str], page: Any, tmp_path: Path
) -> None:
    ingest("coinbase_btcusd_btceur")
    right = premium(page.euro_panel(0, tmp_path))
    assert right.mean() == pytest.approx(-23.0, abs=0.1)
    assert right.std() == pytest.approx(16.1, abs=0.1)
    late = {hours: premium(page.euro_panel(hours, tmp_path)).std() for hours in (1, 2, 4, 8, 12)}
    assert late[4] == pytest.approx(21.4, abs=0.1)
    assert all(std > right.std() + 0.5 for std in late.values())
    settings = {"currency": "USD", "start": "2018-04-04", "end": "2018-04-05"}
    fxcm = arbkit.load_panel(page.COINBASE, pair=PAIR, fx={"symbol": "fxcm/EURUSD"}, **settings)
    assert premium(fxcm).mean() == pytest.approx(-23.5, abs=0.1)
    assert arbkit.backtest(fxcm, taker(10, min_spread_bps=10)).metrics.closed_trades > 0


def test_rates_that_end_before_the_books_stop_the_run(
    ingest: Callable[[str], str], page: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    ingest("coinbase_btcusd_btceur")
    fx = {"symbol": "oanda/EURUSD"}
    with pytest.raises(CoverageError, match=r"FX must cover the books to their end.*2018-04-05T00:00:00"):
        arbkit.load_panel(page.COINBASE, pair=PAIR, fx=fx, currency="USD")
    command = ["backtest", "--data-file", page.COINBASE, "--pair-a", PAIR["a"], "--pair-b", PAIR["b"]]
    command += ["--fx-symbol", fx["symbol"], "--currency", "USD", "--min-spread-bps", "10"]
    command += ["--taker-fee-a-bps", "10", "--taker-fee-b-bps", "10", "--slippage-bps", "2"]
    assert shell([*command, "--max-position-usd", "1000"]) == 1
    assert capsys.readouterr().err.startswith("error: FX must cover the books to their end")


def test_rebuilt_books_agree_with_the_tickers_and_the_basis_never_closes_with_a_gain(
    ingest: Callable[[str], str], page: Any
) -> None:
    said = ingest("binance_spot_usdm_cm")
    assert "median offset -1s272ms: the recorder's clock runs behind" in said
    made = open_dataset(page.RAW)
    for leg in ("binance_spot{}/BTCUSDT", "binance_usdm{}/BTCUSDT", "binance_coinm{}/BTCUSD_PERP"):
        book, ticker = (made.scan(leg.format(kind)).collect() for kind in ("", "_ticker"))
        found = compare_tops(book, ticker, batch_ns=100_000_000)
        assert found.share > 0.92
        assert found.unexplained == 0
        assert found.longest_lag_ns <= 100_000_000
    panel = page.perpetual_panel("_ticker")
    assert panel.meta.clock == "ts_recv"
    assert premium(panel).mean() == pytest.approx(3.76, abs=0.01)
    assert (premium(panel) > 0).mean() > 0.998
    for fee in (2, 5):
        run = arbkit.backtest(panel, taker(fee, direction="long_b_short_a")).metrics
        assert run.open_trades == 1
        assert run.winning_trades == 0
        assert arbkit.backtest(panel, taker(fee, direction="long_a_short_b")).metrics.total_trades == 0


def test_standing_premium_is_a_trade_that_ends_when_it_is_measured_from_a_reference(
    ingest: Callable[[str], str], page: Any
) -> None:
    ingest("kimchi_daily")
    panel = page.kimchi_panel()
    assert np.median(premium(panel)) == pytest.approx(132, abs=1)
    by_year = panel.spreads().group_by(pl.col("ts").dt.year()).agg(pl.col("premium_bps").median()).sort("ts")
    expected = [349, 168, 11, -43, 328, 147, 146, 423]
    assert by_year["premium_bps"].to_list() == pytest.approx(expected, abs=0.6)
    short = taker(5, slippage_bps=10, min_spread_bps=50, direction="long_b_short_a")
    fixed = arbkit.backtest(panel.slice("2022-01-01"), short).metrics
    rolling = arbkit.backtest(panel.with_reference("ewma:20d").slice("2022-01-01"), short).metrics
    assert fixed.open_trades == 1
    assert fixed.max_hold_seen_s > 190 * DAY_S
    assert rolling.open_trades == 0
    assert rolling.max_hold_seen_s < 50 * DAY_S
    assert rolling.mtm_pnl_usd > fixed.mtm_pnl_usd


def test_fixed_thresholds_wait_for_half_a_year_out_of_sample_and_rolling_ones_do_not(
    ingest: Callable[[str], str], page: Any
) -> None:
    ingest("kimchi_daily")
    panel = page.kimchi_panel()
    fixed = [test.metrics for _, test in page.fold_results(panel, page.FIXED_GRID, 6, 0.2)]
    reference = panel.with_reference("ewma:20d")
    rolling = [test.metrics for _, test in page.fold_results(reference, page.ROLLING_GRID, 6, 0.2)]
    assert max(run.max_hold_seen_s for run in fixed) > 200 * DAY_S
    assert sum(run.open_trades for run in fixed) > sum(run.open_trades for run in rolling)
    assert max(run.max_hold_seen_s for run in rolling) < 100 * DAY_S
    assert sum(run.mtm_pnl_usd for run in fixed) == pytest.approx(506.4, abs=0.1)
    assert sum(run.mtm_pnl_usd for run in rolling) == pytest.approx(564.3, abs=0.1)


def test_hourly_premium_of_the_mania_trades_again_and_again(ingest: Callable[[str], str], page: Any) -> None:
    ingest("kimchi_hourly")
    panel = page.kimchi_panel("kimchi_hourly")
    assert panel.meta.fidelity == "candle"
    assert np.median(premium(panel)) == pytest.approx(459, abs=3)
    folds = page.fold_results(panel.with_reference("ewma:2d"), page.ROLLING_GRID, 4, 0.4)
    assert sum(test.metrics.total_trades for _, test in folds) == 70
    assert max(test.metrics.max_hold_seen_s for _, test in folds) < 8 * DAY_S


@pytest.mark.parametrize("reference", ["none", "ewma:5m", "median:2m"])
def test_skipping_engine_makes_the_trades_of_the_scan_on_recorded_books(
    ingest: Callable[[str], str], page: Any, reference: str
) -> None:
    """Ticks tie with thresholds here, and a block of rows once hid an entry measured from a reference."""
    ingest("link_binance_huobi")
    panel = page.link_panel().with_reference(reference)
    for entry in (-38.9, -32, -26, -20.5):
        for end, hold in ((-28.9, 60), (-25.5, 300), (-10, None), (0, 60)):
            params = taker(10, min_spread_bps=entry, exit_spread_bps=end, max_hold_s=hold)
            one, other = (arbkit.backtest(panel, params, engine=engine) for engine in ("scan", "auto"))
            assert one.metrics.total_trades > 0
            assert one.trades.equals(other.trades)


@pytest.mark.parametrize("name", ["link", "btc-usd-eur", "kimchi"])
def test_shipped_study_of_a_recording_names_a_market_that_loads(
    ingest: Callable[[str], str], name: str
) -> None:
    from arbkit.study import StudySpec
    from arbkit.study.market import Market

    spec = StudySpec.load(REPOSITORY / "studies" / f"{name}.yaml")
    assert spec.dataset is not None
    ingest(Path(spec.dataset).name)
    market = Market.load(spec)
    assert len(market.panel_for("none", "train")) > 2 * len(market.panel_for("none", "test")) > 0
