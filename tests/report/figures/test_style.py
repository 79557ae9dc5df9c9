"""Axes as people read them."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest

from arbkit.report.figures.style import WIDE, new_axes, number_axis, time_axis
from arbkit.report.figures.svg import inline_svg
from arbkit.units import SECOND_NS


def written(low, high, **options):
    figure, (ax,) = new_axes(WIDE, (200,))
    ax.set_ylim(low, high)
    number_axis(ax.yaxis, **options)
    figure.canvas.draw()
    return [item.get_text() for item in ax.yaxis.get_ticklabels()]


def test_ticks_have_separators_and_a_real_minus():
    assert "−2,000" in written(-2_100, 2_100)
    assert "0" in written(-2_100, 2_100)


def test_ticks_have_as_many_digits_as_their_step_needs():
    assert "0.2" in written(0, 1)
    assert "0.25" in written(0, 0.5, ticks=2)
    assert "0.002" in written(0, 0.004)


def test_unit_follows_the_number():
    assert "−2.0 %" in written(-2, 0, unit=" %")


def test_stacked_plots_share_their_time():
    _, axes = new_axes(WIDE, (200, 80))
    axes[0].set_xlim(1, 2)
    assert axes[1].get_xlim() == (1, 2)
    assert axes[0].get_position().y0 > axes[1].get_position().y1


@pytest.mark.parametrize("narrow", [False, True])
def test_time_axis_finds_readable_ticks_for_every_span(narrow):
    start = 1_700_000_123 * SECOND_NS
    for span_s in np.geomspace(0.01, 30 * 365 * 86_400, 70):
        figure, (ax,) = new_axes(360 if narrow else WIDE, (100,))
        time_axis(ax, start, start + int(span_s * 1e9), narrow=narrow)
        figure.canvas.draw()
        assert 1 <= len(ax.xaxis.get_ticklabels()) <= 10


def test_the_callers_own_settings_do_not_change_a_figure():
    def drawn():
        figure, axes = new_axes(300, [100])
        axes[0].plot([0, 1], [0, 1])
        return inline_svg(figure, "name", "title", "description")

    plain = drawn()
    with mpl.rc_context({"figure.constrained_layout.use": True, "font.size": 30, "axes.grid": True}):
        assert drawn() == plain
