"""The equity figure shows what the engine computed."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit.report.figures import draw_equity, equity_numbers
from arbkit.report.text import load_text


def test_curves_end_at_the_marked_to_market_pnl(view):
    numbers = equity_numbers(view)
    for curve, part in ((numbers.train, view.train), (numbers.test, view.test)):
        assert curve.gain[-1] == pytest.approx(part.result.metrics.mtm_pnl_usd)


def test_deepest_drawdown_survives_the_thinning(view):
    numbers = equity_numbers(view)
    for curve, part in ((numbers.train, view.train), (numbers.test, view.test)):
        assert -curve.drawdown_pct.min() == pytest.approx(part.result.metrics.max_drawdown_mtm_pct)


def test_curves_are_thin_and_in_order(view):
    numbers = equity_numbers(view)
    assert numbers.train.ts.size <= 1_400
    assert (np.diff(numbers.train.ts) >= 0).all()


def test_sealed_stretch_begins_where_test_ends_and_has_no_numbers(view):
    numbers = equity_numbers(view)
    assert numbers.sealed_ns == view.test.panel.end_ns
    assert numbers.test.ts[-1] <= numbers.sealed_ns < numbers.end_ns


@pytest.mark.parametrize("narrow", [False, True])
def test_picture_says_which_part_is_sealed(view, narrow):
    chart = draw_equity(equity_numbers(view), load_text(), 360 if narrow else 900, narrow=narrow)
    assert ">sealed<" in chart.svg("e", "t", "d")
