"""Packed metrics come back bit for bit."""

from __future__ import annotations

import json

import numpy as np

from arbkit.metrics import METRIC_NAMES
from arbkit.records import METRICS_DTYPE
from arbkit.study.packing import pack_metrics, unpack_metrics


def test_every_number_comes_back_bit_for_bit() -> None:
    rng = np.random.default_rng(1)
    records = np.zeros(500, METRICS_DTYPE)
    for name in METRIC_NAMES:
        if records[name].dtype.kind == "f":
            records[name] = rng.normal(size=500) * 10.0 ** rng.integers(-300, 300, 500)
        else:
            records[name] = rng.integers(0, 2 if name == "stopped" else 10**15, 500)
    records["sharpe"][::3] = np.nan
    records["win_rate"][0] = -0.0

    texts = pack_metrics(records, METRIC_NAMES)

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
