"""From books to rows: what `load_panel` makes of a recording, made of each book as it comes.

A row stands at every update of either leg once both have been seen, and shows the last quote of each in
the account currency; a quote that is void, too old or cannot be converted is NaN and never bridged. Updates
of the exchange rate make no rows: the next row uses them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from arbkit._typing import FloatArray
from arbkit.live.reference import LiveReference
from arbkit.risk import VolatilityScale
from arbkit.venues import BookEvent, GapEvent

__all__ = ["FxQuote", "FxRate", "LegQuote", "PairRows", "no_rate"]

_NAN: Final = math.nan


class LegQuote:
    """The last book of one instrument; `ts` is 0 until it has been seen."""

    __slots__ = ("ask", "asks", "bid", "bids", "ts")

    def __init__(self) -> None:
        self.ts = 0
        self.bid = _NAN
        self.ask = _NAN
        self.bids: Sequence[tuple[float, float]] = ()
        self.asks: Sequence[tuple[float, float]] = ()

    def on_book(self, event: BookEvent) -> None:
        """Take a book; a side that is empty is void."""
        self.ts = event.ts_recv
        self.bids, self.asks = event.bids, event.asks
        self.bid = event.bids[0][0] if event.bids else _NAN
        self.ask = event.asks[0][0] if event.asks else _NAN

    def on_gap(self, event: GapEvent) -> None:
        """Take note that the book is not known: void until the next one."""
        if self.ts:
            self.ts = event.ts
        self.bids, self.asks, self.bid, self.ask = (), (), _NAN, _NAN


class FxQuote(LegQuote):
    """The book of a currency pair, and how it is used.

    Args:
        base, quote: `quote` units per one `base`.
        executable: convert at the side that can be traded instead of the mid.
        max_age_ns: an older quote converts nothing; negative for no limit.
    """

    __slots__ = ("base", "executable", "max_age_ns", "quote")

    def __init__(self, base: str, quote: str, *, executable: bool = False, max_age_ns: int = -1) -> None:
        super().__init__()
        self.base, self.quote = base, quote
        self.executable, self.max_age_ns = executable, max_age_ns


class FxRate:
    """Rates from one currency into another, by a quote that stands in either order."""

    __slots__ = ("_inverse", "quote")

    def __init__(self, quote: FxQuote, inverse: bool) -> None:
        self.quote, self._inverse = quote, inverse

    def at(self, ts: int) -> tuple[float, float, float]:
        """Return what bids, asks and mids are multiplied by at a time, as `panel.fx.fx_rates` does."""
        q = self.quote
        bid, ask = q.bid, q.ask
        fresh = q.ts > 0 and (q.max_age_ns < 0 or ts - q.ts <= q.max_age_ns)
        if not (fresh and bid > 0 and bid <= ask < math.inf):
            return _NAN, _NAN, _NAN
        mid = (bid + ask) / 2
        low, high = (bid, ask) if q.executable else (mid, mid)
        return (1 / high, 1 / low, 1 / mid) if self._inverse else (low, high, mid)


class _NoRate:
    """The rate of a leg that is in the account currency already."""

    quote = None

    def at(self, ts: int) -> tuple[float, float, float]:
        """Return 1 three times."""
        return 1.0, 1.0, 1.0


def no_rate() -> Any:
    """Return the rate of a leg in the account currency."""
    return _NoRate()


class PairRows:
    """Makes the rows of one pair.

    Args:
        a, b: the legs' books, shared with other pairs.
        fx_a, fx_b: their rates into the account currency.
        max_age_ns: how long each leg's quote counts; negative for no limit.
        reference: the fair ratio.
        levels: book levels that rows carry; 0 for none.
        scaler: how volatility shrinks the position.

    Attributes:
        scale: what the scaler said of the last row; 1 without.
    """

    def __init__(
        self,
        a: LegQuote,
        b: LegQuote,
        fx_a: FxRate | _NoRate,
        fx_b: FxRate | _NoRate,
        max_age_ns: tuple[int, int],
        reference: LiveReference,
        levels: int = 0,
        scaler: VolatilityScale | None = None,
    ) -> None:
        self.a, self.b = a, b
        self.fx_a, self.fx_b = fx_a, fx_b
        self.max_age_ns = max_age_ns
        self.reference = reference
        self.levels = levels
        self.scaler = scaler
        self.scale = 1.0
        self.last_ts = 0
        self.bumped = 0

    def row(self, ts: int, entry_ok: bool, state: int, scale: float = 1.0) -> tuple[Any, ...] | None:
        """Return the row of a moment as the fields of `LIVE_ROW_DTYPE`, None until both legs are there.

        Stamps rise strictly: one that does not is moved to a nanosecond after the last.
        """
        a, b = self.a, self.b
        if not (a.ts and b.ts):
            return None
        if ts <= self.last_ts:
            ts = self.last_ts + 1
            self.bumped += 1
        self.last_ts = ts
        bid_rate_a, ask_rate_a, fx_a = self.fx_a.at(ts)
        bid_rate_b, ask_rate_b, fx_b = self.fx_b.at(ts)
        limit_a, limit_b = self.max_age_ns
        fresh_a = limit_a < 0 or ts - a.ts <= limit_a
        fresh_b = limit_b < 0 or ts - b.ts <= limit_b
        bid_a, ask_a = (a.bid * bid_rate_a, a.ask * ask_rate_a) if fresh_a else (_NAN, _NAN)
        bid_b, ask_b = (b.bid * bid_rate_b, b.ask * ask_rate_b) if fresh_b else (_NAN, _NAN)
        fair = self.reference.fair(ts)
        if self.scaler is not None:
            self.scale = self.scaler.at(ts)
            scale *= self.scale
        if 0.0 < bid_a < ask_a < math.inf and 0.0 < bid_b < ask_b < math.inf:
            self.reference.see(ts, bid_a, ask_a, bid_b, ask_b)
            if self.scaler is not None:
                self.scaler.see(ts, (bid_a + ask_a) / 2, (bid_b + ask_b) / 2)
        fx = self.fx_a.quote or self.fx_b.quote
        fx_ts = fx.ts if fx is not None else 0
        return (
            ts, bid_a, ask_a, bid_b, ask_b, fair, scale, fx_a, fx_b, a.ts, b.ts, fx_ts, int(entry_ok), state,
        )  # fmt: skip

    def has_rate(self, ts: int) -> bool:
        """Tell whether both legs can be converted into the account currency at a time."""
        return self.fx_a.at(ts)[2] > 0 and self.fx_b.at(ts)[2] > 0

    def ladder(self, ts: int) -> FloatArray | None:
        """Return the ladders of the moment, float64 (8, levels) in the order of `Ladders`; None without."""
        if not self.levels:
            return None
        out = np.full((8, self.levels), np.nan)
        limits = self.max_age_ns
        for k, (leg, rate) in enumerate(((self.a, self.fx_a), (self.b, self.fx_b))):
            if limits[k] >= 0 and ts - leg.ts > limits[k]:
                continue
            for_bid, for_ask, _ = rate.at(ts)
            _lay(out, 4 * k, leg.bids, for_bid)
            _lay(out, 4 * k + 2, leg.asks, for_ask)
        return out


def _lay(out: FloatArray, at: int, levels: Sequence[tuple[float, float]], rate: float) -> None:
    for n, (price, size) in enumerate(levels[: out.shape[1]]):
        out[at, n] = price * rate
        out[at + 1, n] = size
