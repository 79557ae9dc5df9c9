"""The stress test as a whole."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import arbkit
from arbkit import ConfigError, Panel, Params, Portfolio
from arbkit.stress import Halt, Slippage, Stress, parse_scenarios
from tests.stress.conftest import PANELS, make_panel


@pytest.fixture(scope="module")
def whole() -> Stress:
    params = Params(
        min_spread_bps=15, taker_fee_a_bps=2, taker_fee_b_bps=2, slippage_bps=4, max_position_usd=1000
    )
    return arbkit.stress_test(PANELS["converted"], params)


def row_of(found: Stress, name: str) -> dict[str, object]:
    return found.frame.row(by_predicate=pl.col("scenario") == name, named=True)


def test_every_scenario_changes_the_result_but_the_control(whole: Stress) -> None:
    statuses = dict(zip(whole.frame["scenario"], whole.frame["status"], strict=True))
    assert {name for name, status in statuses.items() if status != "changed"} == {"as configured", "split"}
    control = row_of(whole, "split")
    assert control["status"] == "control"
    assert control["change_usd"] == 0.0
    assert control["rows_changed"] == len(PANELS["converted"])
    assert "split: the control, and it changed nothing, to the last bit" in whole.notes


def test_row_is_the_backtest_on_the_books_and_costs_of_the_scenario(panel: Panel, params: Params) -> None:
    scenario = Halt(at=(int(panel.ts[250]),), venue="a", lasts="30s")
    found = arbkit.stress_test(panel, params, scenarios=[scenario, Slippage(slippage_bps=20)])
    for name, seen, changed in (
        ("halt (venue a, lasts 30s)", scenario.apply(panel), params),
        ("slippage 20 bps", panel, Slippage(slippage_bps=20).change(params)),
    ):
        run, row = arbkit.backtest(seen, changed), row_of(found, name)
        base = arbkit.backtest(panel, params).metrics
        assert row["mtm_pnl_usd"] == run.metrics.mtm_pnl_usd
        assert row["max_drawdown_mtm_pct"] == run.metrics.max_drawdown_mtm_pct
        assert row["total_trades"] == run.metrics.total_trades
        assert row["worst_trade_usd"] == run.records["pnl_usd"].min()
        assert row["change_usd"] == run.metrics.mtm_pnl_usd - base.mtm_pnl_usd
        assert row["change_bps"] == pytest.approx(row["change_usd"])  # of 10,000
        days = (panel.end_ns - panel.start_ns) / 86_400e9
        assert row["per_day_usd"] == pytest.approx(run.metrics.mtm_pnl_usd / days)


def test_market_without_what_a_scenario_changes_is_idle_and_says_so(panel: Panel, params: Params) -> None:
    found = arbkit.stress_test(panel, params, scenarios=["fx_jump", "halt"])
    assert found.frame["status"].to_list() == ["base", "idle", "changed"]
    assert "fx jump: this market has nothing that it could change" in found.notes


def test_a_moment_outside_the_data_is_named_as_such(panel: Panel, params: Params) -> None:
    found = arbkit.stress_test(panel, params, scenarios=[{"halt": {"at": "2001-01-01"}}, "split"])
    assert found.frame["status"].to_list() == ["base", "idle", "control"]
    assert any("none of the times that it was given lies" in note for note in found.notes)
    assert found.finding == "The control changed nothing, and no other scenario could be tried."


def test_sentence_says_what_breaks_it(whole: Stress) -> None:
    lost = (whole.frame.filter(pl.col("status") == "changed")["mtm_pnl_usd"] < 0).sum()
    assert whole.finding.startswith(f"{lost} of 22 scenarios turn +")
    assert "slippage 80 bps" in whole.finding
    assert whole.finding.endswith("and slippage of 10 bps is enough.")


def test_sentences_of_other_outcomes(panel: Panel, params: Params) -> None:
    def finding(**changes: float) -> str:
        return arbkit.stress_test(
            panel, params.replace(**changes), scenarios=[{"halt": {"lasts": "1s"}}, "split"]
        ).finding

    assert finding().startswith("None of 1 scenario turns +")
    assert "nothing to stress" in finding(min_spread_bps=500)
    assert finding(taker_fee_a_bps=60, min_spread_bps=-80).startswith("There is no profit to lose")


def test_other_moments_come_from_another_seed_or_from_all_of_the_time(panel: Panel, params: Params) -> None:
    def pnl(**options: object) -> float:
        frame = arbkit.stress_test(panel, params, scenarios=["unreachable"], **options).frame  # type: ignore[arg-type]
        return float(frame["mtm_pnl_usd"][1])

    assert pnl() == pnl()
    assert len({pnl(), pnl(seed=1), pnl(hits="time")}) == 3


def test_page_shows_picture_and_table(whole: Stress) -> None:
    page = whole._repr_html_()
    assert "data:image/png" in page
    assert "premium step" in page


def test_stored_panel_is_stressed_as_the_one_in_memory(params: Params, tmp_path: Path) -> None:
    panel = make_panel(n=400)
    stored = panel.store(tmp_path / "panel")
    scenarios = parse_scenarios(["halt", "noise", "split"])
    one, other = (arbkit.stress_test(item, params, scenarios=scenarios).frame for item in (panel, stored))
    assert one.equals(other)


def test_scenario_that_the_engine_does_not_simulate_is_listed_with_its_reason(params: Params) -> None:
    desk = Portfolio({"one": PANELS["tops"], "two": make_panel(phase=1.0)})
    found = arbkit.stress_test(desk, params, scenarios=["late_leg", "slippage"])
    late = row_of(found, "late leg")
    assert late["status"] == "refused"
    assert "a portfolio fills at the top" in str(late["reason"])
    assert late["mtm_pnl_usd"] is None


def test_portfolio_is_shown_against_its_worst_pair(params: Params) -> None:
    pairs = {"one": PANELS["tops"], "two": make_panel(phase=1.0)}
    desk = Portfolio(pairs, initial_balance_usd=20_000)
    names = ["noise", "staggered_volatility", "refused_leg", "unreachable", "split"]
    found = arbkit.stress_test(desk, params, scenarios=names)
    assert found.frame["status"].to_list() == ["base", *["changed"] * 4, "control"]
    assert row_of(found, "split")["change_usd"] == 0.0
    base = found.frame.row(0, named=True)
    alone = {
        name: arbkit.backtest(panel, params.replace(initial_balance_usd=20_000)).metrics.max_drawdown_mtm_pct
        for name, panel in pairs.items()
    }
    assert base["worst_pair_drawdown_pct"] == max(alone.values())
    assert alone[base["worst_pair"]] == max(alone.values())
    assert base["mtm_pnl_usd"] == desk.backtest(params).metrics.mtm_pnl_usd
    assert found.table.columns[8:10] == ["worst_pair_drawdown_pct", "total_trades"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hits": "never"}, "hits"),
        ({"scenarios": []}, "at least one"),
        ({"scenarios": ["hlat"]}, "halt"),
    ],
)
def test_bad_arguments_are_named(changes: dict[str, object], said: str, panel: Panel, params: Params) -> None:
    with pytest.raises(ConfigError, match=said):
        arbkit.stress_test(panel, params, **changes)  # type: ignore[arg-type]


def test_what_is_no_market_and_no_parameters_is_refused(panel: Panel, params: Params) -> None:
    with pytest.raises(ConfigError, match="Panel or a Portfolio"):
        arbkit.stress_test({}, params)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"arbkit\.Params"):
        arbkit.stress_test(panel, {})
