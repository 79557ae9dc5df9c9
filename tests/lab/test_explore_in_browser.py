"""The explorer as a person uses it: JupyterLab in a real browser, a slider under the mouse."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import arbkit
from arbkit import lab
from benchmarks.browser import Notebook, open_notebook
from tests.markets import market_frame

MARKET = """legs = {"leg_a": "upbit/BTC", "leg_b": "binance/BTC"}
panel = arbkit.Panel.from_frame(market_frame(), name="BTC", **legs)
params = arbkit.Params(
    min_spread_bps=10, taker_fee_a_bps=4, taker_fee_b_bps=4, slippage_bps=2, max_position_usd=1000
)"""
CELLS = [
    f"""import arbkit
from arbkit import lab
from tests.markets import market_frame

{MARKET}
desk = lab.explore(panel, params)
desk""",
    """runs = [arbkit.backtest(panel, params.replace(exit_spread_bps=x)) for x in (0, 5)]
lab.compare(runs, ["first", "later"])""",
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
def test_the_desk_under_the_hand_and_without_a_kernel(jupyter: str, browser: Any, tmp_path: Path) -> None:
    market: dict[str, Any] = {"arbkit": arbkit, "market_frame": market_frame}
    exec(MARKET, market)
    panel, first = market["panel"], market["params"]
    with open_notebook(browser, jupyter, tmp_path, CELLS) as notebook:
        page = notebook.page
        notebook.run_all()
        page.locator(".ak-explore[data-drawn]").wait_for()
        assert shown(page, "mtm_pnl_usd") == arbkit.backtest(panel, first).metrics.mtm_pnl_usd

        moved = drag_the_threshold(notebook, first)
        metrics = arbkit.backtest(panel, moved).metrics
        assert shown(page, "mtm_pnl_usd") == metrics.mtm_pnl_usd
        assert shown(page, "total_trades") == metrics.total_trades

        study = start_a_study(page)
        page.get_by_role("button", name="Keep").click()
        page.locator(".ak-kept tbody tr").wait_for()
        page.get_by_role("button", name="Copy code").click()
        code = page.locator(".ak-note textarea").input_value()
        values: dict[str, Any] = {"panel": panel}
        exec(code, values)
        assert values["result"].params == moved
        assert values["result"].metrics == metrics

        compare_trade_by_trade(page, panel, first)
        can_be_used_without_a_mouse_and_without_eyes(page)
        earned = arbkit.show.signed(metrics.mtm_pnl_usd)
        still = f"document.querySelector('.arbkit-still').textContent.includes('{earned}')"
        page.wait_for_function(still)

        page.keyboard.press("Escape")
        page.keyboard.press("Control+s")
        page.wait_for_function("!document.querySelector('.jp-mod-dirty')")
        assert notebook.said == []
        assert notebook.asked == []
        stop_kernels(jupyter)
        look_at_the_saved_notebook(page, earned)
    search_is_around(tmp_path / "notebooks", study, moved, panel)


def drag_the_threshold(notebook: Notebook, first: arbkit.Params) -> arbkit.Params:
    """Drag a slider with the mouse; the picture changes, by the short way. Returns the set it ends with."""
    page = notebook.page
    before = picture(page)
    slider = page.locator("input[type=range][data-name=min_spread_bps]")
    notebook.drag(slider, [12, 15, 18, 21, 24, 27, 30], 20)
    rested(page)
    assert picture(page) != before
    assert page.locator(".ak-explore").get_attribute("data-way") == "shortcut"
    assert page.evaluate("performance.getEntriesByName('arbkit:explore').length") > 0
    moved = first.replace(min_spread_bps=float(slider.input_value()))
    assert 25 <= moved.min_spread_bps <= 35
    return drag_the_tag(page, moved)


def drag_the_tag(page: Any, params: arbkit.Params) -> arbkit.Params:
    """Take the exit's level in the chart itself and move it down."""
    box = page.locator(".ak-tag.ak-leave").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 9)
    page.mouse.down()
    page.mouse.move(box["x"] + 20, box["y"] + 19, steps=3)
    page.mouse.up()
    rested(page)
    slider = page.locator("input[type=range][data-name=exit_spread_bps]")
    moved = params.replace(exit_spread_bps=float(slider.input_value()))
    assert -15 < moved.exit_spread_bps < 0
    return moved


