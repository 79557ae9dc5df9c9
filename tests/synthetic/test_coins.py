"""Several coins on one pair of venues."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from arbkit import load_panel
from arbkit.data import open_dataset
from arbkit.errors import ConfigError
from arbkit.synthetic import Market, joined_tops, load_market_spec, write_market


def test_dataset_holds_both_legs_of_every_coin_and_one_rate(tmp_path: Path) -> None:
    market = Market(load_market_spec("coins"), days=0.03, levels=1)
    said: list[tuple[int, int]] = []
    manifest = write_market(
        market, tmp_path / "coins", progress=lambda done, total: said.append((done, total))
    )
    legs = [item.leg for item in manifest.instruments]
    assert len(legs) == 11
    assert sum("USDT" in leg and leg.startswith("upbit") for leg in legs) == 1
    assert said[-1][0] == manifest.rows
    assert manifest.rows == pytest.approx(market.expected_rows(fx=True), rel=0.1)
    lots = {item.symbol: item.tick_size for item in manifest.instruments}
    assert lots["DOGEUSDT"] == 0.00001


def test_premium_of_a_coin_is_its_own(tmp_path: Path) -> None:
    still = dict.fromkeys(
        (f"regimes.0.{name}" for name in ("slow_sd_bps", "fast_sd_bps", "jumps_per_day")), 0
    )
    spec = load_market_spec("coins", still)
    write_market(Market(spec, days=0.03, levels=1), tmp_path / "coins")
    dataset = open_dataset(tmp_path / "coins")
    for coin, expected in (("DOGE", 190), ("XRP", 120)):
        panel = load_panel(
            dataset, {"a": f"upbit/KRW-{coin}", "b": f"binance_usdm/{coin}USDT"},
            {"symbol": "upbit/KRW-USDT"}, currency="USDT",
        )  # fmt: skip
        mids = [(getattr(panel, f"bid_{leg}") + getattr(panel, f"ask_{leg}"))[panel.tradable] for leg in "ab"]
        assert np.median((mids[0] / mids[1] - 1) * 1e4) == pytest.approx(expected, abs=20)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"regimes.0.fx_vol_bps_day": 10}, "set `fx_vol_bps_day: 0` in calm"),
        ({"coins.1.base": "BTC"}, "`coins` must differ, were BTC, BTC"),
    ],
)
def test_coins_that_cannot_share_a_rate_are_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load_market_spec("coins", changes)


def test_panel_of_several_coins_is_refused() -> None:
    with pytest.raises(ConfigError, match="a panel holds one pair, `coins` has 5 coins"):
        joined_tops(Market(load_market_spec("coins")))
