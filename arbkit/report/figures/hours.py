"""What was earned by the hour of the day at which trades were entered."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arbkit._typing import FloatArray
from arbkit.report.breakdown import KST_H, by_hour
from arbkit.report.figures.chart import Chart, Key
from arbkit.report.figures.scale import Tick, padded
from arbkit.report.text import Text
from arbkit.report.view import StudyView

__all__ = ["HourNumbers", "draw_hours", "hour_numbers"]


class HourNumbers(NamedTuple):
    """Per UTC hour of entry, float64 (24,) each: closed trades, and PnL per day of the stretch."""

    train_trades: FloatArray
    test_trades: FloatArray
    train_pnl: FloatArray
    test_pnl: FloatArray
    currency: str


def hour_numbers(view: StudyView) -> HourNumbers:
    """Return trades and PnL per day by hour of entry, in and out of sample."""
    (n_train, train), (n_test, test) = by_hour(view.train), by_hour(view.test)
    days = [max(part.days, 1e-9) for part in (view.train, view.test)]
    return HourNumbers(n_train, n_test, train / days[0], test / days[1], view.currency)


def draw_hours(numbers: HourNumbers, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw two bars per hour, in sample beside out of sample; the axis names the hour in UTC and in Korea."""
    chart = Chart(width, (150,), bottom=54, left=58)
    (area,) = chart.areas
    reach = np.concatenate([[0.0], numbers.train_pnl, numbers.test_pnl])
    area.scales((-0.5, 23.5), padded(float(reach.min()), float(reach.max())))
    area.y_numbers(4)
    hour = np.arange(24, dtype=np.float64)
    zero = np.zeros(24)
    area.boxes(hour - 0.4, hour - 0.02, zero, numbers.train_pnl, "train")
    area.boxes(hour + 0.02, hour + 0.4, zero, numbers.test_pnl, "test")
    area.across(0.0)
    step = 6 if narrow else 3
    area.x_axis([Tick(float(h), f"{h:02d}") for h in range(0, 24, step)])
    low = area.y.low
    for h in range(0, 24, step):
        area.say(f"{(h + KST_H) % 24:02d}", float(h), low, "m", dy=33)
    area.say("UTC", -0.5, low, "e", dx=-10, dy=15)
    area.say("KST", -0.5, low, "e", dx=-10, dy=33)
    area.label(text("figure.hours.axis", currency=numbers.currency))
    area.keys(Key("box", name, text(f"segment.{name}")) for name in ("train", "test"))
    return chart
