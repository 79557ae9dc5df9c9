"""Cards, pictures and frames of panels and results."""

from __future__ import annotations

import numpy as np
import pandas
import pytest

import arbkit
from arbkit.show import card, hold, measures_of, percent, signed


def test_card_of_a_panel_says_units_period_venues_and_flags(panel: arbkit.Panel) -> None:
    shown = panel._repr_html_()
    for said in ("upbit/BTC × binance/BTC", "USDT", "3,000", "1970-01-01 00:00 to", "UTC"):
        assert said in shown
    candle = panel.replace(fidelity="candle")
    assert "assumed half spread" in candle._repr_html_()
    assert "no rows" in panel.rows(0, 0)._repr_html_()


def test_card_of_a_result_says_metrics_and_flags(panel: arbkit.Panel, params: arbkit.Params) -> None:
    result = arbkit.backtest(panel, params)
    shown = result._repr_html_()
    for line in measures_of(result.metrics, "USDT"):
        assert line.text in shown
    assert "sells spot at upbit/BTC short without inventory" in shown


def test_card_takes_no_orders_from_a_name() -> None:
    assert "<script>" not in card(
        "<script>", "<script>", [("<script>", "<script>")], ["<script>"], "<script>"
    )


def test_picture_of_a_panel_holds_every_extreme(panel: arbkit.Panel) -> None:
    (ax,) = panel.plot().axes
    low, high = ax.dataLim.intervaly
    signals = panel.spreads()
    assert high == max(signals["x_ab_bps"].max(), signals["x_ba_bps"].max())
    assert low == min(signals["x_ab_bps"].min(), signals["x_ba_bps"].min())


def test_picture_of_a_result_can_be_of_a_stretch(panel: arbkit.Panel, params: arbkit.Params) -> None:
    figure = arbkit.backtest(panel, params).plot(int(panel.ts[100]), int(panel.ts[200]))
    assert len(figure.axes) == 3


def test_frames_for_pandas(panel: arbkit.Panel, params: arbkit.Params) -> None:
    result = arbkit.backtest(panel, params)
    assert isinstance(result.to_pandas(), pandas.DataFrame)
    assert len(result.to_pandas()) == result.metrics.total_trades
    assert len(panel.to_pandas()) == len(panel)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (signed(1234.5), "+1,234.50"),
        (signed(-1.0), "\N{MINUS SIGN}1.00"),
        (signed(None), "\N{EN DASH}"),
        (percent(12.34), "12.3 %"),
        (percent(np.nan), "\N{EN DASH}"),
        (hold(90), "1.5 min"),
        (hold(0.25), "250 ms"),
        (hold(0), "0 s"),
        (hold(200_000), "2.3 d"),
    ],
)
def test_numbers_are_written_as_people_read_them(written: str, expected: str) -> None:
    assert written == expected
