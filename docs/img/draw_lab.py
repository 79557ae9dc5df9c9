"""Draw docs/img/lab-*.png: the desk in JupyterLab in headless Chromium, light and dark.

python docs/img/draw_lab.py [NAME ...]

Needs the notebook packages, playwright and Chromium. The market is the synthetic one of `make demo`, made
in a folder that is gone afterwards. NAME is explore, dark, watch or compare; without one all are drawn.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks.browser import Notebook, chromium, jupyter_lab, new_folder, open_notebook

HERE: Final = Path(__file__).parent
MARKET: Final = """import arbkit
from arbkit import lab

panel = arbkit.load_panel(
    "datasets/demo",
    pair={"a": "upbit/KRW-BTC", "b": "binance_usdm/BTCUSDT"},
    fx={"symbol": "KRW-USDT", "price": "executable"},
    currency="USDT",
).with_reference("ewma:6h")
params = arbkit.Params(
    min_spread_bps=30, exit_spread_bps=-20, direction="long_a_short_b",
    taker_fee_a_bps=5, taker_fee_b_bps=5, slippage_bps=5, max_position_usd=1000,
)"""
STUDY: Final = """spec = arbkit.StudySpec.from_dict({
    "name": "premium", "panel": str(panel.store("studies/premium.panel").folder), "n_trials": 6000, "seed": 1,
    "sampler": "tpe", "storage": "sqlite:///studies/premium.db",
    "space": {
        "min_spread_bps": {"type": "float", "low": 5, "high": 45},
        "exit_spread_bps": {"type": "float", "low": -20, "high": 15},
        "stop_loss_bps": {"type": "float", "low": 20, "high": 100},
        "max_hold_s": {"type": "float", "low": 600, "high": 86400, "log": True},
    },
    "fixed": {
        "direction": "long_a_short_b", "taker_fee_a_bps": 5, "taker_fee_b_bps": 5, "slippage_bps": 5,
        "max_position_usd": 1000, "reference": "ewma:6h",
    },
})
import threading
threading.Thread(target=arbkit.run_study, args=(spec,), daemon=True).start()
import time
time.sleep(3)
lab.watch("premium", spec.storage)"""
COMPARE: Final = """exits = {"leave at -20": -20, "leave at -10": -10, "leave at 0": 0}
runs = [arbkit.backtest(panel, params.replace(exit_spread_bps=x)) for x in exits.values()]
lab.compare(runs, list(exits))"""
EXPLORE: Final = "lab.explore(panel, params)"


def drawn(page: Any) -> None:
    """Wait until the explorer has rested."""
    page.locator(".ak-explore[data-drawn]").wait_for()
    page.wait_for_timeout(1_500)


def explore(notebook: Notebook) -> Any:
    """The whole time, two sets kept."""
    page = notebook.page
    drawn(page)
    page.get_by_role("button", name="Keep").click()
    slider = page.locator("input[type=range][data-name=min_spread_bps]")
    notebook.drag(slider, [32, 36, 40], 200)
    page.get_by_role("button", name="Keep").click()
    page.locator(".ak-kept tbody tr").nth(1).wait_for()
    page.mouse.move(5, 5)
    drawn(page)
    return page.locator(".arbkit-lab")


def dark(notebook: Notebook) -> Any:
    """A few hours, a trade under the cursor."""
    page = notebook.page
    drawn(page)
    over = page.locator(".ak-plots .u-over").first
    box = over.bounding_box()
    at = {share: box["x"] + share * box["width"] for share in (0.30, 0.42)}
    middle = box["y"] + 0.55 * box["height"]
    page.mouse.move(at[0.30], middle)
    page.mouse.down()
    page.mouse.move(at[0.42], middle, steps=4)
    page.mouse.up()
    drawn(page)
    return page.locator(".arbkit-lab")


def watch(notebook: Notebook) -> Any:
    """A study as it runs."""
    page = notebook.page
    page.locator(".ak-watch[data-trials]").wait_for()
    page.wait_for_function("Number(document.querySelector('.ak-watch').dataset.trials) > 700")
    # The rate needs two looks.
    page.wait_for_timeout(2_500)
    return page.locator(".arbkit-lab")


def compare(notebook: Notebook) -> Any:
    """Three runs, two of them trade by trade."""
    page = notebook.page
    page.locator(".ak-compare").wait_for()
    page.wait_for_timeout(1_500)
    return page.locator(".arbkit-lab")


PICTURES: Final[dict[str, tuple[str, str, Callable[[Notebook], Any]]]] = {
    "explore": (EXPLORE, "JupyterLab Light", explore),
    "dark": (EXPLORE, "JupyterLab Dark", dark),
    "watch": (STUDY, "JupyterLab Light", watch),
    "compare": (COMPARE, "JupyterLab Light", compare),
}
NAMES: Final = {"dark": "lab-explore-dark"}


def main(wanted: list[str], to: Path) -> None:
    """Draw the pictures."""
    with new_folder() as made:
        folder = Path(made)
        home = folder / "notebooks"
        with jupyter_lab(folder) as address, chromium() as browser:
            command = [sys.executable, "-m", "arbkit", "data", "synth", "demo", "--out", "datasets/demo"]
            subprocess.run(command, cwd=home, check=True, stdout=subprocess.DEVNULL)
            (home / "studies").mkdir()
            for name in wanted or list(PICTURES):
                cell, theme, act = PICTURES[name]
                settings = folder / "config/lab/user-settings/@jupyterlab/apputils-extension"
                (settings / "themes.jupyterlab-settings").write_text(f'{{"theme": "{theme}"}}', "utf-8")
                with open_notebook(
                    browser, address, folder, [MARKET, cell], viewport={"width": 1560, "height": 1500}
                ) as notebook:
                    notebook.run_all()
                    act(notebook).screenshot(path=to / f"{NAMES.get(name, f'lab-{name}')}.png")


if __name__ == "__main__":
    main(sys.argv[1:], HERE)
