"""When shocks hit."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from arbkit import Panel
from arbkit.errors import ConfigError
from arbkit.stress import FlashCrash, Halt, Span
from tests.stress.conftest import SECOND, START, make_panel


def test_given_times_stand_for_the_next_tradable_row(panel: Panel) -> None:
    at = (START + 305 * SECOND, "2023-11-14T22:13:30", START - 1, START + 10**15)
    assert [hit.row for hit in Halt(at=at).hits(panel)] == [10, 310]


@pytest.mark.parametrize("options", [{"count": 10**11}, {"every": "1us"}])
def test_more_shocks_than_anyone_means_are_refused(panel: Panel, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="`halt` must hit at most 100,000 times"):
        Halt(**options).hits(panel)


def test_a_moment_that_yaml_read_as_a_date_is_a_moment() -> None:
    assert Halt(at=dt.date(2023, 11, 14)) == Halt(at=(dt.date(2023, 11, 14),))


def test_several_moments_are_drawn_in_every_period(panel: Panel) -> None:
    hits = Halt(every="300s", count=2).hits(panel)
    periods = (np.array([hit.ts for hit in hits]) - START) / 1e9
    assert len(hits) == 12  # 1,799 seconds are six periods of about 300
    assert sorted(set(periods // 300)) == [0, 1, 2, 4, 5] or len(set(periods // 300)) >= 4
    assert [hit.number for hit in hits] == list(range(12))
    assert all(panel.tradable[hit.row] for hit in hits)


def test_moments_are_drawn_from_the_spans_in_which_a_trade_is_open(panel: Panel) -> None:
    spans = [Span(START + k * SECOND, START + (k + 10) * SECOND, "b") for k in (50, 55, 400)]
    hits = Halt(every=None, count=40).placed(spans).hits(panel)
    seconds = (np.array([hit.ts for hit in hits]) - START) / 1e9
    inside = ((seconds >= 50) & (seconds <= 66)) | ((seconds >= 400) & (seconds <= 411))
    assert inside.all()
    assert {hit.long for hit in hits} == {"b"}
    assert Halt(seed=1).placed([]) == Halt(seed=1)


def test_shock_is_against_the_trade_that_is_open(panel: Panel) -> None:
    for long in ("a", "b"):
        spans = [Span(START, START + 100 * SECOND, long)]
        crash, spike = (FlashCrash(move_pct=move).placed(spans) for move in (-2, 2))
        short = "b" if long == "a" else "a"
        assert crash.leg(crash.hits(panel)[0], falls=True) == long
        assert spike.leg(spike.hits(panel)[0], falls=False) == short


def test_venue_is_drawn_where_no_trade_says_which() -> None:
    hits = Halt(every="60s", seed=3).hits(make_panel())
    assert {Halt(seed=3).leg(hit, falls=True) for hit in hits} == {"a", "b"}


def test_panel_without_a_tradable_row_is_hit_by_nothing(panel: Panel) -> None:
    void = panel.replace(bid_a=np.full(len(panel), np.nan))
    assert Halt().hits(void) == []
    assert Halt().hits(panel.rows(0, 0)) == []
