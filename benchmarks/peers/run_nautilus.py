"""nautilus_trader: quote ticks on two venues, market orders, fills at the top of the book."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import nautilus_trader
import numpy as np
from _peer import Market, Rules, Trades, Trial, fill_pnl, main
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, RiskEngineConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TraderId, Venue
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

PRICE_DIGITS = 1
SIZE_DIGITS = 9


def perpetual(venue: str, fee_bps: float) -> CryptoPerpetual:
    """Return an instrument of half-tick prices and sizes fine enough for a notional."""
    return CryptoPerpetual(
        instrument_id=InstrumentId(Symbol("BTCUSDT"), Venue(venue)), raw_symbol=Symbol("BTCUSDT"),
        base_currency=BTC, quote_currency=USDT, settlement_currency=USDT, is_inverse=False,
        price_precision=PRICE_DIGITS, size_precision=SIZE_DIGITS,
        price_increment=Price(0.5, PRICE_DIGITS), size_increment=Quantity(10.0**-SIZE_DIGITS, SIZE_DIGITS),
        margin_init=Decimal("0.01"), margin_maint=Decimal("0.005"), maker_fee=Decimal(0),
        taker_fee=Decimal(str(fee_bps)) / 10_000, ts_event=0, ts_init=0,
    )  # fmt: skip


class Pair(Strategy):  # type: ignore[misc]
    """Decides on each quote of B, which follows that of A of the same time."""

    def __init__(self, legs: tuple[CryptoPerpetual, CryptoPerpetual], rules: Rules) -> None:
        super().__init__()
        self.legs, self.rules = legs, rules
        self.a: Any = None
        self.side, self.size = -1, None
        self.orders: list[Any] = []
        self.fills: dict[Any, tuple[int, int, float, float, float]] = {}

    def on_start(self) -> None:
        for leg in self.legs:
            self.subscribe_quote_ticks(leg.id)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        if tick.instrument_id == self.legs[0].id:
            self.a = tick
            return
        bid_a, ask_a = self.a.bid_price.as_double(), self.a.ask_price.as_double()
        bid_b, ask_b = tick.bid_price.as_double(), tick.ask_price.as_double()
        s_ab, s_ba = (bid_b - ask_a) / ask_a * 1e4, (bid_a - ask_b) / ask_b * 1e4
        if self.side >= 0 and (s_ab, s_ba)[self.side] < self.rules.exit_spread_bps:
            self.cross(buy_a=self.side == 1)
            self.side = -1
        if self.side < 0 and max(s_ab, s_ba) - self.rules.cost_bps >= self.rules.min_spread_bps:
            self.side = 0 if s_ab >= s_ba else 1
            price = ask_a if self.side == 0 else ask_b
            self.size = Quantity(self.rules.notional_usd / price, SIZE_DIGITS)
            self.cross(buy_a=self.side == 0)

    def cross(self, buy_a: bool) -> None:
        for leg, buys in zip(self.legs, (buy_a, not buy_a), strict=True):
            side = OrderSide.BUY if buys else OrderSide.SELL
            order = self.order_factory.market(leg.id, side, self.size)
            self.orders.append(order.client_order_id)
            self.submit_order(order)

    def on_order_filled(self, event: Any) -> None:
        leg = 0 if event.instrument_id == self.legs[0].id else 1
        sign = 1 if event.order_side == OrderSide.BUY else -1
        self.fills[event.client_order_id] = (
            event.ts_event, leg, sign * event.last_qty.as_double(), event.last_px.as_double(),
            event.commission.as_double(),
        )  # fmt: skip


def ticks_of(leg: CryptoPerpetual, ts: np.ndarray, bid: np.ndarray, ask: np.ndarray) -> list[QuoteTick]:
    """Return one quote per row."""
    sizes = np.full(ts.size, 1e6)
    stamps = ts.astype(np.uint64)
    return QuoteTick.from_raw_arrays_to_list(  # type: ignore[no-any-return]
        leg.id, PRICE_DIGITS, SIZE_DIGITS, bid, ask, sizes, sizes, stamps, stamps
    )


def two_venues(market: Market, rules: Rules) -> Trial:
    """The engine is filled once and reset before each trial, its own way to repeat a run."""
    legs = (perpetual("ALPHA", rules.fee_a_bps), perpetual("BETA", rules.fee_b_bps))
    engine = BacktestEngine(
        BacktestEngineConfig(
            trader_id=TraderId("BENCH-001"),
            logging=LoggingConfig(bypass_logging=True),
            risk_engine=RiskEngineConfig(bypass=True),
            run_analysis=False,
        )
    )
    for leg in legs:
        engine.add_venue(
            leg.id.venue, OmsType.NETTING, AccountType.MARGIN, [Money(1e6, USDT)], base_currency=USDT
        )
        engine.add_instrument(leg)
    engine.add_data(ticks_of(legs[0], market.ts, market.bid_a, market.ask_a), sort=False)
    engine.add_data(ticks_of(legs[1], market.ts, market.bid_b, market.ask_b), sort=True)

    def trial() -> Trades:
        engine.reset()
        engine.clear_strategies()
        pair = Pair(legs, rules)
        engine.add_strategy(pair)
        engine.run()
        # Each venue works off its own orders: where a row closes and opens, A has done both before B began.
        fills = np.array([pair.fills[order] for order in pair.orders], dtype=object).reshape(-1, 5)
        fills[:, 0] = np.searchsorted(market.ts, fills[:, 0].astype(np.int64))
        return fill_pnl(fills.astype(np.float64), rules)

    return trial


if __name__ == "__main__":
    main({"nautilus_trader, quote ticks": two_venues}, nautilus_trader.__version__)
