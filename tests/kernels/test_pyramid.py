"""The extremes between two rows against a plain twin: exact, whatever the length, with gaps."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from arbkit.kernels.pyramid import build_pyramid, pyramid_size, signal_extremes, signals_between
from arbkit.panel import Panel


def make_panel(rows: int, seed: int = 1, fair: bool = False) -> Panel:
    rng = np.random.default_rng(seed)
    mid = 100 + rng.normal(0, 0.02, rows).cumsum()
    premium = 1 + rng.normal(0, 2e-3, rows)
    bid_a, bid_b = mid * premium, mid.copy()
    bid_a[rng.random(rows) < 0.1] = np.nan
    ratio = np.where(rng.random(rows) < 0.05, np.nan, 1.001) if fair else None
    ts = np.sort(rng.integers(0, 10**12, rows))
    return Panel(ts, bid_a, mid * premium + 0.01, bid_b, bid_b + 0.01, fair=ratio)


def slow(panel: Panel, edges: list[int]) -> np.ndarray:
    """Lowest and highest per stretch, from the frame of spreads."""
    frame = panel.spreads()
    both = [frame[name].to_numpy() for name in ("x_ab_bps", "x_ba_bps")]
    out = np.full((4, len(edges) - 1), np.nan)
    for k, (first, stop) in enumerate(pairwise(edges)):
        for side, values in enumerate(both):
            seen = values[first:stop][~np.isnan(values[first:stop])]
            if seen.size:
                out[2 * side : 2 * side + 2, k] = seen.min(), seen.max()
    return out


def pyramid_of(panel: Panel) -> tuple[np.ndarray, np.ndarray]:
    offsets = pyramid_size(len(panel))
    nodes = np.empty((4, offsets[-1]))
    build_pyramid(panel.market, offsets, nodes)
    return offsets, nodes


@pytest.mark.parametrize("fair", [False, True])
@pytest.mark.parametrize("rows", [1, 2, 63, 64, 65, 1_024, 20_001])
def test_extremes_are_those_of_the_slow_twin(rows: int, fair: bool) -> None:
    panel = make_panel(rows, seed=rows, fair=fair)
    rng = np.random.default_rng(2)
    some = sorted({0, rows, *rng.integers(0, rows + 1, 40).tolist()})
    for edges in ([0, rows], some, [0, 0, rows, rows], list(range(min(rows, 200) + 1))):
        found = signal_extremes(panel.market, *pyramid_of(panel), np.array(edges))
        np.testing.assert_array_equal(found, slow(panel, edges))


def test_panel_without_rows_has_no_extremes() -> None:
    none = np.empty(0)
    panel = Panel(np.empty(0, np.int64), none, none, none, none)
    assert np.isnan(signal_extremes(panel.market, *pyramid_of(panel), np.array([0, 0]))).all()
    assert signals_between(panel.market, 0, 0).shape == (2, 0)


def test_rows_on_which_nothing_is_tradable_have_no_extremes() -> None:
    gone = np.full(200, np.nan)
    panel = Panel(np.arange(200), gone, gone, gone, gone)
    assert np.isnan(signal_extremes(panel.market, *pyramid_of(panel), np.array([0, 5, 200]))).all()


def test_one_spike_among_many_rows_is_in_the_picture() -> None:
    ask = np.full(100_000, 100.01)
    bid_b = np.full(100_000, 100.0)
    bid_b[77_777] = 105.0
    panel = Panel(np.arange(100_000), ask - 0.01, ask, bid_b, bid_b + 0.01)
    edges = np.linspace(0, 100_000, 101).astype(np.int64)
    found = signal_extremes(panel.market, *pyramid_of(panel), edges)
    assert np.argmax(found[1]) == 77
    assert found[1, 77] == panel.spreads()["x_ab_bps"].max()


def test_signals_of_rows_are_those_of_the_frame() -> None:
    panel = make_panel(500, fair=True)
    frame = panel.spreads()
    found = signals_between(panel.market, 100, 300)
    for side, name in enumerate(("x_ab_bps", "x_ba_bps")):
        np.testing.assert_array_equal(found[side], frame[name].to_numpy()[100:300])
