"""The reference of a live pair is that of the panel, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit.errors import ConfigError
from arbkit.live.reference import live_reference
from arbkit.panel import Panel, PanelMeta

MINUTE = 60_000_000_000


def panel(max_age_ns: int) -> Panel:
    rng = np.random.default_rng(5)
    n = 1_500
    ts = 1_700_000_000_123_456_789 + np.cumsum(rng.choice([0, 7, 20, 400], n)) * 1_000_000_000
    mid = 100 * np.exp(np.cumsum(rng.normal(0, 1e-4, n)))
    other = mid * (1 + rng.normal(0, 1e-3, n))
    bid_a = np.where(rng.random(n) < 0.05, np.nan, mid)
    return Panel(ts, bid_a, mid + 0.01, other, other + 0.02, meta=PanelMeta(max_age_ns=max_age_ns))


@pytest.mark.parametrize("reference", ["none", "fixed:12.5", "ewma:7m", "median:31m"])
@pytest.mark.parametrize("max_age_ns", [-1, 3 * MINUTE])
def test_live_reference_has_the_bits_of_the_panel(reference: str, max_age_ns: int) -> None:
    books = panel(max_age_ns)
    known = books.with_reference(reference).fair
    expected = np.ones(len(books)) if known is None else known
    live = live_reference(reference, max_age_ns)
    found = []
    for i in range(len(books)):
        if i % 400 == 399:
            kept = live.state()
            live = live_reference(reference, max_age_ns)
            live.restore(kept)
        found.append(live.fair(int(books.ts[i])))
        if books.tradable[i]:
            live.see(
                int(books.ts[i]), *(float(x[i]) for x in (books.bid_a, books.ask_a, books.bid_b, books.ask_b))
            )
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("reference", ["column:premium", "ewma:5s", "mean:3h"])
def test_a_reference_that_live_books_cannot_have_is_refused(reference: str) -> None:
    with pytest.raises(ConfigError, match="reference"):
        live_reference(reference)
