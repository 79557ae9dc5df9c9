"""`Portfolio`: several panels on one balance, with limits over all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from arbkit._typing import IntArray, RecordArray
from arbkit.config import Params
from arbkit.engine._threads import at_once, thread_count
from arbkit.engine.portfolio_result import PortfolioResult
from arbkit.engine.rules import check_supported, rules_of
from arbkit.errors import ConfigError, nearest_names
from arbkit.kernels.merge import place_of
from arbkit.kernels.portfolio import new_book, portfolio, portfolio_sets
from arbkit.kernels.portfolio_marks import DeskGrid
from arbkit.kernels.summary import summarize
from arbkit.metrics import metric_columns
from arbkit.panel import Panel
from arbkit.records import METRICS_DTYPE, STATE_DTYPE, TRADE_DTYPE
from arbkit.units import duration_ns

if TYPE_CHECKING:
    import polars as pl

__all__ = ["PairParams", "Portfolio"]

#: One `Params` for every pair, or one for each pair by name.
PairParams: TypeAlias = Params | Mapping[str, Params]

_ENGINES: Final = ("auto", "scan", "skip")
_DETAIL: Final = ("all", "realized")
_MEASURED: Final = ("max_drawdown_mtm_pct", "sharpe", "sortino", "excursions")
_FIRST_CAPACITY: Final = 256
_DEFAULT_BALANCE: Final = 10_000.0
#: What belongs to the portfolio and to no pair.
_SHARED: Final = (
    "initial_balance_usd",
    "max_total_notional_usd",
    "max_open_trades_total",
    "stop_on_drawdown_pct",
    "stop_on_drawdown_mtm_pct",
)
_STOPS: Final = ("stop_on_drawdown_pct", "stop_on_drawdown_mtm_pct")


class Portfolio:
    """Panels that share one balance; rows of all of them are processed in the order (ts, pair, row).

    Args:
        panels: panel by name of the pair; their order is the order of pairs at equal times.
        initial_balance_usd: the shared balance, account currency.
        max_total_notional_usd: notional that all open trades together may have; an entry beyond it is
            refused and counted.
        max_open_trades_total: trades that may be open at once over all pairs.
        stop_on_drawdown_pct, stop_on_drawdown_mtm_pct: a drawdown of the shared balance, or of the shared
            equity, at which every pair stops.

    Raises:
        ConfigError: when there is no panel, a value is not above 0, or the account currencies differ.
    """

    def __init__(
        self,
        panels: Mapping[str, Panel],
        *,
        initial_balance_usd: float = _DEFAULT_BALANCE,
        max_total_notional_usd: float | None = None,
        max_open_trades_total: int | None = None,
        stop_on_drawdown_pct: float | None = None,
        stop_on_drawdown_mtm_pct: float | None = None,
    ) -> None:
        _check_panels(panels)
        self.panels = dict(panels)
        self.initial_balance_usd = _above_zero("initial_balance_usd", initial_balance_usd)
        self.max_total_notional_usd = _limit("max_total_notional_usd", max_total_notional_usd)
        self.max_open_trades_total = _count("max_open_trades_total", max_open_trades_total)
        self.stop_on_drawdown_pct = _limit("stop_on_drawdown_pct", stop_on_drawdown_pct)
        self.stop_on_drawdown_mtm_pct = _limit("stop_on_drawdown_mtm_pct", stop_on_drawdown_mtm_pct)

    def with_panels(self, panels: Mapping[str, Panel]) -> Portfolio:
        """Return a portfolio of other panels with the same balance, limits and stops.

        Raises:
            ConfigError: as the class does.
        """
        shared = {name: value for name, value in vars(self).items() if name in _SHARED}
        return Portfolio(panels, **shared)

    def backtest(self, params: PairParams, *, engine: str = "auto", interval: str = "1h") -> PortfolioResult:
        """Simulate one set of parameters over all pairs.

        Args:
            params: one `Params` for every pair, or a mapping from each pair to its own.
            engine: `scan` walks every row of every pair, `skip` only those on which something happens; the
                trades are the same.
            interval: grid of the Sharpe and Sortino ratios.

        Raises:
            ConfigError: when pairs are missing or unknown, or a set cannot be simulated.
        """
        rules = self._rules([params])
        every_row = self._scans(engine, [params])
        states, account = np.zeros(len(self.panels), STATE_DTYPE), np.zeros(1, STATE_DTYPE)
        metrics = np.zeros(1, METRICS_DTYPE)
        grid = self._grid(_interval_ns(interval))
        book = new_book(np.empty(_FIRST_CAPACITY, TRADE_DTYPE), len(self.panels))
        like = next(iter(self.panels.values()))
        book, filled = portfolio(
            like.market, like.index, self._places, rules[0], states, account[0], book, grid, every_row, True
        )
        equity = grid.equity[:filled]
        summarize(account[0], rules[0, 0], book.trades, equity, grid.step_ns, metrics[0])
        n = int(account[0]["n_trades"])
        return PortfolioResult(
            self.panels,
            self.by_pair(params),
            book.trades[:n],
            book.pairs[:n],
            metrics[0],
            rules[0],
            states,
        )

    def backtest_many(
        self,
        params: Sequence[PairParams],
        *,
        metrics: str = "all",
        engine: str = "auto",
        interval: str = "1h",
        threads: int | None = None,
    ) -> pl.DataFrame:
        """Simulate many sets; the metrics are bit for bit those of `backtest`.

        Args:
            params: the sets, each as in `backtest`.
            metrics: "all", or "realized" to leave out what needs equity between the events.
            engine, interval: as in `backtest`.
            threads: how many sets run at once; by default one per core.

        Returns:
            One row per set, in the order given: `set` (0, 1, ...) and the metrics of the portfolio.
        """
        import polars as pl
        import polars.selectors as cs

        if metrics not in _DETAIL:
            raise ConfigError(f"`metrics` {metrics!r} does not exist; {nearest_names(metrics, _DETAIL)}")
        measure, rules = metrics == "all", self._rules(params)
        step_ns = _interval_ns(interval)
        scans = [self._scans(engine, [one]) for one in params]
        records = np.zeros(len(params), METRICS_DTYPE)
        wanted = thread_count(threads, len(params))
        parts = [part for part in np.array_split(np.arange(len(params)), wanted) if part.size]
        if parts:
            self._prepare()
        at_once(lambda part: self._run_part(part, rules, scans, step_ns, measure, records), parts, wanted)
        frame = pl.DataFrame({"set": np.arange(len(params)), **metric_columns(records)})
        return frame.drop(() if measure else _MEASURED).with_columns(cs.float().fill_nan(None))

    def _run_part(
        self,
        part: IntArray,
        rules: RecordArray,
        scans: Sequence[bool],
        step_ns: int,
        measure: bool,
        records: RecordArray,
    ) -> None:
        states, account = np.zeros(len(self.panels), STATE_DTYPE), np.zeros(1, STATE_DTYPE)
        trades, grid = np.empty(_FIRST_CAPACITY, TRADE_DTYPE), self._grid(step_ns)
        like = next(iter(self.panels.values()))
        for every_row in (False, True):
            chosen = part[[scans[k] == every_row for k in part]]
            if chosen.size == 0:
                continue
            out = np.zeros(chosen.size, METRICS_DTYPE)
            portfolio_sets(
                like.market, like.index, self._places, rules[chosen], states, account, trades, grid,
                every_row, measure, out,
            )  # fmt: skip
            records[chosen] = out

    def _prepare(self) -> None:
        """Build what all threads share before they start."""
        _ = self._places

    @cached_property
    def _places(self) -> IntArray:
        return np.array([place_of(panel.market, panel.index) for panel in self.panels.values()], np.int64)

    def _grid(self, step_ns: int) -> DeskGrid:
        ends = [(p.ts[p.index.first], p.ts[p.index.last]) for p in self.panels.values() if p.index.last >= 0]
        if not ends:
            return DeskGrid(np.empty(0), 0, step_ns)
        first, last = int(min(e[0] for e in ends)), int(max(e[1] for e in ends))
        begin = -(-first // step_ns)
        return DeskGrid(np.empty(max(0, last // step_ns - begin + 1)), begin * step_ns, step_ns)

    def by_pair(self, params: PairParams) -> dict[str, Params]:
        """Return the parameters of each pair.

        Raises:
            ConfigError: when pairs are missing or unknown.
        """
        if isinstance(params, Params):
            return dict.fromkeys(self.panels, params)
        if not isinstance(params, Mapping):
            raise ConfigError(
                "parameters of a portfolio must be arbkit.Params or a mapping from pair to Params, "
                f"was {type(params).__name__}"
            )
        for name in params:
            if name not in self.panels:
                raise ConfigError(
                    f"`{name}` is no pair of this portfolio; {nearest_names(str(name), self.panels)}"
                )
        missing = [name for name in self.panels if name not in params]
        if missing:
            raise ConfigError(f"every pair needs parameters, missing: {', '.join(missing)}")
        for name, one in params.items():
            if not isinstance(one, Params):
                raise ConfigError(
                    f"parameters must be arbkit.Params, was {type(one).__name__} for pair `{name}`; "
                    "make them with Params.from_dict"
                )
        return {name: params[name] for name in self.panels}

    def _rules(self, params: Sequence[PairParams]) -> RecordArray:
        """Return `RULES_DTYPE` (sets, pairs) with the shared balance, stops and limits in each."""
        flat: list[Params] = []
        for one in params:
            by_pair = self.by_pair(one)
            for name, own in by_pair.items():
                self._check_shared(name, own)
                _check_at_once(name, own)
                check_supported(self.panels[name], own)
            flat += by_pair.values()
        rules = rules_of(flat).reshape(len(params), len(self.panels))
        rules["initial_balance_usd"] = self.initial_balance_usd
        for name in _STOPS:
            value = getattr(self, name)
            rules["has_" + name.removesuffix("_pct").replace("_on", "")] = value is not None
            rules[name] = 0.0 if value is None else value
        notional, count = self.max_total_notional_usd, self.max_open_trades_total
        rules["has_total_limits"] = notional is not None or count is not None
        rules["max_total_notional"] = np.inf if notional is None else notional
        rules["max_total_trades"] = np.iinfo(np.int64).max if count is None else count
        return rules

    def _check_shared(self, name: str, own: Params) -> None:
        """Refuse what a pair says otherwise than the portfolio about what they share."""
        if own.initial_balance_usd not in (_DEFAULT_BALANCE, self.initial_balance_usd):
            raise ConfigError(
                f"the balance belongs to the portfolio and was {self.initial_balance_usd:g}, but pair "
                f"`{name}` has initial_balance_usd={own.initial_balance_usd:g}; "
                "leave it out of the pair's parameters"
            )
        for stop in _STOPS:
            value, shared = getattr(own, stop), getattr(self, stop)
            if value is not None and value != shared:
                raise ConfigError(
                    f"`{stop}` belongs to the portfolio and was {shared}, but pair `{name}` has {value:g}; "
                    f"give it to Portfolio(..., {stop}=...)"
                )

    def _scans(self, engine: str, params: Sequence[PairParams]) -> bool:
        """Tell whether every row has to be stepped: a guard that follows equity looks at each of its rows."""
        if engine not in _ENGINES:
            raise ConfigError(f"`engine` {engine!r} does not exist; {nearest_names(engine, _ENGINES)}")
        if engine == "scan":
            return True
        return any(
            own.guard is not None
            and (own.guard.breaker_loss_pct is not None or own.guard.max_daily_loss_usd is not None)
            for one in params
            for own in self.by_pair(one).values()
        )

    def __repr__(self) -> str:
        rows = sum(len(panel) for panel in self.panels.values())
        return f"Portfolio({len(self.panels)} pairs, {rows:,} rows, {self.initial_balance_usd:,.2f})"


def _check_panels(panels: Mapping[str, Panel]) -> None:
    if not isinstance(panels, Mapping) or not panels:
        raise ConfigError(
            f"a portfolio needs a mapping from pair to Panel with at least one, was {_described(panels)}"
        )
    for name, panel in panels.items():
        if not isinstance(panel, Panel):
            raise ConfigError(
                f"pair `{name}` must be a Panel, was {type(panel).__name__}; "
                "make one with Panel.from_frame or load_panel"
            )
    currencies = {panel.meta.currency: name for name, panel in panels.items()}
    if len(currencies) > 1:
        found = ", ".join(f"{name} {currency}" for currency, name in currencies.items())
        raise ConfigError(
            f"pairs that share a balance must have one account currency, was {found}; "
            "load the panels with currency=..."
        )


def _check_at_once(name: str, own: Params) -> None:
    """Refuse what a portfolio does not simulate."""
    for option in ("latency_ms", "latency_a_ms", "latency_b_ms", "depth_levels"):
        if getattr(own, option):
            raise ConfigError(
                f"a portfolio fills at the top of the row that decides, pair `{name}` has "
                f"{option}={getattr(own, option):g}; leave it out, or run the pair alone with `backtest`"
            )


def _described(value: object) -> str:
    return "an empty one" if isinstance(value, Mapping) else type(value).__name__


def _above_zero(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise ConfigError(f"`{name}` must be a number above 0, was {value!r}")
    if not (math.isfinite(value) and value > 0):
        raise ConfigError(f"`{name}` must be above 0, was {value!r}")
    return float(value)


def _limit(name: str, value: float | None) -> float | None:
    return None if value is None else _above_zero(name, value)


def _count(name: str, value: int | None) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ConfigError(f"`{name}` must be a whole number, at least 1, was {value!r}")
    return int(value)


def _interval_ns(interval: str) -> int:
    step_ns = duration_ns(interval, name="interval")
    if step_ns <= 0:
        raise ConfigError(f"`interval` must be longer than 0, was {interval!r}")
    return step_ns
