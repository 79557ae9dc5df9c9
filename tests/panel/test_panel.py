"""`Panel`: the border between frames and arrays."""

from __future__ import annotations

import pickle
from datetime import date
from typing import Any

import numpy as np
import pytest

from arbkit.errors import ConfigError, DataError
from arbkit.panel import Ladders, Panel, PanelMeta

SECOND = 1_000_000_000
START = 1_704_067_200 * SECOND


def panel(n: int = 4, **more: Any) -> Panel:
    base = 100 + np.arange(n, dtype=float)
    arrays: dict[str, Any] = {"bid_a": base, "ask_a": base + 1, "bid_b": base + 2, "ask_b": base + 3}
    return Panel(**{"ts": START + SECOND * np.arange(n), **arrays, **more})


class TestBorder:
    def test_arrays_are_contiguous_read_only_and_of_one_type(self):
        strided = np.repeat(np.arange(1.0, 5.0, dtype=np.float32), 2)[::2]
        one = panel(bid_a=strided, fair=np.ones((4, 2))[:, 0], entry_ok=[True, True, False, True])
        for name in ("ts", "bid_a", "ask_a", "bid_b", "ask_b", "fair", "entry_ok", "tradable"):
            array = getattr(one, name)
            assert array.flags.c_contiguous
            assert not array.flags.writeable
        assert one.bid_a.dtype == np.float64
        assert one.bid_a.tolist() == [1, 2, 3, 4]

    def test_datetime64_of_any_unit_is_the_same_instants(self):
        seconds = np.array(START // SECOND + np.arange(4), "datetime64[s]")
        assert panel(ts=seconds).ts.tolist() == panel().ts.tolist()

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"bid_a": [1.0]}, "`bid_a` had 1 rows, `ts` 4"),
            ({"fair": [1.0] * 5}, "`fair` had 5 rows, `ts` 4"),
            ({"bid_a": ["1", "2", "3", "4"]}, "column `bid_a` must hold numbers"),
            ({"bid_a": [None, 1, 2, 3]}, "column `bid_a` must hold numbers"),
            ({"bid_a": np.ones((4, 2))}, r"one number per row, had shape \(4, 2\)"),
            ({"ts": [1.0, 2.0, 3.0, 4.0]}, "int64 nanoseconds or datetime64, was float64"),
            ({"ts": np.array(["NaT"] * 4, "datetime64[ns]")}, "a time in every row, 4 had none"),
            ({"ts": [4, 3, 2, 1]}, r"row 1 .* was before row 0 .*sort by ts first \(3 such rows\)"),
            ({"fair": [1.0, -1.0, np.inf, np.nan]}, r"row 1 held -1\.0 \(2 such rows\)"),
            ({"columns": {"z": [1.0]}}, "`z` had 1 rows"),
            ({"ladders": Ladders(*[np.ones(4)] * 8)}, "one shape"),
            ({"ladders": Ladders(*[np.ones((4, 2))] * 7, np.ones((4, 3)))}, "one shape"),
        ],
    )
    def test_what_does_not_fit_is_an_error(self, change, message):
        with pytest.raises(DataError, match=message):
            panel(**change)

    def test_equal_stamps_are_allowed(self):
        assert len(panel(ts=[1, 1, 1, 2])) == 4

    def test_a_panel_may_have_no_rows(self):
        empty = panel(0)
        assert (len(empty), empty.start_ns, empty.end_ns) == (0, 0, 0)
        assert "no rows" in repr(empty)
        assert empty.spreads().height == 0

    @pytest.mark.parametrize(
        "prices",
        [
            (np.nan, 101, 100, 101), (0, 101, 100, 101), (-1, 101, 100, 101), (100, np.inf, 100, 101),
            (101, 100, 100, 101), (100, 100, 100, 101), (100, 101, 101, 101), (100, 101, 100, np.nan),
        ],
    )  # fmt: skip
    def test_a_void_side_makes_the_row_untradable(self, prices):
        one = Panel([1], *([price] for price in prices))
        assert one.tradable.tolist() == [False]
        assert one.spreads()["s_ab_bps"].to_list() == [None]


