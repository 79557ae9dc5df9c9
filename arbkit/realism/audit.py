"""What is left of a PnL when each assumption that flatters it is taken away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from arbkit.config import Params
from arbkit.engine import backtest
from arbkit.errors import ConfigError
from arbkit.panel import Panel
from arbkit.realism import _words as words
from arbkit.realism._runs import check_inputs, checked_numbers, pair_of, sides_of, without_latency
from arbkit.realism.result import Check, Progress
from arbkit.units import duration_ns, format_duration

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Audit", "optimism_audit"]

_BASE: Final = "as configured"
_ALL: Final = "all together"
_HELD: Final = "all, but with inventory to sell"


class _Step(NamedTuple):
    """One assumption: how to do without it, or why that cannot be tried.

    `status` is `tested`, `realistic` (already simulated), `untestable` (this panel cannot tell), or `claim`
    (an assumption that is not made, with what it would have claimed).
    """

    assumption: str
    instead: str
    status: str
    reason: str = ""
    changes: dict[str, Any] | None = None
    coarse: bool = False


@dataclass(frozen=True, kw_only=True)
class Audit(Check):
    """PnL with each flattering assumption taken away, one by one and all together.

    `frame` has `assumption`, `instead` (what was simulated), `status` (`base`, `tested`, `realistic` where
    the parameters do without it already, `untestable` on this panel, `claim` for one that is not made,
    `all`), `mtm_pnl_usd`, `effect_usd` against the parameters as they are, `total_trades`, and `reason`.

    Attributes:
        survives: share of the PnL that is left without any of them; None without a PnL above 0 to lose.
    """

    survives: float | None

    def plot(self) -> Figure:
        """Draw the PnL that each assumption leaves, and list what could not be tried."""
        from arbkit.show.look import AB, BA, GREY, INK, plain_numbers, sheet

        shown = self.frame.filter(self.frame["mtm_pnl_usd"].is_not_null())
        rest = self.frame.filter(self.frame["mtm_pnl_usd"].is_null())
        colors = {"base": INK, "tested": AB, "claim": "#B8BEC7", "all": BA}
        lines = [f"{row['assumption']}: {row['reason']}" for row in rest.iter_rows(named=True)]
        with sheet(self.finding, 1, height=1.7 + 0.44 * shown.height + 0.19 * len(lines)) as made:
            (ax,) = made.axes
            place = np.arange(shown.height)
            pnl = shown["mtm_pnl_usd"].to_numpy()
            ax.barh(place, pnl, color=[colors[status] for status in shown["status"]], height=0.62)
            ax.axvline(0, color=GREY, lw=1)
            ax.axvline(float(pnl[0]), color=INK, lw=1, ls=":")
            ax.set_yticks(place, [_label(row) for row in shown.iter_rows(named=True)])
            ax.invert_yaxis()
            ax.grid(visible=False, axis="y")
            low, high = min(0.0, float(pnl.min())), max(0.0, float(pnl.max()))
            span = (high - low) or 1.0
            ax.set_xlim(low - 0.3 * span * (low < 0), high + 0.3 * span)
            for at, row in zip(place, shown.iter_rows(named=True), strict=True):
                value, effect = row["mtm_pnl_usd"], row["effect_usd"]
                text = words.money(value, "").strip()
                text += "" if effect is None else f" ({words.money(effect, '', plus=True).strip()})"
                ax.annotate(
                    text, (value, at), (4 if value >= 0 else -4, 0), textcoords="offset points",
                    ha="left" if value >= 0 else "right", va="center", fontsize=9,
                )  # fmt: skip
            plain_numbers(ax.xaxis)
            ax.set(
                title=f"{self.pair}: what each change leaves",
                xlabel=f"PnL, {self.currency}, marked to market",
            )
            if lines:
                made.figure.supxlabel(
                    "Not in the bars\n" + "\n".join(lines), x=0.01, ha="left", fontsize=8.5, color=GREY
                )
        return made.figure


def _label(row: dict[str, Any]) -> str:
    return f"{row['assumption']}\n{row['instead']}" if row["instead"] else str(row["assumption"])


def optimism_audit(
    panel: Panel,
    params: Params,
    *,
    latency_ms: float = 200.0,
    grid: str | float = "1s",
    progress: Progress | None = None,
) -> Audit:
    """Take away each assumption that flatters a result, one by one and all together.

    Tried are: fills without latency; fills of any size at the best prices; no funding of perpetuals; the
    convergence PnL model (or, where it is not used, what it would have claimed); a spot venue sold short; a
    leg's currency converted at each fill; acting on every update of the books. What this panel cannot tell
    is listed with the reason.

    Args:
        panel: the market, best with sizes, currencies and funding rates.
        params: the strategy.
        latency_ms: the delay of both legs to try instead of none, above 0.
        grid: the step to try instead of acting on every update.
        progress: called with the runs done and all of them.

    Raises:
        ConfigError: for a bad latency or grid, or parameters that this panel cannot simulate.
    """
    import polars as pl

    check_inputs(panel, params)
    checked_numbers("latency_ms", [latency_ms], low=0.0, strict=True)
    step_ns = duration_ns(grid, name="grid")
    if step_ns <= 0:
        raise ConfigError(f"`grid` must be longer than 0, was {grid!r}")
    steps = list(_steps(panel, params, latency_ms, step_ns))
    total = 3 + sum(step.changes is not None or step.coarse for step in steps)
    runner = _Runner(panel, params, step_ns, progress, total)
    base = runner.run({}, coarse=False)
    rows = [_row(_Step(_BASE, "", "base"), base, None)]
    for step in steps:
        tried = step.changes is not None or step.coarse
        run = runner.run(step.changes or {}, coarse=step.coarse) if tried else None
        rows.append(_row(step, run, base))
    tested = [step for step in steps if step.status == "tested"]
    together: dict[str, Any] = {}
    for step in tested:
        together |= step.changes or {}
    coarse = any(step.coarse for step in tested)
    everything = runner.run(together, coarse=coarse)
    rows.append(_row(_Step(_ALL, "", "all"), everything, base))
    held = {key: value for key, value in together.items() if not key.startswith("inventory")}
    if len(held) < len(together) and (held or coarse):
        rows.append(_row(_Step(_HELD, "", "all"), runner.run(held, coarse=coarse), base))
    pnl = base.mtm_pnl_usd
    survives = everything.mtm_pnl_usd / pnl if pnl > 0 else None
    types = {"mtm_pnl_usd": pl.Float64, "effect_usd": pl.Float64, "total_trades": pl.Int64}
    frame = pl.DataFrame(rows, infer_schema_length=None).cast(types)  # type: ignore[arg-type]
    return Audit(
        frame=frame,
        finding=_finding(frame, survives, panel.meta.currency),
        notes=tuple(f"{step.assumption}: {step.reason}" for step in steps if step.status == "untestable"),
        pair=pair_of(panel),
        currency=panel.meta.currency,
        survives=survives,
    )


class _Runner:
    """Runs changed parameters over the panel, or over its rows on a grid."""

    def __init__(
        self, panel: Panel, params: Params, step_ns: int, progress: Progress | None, total: int
    ) -> None:
        self._panel, self._params, self._step_ns = panel, params, step_ns
        self._progress, self._total, self._done = progress, total, 0
        self._coarse: Panel | None = None

    def run(self, changes: dict[str, Any], *, coarse: bool) -> Any:
        """Return the metrics of one run."""
        panel = self._panel
        if coarse:
            self._coarse = self._coarse or on_grid(panel, self._step_ns)
            panel = self._coarse
        metrics = backtest(panel, self._params.replace(**changes)).metrics
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)
        return metrics


def on_grid(panel: Panel, step_ns: int) -> Panel:
    """Return the panel with only the last row before each multiple of a step tradable, the others void.

    That row shows what someone who looks at the books at that time sees. A void row on it stays void.
    """
    if not len(panel):
        return panel
    ticks = -(-panel.ts // step_ns)
    seen = np.append(ticks[1:] != ticks[:-1], True)
    return panel.replace(bid_a=np.where(seen, panel.bid_a, np.nan))


def _steps(panel: Panel, params: Params, latency_ms: float, step_ns: int) -> Iterator[_Step]:
    yield _latency(params, latency_ms)
    yield _depth(panel, params)
    yield _funding(panel, params)
    yield _model(panel, params)
    yield _short(panel, params)
    yield _currency(panel, params)
    yield _clock(panel, step_ns)
    yield from _untold(panel)


def _latency(params: Params, latency_ms: float) -> _Step:
    name = "fills without delay"
    legs = [params.latency_ms if own is None else own for own in (params.latency_a_ms, params.latency_b_ms)]
    if max(legs) > 0:
        return _Step(name, "", "realistic", f"simulated, {words.duration(max(legs))}")
    late = without_latency(params, latency_ms)
    changes = {key: getattr(late, key) for key in ("latency_ms", "latency_a_ms", "latency_b_ms")}
    return _Step(name, f"latency {words.duration(latency_ms)}", "tested", changes=changes)


def _depth(panel: Panel, params: Params) -> _Step:
    name = "any size at the best price"
    if params.depth_levels > 0:
        return _Step(
            name, "", "realistic", f"simulated, {words.count(params.depth_levels, 'level', 'levels')}"
        )
    if panel.ladders is None or panel.levels == 0:
        return _Step(name, "", "untestable", "the panel has no ladders; load it with levels")
    instead = f"down {words.count(panel.levels, 'level', 'levels')}"
    changes: dict[str, Any] = {"depth_levels": panel.levels}
    if params.pnl_model == "convergence":
        changes["pnl_model"] = "executable"
    return _Step(name, instead, "tested", changes=changes)


def _funding(panel: Panel, params: Params) -> _Step:
    name = "perpetuals without funding"
    if params.funding:
        return _Step(name, "", "realistic", "simulated")
    if panel.meta.spot_a and panel.meta.spot_b:
        return _Step(name, "", "realistic", "neither leg is a perpetual")
    if panel.funding is None:
        return _Step(name, "", "untestable", "the panel has no funding rates; add them with with_funding")
    changes: dict[str, Any] = {"funding": True}
    if params.pnl_model == "convergence":
        changes["pnl_model"] = "executable"
    return _Step(name, "funding paid", "tested", changes=changes)


def _model(panel: Panel, params: Params) -> _Step:
    name = "convergence PnL"
    if params.pnl_model == "convergence":
        return _Step(name, "two accounts, four fills", "tested", changes={"pnl_model": "executable"})
    if panel.fair is not None or params.depth_levels > 0 or params.funding:
        return _Step(name, "", "realistic", "not used")
    return _Step(name + ", not used", "would claim", "claim", "not used", {"pnl_model": "convergence"})


def _short(panel: Panel, params: Params) -> _Step:
    name = "spot sold short"
    sold = {
        "b": 0 in sides_of(params) and panel.meta.spot_b,
        "a": 1 in sides_of(params) and panel.meta.spot_a,
    }
    if not any(sold.values()):
        return _Step(name, "", "realistic", "no spot venue is sold short")
    free = {leg: getattr(params, f"inventory_{leg}_usd") is None for leg in sold}
    changes = {f"inventory_{leg}_usd": 0.0 for leg in ("a", "b") if sold[leg] and free[leg]}
    if not changes:
        return _Step(name, "", "realistic", "limited to the inventory of the parameters")
    legs = {"a": panel.meta.leg_a, "b": panel.meta.leg_b}
    named = " and ".join(legs[key[10]] for key in changes)
    return _Step(name, "no inventory to sell", "tested", f"{named} cannot be sold short", changes)


def _currency(panel: Panel, params: Params) -> _Step:
    name = "currency converted at each fill"
    if panel.fx_a is None and panel.fx_b is None:
        return _Step(name, "", "realistic", "no leg is converted")
    if params.fx_settlement == "at_exit":
        return _Step(name, "", "realistic", "simulated, money stays on its venue")
    return _Step(name, "money stays on its venue", "tested", changes={"fx_settlement": "at_exit"})


def _clock(panel: Panel, step_ns: int) -> _Step:
    name = "acting on every update"
    times = panel.ts[panel.tradable]
    step = int(np.median(np.diff(times))) if times.size > 1 else 0
    if step >= step_ns:
        apart = words.duration(step / 1e6)
        return _Step(name, "", "untestable", f"rows lie {apart} apart (median), no finer than the grid")
    return _Step(name, f"looking every {format_duration(step_ns)}", "tested", coarse=True)


def _untold(panel: Panel) -> Iterator[_Step]:
    """Yield what no run over this panel can tell."""
    if panel.meta.fidelity == "candle":
        yield _Step("closes as prices", "", "untestable", "candles with an assumed half spread; record books")
    elif panel.meta.clock == "ts_event":
        yield _Step(
            "the venues' own clocks", "", "untestable",
            "both books are joined on their venues' stamps; load with ts_recv where a recorder kept it",
        )  # fmt: skip
    if panel.meta.fidelity == "book" and panel.meta.max_age_ns < 0:
        yield _Step(
            "quotes of any age",
            "",
            "untestable",
            "a panel keeps no ages; load it with max_age to try a limit",
        )


def _row(step: _Step, metrics: Any, base: Any) -> dict[str, Any]:
    pnl = None if metrics is None else metrics.mtm_pnl_usd
    return {
        "assumption": step.assumption,
        "instead": step.instead,
        "status": step.status,
        "mtm_pnl_usd": pnl,
        "effect_usd": None if pnl is None or base is None else pnl - base.mtm_pnl_usd,
        "total_trades": None if metrics is None else metrics.total_trades,
        "reason": step.reason,
    }


def _finding(frame: Any, survives: float | None, currency: str) -> str:
    base = frame.row(0, named=True)
    end, *held = frame.filter(frame["status"] == "all").iter_rows(named=True)
    tested = frame.filter(frame["status"] == "tested")
    if not base["total_trades"]:
        return "Nothing is traded as configured, so there is no PnL to audit."
    before = words.money(base["mtm_pnl_usd"], currency, plus=True)
    if not tested.height:
        return f"None of the assumptions can be tried on this panel; PnL is {before} as configured."
    after = words.money(end["mtm_pnl_usd"], currency, plus=True)
    changes = words.count(tested.height, "assumption", "assumptions")
    worst = tested.row(int(tested["effect_usd"].arg_min()), named=True)
    most = f"; the dearest one is {worst['assumption']}" if worst["effect_usd"] < 0 else ""
    if survives is None:
        verdict = "There is no profit to lose"
    else:
        verdict = f"{words.percent(survives) if survives > 0 else 'Nothing'} of the PnL survives"
    if held:
        after += f" ({words.money(held[0]['mtm_pnl_usd'], currency, plus=True)} with inventory to sell)"
    return f"{verdict}: {before} as configured, {after} without {changes}{most}."
