"""Runs over a recorded market: the rows of the panel, the trades of the backtest, through crash and halt."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arbkit.engine import backtest
from arbkit.errors import ConfigError
from arbkit.live import LiveRunner, ReplayLoop, open_run, parity_of
from arbkit.live.stores import read_state
from arbkit.panel import load_panel
from tests.live.conftest import Configure

COLUMNS = ("ts", "bid_a", "ask_a", "bid_b", "ask_b", "fair", "fx_a")


def test_the_tape_holds_the_rows_that_load_panel_makes_of_the_recording(
    configure: Configure, recording: Path
) -> None:
    config = configure()
    LiveRunner(config).run_forever()
    run = open_run(config.runs / "small")
    panel = load_panel(
        recording,
        {"a": "upbit/KRW-BTC", "b": "binance_usdm/BTCUSDT"},
        {"symbol": "upbit/KRW-USDT", "max_age": "60s"},
        currency="USDT",
        max_age="5s",
        reference="ewma:1m",
        cache=False,
    )
    tape = run.panel("BTC")
    assert len(tape) >= len(panel) > 1_000
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(tape, name)[: len(panel)], getattr(panel, name), name)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"latency_a_ms": 250, "latency_b_ms": 40, "max_slip_bps": 3.0},
        {"depth_levels": 3, "max_position_usd": 40_000, "min_notional_usd": 10},
        {"max_open_trades": 3, "stop_loss_bps": 25, "cooldown_s": 30, "fx_settlement": "at_exit"},
    ],
    ids=["plain", "latency", "depth", "many"],
)
def test_a_run_has_the_trades_of_the_backtest(configure: Configure, params: dict[str, Any]) -> None:
    config = configure(params=params)
    final = LiveRunner(config).run_forever()
    run = open_run(config.runs / "small")
    assert final["why"] == "end of data"
    assert final["trades_closed"] > 5
    parity = parity_of(run)
    assert (parity.ok, parity.same, parity.differences) == (True, final["trades_opened"], ())
    expected = backtest(run.panel("BTC"), run.params("BTC")).records
    closed = expected["exit_index"] >= 0
    assert final["realized_pnl"] == pytest.approx(expected["pnl_usd"][closed].sum(), rel=1e-9)
    assert final["unrealized_pnl"] == pytest.approx(expected["pnl_usd"][~closed].sum(), rel=1e-9)


def test_pairs_share_one_balance_and_its_limits(configure: Configure) -> None:
    pairs = [
        {"name": "one", "a": "upbit/KRW-BTC", "b": "binance_usdm/BTCUSDT"},
        {"name": "two", "a": "binance_usdm/BTCUSDT", "b": "upbit/KRW-BTC", "params": {"max_hold_s": 7}},
    ]
    config = configure(pairs=pairs, limits={"max_open_trades_total": 1})
    final = LiveRunner(config).run_forever()
    assert final["refusals"]["total_trades"] > 0
    parity = parity_of(open_run(config.runs / "small"))
    assert parity.ok
    assert parity.same == parity.trades == final["trades_opened"]


def test_run_once_takes_one_moment(configure: Configure) -> None:
    runner = LiveRunner(configure())
    rows = [runner.run_once() for _ in range(200)]
    assert set(rows) == {0, 1}
    assert runner.stats()["rows"] == sum(rows)
    assert runner.close()["why"] == "stopped"
    assert runner.close() == {}


def test_a_run_that_was_killed_goes_on_with_the_same_trades(configure: Configure, tmp_path: Path) -> None:
    config = configure(params={"latency_ms": 300}, name="killed")
    path = tmp_path / "killed.yaml"
    path.write_text(config.text)
    code = (
        "import os, signal, sys; from arbkit.live import LiveRunner\n"
        "runner = LiveRunner(sys.argv[1])\n"
        "for n in range(int(sys.argv[2])): runner.run_once()\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path), "1500"], check=False)
    assert done.returncode == -signal.SIGKILL
    with (config.runs / "killed" / "journal.jsonl").open("ab") as journal:
        journal.write(b'{"seq":999,"kind":"torn')
    said: list[str] = []
    final = LiveRunner(config, say=said.append).run_forever()
    assert "goes on" in said[0]
    whole = configure(params={"latency_ms": 300}, name="whole")
    LiveRunner(whole).run_forever()
    killed, unbroken = open_run(config.runs / "killed"), open_run(config.runs / "whole")
    assert killed.trades.equals(unbroken.trades)
    assert len(killed.panel("BTC")) == len(unbroken.panel("BTC"))
    assert parity_of(killed).ok
    assert final["realized_pnl"] == pytest.approx(killed.trades["pnl_usd"].sum(), rel=1e-9)


def test_a_run_goes_on_only_as_it_began_and_in_one_process(configure: Configure) -> None:
    first = LiveRunner(configure())
    first.run_once()
    with pytest.raises(ConfigError, match=f"held by process {os.getpid()}"):
        LiveRunner(configure()).open()
    first.close()
    with pytest.raises(ConfigError, match="begun with other pairs"):
        LiveRunner(configure(params={"max_hold_s": 21})).open()


def test_the_kill_switch_stops_trading_across_restarts_until_it_is_cleared(configure: Configure) -> None:
    config = configure()
    runner = LiveRunner(config)
    while not runner.run_once() or not runner.session.lanes[0].open:
        pass
    opened = runner.session.desk.n_trades
    runner.halt(reason="test")
    for _ in range(400):
        runner.run_once()
    assert runner.session.desk.n_trades == opened
    assert runner.stats()["state"]["reasons"] == ["kill_switch: test"]
    runner.close()
    again = LiveRunner(config)
    for _ in range(100):
        again.run_once()
    assert again.session.halted
    assert again.session.desk.n_trades == opened
    again.clear()
    final = _finished(again)
    assert final["trades_opened"] > opened
    parity = parity_of(open_run(config.runs / "small"))
    assert parity.ok
    assert parity.by_cause()["guard"][0] > 0


def _finished(runner: LiveRunner) -> dict[str, Any]:
    for _ in range(2_500):
        runner.run_once()
    return runner.close()


def test_halting_with_flatten_leaves_every_trade(configure: Configure) -> None:
    config = configure()
    runner = LiveRunner(config)
    while not runner.run_once() or not runner.session.lanes[0].open:
        pass
    runner.halt(flatten=True)
    for _ in range(50):
        runner.run_once()
    assert runner.session.lanes[0].open == []
    runner.close()
    run = open_run(config.runs / "small")
    last = run.trades.row(-1, named=True)
    assert last["exit_reason"] == "end_of_data"
    assert any(line.get("why") == "flatten" for line in run.records("decision"))
    assert parity_of(run).ok


def test_a_drawdown_stop_halts_everything(configure: Configure) -> None:
    final = LiveRunner(configure(limits={"stop_on_drawdown_pct": 0.001})).run_forever()
    assert final["state"] == {"state": "halted", "reasons": ["drawdown_stop"], "pairs": {}}


def test_the_state_store_is_told(configure: Configure) -> None:
    config = configure()
    LiveRunner(config).run_forever()
    keys = {entry.key for entry in read_state(f"sqlite:///{config.runs / 'small' / 'state.sqlite'}")}
    for key in ("prices:upbit:KRW-BTC", "signal:BTC", "positions:BTC", "metrics:live", "heartbeat:runner"):
        assert f"arbitrage:{key}" in keys


def test_a_signal_stops_a_run_cleanly(configure: Configure, recording: Path) -> None:
    runner = LiveRunner(configure(replay={"dataset": str(recording), "speed": 1.0}))

    async def run() -> dict[str, Any]:
        asyncio.get_running_loop().call_later(0.3, os.kill, os.getpid(), signal.SIGTERM)
        return await runner.run()

    with asyncio.Runner(loop_factory=lambda: ReplayLoop(1.0)) as loop:
        assert loop.run(run())["why"] == "stopped"


def test_live_trading_is_asked_for_three_times(configure: Configure) -> None:
    changes: dict[str, Any] = {
        "mode": "live",
        "replay": None,
        "venues": {"upbit": {}, "binance_usdm": {}},
        "execution": {"fills": "venue"},
    }
    config = configure(**changes)
    for mode, environ, missing in (
        (None, {"ARBKIT_LIVE": "small"}, "`--mode live`"),
        ("live", {}, "ARBKIT_LIVE=small"),
        ("live", {"ARBKIT_LIVE": "other"}, "ARBKIT_LIVE=small"),
    ):
        with pytest.raises(ConfigError, match=f"three times, missing: .*{missing}"):
            LiveRunner(config, mode=mode, environ=environ)
    with pytest.raises(ConfigError, match="`mode: live` in the configuration"):
        LiveRunner(configure(**changes | {"mode": "paper"}), mode="live", environ={"ARBKIT_LIVE": "small"})
    runner = LiveRunner(config, mode="live", environ={"ARBKIT_LIVE": "small"})
    assert "MONEY" in runner.at_risk()[0]
    assert LiveRunner(config, mode="paper", environ={}).config.mode == "paper"
