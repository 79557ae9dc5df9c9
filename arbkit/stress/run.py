"""`stress_test`: a strategy, or a portfolio of them, under each scenario."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from arbkit.config import Params
from arbkit.engine import Portfolio, backtest
from arbkit.errors import ConfigError, nearest_names
from arbkit.panel import Panel
from arbkit.realism.result import Progress
from arbkit.records import Side
from arbkit.stress.orders import Slippage
from arbkit.stress.registry import parse_scenarios
from arbkit.stress.replay import Outcome, Shocked, replayed, replayed_together, shocked
from arbkit.stress.result import Stress, finding_of
from arbkit.stress.scenario import Scenario, Span
from arbkit.stress.timed import Timed
from arbkit.units import DAY_NS

if TYPE_CHECKING:
    import polars as pl

__all__ = ["PLACES", "stress_test"]

#: Where in time moments are drawn from: when the run as configured holds a trade, or any time.
PLACES: Final = ("trades", "time")


class _Tried(NamedTuple):
    """One scenario on one market."""

    scenario: Scenario
    outcome: Outcome | None
    rows: int
    costs: bool
    reason: str
    alone: Mapping[str, float]


def stress_test(
    market: Panel | Portfolio,
    params: Params | Mapping[str, Params],
    *,
    scenarios: Any = "standard",
    hits: str = "trades",
    seed: int = 0,
    progress: Progress | None = None,
) -> Stress:
    """Replay a strategy under scenarios that are written into its books.

    Args:
        market: a panel, or a portfolio of pairs.
        params: the strategy; of a portfolio one for all pairs, or one for each.
        scenarios: `standard` for all that are built in, or a list of names, mappings and `Scenario` objects
            (`arbkit.stress.parse_scenario`).
        hits: `trades` draws the moments of shocks from the time in which the run as configured holds a
            trade, where there is one; `time` from all of it. Given times (`at`) stay.
        seed: of scenarios that name none.
        progress: called with the scenarios done and all of them.

    Returns:
        The table, with a picture and a sentence.

    Raises:
        ConfigError: for a scenario that does not exist or a value that breaks a rule, or when the strategy
            cannot be simulated as configured.
        DataError: when a scenario of your own leaves no valid books.
    """
    if hits not in PLACES:
        raise ConfigError(f"`hits` must be trades or time, was {hits!r}; {nearest_names(hits, PLACES)}")
    runner: _OnePair | _Pairs
    runner = _Pairs(market, params) if isinstance(market, Portfolio) else _OnePair(market, params)
    parsed = parse_scenarios(scenarios, seed=seed)
    if not parsed:
        raise ConfigError("`scenarios` must hold at least one scenario, was empty")
    spans = runner.spans(hits)
    base, tried = runner.base(), []
    for done, scenario in enumerate(parsed, 1):
        tried.append(runner.run(scenario.placed(spans)))
        if progress is not None:
            progress(done, len(parsed))
    frame = _frame(base, tried, parsed, runner)
    slippages = {item.label: item.slippage_bps for item in parsed if isinstance(item, Slippage)}
    return Stress(
        frame=frame,
        finding=finding_of(frame, runner.currency, slippages),
        notes=tuple(_notes(frame)),
        pair=runner.title,
        currency=runner.currency,
        days=runner.days,
        seed=seed,
    )


class _OnePair:
    """One panel."""

    def __init__(self, panel: object, params: object) -> None:
        if not isinstance(panel, Panel):
            raise ConfigError(
                f"a stress test runs on a Panel or a Portfolio, was {type(panel).__name__}; "
                "make one with load_panel"
            )
        if not isinstance(params, Params):
            raise ConfigError(f"parameters must be arbkit.Params, was {type(params).__name__}")
        self.panel, self.params = panel, params
        self.title, self.currency = f"{panel.meta.leg_a} x {panel.meta.leg_b}", panel.meta.currency
        self.days = (panel.end_ns - panel.start_ns) / DAY_NS
        self.initial_usd = params.initial_balance_usd

    def spans(self, hits: str) -> list[Span]:
        return _held(self.panel, backtest(self.panel, self.params).records) if hits == "trades" else []

    def base(self) -> _Tried:
        plain = Scenario()
        market = Shocked(self.panel, self.panel, self.panel, 0)
        return _Tried(plain, replayed(plain, market, self.params), 0, False, "", {})

    def run(self, scenario: Scenario) -> _Tried:
        market = shocked(scenario, self.panel)
        costs = scenario.change(self.params) != self.params
        try:
            outcome = replayed(scenario, market, self.params)
        except ConfigError as error:
            return _Tried(scenario, None, market.rows, costs, str(error), {})
        return _Tried(scenario, outcome, market.rows, costs, "", {})


class _Pairs:
    """Several panels on one balance."""

    def __init__(self, portfolio: Portfolio, params: Any) -> None:
        self.portfolio = portfolio
        self.params = portfolio.by_pair(params)
        panels = [panel for panel in portfolio.panels.values() if len(panel)]
        self.title = f"{len(portfolio.panels)} pairs"
        self.currency = next(iter(portfolio.panels.values())).meta.currency
        self.start_ns = min((panel.start_ns for panel in panels), default=0)
        self.end_ns = max((panel.end_ns for panel in panels), default=0)
        self.days = (self.end_ns - self.start_ns) / DAY_NS
        self.initial_usd = portfolio.initial_balance_usd

    def spans(self, hits: str) -> list[Span]:
        found: list[Span] = []
        if hits == "trades":
            result = self.portfolio.backtest(self.params)
            for name, panel in self.portfolio.panels.items():
                found += _held(panel, result.alone(name).records)
        # All pairs are hit at the same moments, those that trade no more included.
        return found or [Span(self.start_ns, self.end_ns + 1)]

    def base(self) -> _Tried:
        plain = Scenario()
        markets = {name: Shocked(panel, panel, panel, 0) for name, panel in self.portfolio.panels.items()}
        return self._tried(plain, dict.fromkeys(markets, plain), markets)

    def run(self, scenario: Scenario) -> _Tried:
        names = list(self.portfolio.panels)
        own = {name: scenario.for_pair(k, len(names)) for k, name in enumerate(names)}
        markets = {name: shocked(own[name], panel) for name, panel in self.portfolio.panels.items()}
        return self._tried(scenario, own, markets)

    def _tried(
        self, scenario: Scenario, own: Mapping[str, Scenario], markets: Mapping[str, Shocked]
    ) -> _Tried:
        rows = sum(market.rows for market in markets.values())
        costs = any(own[name].change(one) != one for name, one in self.params.items())
        try:
            outcome = replayed_together(own, markets, self.params, self.portfolio)
            alone = {
                name: replayed(own[name], market, self._alone(name)).max_drawdown_mtm_pct
                for name, market in markets.items()
            }
        except ConfigError as error:
            return _Tried(scenario, None, rows, costs, str(error), {})
        return _Tried(scenario, outcome, rows, costs, "", alone)

    def _alone(self, name: str) -> Params:
        return self.params[name].replace(initial_balance_usd=self.initial_usd)


def _held(panel: Panel, trades: Any) -> list[Span]:
    """Return the time of each trade and the leg that it is long."""
    ends = np.where(trades["exit_index"] >= 0, trades["exit_ts"], panel.end_ns).tolist()
    long = np.where(trades["side"] == int(Side.LONG_A_SHORT_B), "a", "b").tolist()
    return [Span(*item) for item in zip(trades["entry_ts"].tolist(), ends, long, strict=True)]


def _frame(base: _Tried, tried: Sequence[_Tried], named: Sequence[Scenario], runner: Any) -> pl.DataFrame:
    import polars as pl

    assert base.outcome is not None
    rows = [_row(base, base.outcome, runner, "as configured", "")]
    for one, scenario in zip(tried, named, strict=True):
        rows.append(_row(one, base.outcome, runner, scenario.label, scenario.describe()))
    types: Any = {
        "rows_changed": pl.Int64, "mtm_pnl_usd": pl.Float64, "per_day_usd": pl.Float64,
        "change_usd": pl.Float64, "change_bps": pl.Float64, "max_drawdown_mtm_pct": pl.Float64,
        "total_trades": pl.Int64, "worst_trade_usd": pl.Float64, "liquidations": pl.Int64,
        "refused": pl.Int64, "stopped": pl.Boolean,
    }  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None).cast(types)


def _row(one: _Tried, base: Outcome, runner: Any, name: str, what: str) -> dict[str, Any]:
    outcome = one.outcome
    found: dict[str, Any] = {
        "scenario": name,
        "what": what,
        "status": _status(one, base),
        "rows_changed": one.rows,
    }
    pnl = None if outcome is None else outcome.mtm_pnl_usd
    change = None if pnl is None or outcome is base else pnl - base.mtm_pnl_usd
    found |= {
        "mtm_pnl_usd": pnl,
        "per_day_usd": None if pnl is None or runner.days <= 0 else pnl / runner.days,
        "change_usd": change,
        "change_bps": None if change is None else change / runner.initial_usd * 1e4,
    }
    for field in (
        "max_drawdown_mtm_pct",
        "total_trades",
        "worst_trade_usd",
        "liquidations",
        "refused",
        "stopped",
    ):
        found[field] = None if outcome is None else getattr(outcome, field)
    if isinstance(runner, _Pairs):
        worst = max(one.alone, key=lambda pair: one.alone[pair]) if one.alone else None
        found |= {
            "worst_pair": worst,
            "worst_pair_drawdown_pct": None if worst is None else one.alone[worst],
        }
    return found | {"reason": _idle(one.scenario) if found["status"] == "idle" else one.reason}


def _idle(scenario: Scenario) -> str:
    """Say why a scenario changed nothing."""
    if any(isinstance(part, Timed) and part.at for part in scenario.parts):
        return "none of the times that it was given lies where this market could be changed"
    return "this market has nothing that it could change"


def _status(one: _Tried, base: Outcome) -> str:
    if one.outcome is None:
        return "refused"
    if one.outcome is base:
        return "base"
    if one.scenario.control:
        return "control"
    if one.rows == 0 and not one.costs:
        return "idle"
    same = one.outcome._replace(flags=()) == base._replace(flags=())
    return "same" if same else "changed"


def _notes(frame: pl.DataFrame) -> Iterator[str]:
    """Yield what a reader must know of scenarios that could not show anything."""
    for row in frame.iter_rows(named=True):
        if row["status"] == "idle":
            yield f"{row['scenario']}: {row['reason']}"
        elif row["status"] == "control" and row["change_usd"] == 0:
            yield f"{row['scenario']}: the control, and it changed nothing, to the last bit"
        elif row["status"] == "refused":
            yield f"{row['scenario']}: {row['reason']}"
