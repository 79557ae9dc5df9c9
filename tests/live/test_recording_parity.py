"""A recorded session replayed through the backtest: the same rows and trades, or where and why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from arbkit.data import open_dataset
from arbkit.data.growing import GrowingDataset
from arbkit.errors import DataError
from arbkit.live import LiveRunner, RunResult, open_run, parity_of, recorded_parity
from arbkit.live.config import LiveConfig
from tests.live.conftest import Configure

LEGS = ("upbit/KRW-BTC", "binance_usdm/BTCUSDT", "upbit/KRW-USDT")
OFTEN = {"min_spread_bps": -1_000, "max_hold_s": 3}
#: The recording lasts from midnight for under eight minutes.
MIDDLE = "2026-01-05T00:03:00"


def ran(config: LiveConfig) -> RunResult:
    LiveRunner(config).run_forever()
    return open_run(config.runs / config.name)


def copied(recording: Path, to: Path, **delays_ns: int) -> Path:
    """Write what another process would have recorded: later by some ns per venue, a stretch of B lost."""
    source = open_dataset(recording)
    with GrowingDataset(to, source="test") as dataset:
        batches = []
        for leg in LEGS:
            info = source.instrument(leg)
            delay = pl.duration(nanoseconds=delays_ns[info.venue])
            rows = source.scan(leg).with_columns(pl.col(info.clock) + delay)
            if info.venue == "binance_usdm":
                second = pl.col(info.clock).dt.epoch("s") % 480
                rows = rows.filter(~second.is_between(100, 110))
            batches.append((info, rows.collect()))
        dataset.commit(batches)
    return to


@pytest.mark.parametrize(
    "changes",
    [
        {"reference": "ewma:1m", "scale": "ewma:20s,target=15,step=1s"},
        {"reference": "none", "params": {"depth_levels": 3, "max_position_usd": 40_000, "latency_ms": 150}},
    ],
    ids=["reference", "depth"],
)
def test_what_a_run_recorded_gives_its_rows_and_trades_again(
    configure: Configure, recording: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    record = {"to": str(tmp_path / "live"), "flush": "100ms"}
    start, end = ({"dataset": str(recording), "end": MIDDLE}, {"dataset": str(recording)})
    ran(configure(**changes, record=record, replay=start))
    run = ran(configure(**changes, record=record, replay=end))
    parity = recorded_parity(run, tmp_path / "live")
    (pair,) = parity.pairs
    assert (pair.same_stamps, pair.columns, pair.extra) == (True, {}, {})
    assert pair.equal == pair.rows - sum(pair.missing.values()) > 3_000
    assert set(pair.missing) <= {"after_its_end"}
    assert parity.same == parity.trades > 5
    assert parity.ok


def test_a_run_that_was_warmed_up_is_compared_with_what_warmed_it(
    configure: Configure, recording: Path, tmp_path: Path
) -> None:
    replay = {"dataset": str(recording), "start": MIDDLE}
    run = ran(configure(replay=replay, warm_up=str(recording), record=str(tmp_path / "live")))
    for dataset in (recording, tmp_path / "live"):
        parity = recorded_parity(run, dataset)
        (pair,) = parity.pairs
        # Until it has seen a rate, a run converts nothing; the older recording knows one from before.
        assert set(pair.columns) == ({"bid_a", "ask_a", "fx_a"} if dataset == recording else set())
        assert pair.equal > 2_000
        assert (pair.extra, parity.ok, parity.same) == ({}, True, parity.trades)


def test_rows_that_were_lost_are_named_and_explain_the_trades_after_them(
    configure: Configure, recording: Path, tmp_path: Path
) -> None:
    replay = {"dataset": str(recording), "end": MIDDLE}
    run = ran(configure(params=OFTEN, reference="none", guard={}, replay=replay))
    parity = recorded_parity(run, copied(recording, tmp_path / "lossy", upbit=0, binance_usdm=0))
    (pair,) = parity.pairs
    assert pair.same_stamps
    assert pair.missing["not_recorded"] > 10
    assert set(pair.columns) <= {"bid_b", "ask_b"}
    assert pair.equal < pair.rows
    assert parity.same > 3
    assert parity.ok
    assert {item.cause for item in parity.differences} == {"feed"}


def test_a_recorder_of_its_own_sees_the_same_books_at_other_moments(
    configure: Configure, recording: Path, tmp_path: Path
) -> None:
    replay = {"dataset": str(recording), "end": MIDDLE}
    run = ran(configure(params=OFTEN, reference="none", guard={}, replay=replay))
    parity = recorded_parity(
        run, copied(recording, tmp_path / "other", upbit=700_000, binance_usdm=40_000_013)
    )
    (pair,) = parity.pairs
    assert not pair.same_stamps
    assert parity.ok
    causes = parity.by_cause()
    assert causes["latency"][0] > 0
    assert causes["feed"][0] > 0
    assert parity.same + len(parity.differences) >= parity.trades


def test_a_dataset_without_the_run_is_one_clear_error(
    configure: Configure, recording: Path, tmp_path: Path
) -> None:
    run = ran(configure(replay={"dataset": str(recording), "end": "2026-01-05T00:00:30"}))
    with GrowingDataset(tmp_path / "short", source="test") as dataset:
        source = open_dataset(recording)
        dataset.commit([(source.instrument(leg), source.scan(leg).tail(5).collect()) for leg in LEGS])
    with pytest.raises(DataError, match=r"must hold books of upbit/KRW-BTC and binance_usdm/BTCUSDT in the"):
        recorded_parity(run, tmp_path / "short")


def test_pairs_with_delays_and_depth_are_replayed_on_one_balance(
    configure: Configure, recording: Path
) -> None:
    replay = {"dataset": str(recording), "end": "2026-01-05T00:01:30"}
    pairs = [
        {"name": "one", "a": "upbit/KRW-BTC", "b": "binance_usdm/BTCUSDT"},
        {"name": "two", "a": "binance_usdm/BTCUSDT", "b": "upbit/KRW-BTC", "params": {"max_hold_s": 7}},
    ]
    params = {"latency_ms": 200, "depth_levels": 3}
    config = configure(
        pairs=pairs, params=params, reference="none", limits={"max_open_trades_total": 1}, replay=replay
    )
    final = LiveRunner(config).run_forever()
    assert final["refusals"]["total_trades"] > 0
    parity = parity_of(open_run(config.runs / "small"))
    assert (parity.ok, parity.same) == (True, final["trades_opened"])
