"""What a run tells about itself: to the state store while it runs, and as statistics."""

from __future__ import annotations

import math
import time
from typing import Any, Final

from arbkit.live.config import LiveConfig
from arbkit.live.session import Session
from arbkit.live.stores import StateStore

__all__ = ["Reporter"]

_EVERY_S: Final = 1.0
_SIDES: Final = ("LONG_A_SHORT_B", "LONG_B_SHORT_A")


class Reporter:
    """Puts prices, signals, positions, executions and metrics into the state store.

    Args:
        session: what is reported on.
        store: where to; nothing that is put there ever waits.
        config: the run's configuration.
    """

    def __init__(self, session: Session, store: StateStore, config: LiveConfig) -> None:
        self._session = session
        self._store = store
        self._config = config
        self._last = 0.0

    def beat(self, *, force: bool = False) -> None:
        """Tell the store how things stand, at most once a second."""
        now = time.monotonic()
        if now - self._last < _EVERY_S and not force:
            return
        self._last = now
        for (venue, symbol), leg in self._session.legs.items():
            if leg.ts and leg.bid == leg.bid and leg.ask == leg.ask:
                self._store.put_price(venue, symbol, bid=leg.bid, ask=leg.ask, ts=leg.ts)
        for p in range(len(self._session.lanes)):
            self._signal(p)
        self._metrics()
        self._store.heartbeat("runner", ts=time.time_ns(), run=self._config.name)

    def _signal(self, p: int) -> None:
        desk, lane = self._session.desk, self._session.lanes[p]
        if desk.row_number(p) < 0:
            return
        row = desk.last_row(p)
        if not (row["ask_a"] > 0 and row["ask_b"] > 0):
            return
        s_ab = float((row["bid_b"] - row["ask_a"]) / row["ask_a"] * 1e4)
        s_ba = float((row["bid_a"] - row["ask_b"]) / row["ask_b"] * 1e4)
        if not (math.isfinite(s_ab) and math.isfinite(s_ba)):
            return
        pair = lane.config
        on_ab = s_ab >= s_ba
        buy, sell = (pair.venue_a, pair.venue_b) if on_ab else (pair.venue_b, pair.venue_a)
        buy_price = float(row["ask_a"] if on_ab else row["ask_b"])
        sell_price = float(row["bid_b"] if on_ab else row["bid_a"])
        self._store.put_signal(
            pair.name,
            buy_exchange=buy,
            buy_price=buy_price,
            sell_exchange=sell,
            sell_price=sell_price,
            spread=sell_price - buy_price,
            spread_pct=(s_ab if on_ab else s_ba) / 100,
            ts=int(row["ts"]),
        )

    def on_trade(self, kind: str, p: int, fields: dict[str, Any]) -> None:
        """Take a trade that was opened or closed."""
        lane, record = self._session.lanes[p], fields["record"]
        opened = kind == "trade_opened"
        ts = record["entry_ts"] if opened else record["exit_ts"]
        about = {
            "pair": lane.config.name,
            "trade": fields["trade"],
            "side": _SIDES[record["side"]],
            "size": record["size"],
            "notional": record["notional_usd"],
            "pnl": record["pnl_usd"],
        }
        still_open = len(self._session.desk.open_ids(p))
        self._store.put_position(lane.config.name, about | {"open": still_open}, live=still_open > 0, ts=ts)
        self._store.put_execution(lane.config.name, about | {"what": kind.removeprefix("trade_")}, ts=ts)

    def _metrics(self) -> None:
        desk = self._session.desk
        account = desk.account[0]
        balance = self._config.balance + float(account["realized_pnl"])
        equity = balance + float(desk.shared[:, 0].sum())
        opening = float(max(desk.states["guard_opening"])) if any(desk.states["guard_day"] > 0) else balance
        notional = sum(
            float(desk.trades[t]["notional_usd"]) for p in range(len(desk.pairs)) for t in desk.open_ids(p)
        )
        self._store.put_metrics(
            total_balance=equity,
            available_balance=balance - notional,
            positions_count=sum(len(lane.open) for lane in self._session.lanes),
            orders_count=int(desk.states["n_orders"].sum()),
            daily_loss=max(0.0, opening - equity),
            total_loss=max(0.0, self._config.balance - equity),
            trades_today=int(desk.states["guard_day_entries"].sum()),
            ts=time.time_ns(),
        )

    def stats(self, now_ns: int) -> dict[str, Any]:
        """Return the statistics of the run at a time, ready for JSON."""
        session, desk = self._session, self._session.desk
        realized = float(desk.account[0]["realized_pnl"])
        pairs = [self._pair(p, now_ns) for p in range(len(session.lanes))]
        unrealized = sum(pair["unrealized_pnl"] for pair in pairs)
        return {
            "state": session.guard.to_dict(),
            "rows": sum(pair["rows"] for pair in pairs),
            "trades_opened": sum(pair["opened"] for pair in pairs),
            "trades_closed": sum(pair["closed"] for pair in pairs),
            "realized_pnl": realized,
            "unrealized_pnl": unrealized,
            "balance": self._config.balance + realized,
            "equity": self._config.balance + realized + unrealized,
            "max_drawdown_pct": float(desk.account[0]["max_drawdown_mtm"]) * 100,
            "pairs": pairs,
            "weights": None if session.shares is None else session.shares.to_dict(),
            "refusals": dict(session.refusals),
            "guard_counts": dict(session.guard.counts),
            "decide_us": session.decide_ns.to_dict(1e3),
            "book_to_decision_us": session.latency_ns.to_dict(1e3),
            "store": self._store.stats()._asdict() if hasattr(self._store.stats(), "_asdict") else {},
        }

    def _pair(self, p: int, now_ns: int) -> dict[str, Any]:
        session, lane, desk = self._session, self._session.lanes[p], self._session.desk
        ages = [
            None if not leg.ts else round((now_ns - leg.ts) / 1e9, 3) for leg in (lane.rows.a, lane.rows.b)
        ]
        return {
            "pair": lane.config.name,
            "rows": lane.tape.rows,
            "opened": lane.opened,
            "closed": lane.closed,
            "open": len(lane.open),
            "realized_pnl": lane.pnl,
            "unrealized_pnl": float(session.desk.shared[p, 0]),
            "feed_age_s": {"a": ages[0], "b": ages[1]},
            "moved_stamps": lane.rows.bumped,
            "scale": float(desk.last_row(p)["scale"]) if desk.row_number(p) >= 0 else 1.0,
        }
