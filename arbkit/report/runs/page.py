"""From a live run to one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from arbkit import __version__
from arbkit._typing import PathLike
from arbkit.live import RunResult, open_run
from arbkit.report import numbers as n
from arbkit.report.figures.chart import NARROW, WIDE, Chart
from arbkit.report.html import environment
from arbkit.report.pictures import Picture
from arbkit.report.place import check_place, write_file
from arbkit.report.runs import figures, said, tables
from arbkit.report.runs.view import RunView, run_view_of
from arbkit.report.text import Text, load_text

__all__ = ["SECTIONS", "render_run", "write_run"]

#: Of the page, in order.
SECTIONS: Final = ("money", "market", "guard", "orders", "parity", "feeds", "open", "reproduce")
_REPORTS: Final = Path("reports")


def render_run(view: RunView, text: Text | None = None) -> str:
    """Return the report of a run as one HTML page that needs nothing else."""
    text = text or load_text()
    page: dict[str, Any] = {
        "t": text,
        "view": view,
        "verdict": said.verdict(view, text),
        "kpis": said.kpis(view, text),
        "brief": said.brief(view, text),
        "notes": tuple(said.notes(view, text)),
        "pictures": _pictures(view, text),
        "markets": _markets(view, text),
        "pairs": tables.pairs_table(view, text),
        "days": tables.days_table(view, text),
        "exits": tables.exits_table(view, text),
        "trades": tables.trades_table(view, text),
        "states": tables.states_table(view, text),
        "refusals": tables.refusals_table(view, text),
        "failures": tables.failures_table(view, text),
        "outcomes": tables.outcomes_table(view, text),
        "costs": tables.costs_table(view, text),
        "loop": tables.loop_table(view, text),
        "causes": tables.causes_table(view, text),
        "parity_text": _parity_text(view, text),
        "feeds": tables.feeds_table(view, text),
        "holes": tables.holes_table(view, text),
        "open": tables.open_table(view, text),
        "params": tables.params_table(view, text),
        "sections": _sections(view),
        "command": f"arbkit live report {view.name}",
        "version": __version__,
        "until": n.stamp(view.story.end_ns),
    }
    return environment().get_template("run.html").render(page)


def write_run(
    run: RunResult | str,
    path: PathLike | None = None,
    *,
    lang: str = "en",
    parity: bool = True,
    root: PathLike = "runs",
    told: Callable[[str], None] | None = None,
) -> Path:
    """Write the report of a run: one file that needs no network.

    Args:
        run: a run, also one that is still going on, its name below `root`, or its folder.
        path: where to write; by default `reports/live-NAME.html`.
        lang: language of the words, en or ko.
        parity: whether it is replayed through the backtest, which takes the most time.
        root: folder of the runs.
        told: called with each step before it is made.

    Returns:
        The path written; the file appears whole or not at all.

    Raises:
        DataError: when there is no such run, or its files are damaged.
        ConfigError: when the path cannot be written, or there is no such language.
    """
    text = load_text(lang)
    opened = open_run(run, root) if isinstance(run, str) else run
    target = _REPORTS / f"live-{opened.name}.html" if path is None else Path(path)
    check_place(target)
    tell = told or (lambda _: None)
    tell("run")
    view = run_view_of(opened, parity=parity)
    tell("page")
    return write_file(render_run(view, text), target)


def _sections(view: RunView) -> tuple[str, ...]:
    left_out = {"orders"} if not view.by_venue and not view.summary.get("decide_us") else set()
    if not (view.story.absences or view.story.holes or view.summary.get("feeds")):
        left_out.add("feeds")
    return tuple(name for name in SECTIONS if name not in left_out)


def _parity_text(view: RunView, text: Text) -> str:
    found = view.parity
    if found is None:
        return text("run.parity.none")
    how = "venue" if view.by_venue else "engine"
    counts = {"same": n.count(found.same), "n": n.count(found.trades), "rows": n.count(found.rows)}
    same = text(f"run.parity.{how}", **counts)
    end = text("run.parity.ok") if found.ok else text("run.parity.bad", n=found.unattributed)
    return f"{same} {end}"


def _picture(name: str, draw: Callable[..., Chart], view: RunView, text: Text, caption: str) -> Picture:
    title, description = text(f"run.{name}.title"), text(f"run.{name}.desc")
    wide = draw(view, text, WIDE).svg(f"{name}-w", title, description)
    narrow = draw(view, text, NARROW, narrow=True).svg(f"{name}-n", title, description)
    return Picture(name, title, caption, wide, narrow)


def _pictures(view: RunView, text: Text) -> dict[str, Picture]:
    found = {
        "gain": _picture("gain", figures.draw_gain, view, text, text("run.gain.caption")),
        "periods": _picture("periods", figures.draw_periods, view, text, text("run.periods.caption")),
        "lanes": _picture("lanes", figures.draw_lanes, view, text, text("run.lanes.caption")),
    }
    if view.story.outcomes:
        late = text(
            "run.naked.caption",
            deadline=n.hold(view.deadline_s),
            late=n.count(view.late),
            n=n.count(len(view.story.outcomes)),
        )
        found["naked"] = _picture("naked", figures.draw_naked, view, text, late)
        caption = text("run.latency.caption")
        found["latency"] = _picture("latency", figures.draw_latency, view, text, caption)
    return found


def _markets(view: RunView, text: Text) -> tuple[Picture, ...]:
    found = []
    for k, market in enumerate(view.markets):
        title = text("run.market.picture", pair=market.pair)
        traded = int((view.trades["pair"] == market.pair).sum())
        description = text("run.market.desc", n=traded)
        wide = figures.draw_market(view, market, text, WIDE).svg(f"market{k}-w", title, description)
        narrow = figures.draw_market(view, market, text, NARROW, narrow=True)
        found.append(Picture(f"market{k}", title, "", wide, narrow.svg(f"market{k}-n", title, description)))
    return tuple(found)
