"""Packed metrics come back bit for bit."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from arbkit.metrics import METRIC_NAMES
from arbkit.records import METRICS_DTYPE
from arbkit.study.detail import still_names
from arbkit.study.packing import _MANY, pack_metrics, unpack_metrics


@pytest.mark.parametrize("trials", [_MANY - 1, _MANY])
def test_every_number_comes_back_bit_for_bit(trials: int) -> None:
    rng = np.random.default_rng(1)
    records = np.zeros(trials, METRICS_DTYPE)
    for name in METRIC_NAMES:
        if records[name].dtype.kind == "f":
            records[name] = rng.normal(size=trials) * 10.0 ** rng.integers(-300, 300, trials)
        else:
            records[name] = rng.integers(0, 2 if name == "stopped" else 10**15, trials)
    records["sharpe"][::3] = np.nan
    records["win_rate"][0] = -0.0

    texts = pack_metrics(records, METRIC_NAMES)

    assert len(texts) == trials
    for record, text in zip(records, texts, strict=True):
        assert unpack_metrics(text)[0].tobytes() == record.tobytes()


def test_an_attribute_is_plain_json() -> None:
    records = np.zeros(1, METRICS_DTYPE)
    records["sharpe"] = np.nan

    found = json.loads(pack_metrics(records, METRIC_NAMES)[0])

    assert list(found) == list(METRIC_NAMES)
    assert found["sharpe"] is None
    assert found["stopped"] is False
    assert found["total_trades"] == 0


def test_few_and_many_say_the_same() -> None:
    records = np.zeros(_MANY, METRICS_DTYPE)
    records["stopped"][::2] = 1
    records["profit_factor"] = [math.inf, -math.inf, math.nan, *range(_MANY - 3)]

    many = [json.loads(text) for text in pack_metrics(records, METRIC_NAMES)]
    few = [json.loads(pack_metrics(records[row : row + 1], METRIC_NAMES)[0]) for row in range(_MANY)]

    assert few == many
    assert [item["profit_factor"] for item in few[:4]] == [None, None, None, 0.0]


def test_metrics_that_no_rule_moves_are_left_out_and_come_back_as_zero() -> None:
    records = np.zeros(3, METRICS_DTYPE)
    still = still_names({"depth_levels"})
    records["total_trades"] = 7

    found = json.loads(pack_metrics(records, METRIC_NAMES, still)[0])

    assert set(METRIC_NAMES) - set(found) == still
    assert {"rejected_guard_breaker", "funding_usd", "exits_liquidation"} <= still
    assert {"rejected_thin", "beyond_book"}.isdisjoint(still)
    assert unpack_metrics(json.dumps(found))[0].tobytes() == records[0].tobytes()


def test_a_metric_that_moved_all_the_same_is_kept() -> None:
    records = np.zeros(2, METRICS_DTYPE)
    records["rejected_lot"][1] = 1

    assert json.loads(pack_metrics(records, METRIC_NAMES, still_names(()))[0])["rejected_lot"] == 0
