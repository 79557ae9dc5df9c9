"""hftbacktest: two assets, books rebuilt from updates of the best prices, a strategy loop in numba."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from _peer import Market, Rules, Trades, Trial, fill_pnl, main
from hftbacktest import (
    BUY_EVENT,
    DEPTH_EVENT,
    EXCH_EVENT,
    GTC,
    LOCAL_EVENT,
    MARKET,
    SELL_EVENT,
    BacktestAsset,
    ROIVectorMarketDepthBacktest,
    event_dtype,
)
from numba import njit

TICK = 0.5
LOT = 1e-8


def book_events(ts: np.ndarray, bid: np.ndarray, ask: np.ndarray) -> np.ndarray:
    """Return updates that leave one level on each side: what is gone comes first."""
    changed = [np.flatnonzero(np.diff(side, prepend=np.nan) != 0) for side in (bid, ask)]
    parts = []
    for side, flag, at in ((bid, BUY_EVENT, changed[0]), (ask, SELL_EVENT, changed[1])):
        for order, rows, prices, qty in ((0, at[1:], side[at[1:] - 1], 0.0), (1, at, side[at], 1e6)):
            part = np.zeros(rows.size, [("key", np.int64), ("event", event_dtype)])
            part["key"] = rows * 2 + order
            part["event"]["ev"] = DEPTH_EVENT | EXCH_EVENT | LOCAL_EVENT | flag
            part["event"]["exch_ts"] = part["event"]["local_ts"] = ts[rows]
            part["event"]["px"], part["event"]["qty"] = prices, qty
            parts.append(part)
    merged = np.concatenate(parts)
    return np.ascontiguousarray(merged[np.argsort(merged["key"], kind="stable")]["event"])


@njit
def _run(hbt, start, step, min_spread, exit_spread, cost, notional, fills):  # type: ignore[no-untyped-def]
    order, n, side, q = 1, 0, -1, 0.0
    while True:
        a, b = hbt.depth(0), hbt.depth(1)
        bid_a, ask_a, bid_b, ask_b = a.best_bid, a.best_ask, b.best_bid, b.best_ask
        if bid_a < ask_a and bid_b < ask_b:
            s_ab, s_ba = (bid_b - ask_a) / ask_a * 1e4, (bid_a - ask_b) / ask_b * 1e4
            row = (hbt.current_timestamp - start) // step
            for leaving in (True, False):
                if leaving:
                    trade = side >= 0 and (s_ab if side == 0 else s_ba) < exit_spread
                else:
                    trade = side < 0 and max(s_ab, s_ba) - cost >= min_spread
                if not trade:
                    continue
                if leaving:
                    buy_a = side == 1
                    side = -1
                else:
                    buy_a = s_ab >= s_ba
                    side = 0 if buy_a else 1
                    q = notional / (ask_a if buy_a else ask_b)
                for leg in range(2):
                    if buy_a == (leg == 0):
                        price = ask_a if leg == 0 else ask_b
                        hbt.submit_buy_order(leg, order, price, q, GTC, MARKET, True)
                    else:
                        price = bid_a if leg == 0 else bid_b
                        hbt.submit_sell_order(leg, order, price, q, GTC, MARKET, True)
                    done = hbt.orders(leg).get(order)
                    fills[n, 0], fills[n, 1] = row, leg
                    fills[n, 2] = done.exec_qty if buy_a == (leg == 0) else -done.exec_qty
                    fills[n, 3] = done.exec_price
                    n += 1
                    order += 1
                hbt.clear_inactive_orders(-1)
        if hbt.elapse(step) != 0:
            return n


def two_assets(market: Market, rules: Rules) -> Trial:
    """Rows are steps of equal time; the reported fills are what the PnL is made of."""
    step = int(np.diff(market.ts).min())
    row_of = (market.ts - market.ts[0]) // step
    number = np.full(int(row_of[-1]) + 1, -1)
    number[row_of] = np.arange(market.row.size)
    books = [
        book_events(market.ts, bid, ask)
        for bid, ask in ((market.bid_a, market.ask_a), (market.bid_b, market.ask_b))
    ]
    fees = np.array([rules.fee_a_bps, rules.fee_b_bps]) / 1e4
    fills = np.zeros((100_000, 5))

    def trial() -> Trades:
        assets = [
            BacktestAsset()
            .data([events])
            .linear_asset(1.0)
            .constant_order_latency(0, 0)
            .risk_adverse_queue_model()
            .no_partial_fill_exchange()
            .trading_value_fee_model(0.0, float(fee))
            .tick_size(TICK)
            .lot_size(LOT)
            .roi_lb(float(events["px"].min()) - 10 * TICK)
            .roi_ub(float(events["px"].max()) + 10 * TICK)
            for events, fee in zip(books, fees, strict=True)
        ]
        hbt = ROIVectorMarketDepthBacktest(assets)
        n = _run(
            hbt, int(market.ts[0]), step, rules.min_spread_bps, rules.exit_spread_bps, rules.cost_bps,
            rules.notional_usd, fills,
        )  # fmt: skip
        hbt.close()
        done = fills[:n].copy()
        done[:, 0] = number[done[:, 0].astype(np.int64)]
        done[:, 4] = np.abs(done[:, 2] * done[:, 3]) * fees[done[:, 1].astype(np.int64)]
        return fill_pnl(done, rules)

    return trial


if __name__ == "__main__":
    main({"hftbacktest, two assets": two_assets}, version("hftbacktest"))
