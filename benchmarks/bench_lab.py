"""From the hand to the eye: the explorer in JupyterLab in a real browser, a slider dragged with the mouse."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.browser import Notebook, chromium, chromium_path, jupyter_lab, open_notebook

__all__ = ["hand_to_eye"]

_CELLS: Final = (
    """from arbkit import lab
from benchmarks.markets import PARAMS, make_panel
panel = make_panel({rows})""",
    """import time
print(time.time())
desk = lab.explore(panel, PARAMS)
desk""",
)
#: One move in so many milliseconds: a hand that is in no hurry, and a machine that rests between.
_PAUSE_MS: Final = 150.0
#: Its address is a secret on a port of the kernel's own; Jupyter's have a path.
_SHORT_WAY: Final = re.compile(r"ws://127\.0\.0\.1:\d+/[\w-]{32}")
_RESULT: Final = """performance.getEntriesByName("arbkit:explore").map((entry) => ({
    took: entry.duration, ...entry.detail,
}))"""


def hand_to_eye(rows: Sequence[int], moves: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Drag the entry threshold, then zoom, on panels of some lengths; then what is done but once.

    Returns:
        One line per panel and act: milliseconds from the event of the mouse until the frame with the new
        picture was painted (median, 95 of 100, longest), and parts of the median move: until the answer was
        back in the browser, the backtest, making the picture's numbers. Nothing where no browser is found.
    """
    if chromium_path() is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with jupyter_lab(folder) as address, chromium() as browser:
        for length in rows:
            with _shown(browser, address, folder, length) as notebook:
                first = _first_ms(notebook)
                # The first moves load what is loaded once.
                notebook.drag(_threshold(notebook), [20 + k for k in range(5)], _PAUSE_MS)
                yield _line(length, "drag a slider", _drag, notebook, moves)
                yield _line(length, "zoom and pan", _zoom, notebook, moves)
                yield _keeping(length, notebook)
                yield {"rows": length, "act": "first picture", "moves": 1, "median ms": round(first)}
            with _shown(browser, address, folder, length, by_jupyter=True) as notebook:
                notebook.drag(_threshold(notebook), [20 + k for k in range(5)], _PAUSE_MS)
                yield _line(length, "drag, by Jupyter's way", _drag, notebook, moves // 2)


@contextmanager
def _shown(
    browser: Any, address: str, folder: Path, rows: int, by_jupyter: bool = False
) -> Iterator[Notebook]:
    """Open a notebook with an explorer; `by_jupyter` closes the short way to the kernel."""
    cells = [cell.format(rows=rows) for cell in _CELLS]
    with open_notebook(browser, address, folder, cells) as notebook:
        page = notebook.page
        if by_jupyter:
            page.route_web_socket(_SHORT_WAY, lambda socket: socket.close())
            page.reload()
        notebook.run_all()
        page.locator(".ak-explore[data-drawn]").wait_for()
        page.wait_for_timeout(3_000)
        yield notebook


def _first_ms(notebook: Notebook) -> float:
    """Milliseconds from the begin of the cell that shows the explorer until its first picture."""
    begun = float(notebook.page.locator(".jp-OutputArea-output").first.inner_text())
    seen = 'performance.timeOrigin + performance.getEntriesByName("arbkit:first")[0].startTime'
    return float(notebook.page.evaluate(seen)) - 1e3 * begun


def _keeping(rows: int, notebook: Notebook) -> dict[str, Any]:
    """From the press of a button until the kept set stands in its table."""
    for _ in range(20):
        notebook.page.get_by_role("button", name="Keep").click()
        notebook.page.wait_for_timeout(_PAUSE_MS)
    found = 'performance.getEntriesByName("arbkit:keep").map((entry) => entry.duration)'
    took = sorted(notebook.page.evaluate(found))
    return {
        "rows": rows, "act": "keep a set", "moves": len(took),
        "median ms": round(statistics.median(took), 1), "longest ms": round(took[-1], 1),
    }  # fmt: skip


def _drag(notebook: Notebook, moves: int) -> None:
    notebook.drag(_threshold(notebook), [15 + 30 * k / moves for k in range(moves)], _PAUSE_MS)


def _zoom(notebook: Notebook, moves: int) -> None:
    notebook.page.locator(".ak-plots").focus()
    for k in range(moves):
        notebook.page.keyboard.press(("+", "ArrowRight", "+", "ArrowLeft", "-", "-")[k % 6])
        notebook.page.wait_for_timeout(_PAUSE_MS)


def _threshold(notebook: Notebook) -> Any:
    return notebook.page.locator("input[type=range][data-name=min_spread_bps]")


def _line(
    rows: int, act: str, do: Callable[[Notebook, int], None], notebook: Notebook, moves: int
) -> dict[str, Any]:
    page = notebook.page
    page.wait_for_timeout(1_000)
    page.evaluate("performance.clearMeasures('arbkit:explore')")
    do(notebook, moves)
    page.wait_for_timeout(500)
    found = page.evaluate(_RESULT)
    took = sorted(move["took"] for move in found)

    def median(part: str) -> float:
        return round(statistics.median(move[part] for move in found), 1)

    return {
        "rows": rows, "act": act, "moves": len(found), "median ms": median("took"),
        "95 of 100 ms": round(took[int(0.95 * (len(took) - 1))], 1), "longest ms": round(took[-1], 1),
        "back in the browser ms": median("heard"), "backtest ms": median("backtest"),
        "numbers ms": median("picture"), "trades drawn": int(page.evaluate(
            "Number(document.querySelector('[data-metric=total_trades]').dataset.value)"
        )),
    }  # fmt: skip
