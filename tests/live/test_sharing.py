"""Weights over the pairs of a run: those of its panels, on the tape, in the journal, and after a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import arbkit
from arbkit.engine.sharing import shared_out
from arbkit.errors import ConfigError
from arbkit.live import LiveRunner, open_run, parity_of
from arbkit.live.config import LiveConfig
from arbkit.live.tape import read_tape
from arbkit.risk.sharing import weight_rule
from tests.live.conftest import Configure

LEGS = {"a": "upbit/KRW-BTC", "b": "binance_usdm/BTCUSDT"}
PAIRS: list[dict[str, Any]] = [
    {"name": "often", **LEGS, "params": {"max_hold_s": 2}},
    {"name": "long", **LEGS, "params": {"max_hold_s": 40, "max_position_usd": 3_000}},
    {"name": "never", **LEGS, "params": {"min_spread_bps": 900}},
]
WEIGHTS: dict[str, Any] = {"period": "10s", "window": 12, "fewest": 3, "refresh": "20s", "floor": 0.1}


def shared(configure: Configure, **changes: Any) -> LiveConfig:
    values = {"reference": "none", "pairs": PAIRS, "weights": WEIGHTS, "params": {"min_spread_bps": -1_000}}
    return configure(**values | changes)


@pytest.mark.parametrize(
    ("method", "scale"), [("risk_parity", "ewma:20s,target=15,step=1s"), ("mean_variance", "none")]
)
def test_the_weights_of_every_row_are_those_of_the_panels(
    configure: Configure, recording: Path, method: str, scale: str
) -> None:
    paid = {"min_spread_bps": -1_000, "taker_fee_a_bps": -6, "taker_fee_b_bps": -6}  # some pair must earn
    config = shared(configure, weights=WEIGHTS | {"method": method}, scale=scale, params=paid)
    runner = LiveRunner(config)
    for _ in range(900):
        runner.run_once()
    stats = runner.stats()
    runner.close()
    run = open_run(config.runs / "small")
    market = arbkit.load_panel(
        recording, pair=LEGS, fx={"symbol": "upbit/KRW-USDT", "max_age": "60s"}, max_age="5s",
        currency="USDT", reference=f"none; scale={scale}" if scale != "none" else "none",
    )  # fmt: skip
    pairs = {pair.name: pair.params for pair in config.pairs}
    alike = shared_out(dict.fromkeys(pairs, market), pairs, weight_rule(**WEIGHTS | {"method": method}))
    for name in pairs:
        rows, _ = read_tape(run.folder.tape(name))
        expected = alike[name].scale
        assert expected is not None
        assert rows["ts"].tolist() == market.ts[: rows.size].tolist()
        assert rows["scale"].tolist() == expected[: rows.size].tolist()
    lines = list(run.records("weights"))
    assert len(lines) >= 2
    assert stats["weights"] == {key: lines[-1][key] for key in ("method", "weights", "shares")}
    assert max(stats["weights"]["shares"].values()) == 1
    assert min(stats["weights"]["shares"].values()) < 0.9
    assert parity_of(run).ok


def test_a_run_that_goes_on_shares_out_as_one_that_never_stopped(configure: Configure) -> None:
    scales = []
    for name, stops in (("whole", (800,)), ("cut", (430, 370))):
        config = shared(configure, name=name, scale="ewma:20s,target=15,step=1s")
        for k, stop in enumerate(stops):
            runner = LiveRunner(config)
            for _ in range(stop):
                runner.run_once()
            if k + 1 == len(stops):
                runner.close()
            else:  # as after `kill -9`: what is known since the last checkpoint is on the tape alone
                runner.close()
                runner.folder.checkpoint.unlink()
        run = open_run(config.runs / name)
        scales.append([run.panel(pair).scale.tolist() for pair in ("often", "long", "never")])  # type: ignore[union-attr]
    assert scales[0] == scales[1]


def test_a_run_goes_on_with_the_weights_that_it_began_with(configure: Configure) -> None:
    runner = LiveRunner(shared(configure))
    runner.run_once()
    runner.close()
    with pytest.raises(ConfigError, match="was begun with other weights"):
        LiveRunner(shared(configure, weights=WEIGHTS | {"window": 13})).run_once()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"method": "kelly"}, "`weights`: there are no weights 'kelly'"),
        ({"metod": "equal"}, "`weights` has no key `metod`"),
        ({"refresh": "15s"}, "`refresh` must be a multiple of `period`, 10s, was '15s'"),
        ({"period": 0}, "`period` must be longer than 0"),
        ({"fewest": 13}, "`fewest` must be in .2, window."),
        ({"floor": 0.5, "cap": 0.4}, "`floor` and `cap` must be in order"),
        ({"cap": 0.2}, "`cap` at least an equal share, 1/3 for 3 pairs"),
        ({"window": 20_000}, "`weights.window` must be at most 10,000"),
    ],
)
def test_a_block_that_breaks_a_rule_is_one_clear_error(
    configure: Configure, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        shared(configure, weights=WEIGHTS | change)
