"""`RunResult`: a run on disk, also one that is still running, as frames, panels and records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from arbkit._typing import FloatArray, PathLike, RecordArray
from arbkit.config import Params
from arbkit.errors import ConfigError, nearest_names
from arbkit.kernels.live import ACTIVE, HALTED
from arbkit.live.folder import RunFolder, find_run, read_json
from arbkit.live.journal import read_journal
from arbkit.live.story import Story, tell
from arbkit.live.tape import read_tape
from arbkit.live.worth import Worth, worth_of
from arbkit.panel import Ladders, Panel, PanelMeta, split_view
from arbkit.records import TRADE_DTYPE, ExitReason, Side
from arbkit.units import DAY_NS, MS_NS, duration_ns

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

__all__ = ["RunResult", "open_run"]

_COLUMNS = (
    "entry_index",
    "exit_index",
    "entry_ts",
    "exit_ts",
    "entry_spread_bps",
    "entry_signal_bps",
    "exit_spread_bps",
    "unwind_bps",
    "size",
    "notional_usd",
    "pnl_usd",
    "pnl_bps",
    "fees_usd",
)


class RunResult:
    """What a run has left on disk so far.

    Attributes:
        folder: where its files are.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._about = folder.about()

    @property
    def name(self) -> str:
        """The run's name."""
        return str(self._about["name"])

    @property
    def mode(self) -> str:
        """`paper` or `live`."""
        return str(self._about["mode"])

    @property
    def currency(self) -> str:
        """The account currency."""
        return str(self._about["currency"])

    @property
    def about(self) -> Mapping[str, Any]:
        """What the run is: pairs, parameters, limits, version."""
        return self._about

    @property
    def config(self) -> Mapping[str, Any]:
        """The configuration as it was read."""
        values: Mapping[str, Any] = yaml.safe_load(self.folder.config.read_text(encoding="utf-8"))
        return values

    @property
    def pairs(self) -> tuple[str, ...]:
        """The names of its pairs."""
        return tuple(pair["name"] for pair in self._about["pairs"])

    @property
    def summary(self) -> Mapping[str, Any]:
        """The latest statistics; empty where none were written yet."""
        return read_json(self.folder.summary) if self.folder.summary.is_file() else {}

    def _pair(self, name: str) -> Mapping[str, Any]:
        for pair in self._about["pairs"]:
            if pair["name"] == name:
                return pair  # type: ignore[no-any-return]
        raise ConfigError(f"run {self.name!r} has no pair {name!r}; {nearest_names(name, self.pairs)}")

    def params(self, pair: str) -> Params:
        """Return the parameters that a pair ran with.

        Raises:
            ConfigError: with the nearest names, when there is no such pair.
        """
        return Params.from_dict(self._pair(pair)["params"])

    def records(self, *kinds: str) -> Iterator[dict[str, Any]]:
        """Yield the lines of the journal, all or those of some kinds."""
        return read_journal(self.folder.journal, *kinds)

    def panel(self, pair: str, *, as_run: bool = True) -> Panel:
        """Return the tape of a pair as a panel.

        Args:
            pair: its name.
            as_run: with the trading state in it: rows on which the run was halted are left out, and
                `entry_ok` is false where it was reducing. Else as the market was.
        """
        about = self._pair(pair)
        params = self.params(pair)
        rows, ladders = read_tape(self.folder.tape(pair), params.depth_levels)
        entry_ok = rows["entry_ok"] == 1
        if as_run:
            entry_ok &= rows["state"] == ACTIVE
            kept = rows["state"] != HALTED
            rows, ladders, entry_ok = rows[kept], ladders[:, kept], entry_ok[kept]
        fair = np.ascontiguousarray(rows["fair"])
        meta = PanelMeta(
            name=self.name,
            leg_a=about["a"],
            leg_b=about["b"],
            currency=self.currency,
            clock="ts_recv",
            source=str(self.folder.path),
            reference=about["reference"],
        )
        plain = bool((rows["fx_a"] == 1).all() and (rows["fx_b"] == 1).all())
        panel = Panel(
            rows["ts"].copy(),
            *(rows[name].copy() for name in ("bid_a", "ask_a", "bid_b", "ask_b")),
            fair=None if split_view(about["reference"])[0] == "none" else fair,
            entry_ok=None if entry_ok.all() else entry_ok,
            ladders=Ladders(*ladders) if params.depth_levels else None,
            fx_a=None if plain else rows["fx_a"].copy(),
            fx_b=None if plain else rows["fx_b"].copy(),
            scale=None if (rows["scale"] == 1).all() else rows["scale"].copy(),
            meta=meta,
        )
        return self.with_payments(pair, panel)

    def with_payments(self, pair: str, panel: Panel) -> Panel:
        """Return a panel with the funding rates that the run knew, where its parameters account them."""
        import polars as pl

        if not (self.params(pair).funding and len(panel)):
            return panel

        inside = [
            (line["paid_ts"], "ab"[line["leg"]], line["rate"])
            for line in self.records("funding")
            if line["pair"] == pair and panel.ts[0] <= line["paid_ts"] <= panel.ts[-1]
        ]
        schema: dict[str, Any] = {"ts": pl.Datetime("ns", "UTC"), "leg": pl.String, "rate": pl.Float64}
        return panel.with_funding(pl.DataFrame(inside, schema=schema, orient="row").sort("ts"))

    def tape(self, pair: str) -> RecordArray:
        """Return the rows of a pair, `LIVE_ROW_DTYPE` (n,): what each decision saw, and in which state."""
        return read_tape(self.folder.tape(pair), self.params(pair).depth_levels)[0]

    @cached_property
    def story(self) -> Story:
        """What the run went through: states, refusals, feeds, orders; as it stood when first asked."""
        return tell(self.records(), self._ends)

    @cached_property
    def _ends(self) -> tuple[int, int] | None:
        """Time of the first and of the last row of any pair."""
        stamps = [rows["ts"] for pair in self.pairs if (rows := self.tape(pair)).size]
        return (int(min(ts[0] for ts in stamps)), int(max(ts[-1] for ts in stamps))) if stamps else None

    @cached_property
    def worth(self) -> Worth:
        """What it was worth through time; as it stood when first asked."""
        trades = {pair: self.trade_records(pair) for pair in self.pairs}
        params = {pair: self.params(pair) for pair in self.pairs}
        return worth_of(self.story, trades, params, self.tape)

    def equity(self) -> pl.DataFrame:
        """Return `ts`, `balance_usd` (realised) and `equity_usd` (open trades as if closed then)."""
        import polars as pl

        worth, begin = self.worth, float(self._about["limits"]["initial_balance_usd"])
        frame = pl.DataFrame(
            {"ts": worth.ts, "balance_usd": begin + worth.balance, "equity_usd": begin + worth.gain}
        )
        return frame.with_columns(pl.col("ts").cast(pl.Datetime("ns", "UTC")))

    @property
    def deadline_s(self) -> float:
        """How long something may be open on one side alone, seconds."""
        wanted = (self.config.get("execution") or {}).get("deadline", "5s")
        return duration_ns(wanted) / 1e9

    def fill_ms(self, leg: str, pair: str | None = None) -> FloatArray:
        """Return the times from a decision to the first fill of a leg, milliseconds, where venues filled.

        Args:
            leg: `a` or `b`.
            pair: of this pair; default: of all.
        """
        own = [item for item in self.story.outcomes if pair in (None, item.pair)]
        fills = [(getattr(item, leg).first_fill_ns, item.decided_ns) for item in own]
        return np.array([(first - decided) / MS_NS for first, decided in fills if first], np.float64)

    def trade_records(self, pair: str) -> RecordArray:
        """Return the trades of a pair as `TRADE_DTYPE` in entry order; open ones without a mark."""
        self._pair(pair)
        return self._records[pair]

    @cached_property
    def _records(self) -> dict[str, RecordArray]:
        found: dict[str, dict[int, dict[str, Any]]] = {pair: {} for pair in self.pairs}
        for line in self.records("trade_opened", "trade_closed"):
            found[line["pair"]][line["trade"]] = line["record"]
        return {pair: _as_records([own[n] for n in sorted(own)]) for pair, own in found.items()}

    @cached_property
    def trades(self) -> pl.DataFrame:
        """One row per trade: `pair`, and the columns of `BacktestResult.trades`."""
        import polars as pl

        frames = [_frame(pair, self.trade_records(pair)) for pair in self.pairs]
        return pl.concat(frames).sort("entry_ts")

    @property
    def days(self) -> float:
        """From the first to the last row of any pair, in days."""
        return 0.0 if self._ends is None else (self._ends[1] - self._ends[0]) / DAY_NS

    @cached_property
    def pnl_per_day(self) -> pl.DataFrame:
        """PnL of the trades closed on each UTC day: `day`, `pnl_usd`, `trades`."""
        import polars as pl

        closed = self.trades.filter(~pl.col("is_open"))
        per_day = closed.group_by(pl.col("exit_ts").dt.date().alias("day"))
        return per_day.agg(pl.col("pnl_usd").sum(), pl.len().alias("trades")).sort("day")

    def plot(self) -> Figure:
        """Draw what the run did: premium with trades, gain, and where venues filled, exposure and latency.

        Times in which nothing could be entered are shaded: amber where it was reducing, red where it was
        halted.

        Raises:
            DataError: when journal or tape is damaged.
        """
        from arbkit.live.picture import draw_run

        return draw_run(self)

    def _repr_html_(self) -> str:
        from arbkit.live.card import card_of

        return card_of(self)

    def __repr__(self) -> str:
        return f"RunResult({self.name!r}: {self.mode}, {', '.join(self.pairs)}, {len(self.trades)} trades)"


