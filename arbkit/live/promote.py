"""From paper to a tenth, a third and the whole of the size: what must hold before the next step."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from arbkit.decision import load_decision
from arbkit.errors import ArbkitError, ConfigError
from arbkit.live.calibrate import calibrate
from arbkit.live.parity import parity_of
from arbkit.live.result import RunResult

__all__ = ["STEPS", "Condition", "Promotion", "promotion_of"]

#: Shares of the size that are traded with money, in order; paper comes before them.
STEPS: Final = (0.1, 1 / 3, 1.0)
_ROUNDING_BPS: Final = 1e-6


@dataclass(frozen=True)
class Condition:
    """One thing that must hold.

    Attributes:
        name: `trades`, `days`, `pnl_per_day`, `slippage` or `parity`.
        met: whether it holds.
        needed: what must be, in words.
        found: what is, in words.
        numbers: what both are made of.
    """

    name: str
    met: bool
    needed: str
    found: str
    numbers: Mapping[str, Any]


@dataclass(frozen=True)
class Promotion:
    """Whether a run may take its next step.

    Attributes:
        run: its name.
        now, then: the steps, such as "paper" and "a tenth"; `then` is empty where there is none.
        share: what `size_share` of the next run may be.
        conditions: each with its numbers.
    """

    run: str
    now: str
    then: str
    share: float
    conditions: tuple[Condition, ...]

    @property
    def granted(self) -> bool:
        """Whether there is a next step and every condition holds."""
        return bool(self.then) and all(item.met for item in self.conditions)

    def to_dict(self) -> dict[str, Any]:
        """Return everything by name, ready for JSON."""
        conditions = [{**vars(item), "numbers": dict(item.numbers)} for item in self.conditions]
        values = {"run": self.run, "now": self.now, "then": self.then or None, "size_share": self.share}
        return {**values, "granted": self.granted, "conditions": conditions}


def promotion_of(
    run: RunResult, *, min_trades: int = 30, min_days: float = 14.0, params: str | Path | None = None
) -> Promotion:
    """Hold a run against the conditions of its next step.

    Args:
        run: the run.
        min_trades: closed trades that it must have.
        min_days: days that it must cover.
        params: the file of the decided study; by default the one that the run was begun with.

    Raises:
        ConfigError: for a number that is not above 0.
        DataError: when the files of the run are damaged.
    """
    if not min_trades > 0 or not min_days > 0:
        raise ConfigError(
            f"`--min-trades` and `--min-days` must be above 0, was {min_trades:g} and {min_days:g}"
        )
    now, then, share = _step(run)
    conditions = (
        _trades(run, min_trades),
        _days(run, min_days),
        _pnl(run, params),
        _slippage(run),
        _parity(run),
    )
    return Promotion(run.name, now, then, share, conditions)


def _step(run: RunResult) -> tuple[str, str, float]:
    if run.mode == "paper":
        return "paper", "a tenth", STEPS[0]
    share = float(run.about.get("size_share", 1.0))
    for name, then, limit, after in (
        ("a tenth", "a third", STEPS[0], STEPS[1]),
        ("a third", "the whole size", STEPS[1], STEPS[2]),
    ):
        if share <= limit * (1 + 1e-9):
            return (name if math.isclose(share, limit) else f"{share:.3g} of the size"), then, after
    return ("the whole size", "", 1.0) if share >= 1 else (f"{share:.3g} of the size", "the whole size", 1.0)


def _trades(run: RunResult, least: int) -> Condition:
    closed = int((~run.trades["is_open"]).sum()) if len(run.trades) else 0
    numbers = {"closed": closed, "needed": least}
    return Condition("trades", closed >= least, f"at least {least} closed trades", f"{closed}", numbers)


def _days(run: RunResult, least: float) -> Condition:
    found = run.days
    numbers = {"days": found, "needed": least}
    return Condition("days", found >= least, f"at least {least:g} days", f"{found:.2f}", numbers)


def _pnl(run: RunResult, params: str | Path | None) -> Condition:
    """Compare PnL per day with the interval that the decision gave for out of sample, at the run's size."""
    needed = "PnL per day inside the interval of the decision"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            decided = load_decision(_params_file(run, params), stale=True)
    except ArbkitError as error:
        return Condition("pnl_per_day", False, needed, str(error), {})
    part, unit = decided.per_day["out_of_sample"], decided.per_day["currency"]
    if part["low"] is None or part["high"] is None:
        return Condition("pnl_per_day", False, needed, "the decision has no interval", {})
    sizes = [run.params(pair).max_position_usd for pair in run.pairs]
    times = sum(sizes) / float(decided.per_day["of_notional_usd"])
    low, high = float(part["low"]) * times, float(part["high"]) * times
    days, earned = run.days, _earned(run)
    per_day = earned / days if days > 0 else math.nan
    return Condition(
        "pnl_per_day",
        low <= per_day <= high,
        f"{low:,.2f} to {high:,.2f} {unit} per day, as decided for this size",
        f"{per_day:,.2f}",
        {"per_day": per_day, "low": low, "high": high, "pnl": earned, "days": days, "size_ratio": times},
    )


def _earned(run: RunResult) -> float:
    closed = run.trades.filter(~run.trades["is_open"]) if len(run.trades) else run.trades
    return float(closed["pnl_usd"].sum()) if len(closed) else 0.0


def _params_file(run: RunResult, given: str | Path | None) -> Path:
    if given is not None:
        return Path(given)
    own = run.folder.path / "params.yaml"
    if own.is_file():
        return own
    named = run.config.get("params_file")
    if not named:
        raise ConfigError("the run has no decided parameters; `--params FILE` names those that hold for it")
    return Path(named)


def _slippage(run: RunResult) -> Condition:
    """Ask whether crossings cost more than the parameters assume, beyond two standard errors."""
    needed = "slippage of a crossing at most two standard errors above the parameters'"
    try:
        found = calibrate(run)
    except ArbkitError as error:
        return Condition("slippage", False, needed, str(error), {})
    worst, rows = -math.inf, []
    for pair in found.pairs:
        model, sample = run.params(pair.pair).slippage_bps, pair.crossing_bps
        if sample is None or sample.se is None:
            rows.append({"pair": pair.pair, "model_bps": model, "mean_bps": None, "se_bps": None})
            worst = math.inf
            continue
        rows.append(
            {
                "pair": pair.pair,
                "model_bps": model,
                "mean_bps": sample.mean,
                "se_bps": sample.se,
                "n": sample.n,
            }
        )
        worst = max(worst, sample.mean - model - 2 * sample.se)
    said = "; ".join(_said(row) for row in rows)
    return Condition("slippage", worst <= _ROUNDING_BPS, needed, said, {"pairs": rows})


def _said(row: Mapping[str, Any]) -> str:
    if row["mean_bps"] is None:
        return f"{row['pair']}: fewer than two crossings"
    return (
        f"{row['pair']}: {row['mean_bps']:.2f} +- {row['se_bps']:.2f} bps of {row['n']}, "
        f"the parameters say {row['model_bps']:g}"
    )


def _parity(run: RunResult) -> Condition:
    found = parity_of(run)
    causes: Iterator[str] = (
        f"{count} by {cause}" for cause, (count, _) in found.by_cause().items() if count and cause != "none"
    )
    said = f"{found.unattributed} without a cause" + "".join(f", {text}" for text in causes)
    numbers = {"unattributed": found.unattributed, "trades": found.trades, "same": found.same}
    return Condition("parity", found.ok, "every difference from the backtest has a cause", said, numbers)