def start_a_study(page: Any) -> str:
    page.get_by_role("button", name="Study around it").click()
    page.get_by_label("trials").fill("20")
    page.get_by_role("button", name="Start", exact=True).click()
    page.locator(".ak-note textarea").wait_for()
    name = page.locator(".ak-note textarea").input_value().split("'")[1]
    page.locator(".ak-note").get_by_role("button", name="Close").click()
    return str(name)


def search_is_around(folder: Path, name: str, params: arbkit.Params, panel: arbkit.Panel) -> None:
    """The study of the button has run in a process of its own, and its first trial is the set itself."""
    until = time.monotonic() + 60
    study = None
    while (study is None or study.n_trials < 20) and time.monotonic() < until:
        with contextlib.suppress(arbkit.ArbkitError):
            study = arbkit.load_study(name, f"sqlite:///{folder}/studies/{name}.db")
        time.sleep(0.1)
    assert study is not None
    begun = study.trials().filter(pl.col("number") == 0)
    assert begun["min_spread_bps"].item() == params.min_spread_bps
    closed = arbkit.backtest(panel, params.replace(close_at_end=True))
    assert study.n_trials == 20
    assert closed.params.exit_spread_bps == begun["exit_spread_bps"].item()


def compare_trade_by_trade(page: Any, panel: arbkit.Panel, first: arbkit.Params) -> None:
    """Choose a trade of two runs, and see the difference that the frame has."""
    one, two = (arbkit.backtest(panel, set_) for set_ in (first, first.replace(exit_spread_bps=5)))
    frame = lab.Compared([one, two], ["first", "later"]).trades()
    root = page.locator(".ak-compare[data-drawn][data-trades]")
    assert int(root.get_attribute("data-trades")) == frame.height
    widest = frame["difference_usd"][int(frame["difference_usd"].abs().arg_max())]
    row = page.locator(".ak-trades tbody tr").first
    assert float(row.locator("td").last.inner_text().replace("\N{MINUS SIGN}", "-")) == round(widest, 2)
    drawn = root.get_attribute("data-drawn")
    row.click()
    page.wait_for_function(f"document.querySelector('.ak-compare').dataset.drawn > {drawn}")
    assert row.get_attribute("aria-selected") == "true"
    page.get_by_label("which trades").select_option("2")
    assert int(root.get_attribute("data-trades")) == (frame["in"] == "later").sum()
    page.get_by_label("second run").select_option("first")
    page.locator(".ak-explore .ak-about").first.hover()
    page.wait_for_function(
        "document.querySelectorAll('.arbkit-still')[1].textContent.includes('are the same run')"
    )


def can_be_used_without_a_mouse_and_without_eyes(page: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=".arbkit-lab").response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def stop_kernels(address: str) -> None:
    url = f"{address}/api/sessions{{}}?token=desk"
    with urllib.request.urlopen(url.format("")) as answer:
        sessions = json.load(answer)
    for session in sessions:
        request = urllib.request.Request(url.format(f"/{session['id']}"), method="DELETE")
        urllib.request.urlopen(request).close()


def look_at_the_saved_notebook(page: Any, earned: str) -> None:
    """Without its kernel each widget leaves a picture, its last numbers, and no line that waits."""
    page.reload()
    stills = page.locator(".arbkit-still")
    stills.nth(1).wait_for()
    assert stills.count() == 2
    for still in stills.all():
        assert still.locator("img").evaluate("image => image.naturalWidth") > 300
        assert "PnL, open trades marked" in still.inner_text()
    assert earned in stills.first.inner_text()
    for line in page.get_by_text("isplaying widget").or_(page.get_by_text("Loading widget")).all():
        assert not line.is_visible()