def open_run(name: PathLike, root: PathLike = "runs") -> RunResult:
    """Open a run by its folder, or by its name below `root`.

    Raises:
        DataError: with the nearest names, when there is none.
    """
    return RunResult(find_run(name, root))


def _as_records(found: list[dict[str, Any]]) -> RecordArray:
    records = np.zeros(len(found), TRADE_DTYPE)
    for n, record in enumerate(found):
        for name, value in record.items():
            records[n][name] = np.nan if value is None else value
    return records


def _frame(pair: str, records: RecordArray) -> pl.DataFrame:
    import polars as pl

    is_open = records["exit_index"] < 0
    sides = np.array([side.name for side in Side])
    reasons = np.array([reason.name.lower() for reason in ExitReason])
    frame = pl.DataFrame(
        {
            "pair": np.full(records.size, pair),
            "side": sides[records["side"]],
            **{name: np.ascontiguousarray(records[name]) for name in _COLUMNS},
            "exit_reason": reasons[records["reason"]],
            "is_open": is_open,
        },
        schema_overrides={"pair": pl.String, "side": pl.String, "exit_reason": pl.String},
    )
    stamp = pl.Datetime("ns", "UTC")
    closed = ~pl.col("is_open")
    return frame.with_columns(
        pl.col("entry_ts").cast(stamp),
        pl.when(closed).then(pl.col("exit_ts").cast(stamp)).alias("exit_ts"),
        pl.when(closed).then(pl.col("exit_index")).alias("exit_index"),
        pl.when(closed).then(pl.col("exit_reason")).alias("exit_reason"),
        pl.col("exit_spread_bps", "unwind_bps", "pnl_usd", "pnl_bps").fill_nan(None),
    )
