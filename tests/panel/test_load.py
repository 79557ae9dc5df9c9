"""From a dataset to a panel: joining, clocks, ages, void quotes, currencies, the cache."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import arbkit.panel.load as load_module
import arbkit.panel.store as store_module
from arbkit.data.cache import list_cache
from arbkit.errors import ConfigError, CoverageError, DataError
from arbkit.panel import Panel, load_panel
from arbkit.panel.load import share_text

SECOND = 1_000_000_000
START = 1_704_067_200 * SECOND
PAIR = {"a": "x/BTC", "b": "y/BTC"}


def seconds(panel: Panel) -> list[float]:
    return [(int(ts) - START) / SECOND for ts in panel.ts]


def flat(*times: float, bid: float = 100.0, ask: float = 101.0) -> list[Any]:
    return [(time, bid, ask) for time in times]


def full_disk(*_: object) -> None:
    raise OSError(28, "No space left on device")


def rising(*times: float) -> list[Any]:
    """Quotes whose bid is their second, so that a look ahead shows."""
    return [(time, 100.0 + time, 100.5 + time) for time in times]


class TestJoin:
    def test_rows_are_the_distinct_update_times_while_both_venues_are_there(self, make_dataset):
        data = make_dataset({"x/BTC": rising(0, 2, 4, 6), "y/BTC": rising(1, 2, 5)})
        panel = load_panel(data, PAIR)
        assert seconds(panel) == [1, 2, 4, 5]
        assert panel.bid_a.tolist() == [100, 102, 104, 104]
        assert panel.bid_b.tolist() == [101, 102, 102, 105]

    def test_the_last_of_several_updates_at_one_stamp_wins(self, make_dataset):
        data = make_dataset({"x/BTC": [(0, 1.0, 2.0), (0, 5.0, 6.0), (1, 7.0, 8.0)], "y/BTC": flat(0, 1)})
        panel = load_panel(data, PAIR)
        assert seconds(panel) == [0, 1]
        assert panel.bid_a.tolist() == [5, 7]

    def test_a_grid_shows_the_last_quotes_at_its_points(self, make_dataset):
        data = make_dataset({"x/BTC": rising(0.4, 1.7, 3.2), "y/BTC": rising(0.5, 3.1)})
        panel = load_panel(data, PAIR, grid="1s")
        assert seconds(panel) == [1, 2, 3]
        assert panel.bid_a.tolist() == [100.4, 101.7, 101.7]

    @pytest.mark.parametrize("seed", range(3))
    def test_random_streams_agree_with_a_plain_join(self, make_dataset, seed):
        rng = np.random.default_rng(seed)
        books = {
            leg: [
                (t / 10, float(p), float(p) + 1)
                for t, p in zip(np.sort(rng.integers(0, 200, 60)), rng.integers(50, 99, 60), strict=True)
            ]
            for leg in PAIR.values()
        }
        panel = load_panel(make_dataset(books), PAIR, max_age="2s", cache=False)
        first = max(rows[0][0] for rows in books.values())
        last = min(rows[-1][0] for rows in books.values())
        times = sorted({t for rows in books.values() for t, _, _ in rows if first <= t <= last})
        assert np.allclose(seconds(panel), times)
        for leg, bids in (("x/BTC", panel.bid_a), ("y/BTC", panel.bid_b)):
            for time, bid in zip(times, bids, strict=True):
                known = [row for row in books[leg] if row[0] <= time]
                stale = time - known[-1][0] > 2 + 1e-9
                assert np.isnan(bid) if stale else bid == known[-1][1]

    def test_venues_that_never_overlap_are_an_error_with_both_periods(self, make_dataset):
        data = make_dataset({"x/BTC": flat(0, 1), "y/BTC": flat(5, 6)})
        with pytest.raises(CoverageError, match=r"x/BTC covers 2024-01-01T00:00:00 to .*y/BTC covers"):
            load_panel(data, PAIR)


class TestPeriod:
    def test_a_period_is_the_slice_of_the_whole(self, make_dataset):
        data = make_dataset({"x/BTC": rising(0, 30, 60, 90), "y/BTC": rising(*range(5, 80, 5))})
        whole = load_panel(data, PAIR)
        for start, end in ((12, 41), (30, 75), (None, 33), (33, None), (31, 32)):
            at = [None if t is None else START + t * SECOND for t in (start, end)]
            want = whole.slice(*at)
            if len(want):
                assert load_panel(data, PAIR, start=at[0], end=at[1]).fingerprint == want.fingerprint

    def test_the_period_excludes_its_end(self, make_dataset):
        data = make_dataset({"x/BTC": rising(0, 1, 2, 3), "y/BTC": rising(0, 1, 2, 3)})
        panel = load_panel(data, PAIR, start="2024-01-01T00:00:01", end="2024-01-01T00:00:03")
        assert seconds(panel) == [1, 2]

    def test_a_period_without_rows_is_an_error(self, make_dataset):
        data = make_dataset({"x/BTC": rising(0, 1, 20), "y/BTC": rising(0, 1, 20)})
        with pytest.raises(CoverageError, match="from 2024-01-01T00:00:05 to 2024-01-01T00:00:06"):
            load_panel(data, PAIR, start="2024-01-01T00:00:05", end="2024-01-01T00:00:06")

    def test_a_period_outside_the_data_is_an_error(self, make_dataset):
        data = make_dataset({"x/BTC": rising(0, 1), "y/BTC": rising(0, 1)})
        with pytest.raises(CoverageError, match="nothing from 2025-01-01T00:00:00Z"):
            load_panel(data, PAIR, start="2025-01-01")

    @pytest.mark.parametrize("end", ["2024-01-01T00:00:01", "2024-01-01"])
    def test_a_period_that_ends_before_it_starts_is_an_error(self, make_dataset, end):
        data = make_dataset({"x/BTC": rising(0, 1), "y/BTC": rising(0, 1)})
        with pytest.raises(ConfigError, match="`start` must be before `end`"):
            load_panel(data, PAIR, start="2024-01-01T00:00:01", end=end)

    def test_a_reference_reads_its_warm_up_before_the_start(self, make_dataset):
        times = [60.0 * k for k in range(300)]
        data = make_dataset({"x/BTC": rising(*times), "y/BTC": flat(*times)})
        start = START + 200 * 60 * SECOND
        panel = load_panel(data, PAIR, reference="ewma:1h", start=start)
        assert panel.start_ns == start
        assert not np.isnan(panel.fair).any()
        cold = load_panel(data, PAIR, start=start).with_reference("ewma:1h")
        assert np.isnan(cold.fair).all()

    def test_an_average_from_a_start_is_that_of_the_whole(self, make_dataset):
        times = [60.0 * k for k in range(300)]
        data = make_dataset({"x/BTC": rising(*times), "y/BTC": flat(*times)})
        start = START + 290 * 60 * SECOND
        part = load_panel(data, PAIR, reference="ewma:5m", start=start)
        whole = load_panel(data, PAIR, reference="ewma:5m").slice(start, None)
        np.testing.assert_allclose(part.fair, whole.fair, rtol=1e-6)

    def test_a_median_reference_from_a_start_is_that_of_the_whole(self, make_dataset):
        times = [60.0 * k for k in range(200)]
        data = make_dataset({"x/BTC": rising(*times), "y/BTC": flat(*times)})
        start = START + 150 * 60 * SECOND
        part = load_panel(data, PAIR, reference="median:1h", start=start)
        whole = load_panel(data, PAIR, reference="median:1h").slice(start, None)
        assert part.fingerprint == whole.fingerprint


BOOKS = {"x/BTC": rising(0, 1, 2), "y/BTC": rising(0, 1, 2)}
BARS = [(60.0 * k, 100.0) for k in range(1, 6)]


class TestClock:
    def test_receive_times_are_used_where_both_have_them(self, make_dataset):
        data = make_dataset(BOOKS, recv={"x/BTC": 0.25, "y/BTC": 0.5})
        panel = load_panel(data, PAIR)
        assert panel.meta.clock == "ts_recv"
        assert seconds(panel) == [0.5, 1.25, 1.5, 2.25]

    def test_event_times_are_used_where_neither_has_them_and_the_panel_says_so(self, make_dataset):
        panel = load_panel(make_dataset(BOOKS), PAIR)
        assert panel.meta.clock == "ts_event"
        assert any("venues' own clocks" in flag for flag in panel.flags)

    def test_a_mix_is_an_error(self, make_dataset):
        data = make_dataset(BOOKS, recv={"x/BTC": 0.25})
        with pytest.raises(ConfigError, match="x/BTC has ts_recv, y/BTC has ts_event"):
            load_panel(data, PAIR)

    def test_a_mix_can_be_joined_on_the_venues_clocks_when_asked_for(self, make_dataset):
        data = make_dataset(BOOKS, recv={"x/BTC": 0.25})
        assert seconds(load_panel(data, PAIR, clock="ts_event")) == [0, 1, 2]
        with pytest.raises(ConfigError, match="missing for y/BTC"):
            load_panel(data, PAIR, clock="ts_recv")

    def test_a_period_on_the_venues_clock_has_all_its_rows(self, make_dataset):
        data = make_dataset(BOOKS, recv={"x/BTC": 5, "y/BTC": 5})
        panel = load_panel(data, PAIR, clock="ts_event", start=START + SECOND, end=START + 2 * SECOND)
        assert seconds(panel) == [1]


class TestVoidAndStale:
    @pytest.mark.parametrize(
        "bad", [(0.0, 101.0), (None, 101.0), (100.0, None), (102.0, 101.0), (101.0, 101.0)]
    )
    def test_a_void_quote_is_not_bridged_until_the_next_update(self, make_dataset, bad):
        a = [(0, 100.0, 101.0), (1, *bad), (3, 100.0, 101.0)]
        panel = load_panel(make_dataset({"x/BTC": a, "y/BTC": flat(0, 1, 2, 3)}), PAIR)
        assert seconds(panel) == [0, 1, 2, 3]
        assert panel.tradable.tolist() == [True, False, False, True]
        assert panel.spreads()["s_ab_bps"].is_null().to_list() == [False, True, True, False]

    def test_a_quote_as_old_as_the_limit_still_counts(self, make_dataset):
        data = make_dataset({"x/BTC": flat(0, 9), "y/BTC": flat(*range(10))})
        assert load_panel(data, PAIR, max_age="3s").tradable.tolist() == [True] * 4 + [False] * 5 + [True]

    def test_each_venue_can_have_its_own_limit(self, make_dataset):
        data = make_dataset({"x/BTC": flat(0, 9), "y/BTC": flat(0, 5, 9)})
        assert load_panel(data, PAIR, max_age={"a": 6}).tradable.tolist() == [True, True, True]
        assert load_panel(data, PAIR, max_age={"a": 4}).tradable.tolist() == [True, False, True]
        assert load_panel(data, PAIR, max_age={"b": 4}).tradable.tolist() == [True, True, True]

    def test_the_manifest_gives_the_limit_where_none_is_asked_for(self, make_dataset):
        books = {"x/BTC": flat(0, 9), "y/BTC": flat(*range(10))}
        panel = load_panel(make_dataset(books, max_age_s={"x/BTC": 3.0}), PAIR)
        assert panel.tradable.sum() == 5
        assert load_panel(make_dataset(books), PAIR).tradable.all()

    @pytest.mark.parametrize("bad", ["0s", -1, "soon", {"c": 1}])
    def test_a_bad_limit_is_an_error(self, make_dataset, bad):
        data = make_dataset({"x/BTC": flat(0), "y/BTC": flat(0)})
        with pytest.raises(ConfigError, match="max_age"):
            load_panel(data, PAIR, max_age=bad)


KRW = {"x/BTC": "KRW", "y/BTC": "USDT", "x/FX": "KRW"}


def with_fx(make_dataset, fx_rows, *, base="USDT", quotes=None, kind="fx", **more):
    books = {
        "x/BTC": flat(*range(10), bid=130_000.0, ask=131_000.0),
        "y/BTC": flat(*range(10)),
        "x/FX": fx_rows,
    }
    return make_dataset(books, quotes=quotes or KRW, base={"x/FX": base}, kind={"x/FX": kind}, **more)


class TestCurrency:
    def test_the_common_quote_is_the_account_currency(self, make_dataset):
        data = make_dataset(
            {"x/BTC": flat(0, 1), "y/BTC": flat(0, 1)}, quotes={"x/BTC": "USDT", "y/BTC": "USDT"}
        )
        assert load_panel(data, PAIR).meta.currency == "USDT"

    def test_different_quotes_need_a_named_currency(self, make_dataset):
        data = make_dataset({"x/BTC": flat(0), "y/BTC": flat(0)}, quotes={"x/BTC": "USDT", "y/BTC": "USD"})
        with pytest.raises(ConfigError, match=r"USDT and USD: name the account `currency`.*`same`"):
            load_panel(data, PAIR)

    def test_usdt_counts_as_usd_only_when_listed_as_the_same(self, make_dataset):
        data = make_dataset({"x/BTC": flat(0), "y/BTC": flat(0)}, quotes={"x/BTC": "USDT", "y/BTC": "USD"})
        assert load_panel(data, PAIR, same=["USDT", "USD"]).meta.currency == "USD"
        with pytest.raises(
            ConfigError, match="x/BTC is quoted in USDT, the account in USD: `fx` must be given"
        ):
            load_panel(data, PAIR, currency="USD")

    def test_a_named_currency_that_neither_leg_has_needs_fx_too(self, make_dataset):
        data = make_dataset({"x/BTC": flat(0), "y/BTC": flat(0)}, quotes={"x/BTC": "USDT", "y/BTC": "USDT"})
        with pytest.raises(ConfigError, match="`fx` must be given"):
            load_panel(data, PAIR, currency="USD")
        assert load_panel(data, PAIR, currency="USD", same=("USD", "USDT")).meta.currency == "USD"

    def test_mid_divides_both_sides_by_the_fx_mid(self, make_dataset):
        data = with_fx(make_dataset, flat(*range(10), bid=1_290.0, ask=1_310.0))
        panel = load_panel(data, PAIR, {"symbol": "FX"}, currency="USDT")
        assert panel.bid_a[0] == pytest.approx(100.0, rel=1e-15)
        assert panel.ask_a[0] == pytest.approx(131_000 / 1_300, rel=1e-15)
        assert panel.bid_b[0] == 100.0
        assert panel.fx_a[0] == pytest.approx(1 / 1_300)
        assert panel.fx_b is None
        assert panel.meta.fx == "FX (mid)"

    def test_executable_divides_asks_by_the_fx_bid_and_bids_by_its_ask(self, make_dataset):
        data = with_fx(make_dataset, flat(*range(10), bid=1_290.0, ask=1_310.0))
        panel = load_panel(data, PAIR, {"symbol": "x/FX", "price": "executable"}, currency="USDT")
        assert panel.bid_a[0] == pytest.approx(130_000 / 1_310, rel=1e-15)
        assert panel.ask_a[0] == pytest.approx(131_000 / 1_290, rel=1e-15)

    @pytest.mark.parametrize(("price", "bid", "ask"), [("mid", 1.2, 1.2), ("executable", 1.19, 1.21)])
    def test_an_fx_pair_quoted_in_the_account_currency_multiplies(self, make_dataset, price, bid, ask):
        quotes = {"x/BTC": "USD", "y/BTC": "EUR", "x/FX": "USD"}
        data = with_fx(make_dataset, flat(*range(10), bid=1.19, ask=1.21), base="EUR", quotes=quotes)
        panel = load_panel(data, PAIR, {"symbol": "FX", "price": price}, currency="USD")
        assert panel.bid_b[0] == pytest.approx(100 * bid)
        assert panel.ask_b[0] == pytest.approx(101 * ask)
        assert panel.fx_b[0] == pytest.approx(1.2)

    def test_the_fx_currency_may_be_named_inside_fx(self, make_dataset):
        data = with_fx(make_dataset, flat(*range(10), bid=1_290.0, ask=1_310.0))
        assert load_panel(data, PAIR, {"symbol": "FX", "currency": "USDT"}).meta.currency == "USDT"

    def test_same_also_bridges_the_fx_series(self, make_dataset):
        data = with_fx(make_dataset, flat(*range(10), bid=1_290.0, ask=1_310.0), base="USD")
        with pytest.raises(ConfigError, match="FX must convert KRW into USDT, x/FX is quoted in KRW per USD"):
            load_panel(data, PAIR, {"symbol": "FX"}, currency="USDT")
        panel = load_panel(data, PAIR, {"symbol": "FX"}, currency="USDT", same=["USDT", "USD"])
        assert panel.ask_a[0] == pytest.approx(131_000 / 1_300)

    def test_levels_are_converted_and_sized_in_base_units(self, make_dataset):
        books = {"x/BTC": flat(0, 1), "y/BTC": flat(0, 1)}
        data = make_dataset(
            books,
            levels={"x/BTC": 3, "y/BTC": 2},
            contract_size={"x/BTC": 0.01, "y/BTC": 10.0},
            inverse={"y/BTC": True},
        )
        ladders = load_panel(data, PAIR, levels=2).ladders
        assert ladders.bid_px_a[0].tolist() == [100, 99]
        assert ladders.ask_px_b[0].tolist() == [101, 102]
        assert ladders.bid_sz_a[0].tolist() == [0.02, 0.03]
        assert ladders.ask_sz_b[0].tolist() == pytest.approx([20 / 101, 30 / 102])
        with pytest.raises(ConfigError, match="y/BTC has 2, was 3"):
            load_panel(data, PAIR, levels=3)


class TestFxCoverage:
    def test_stale_fx_makes_rows_untradable_and_is_flagged(self, make_dataset):
        times = list(range(40))
        books = {
            "x/BTC": flat(*times, bid=130_000.0, ask=131_000.0),
            "y/BTC": flat(*times),
            "x/FX": flat(*(t for t in times if t not in (20, 21, 22)), bid=1_300.0, ask=1_301.0),
        }
        data = make_dataset(books, quotes=KRW, base={"x/FX": "USDT"})
        panel = load_panel(data, PAIR, {"symbol": "FX", "max_age": "2s"}, currency="USDT")
        assert np.flatnonzero(~panel.tradable).tolist() == [22]
        assert any("missing or stale on 2.50 % of the rows" in flag for flag in panel.flags)
        with pytest.raises(CoverageError, match=r"at most 5% of the rows, x/FX was on 7\.5%"):
            load_panel(data, PAIR, {"symbol": "FX", "max_age": 0.5}, currency="USDT")

    def test_an_age_limit_that_nobody_named_is_flagged(self, make_dataset):
        data = with_fx(make_dataset, flat(0, 1, 2, 5, 8, 9, bid=1_300.0, ask=1_301.0))
        panel = load_panel(data, PAIR, {"symbol": "FX"}, currency="USDT")
        assert any("count for up to 3s, their own longest gap" in flag for flag in panel.flags)
        named = load_panel(data, PAIR, {"symbol": "FX", "max_age": "3s"}, currency="USDT")
        assert not any("longest gap" in flag for flag in named.flags)

    @pytest.mark.parametrize(
        ("share", "written"), [(0.025, "2.50 %"), (5e-5, "0.01 %"), (4.9e-5, "under 0.01 %")]
    )
    def test_a_tiny_share_of_stale_rows_is_never_written_as_none(self, share, written):
        assert share_text(share) == written

    def test_fx_that_ends_before_the_books_is_an_error(self, make_dataset):
        data = with_fx(make_dataset, flat(0, 1, 2, 3, 4, 5, 6, 7, bid=1_300.0, ask=1_301.0))
        with pytest.raises(CoverageError, match="FX must cover the books to their end, x/FX was last quoted"):
            load_panel(data, PAIR, {"symbol": "FX"}, currency="USDT")
        assert len(load_panel(data, PAIR, {"symbol": "FX"}, currency="USDT", end=START + 8 * SECOND)) == 8

    def test_fx_that_starts_late_is_an_error_on_more_than_a_twentieth_of_the_rows(self, make_dataset):
        data = with_fx(make_dataset, flat(1, *range(2, 10), bid=1_300.0, ask=1_301.0))
        with pytest.raises(CoverageError, match=r"10\.0%"):
            load_panel(data, PAIR, {"symbol": "FX"}, currency="USDT")

    def test_a_void_fx_quote_is_not_bridged(self, make_dataset):
        rows = flat(*range(10), bid=1_300.0, ask=1_301.0)
        rows[9] = (9, 1_300.0, None)
        with pytest.raises(CoverageError, match="to their end"):
            load_panel(with_fx(make_dataset, rows), PAIR, {"symbol": "FX"}, currency="USDT")

    def test_fx_on_another_clock_is_flagged(self, make_dataset):
        data = with_fx(
            make_dataset, flat(*range(10), bid=1_300.0, ask=1_301.0), recv={"x/BTC": 0.1, "y/BTC": 0.1}
        )
        panel = load_panel(data, PAIR, {"symbol": "FX", "max_age": 5}, currency="USDT")
        assert "FX stands on ts_event, the books on ts_recv" in panel.flags


FX_ROWS = flat(*range(10), bid=1_290.0, ask=1_310.0)


class TestFxSource:
    def legs(self, make_dataset):
        books = {"x/BTC": flat(*range(10), bid=130_000.0, ask=131_000.0), "y/BTC": flat(*range(10))}
        return make_dataset(books, quotes=KRW)

    def test_fx_may_come_from_another_dataset(self, make_dataset):
        data = self.legs(make_dataset)
        other = make_dataset({"z/FX": FX_ROWS}, name="fx", quotes={"z/FX": "KRW"}, base={"z/FX": "USDT"})
        panel = load_panel(data, PAIR, {"dataset": other.path, "symbol": "z/FX"}, currency="USDT")
        assert panel.bid_a[0] == pytest.approx(100)

    @pytest.mark.parametrize("kind", ["csv", "csv close", "csv seconds", "parquet"])
    def test_fx_may_come_from_a_file(self, make_dataset, tmp_path: Path, kind):
        ts = [START + t * SECOND for t in range(10)]
        frame = pl.DataFrame({"ts": ts, "bid": [1_290.0] * 10, "ask": [1_310.0] * 10})
        frame = frame.with_columns(pl.col("ts").cast(pl.Datetime("ns", "UTC")))
        path = tmp_path / f"fx.{kind.split()[0]}"
        if kind == "parquet":
            frame.write_parquet(path)
        elif kind == "csv close":
            frame.select(pl.col("ts").dt.strftime("%Y-%m-%dT%H:%M:%SZ"), close=1_300).write_csv(path)
        elif kind == "csv seconds":
            frame.with_columns(pl.col("ts").dt.epoch("s")).write_csv(path)
        else:
            frame.write_csv(path)
        given = {"file": path, "base": "USDT", "quote": "KRW"}
        panel = load_panel(self.legs(make_dataset), PAIR, given, currency="USDT")
        assert panel.bid_a[0] == pytest.approx(100)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("ts,close\n", "readable time"),
            ("ts,close\n2024-01-01,x\n", "must hold numbers"),
            ("time,close\n2024-01-01,1\n", "missing columns: ts"),
            ("ts,close\n2024-01-02,1\n2024-01-01,1\n", "non-decreasing time"),
            ("ts,close\nyesterday,1\n", "readable time"),
        ],
    )
    def test_a_bad_fx_file_is_one_clear_error(self, make_dataset, tmp_path: Path, text, message):
        path = tmp_path / "fx.csv"
        path.write_text(text)
        with pytest.raises(DataError, match=message):
            load_panel(
                self.legs(make_dataset), PAIR, {"file": path, "base": "USDT", "quote": "KRW"}, currency="USDT"
            )

    @pytest.mark.parametrize(
        ("fx", "message"),
        [
            ({"file": "gone.csv", "base": "USDT", "quote": "KRW"}, "FX file must exist, gone.csv does not"),
            ({"symbl": "FX"}, "no key 'symbl'; did you mean `symbol`"),
            ({"symbol": "FX", "price": "last"}, "mid or executable, was 'last'"),
            ({"price": "mid"}, "must name a `symbol`"),
            ({"symbol": "GONE"}, "no instrument `GONE`"),
            ("KRW-USDT", "`fx` must be a mapping"),
        ],
    )
    def test_a_bad_fx_argument_is_one_clear_error(self, make_dataset, fx, message):
        with pytest.raises((ConfigError, DataError), match=message):
            load_panel(self.legs(make_dataset), PAIR, fx, currency="USDT")

    def test_an_fx_file_needs_its_currencies(self, make_dataset, tmp_path: Path):
        (tmp_path / "fx.csv").write_text("ts,close\n2024-01-01,1\n")
        with pytest.raises(ConfigError, match="needs `base` and `quote`"):
            load_panel(self.legs(make_dataset), PAIR, {"file": tmp_path / "fx.csv"}, currency="USDT")


class TestCandles:
    def test_candle_legs_need_a_half_spread_and_flag_the_panel(self, make_dataset):
        data = make_dataset({}, candles={"x/BTC": BARS, "y/BTC": BARS})
        with pytest.raises(ConfigError, match="half_spread_a_bps"):
            load_panel(data, PAIR)
        panel = load_panel(data, PAIR, half_spread_a_bps=10, half_spread_b_bps=20)
        assert panel.meta.fidelity == "candle"
        assert any("candle closes" in flag for flag in panel.flags)
        assert panel.bid_a[0] == pytest.approx(99.9)
        assert panel.ask_b[0] == pytest.approx(100.2)

    def test_a_close_is_valid_for_one_bar(self, make_dataset):
        data = make_dataset(
            {},
            candles={"x/BTC": BARS[:1] + BARS[3:], "y/BTC": BARS},
            bar_s={"x/BTC": 60.0, "y/BTC": 60.0},
        )
        panel = load_panel(data, PAIR, half_spread_a_bps=1, half_spread_b_bps=1)
        assert panel.tradable.tolist() == [True, True, False, True, True]


class TestArguments:
    @pytest.mark.parametrize(
        "pair", [{"a": "x/BTC"}, {"a": "x/BTC", "b": "x/BTC"}, "x/BTC", {"a": "x/BTC", "c": "y/BTC"}]
    )
    def test_a_bad_pair_is_an_error(self, make_dataset, pair):
        with pytest.raises(ConfigError, match="`pair`"):
            load_panel(make_dataset({"x/BTC": flat(0), "y/BTC": flat(0)}), pair)

    def test_one_instrument_under_two_names_is_an_error(self, make_dataset):
        with pytest.raises(ConfigError, match="x/ETH twice"):
            load_panel(make_dataset({"x/ETH": flat(0), "y/BTC": flat(0)}), {"a": "x/ETH", "b": "ETH"})

    def test_an_unknown_leg_is_an_error_with_the_nearest(self, make_dataset):
        with pytest.raises(DataError, match="did you mean `x/BTC`"):
            load_panel(make_dataset({"x/BTC": flat(0), "y/BTC": flat(0)}), {"a": "x/BTCC", "b": "y/BTC"})

    def test_a_missing_dataset_is_an_error(self, tmp_path: Path):
        with pytest.raises(DataError, match="no such dataset"):
            load_panel(tmp_path / "gone", PAIR)

    @pytest.mark.parametrize(
        "change",
        [
            {"clock": "wall"},
            {"levels": -1},
            {"levels": True},
            {"grid": 0},
            {"start": "soon"},
            {"reference": "mean:1h"},
        ],
    )
    def test_a_bad_argument_is_an_error(self, make_dataset, change):
        with pytest.raises(ConfigError):
            load_panel(make_dataset({"x/BTC": flat(0), "y/BTC": flat(0)}), PAIR, **change)


class TestCache:
    def test_equal_arguments_read_the_file_that_is_there(self, make_dataset, monkeypatch):
        data = make_dataset(BOOKS)
        first = load_panel(data, PAIR, max_age="5s", same=("USD", "USDT"))
        assert len(list_cache("panels")) == 1
        monkeypatch.setattr(load_module, "_joined", None)
        again = load_panel(data.path, dict(reversed(PAIR.items())), max_age=5, same=["USDT", "USD"])
        assert again.fingerprint == first.fingerprint
        assert again.meta == first.meta

    def test_other_arguments_make_another_file(self, make_dataset):
        data = make_dataset(BOOKS)
        for change in ({}, {"max_age": "1s"}, {"grid": "1s"}, {"end": START + SECOND}, {"clock": "ts_event"}):
            load_panel(data, PAIR, **change)
        assert len(list_cache("panels")) == 5

    def test_a_changed_dataset_makes_another_file(self, make_dataset):
        load_panel(make_dataset(BOOKS), PAIR)
        changed = make_dataset({**BOOKS, "x/BTC": flat(0, 1, 2, bid=7.0)})
        assert load_panel(changed, PAIR).bid_a[0] == 7.0
        assert len(list_cache("panels")) == 2

    def test_a_changed_fx_file_makes_another_file(self, make_dataset, tmp_path: Path):
        data = make_dataset(BOOKS, quotes={"x/BTC": "EUR"})
        path = tmp_path / "fx.csv"
        for age, rate in ((1, "1.5"), (2, "2.5")):
            path.write_text(f"ts,close\n2024-01-01,{rate}\n2024-01-02,{rate}\n")
            os.utime(path, ns=(age, age))
            panel = load_panel(data, PAIR, {"file": path, "base": "EUR", "quote": "USD"}, currency="USD")
            assert panel.fx_a[0] == float(rate)

    def test_a_damaged_file_is_made_again(self, make_dataset):
        data = make_dataset(BOOKS)
        first = load_panel(data, PAIR)
        path = list_cache("panels")[0].path
        for file in ("bid_a.bin", "panel.json"):
            (path / file).write_bytes((path / file).read_bytes()[:-3])
            assert load_panel(data, PAIR).fingerprint == first.fingerprint
            assert Panel.open(path, verify=True).fingerprint == first.fingerprint

    def test_where_the_cache_cannot_be_written_memory_holds_the_panel(
        self, make_dataset, monkeypatch, tmp_path
    ):
        data = make_dataset(BOOKS)
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("ARBKIT_CACHE_DIR", str(tmp_path / "file"))
        assert load_panel(data, PAIR).fingerprint == load_panel(data, PAIR, cache=False).fingerprint
        monkeypatch.setenv("ARBKIT_CACHE_DIR", str(tmp_path / "cache"))
        monkeypatch.setattr(store_module.ColumnFile, "close", full_disk)
        assert load_panel(data, PAIR).fingerprint == load_panel(data, PAIR, cache=False).fingerprint
        assert list_cache() == []

    def test_a_panel_with_its_reference_is_cached_with_its_index(self, make_dataset, monkeypatch):
        monkeypatch.setattr("arbkit.panel.store_index.STORED_FROM", 1)
        monkeypatch.setattr(store_module, "STORED_FROM", 1)
        data = make_dataset({"x/BTC": rising(*range(600)), "y/BTC": rising(*range(600))})
        arguments: dict[str, Any] = {"reference": "ewma:1m", "start": START + 300 * SECOND}
        first = load_panel(data, PAIR, **arguments)
        assert first.fair is not None
        assert first.fingerprint == load_panel(data, PAIR, **arguments, cache=False).fingerprint
        monkeypatch.setattr(load_module, "_joined", None)
        monkeypatch.setattr("arbkit.panel.store_index._filled", None)
        again = load_panel(data, PAIR, **arguments)
        assert again.fingerprint == first.fingerprint
        assert np.array_equal(again.index.bounds, first.index.bounds)

    def test_the_cache_can_be_left_out(self, make_dataset):
        load_panel(make_dataset(BOOKS), PAIR, cache=False)
        assert list_cache() == []

    def test_levels_and_fx_survive_the_cache(self, make_dataset):
        data = with_fx(
            make_dataset, flat(*range(10), bid=1_290.0, ask=1_310.0), levels={"x/BTC": 2, "y/BTC": 2}
        )
        arguments: dict[str, Any] = {"fx": {"symbol": "FX"}, "currency": "USDT", "levels": 2}
        first, again = load_panel(data, PAIR, **arguments), load_panel(data, PAIR, **arguments)
        assert again.ladders.levels == 2
        assert again.fingerprint == first.fingerprint
        assert again.meta == first.meta
