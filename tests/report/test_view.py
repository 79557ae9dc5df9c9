"""What a report is made of, against the engine that it comes from."""

from __future__ import annotations

import numpy as np


def test_equity_from_the_trades_is_that_of_the_rules(view) -> None:
    for segment in (view.train, view.test):
        whole = segment.result.equity()
        assert segment.equity.schema == whole.schema
        assert segment.equity["ts"].equals(whole["ts"])
        for name in ("balance_usd", "equity_usd", "drawdown_pct"):
            np.testing.assert_allclose(segment.equity[name], whole[name], rtol=0, atol=1e-9)