class TestViews:
    def test_a_slice_is_from_start_to_before_end(self):
        one = panel()
        assert one.slice(START + SECOND, START + 3 * SECOND).ts.tolist() == one.ts[1:3].tolist()
        assert len(one.slice("2024-01-01T00:00:01.5", None)) == 2
        assert len(one.slice(None, date(2024, 1, 1))) == 0
        assert len(one.slice(START + 3 * SECOND, START)) == 0

    def test_a_slice_copies_nothing_and_cuts_every_column(self):
        ladder = Ladders(*(np.ones((4, 2)) * k for k in range(8)))
        one = panel(
            fair=np.ones(4),
            entry_ok=np.ones(4, bool),
            ladders=ladder,
            fx_a=np.ones(4),
            fx_b=np.ones(4),
            scale=np.ones(4),
            columns={"z": np.arange(4)},
        )
        part = one.rows(1, 3)
        assert np.shares_memory(part.bid_a, one.bid_a)
        assert [array.shape[0] for array in part._arrays().values()] == [2] * len(one._arrays())
        assert part.columns["z"].tolist() == [1, 2]

    def test_a_bad_time_is_an_error(self):
        with pytest.raises(ConfigError, match="a time must be"):
            panel().slice("tomorrow")

    def test_replace_exchanges_arrays_and_meta_data(self):
        one = panel().replace(bid_a=[1.0, 2, 3, 4], currency="EUR")
        assert one.bid_a.tolist() == [1, 2, 3, 4]
        assert one.meta.currency == "EUR"


class TestFingerprint:
    def test_equal_content_has_an_equal_fingerprint(self):
        assert panel().fingerprint == panel().fingerprint
        assert panel(bid_a=np.arange(8.0)[::2]).fingerprint == panel(bid_a=[0.0, 2, 4, 6]).fingerprint
        assert panel().replace(name="other").fingerprint == panel().fingerprint
        assert panel(6).rows(0, 4).fingerprint == panel(4).fingerprint
        assert (
            panel(columns={"y": np.ones(4), "x": np.ones(4)}).fingerprint
            == panel(columns={"x": np.ones(4), "y": np.ones(4)}).fingerprint
        )

    def test_any_other_content_has_another(self):
        ones = np.ones(4)
        changes: list[dict[str, Any]] = [
            {},
            {"n": 5},
            {"ts": START + np.arange(4)},
            {"entry_ok": np.ones(4, bool)},
            {"ladders": Ladders(*[np.ones((4, 2))] * 8)},
            *({name: ones} for name in ("bid_a", "fair", "fx_a", "fx_b", "scale")),
            *({"columns": {name: ones}} for name in "xy"),
        ]
        others = [panel(**change) for change in changes]
        assert len({one.fingerprint for one in others}) == len(others)

    def test_a_pickled_panel_is_the_same(self):
        one = panel(fair=np.ones(4))
        again = pickle.loads(pickle.dumps(one))
        assert again.fingerprint == one.fingerprint
        assert again.tradable.tolist() == one.tradable.tolist()


def test_spreads_are_those_of_the_rules() -> None:
    one = Panel([1, 2], [99.0, 99.0], [100.0, 100.0], [102.0, 102.0], [103.0, 103.0], fair=[0.99, np.nan])
    frame = one.spreads()
    assert frame.columns == ["ts", "s_ab_bps", "s_ba_bps", "x_ab_bps", "x_ba_bps", "premium_bps"]
    assert frame["s_ab_bps"].to_list() == pytest.approx([200, 200])
    assert frame["s_ba_bps"].to_list() == pytest.approx([-4 / 103 * 1e4] * 2)
    assert frame["x_ab_bps"].to_list() == [pytest.approx((102 * 0.99 - 100) / 100 * 1e4), None]
    assert frame["x_ba_bps"].to_list() == [pytest.approx((99 - 103 * 0.99) / (103 * 0.99) * 1e4), None]
    assert frame["premium_bps"].to_list() == pytest.approx([(99.5 / 102.5 - 1) * 1e4] * 2)


def test_signals_are_the_spreads_bit_for_bit_without_a_reference() -> None:
    rng = np.random.default_rng(0)
    base = rng.uniform(50, 60, 200)
    one = Panel(np.arange(200), base, base + 0.1, base * rng.uniform(0.9, 1.1, 200), base * 1.2)
    frame = one.spreads()
    assert frame["s_ab_bps"].equals(frame["x_ab_bps"].alias("s_ab_bps"))
    assert frame["s_ba_bps"].equals(frame["x_ba_bps"].alias("s_ba_bps"))


def test_candles_are_flagged_wherever_the_panel_is_shown() -> None:
    one = panel(meta=PanelMeta(fidelity="candle", flags=("more",)))
    assert one.flags == ("prices are candle closes with an assumed half spread", "more")
    assert "fidelity candle" in repr(one)
