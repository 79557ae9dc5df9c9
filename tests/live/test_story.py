"""What a run tells afterwards: its story on one clock, what it was worth, its picture and its card."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from arbkit.live import LiveRunner, open_run
from arbkit.live.picture import limits_of
from arbkit.live.story import tell
from arbkit.units import SECOND_NS
from tests.live.conftest import Configure

BEGAN = 1_700_000_000 * SECOND_NS


def line(at_s: float, kind: str, **fields: Any) -> dict[str, Any]:
    return {"seq": 1, "ts": BEGAN + round(at_s * SECOND_NS), "kind": kind, **fields}


def guard(at_s: float, state: str, *reasons: str, pair: str | None = None) -> dict[str, Any]:
    return line(
        at_s, "guard", scope="pair" if pair else "desk", pair=pair, state=state, reasons=list(reasons)
    )


def feed(at_s: float, state: str) -> dict[str, Any]:
    return line(at_s, "feed", venue="upbit", symbol="", state=state, detail="closed 1006")


def decision(at_s: float, what: str, **fields: Any) -> dict[str, Any]:
    return line(
        at_s, "decision", pair="BTC", row=1, row_ts=BEGAN + round(at_s * SECOND_NS), what=what, **fields
    )


DAY = [
    line(0, "start", pid=1, mode="paper"),
    guard(0, "reducing", "reconciling"),
    guard(10, "active"),
    decision(11, "refused", refusals=["guard_spread", "lot"]),
    decision(12, "refused", refusals=["lot"]),
    guard(20, "reducing", "unhedged", pair="BTC"),
    feed(30, "disconnected"),
    feed(31, "disconnected"),
    line(32, "gap", venue="upbit", symbol="KRW-BTC", at=BEGAN, reason="disconnected"),
    feed(40, "connected"),
    decision(41, "entry_failed", reasons=["-4140:b", "-4140:b"], action="flattened", usd=-0.5),
    # The process died here; another takes over.
    line(60, "resume", pid=2, mode="paper"),
    guard(80, "halted", "kill_switch"),
    line(100, "stop", why="stopped", trades=0),
]


def test_states_end_where_the_next_begins_and_with_the_process() -> None:
    story = tell(DAY, None)
    seen = [
        (item.scope, item.state, (item.start_ns - BEGAN) / 1e9, (item.end_ns - BEGAN) / 1e9)
        for item in story.states
    ]
    assert sorted(seen, key=lambda item: item[2:]) == [
        ("", "reducing", 0, 10),
        ("", "active", 10, 41),
        ("BTC", "reducing", 20, 41),
        ("", "active", 60, 80),
        ("", "halted", 80, 100),
    ]
    assert story.active_share == pytest.approx((31 + 20) / (41 + 40))
    assert [item.why for item in story.processes] == ["", "stopped"]
    assert story.crashes == 1


def test_feeds_and_refusals_are_counted_once_each() -> None:
    story = tell(DAY, None)
    (away,) = story.absences
    assert (away.end_ns - away.start_ns) == 10 * SECOND_NS
    assert story.refusals == {("BTC", "guard_spread"): 1, ("BTC", "lot"): 2}
    (failed,) = story.failures
    assert (failed.codes, failed.usd, failed.is_entry) == (("-4140",), -0.5, True)
    assert len(story.holes) == 1
    assert not story.is_replay


def test_clock_of_a_replay_is_that_of_its_rows() -> None:
    year = 365 * 86_400 * SECOND_NS
    rows = (BEGAN - year, BEGAN - year + 3_600 * SECOND_NS)
    lines = [
        line(0, "start", pid=1, mode="paper"),
        decision(1, "refused", refusals=["lot"]) | {"row_ts": rows[0] + 900 * SECOND_NS},
        guard(1.5, "halted", "kill_switch"),
        decision(2, "refused", refusals=["lot"]) | {"row_ts": rows[0] + 1_800 * SECOND_NS},
        line(3, "stop", why="end of data", trades=0),
    ]
    story = tell(lines, rows)
    assert story.is_replay
    assert (story.start_ns, story.end_ns) == rows
    halted = story.states[-1]
    assert (halted.start_ns - rows[0]) / 1e9 == pytest.approx(1_350, abs=1e-3)
    assert halted.end_ns == rows[1]


def test_empty_journal_is_an_empty_story() -> None:
    story = tell([], None)
    assert story.states == story.processes == ()
    assert np.isnan(story.active_share)


def test_limits_leave_out_what_is_far_beyond_the_rest() -> None:
    band = np.vstack([np.linspace(-10, 0, 200), np.linspace(0, 10, 200)])
    low, high = limits_of(band)
    assert low < -10 < 10 < high
    band[1, 50] = 10_000
    assert limits_of(band)[1] < 40
    assert limits_of(np.full((2, 5), np.nan)) == (-1.0, 1.0)


@pytest.mark.parametrize("fills", ["engine", "venue"])
def test_a_run_is_worth_what_its_summary_says(configure: Configure, fills: str) -> None:
    often = {"min_spread_bps": -1_000, "max_hold_s": 3}
    runner = LiveRunner(configure(reference="none", params=often, execution={"fills": fills}))
    final = runner.run_forever(max_runtime_s=None) if fills == "venue" else None
    if final is None:
        for _ in range(700):
            runner.run_once()
        runner.close()
    run = open_run(runner.folder.path)
    assert len(run.trades) > 5
    closed = sum(
        float(own["pnl_usd"][own["exit_index"] >= 0].sum()) for own in map(run.trade_records, run.pairs)
    )
    lost = sum(item.usd for item in run.story.failures)
    assert run.worth.balance[-1] == pytest.approx(closed + lost)
    if final is not None:
        assert run.worth.balance[-1] == pytest.approx(final["realized_pnl"])
        assert run.fill_ms("a").size == sum(bool(item.a.first_fill_ns) for item in run.story.outcomes)
    frame = run.equity()
    assert frame["equity_usd"][0] == run.about["limits"]["initial_balance_usd"]
    figure = run.plot()
    assert len(figure.axes) == (4 if fills == "venue" else 2)
    assert all(ax.has_data() for ax in figure.axes)
    card = run._repr_html_()
    assert "recorded books were replayed" in card
    assert run.name in card
