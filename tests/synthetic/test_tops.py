"""The best prices of a market as a panel: the one that is joined from its stored books, piece by piece."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from arbkit.errors import ConfigError
from arbkit.panel import Panel, load_panel
from arbkit.synthetic import Market, joined_tops, load_market_spec, tops_meta, write_market

BAD = {"a.bad_row_share": 0.02, "b.bad_row_share": 0.02, "fx.bad_row_share": 0.01}
SILENT = {"a.max_age_s": 0.5, "fx.max_age_s": 10.0}


def market(rows: int = 30_000, **changes: object) -> Market:
    return Market(load_market_spec("kimchi", changes), rows=rows, seed=5)


def made(source: Market, **how: object) -> Panel:
    frame = pl.concat(list(joined_tops(source, **how)))  # type: ignore[arg-type]
    price = str(how.get("fx_price", "mid"))
    return Panel.from_frame(frame, **tops_meta(source, fx_price=price))


@pytest.mark.parametrize("price", ["mid", "executable"])
@pytest.mark.parametrize("changes", [{}, BAD, SILENT | BAD], ids=["good", "bad rows", "stale quotes"])
def test_the_rows_are_those_joined_from_the_stored_books(tmp_path, price, changes):
    source = market(**changes)
    write_market(source, tmp_path / "m")
    spec = source.spec
    fx = {"symbol": spec.fx.leg, "price": price, "max_age": spec.fx.max_age_s}
    stored = load_panel(
        tmp_path / "m",
        {"a": spec.a.leg, "b": spec.b.leg},
        fx,
        currency=spec.b.quote,
        clock="ts_event",
        cache=False,
    )
    direct = made(source, fx_price=price)
    assert len(stored) > 20_000
    assert 0 <= len(direct) - len(stored) < 20
    assert direct.rows(0, len(stored)).fingerprint == stored.fingerprint
    void = 1 - stored.tradable[1_000:].mean()
    assert (void > 0.01) == bool(changes)
    for name in ("leg_a", "leg_b", "currency", "clock", "spot_a", "spot_b", "fx"):
        assert getattr(direct.meta, name) == getattr(stored.meta, name)


def test_the_size_of_the_pieces_does_not_change_the_rows():
    whole = made(market(5_000, **BAD))
    for size in (1, 7, 1_000, 4_999, 5_181):
        assert made(market(5_000, **BAD), chunk_rows=size).fingerprint == whole.fingerprint


def test_a_shorter_market_is_the_beginning_of_a_longer_one():
    short, long = made(market(2_000)), made(market(4_000))
    assert np.array_equal(long.ts[: len(short)], short.ts)
    assert np.array_equal(long.bid_a[: len(short) - 1], short.bid_a[:-1], equal_nan=True)


def test_another_seed_is_another_market():
    spec = load_market_spec("kimchi")
    first, second = (made(Market(spec, seed=seed, rows=1_000)) for seed in (1, 2))
    assert first.fingerprint != second.fingerprint


def test_an_unknown_price_of_the_exchange_rate_is_refused_with_the_valid_ones():
    with pytest.raises(ConfigError, match=r"`fx_price` 'last' does not exist.*mid"):
        joined_tops(market(), fx_price="last")
