"""The explorer as a person uses it: JupyterLab in a real browser, a slider under the mouse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import arbkit
from benchmarks.browser import open_notebook
from tests.markets import market_frame

CELLS = [
    """import arbkit
from arbkit import lab
from tests.markets import market_frame

panel = arbkit.Panel.from_frame(market_frame(), name="BTC", leg_a="upbit/BTC", leg_b="binance/BTC")
params = arbkit.Params(
    min_spread_bps=10, taker_fee_a_bps=4, taker_fee_b_bps=4, slippage_bps=2, max_position_usd=1000
)
desk = lab.explore(panel, params)
desk"""
]


def picture(page: Any) -> str:
    return str(page.evaluate("document.querySelector('.ak-overlay').toDataURL()"))


def shown(page: Any, metric: str) -> float:
    return float(page.locator(f"[data-metric={metric}]").get_attribute("data-value"))


def rested(page: Any) -> None:
    """Wait until no picture has been drawn for half a second."""
    page.evaluate(
        """() => new Promise((done) => {
            const root = document.querySelector(".ak-explore");
            let seen = root.dataset.drawn;
            const look = () => {
                if (root.dataset.drawn === seen) return done();
                seen = root.dataset.drawn;
                setTimeout(look, 500);
            };
            setTimeout(look, 500);
        })"""
    )


@pytest.mark.slow
def test_dragging_a_slider_changes_the_picture_and_the_numbers_are_those_of_a_backtest(
    jupyter: str, browser: Any, tmp_path: Path
) -> None:
    panel = arbkit.Panel.from_frame(market_frame())
    with open_notebook(browser, jupyter, tmp_path, CELLS) as notebook:
        page = notebook.page
        notebook.run_all()
        page.locator(".ak-explore[data-drawn]").wait_for()
        first = arbkit.Params(
            min_spread_bps=10, taker_fee_a_bps=4, taker_fee_b_bps=4, slippage_bps=2, max_position_usd=1000
        )
        assert shown(page, "mtm_pnl_usd") == arbkit.backtest(panel, first).metrics.mtm_pnl_usd
        before = picture(page)

        slider = page.locator("input[type=range][data-name=min_spread_bps]")
        notebook.drag(slider, [12, 15, 18, 21, 24, 27, 30], 20)
        rested(page)

        moved = first.replace(min_spread_bps=float(slider.input_value()))
        assert 25 <= moved.min_spread_bps <= 35
        metrics = arbkit.backtest(panel, moved).metrics
        assert picture(page) != before
        assert shown(page, "mtm_pnl_usd") == metrics.mtm_pnl_usd
        assert shown(page, "total_trades") == metrics.total_trades
        assert page.evaluate("performance.getEntriesByName('arbkit:explore').length") > 0

        page.get_by_role("button", name="Keep").click()
        page.locator(".ak-kept tbody tr").wait_for()
        page.get_by_role("button", name="Copy code").click()
        code = page.locator(".ak-note textarea").input_value()
        values: dict[str, Any] = {"panel": panel}
        exec(code.split("\n", 3)[3].replace("assert", "assert True or"), {"arbkit": arbkit}, values)
        assert values["result"].metrics == metrics

        page.keyboard.press("Escape")
        page.keyboard.press("Control+s")
        page.wait_for_function("!document.querySelector('.jp-mod-dirty')")
        assert notebook.said == []
        assert notebook.asked == []
    saved = json.loads((tmp_path / "notebooks" / "desk.ipynb").read_text(encoding="utf-8"))
    bundles = [output["data"] for output in saved["cells"][0]["outputs"]]
    assert "application/vnd.jupyter.widget-view+json" in bundles[0]
    assert "data:image/png;base64," in "".join(bundles[1]["text/html"])
