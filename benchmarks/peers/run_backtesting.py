"""backtesting.py: one instrument per run, so it trades venue A on the spread of both; no PnL to compare."""

from __future__ import annotations

import backtesting
import numpy as np
import pandas as pd
from _peer import Market, Rules, Trades, Trial, main
from backtesting import Backtest, Strategy


def one_instrument(market: Market, rules: Rules) -> Trial:
    """Long A and short A stand for the two directions; orders fill at the close of their row."""
    s_ab, s_ba = market.spreads()
    middle = (market.bid_a + market.ask_a) / 2
    data = pd.DataFrame(
        {"Open": middle, "High": middle, "Low": middle, "Close": middle, "s_ab": s_ab, "s_ba": s_ba},
        index=pd.to_datetime(market.ts),
    )
    limit = rules.exit_spread_bps

    class Pair(Strategy):  # type: ignore[misc]
        def init(self) -> None:
            pass

        def next(self) -> None:
            s_ab, s_ba = self.data.s_ab[-1], self.data.s_ba[-1]
            held = self.position.size
            leaves = (held > 0 and s_ab < limit) or (held < 0 and s_ba < limit)
            if leaves:
                self.position.close()
            if (not held or leaves) and max(s_ab, s_ba) - rules.cost_bps >= rules.min_spread_bps:
                (self.buy if s_ab >= s_ba else self.sell)(size=1)

    def trial() -> Trades:
        stats = Backtest(data, Pair, cash=1e9, trade_on_close=True, finalize_trades=False).run()
        closed = stats["_trades"]
        side = (closed["Size"].to_numpy() < 0).astype(np.int64)
        still = stats["_strategy"].trades
        return Trades(
            [*side, *(int(trade.size < 0) for trade in still)],
            [*closed["EntryBar"], *(trade.entry_bar for trade in still)],
            [*closed["ExitBar"], *(-1 for _ in still)],
            None,
        )

    return trial


if __name__ == "__main__":
    main({"backtesting.py": one_instrument}, backtesting.__version__)
