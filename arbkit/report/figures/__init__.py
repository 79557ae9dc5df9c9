"""Figures in two steps: one function returns the numbers, another draws them."""

from __future__ import annotations

from arbkit.report.figures.chart import Area, Chart, Key
from arbkit.report.figures.equity import Curve, EquityNumbers, draw_equity, equity_numbers
from arbkit.report.figures.search import (
    HistoryNumbers,
    ImportanceNumbers,
    SliceNumbers,
    draw_history,
    draw_importance,
    draw_slice,
    history_numbers,
    importance_numbers,
    slice_numbers,
)
from arbkit.report.figures.spread import (
    Band,
    SpreadNumbers,
    TradeNumbers,
    draw_spread,
    draw_trade,
    spread_numbers,
    trade_numbers,
)
from arbkit.report.figures.trades import (
    ExcursionNumbers,
    HistogramNumbers,
    WaterfallNumbers,
    draw_excursion,
    draw_hold,
    draw_pnl,
    draw_waterfall,
    excursion_numbers,
    hold_numbers,
    pnl_numbers,
    waterfall_numbers,
)

__all__ = [
    "Area",
    "Band",
    "Chart",
    "Curve",
    "EquityNumbers",
    "ExcursionNumbers",
    "HistogramNumbers",
    "HistoryNumbers",
    "ImportanceNumbers",
    "Key",
    "SliceNumbers",
    "SpreadNumbers",
    "TradeNumbers",
    "WaterfallNumbers",
    "draw_equity",
    "draw_excursion",
    "draw_history",
    "draw_hold",
    "draw_importance",
    "draw_pnl",
    "draw_slice",
    "draw_spread",
    "draw_trade",
    "draw_waterfall",
    "equity_numbers",
    "excursion_numbers",
    "history_numbers",
    "hold_numbers",
    "importance_numbers",
    "pnl_numbers",
    "slice_numbers",
    "spread_numbers",
    "trade_numbers",
    "waterfall_numbers",
]
