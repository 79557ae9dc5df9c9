"""The guard of section 6, from its text: losses since the day's first row, calendar hours and days."""

from __future__ import annotations

from arbkit.config import GuardLimits

from .market import nanoseconds

SECONDS = {"hour": 3_600, "day": 86_400}


class Guard:
    """What one account's guard remembers."""

    def __init__(self, limits: GuardLimits, initial: float) -> None:
        self.limits = limits
        self.initial = initial
        self.today: int | None = None
        self.opening = initial
        self.equity = initial
        self.closed_until: int | None = None
        self.entries: list[int] = []

    def period(self, name: str, ts: int) -> int:
        local = ts + nanoseconds(self.limits.utc_offset_h * 3_600, 1e9)
        return local // nanoseconds(SECONDS[name], 1e9)

    def has_lost_too_much(self) -> bool:
        share = self.limits.breaker_loss_pct
        loss = self.opening - self.equity
        return share is not None and loss > 0 and loss >= share / 100 * self.opening

    def waits(self, ts: int) -> bool:
        return self.closed_until is not None and ts < self.closed_until

    def look(self, ts: int, equity: float) -> None:
        """A tradable row, after its exits."""
        self.equity = equity
        if self.period("day", ts) != self.today:
            self.today, self.opening = self.period("day", ts), equity
        if not self.waits(ts) and self.has_lost_too_much():
            self.closed_until = ts + nanoseconds(self.limits.breaker_cooldown_s, 1e9)

    def made(self, name: str, ts: int) -> int:
        return sum(self.period(name, entry) == self.period(name, ts) for entry in self.entries)

    def refusal(
        self, ts: int, *, net: float, notional: float, slip: float, filled: float, open_trades: int
    ) -> str | None:
        """Return the first limit that an entry breaks, or None."""
        limits = self.limits
        broken = {
            "breaker": self.waits(ts) or self.has_lost_too_much(),
            "daily_loss": above(self.opening - self.equity, limits.max_daily_loss_usd),
            "total_loss": above(self.initial - self.equity, limits.max_total_loss_usd),
            "hour_trades": above(self.made("hour", ts), limits.max_trades_per_hour),
            "day_trades": above(self.made("day", ts), limits.max_trades_per_day),
            "positions": above(open_trades, limits.max_positions),
            "position_size": limits.max_position_usd is not None and notional > limits.max_position_usd,
            "spread": limits.min_spread_bps is not None and net < limits.min_spread_bps,
            "slippage": limits.max_slippage_bps is not None and slip > limits.max_slippage_bps,
            "fill_rate": limits.min_fill_rate is not None and filled < limits.min_fill_rate,
        }
        for name, holds in broken.items():
            if holds:
                return f"rejected_guard_{name}"
        return None


def above(value: float, limit: float | None) -> bool:
    """Tell whether a limit, if there is one, is reached."""
    return limit is not None and value >= limit
