"""The soak counts what it says it counts; the hour itself runs outside of the tests."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from arbkit.live import LiveConfig
from arbkit.live.journal import Journal
from arbkit.testing import FAULTS, PracticeExchange
from benchmarks import soak


def trade(number: int, symbol: str, side: str, size: str, ts_ms: int, price: int = 100) -> Any:
    return SimpleNamespace(
        number=number, uuid=str(number), symbol=symbol, side=side, size=Decimal(size), ts_ms=ts_ms,
        price=Decimal(price), fee=Decimal("0.5"), fee_asset="KRW" if "-" in symbol else "USDT",
    )  # fmt: skip


def sides(*, hedged_after_ms: int) -> dict[str, Any]:
    upbit = [trade(1, "KRW-BTC", "bid", "1", 1_000, 140_000)]
    futures = [trade(7, "BTCUSDT", "SELL", "1", 1_000 + hedged_after_ms)]
    empty: dict[str, Any] = {"balances": {}, "open": []}
    return {"upbit": {**empty, "fills": upbit}, "binance_usdm": {**empty, "fills": futures}}


def test_time_without_a_hedge_is_read_off_the_books_of_the_exchange() -> None:
    found = soak.naked(sides(hedged_after_ms=2_500))
    assert found == {"times naked": 1, "longest s": 2.5, "99th percentile s": 2.5, "largest USDT": 100.0}
    assert soak.naked(sides(hedged_after_ms=2_500), least_usd=101)["times naked"] == 0


def test_an_execution_that_the_journal_lacks_is_lost_and_one_twice_is_counted(tmp_path: Path) -> None:
    from arbkit.live.folder import RunFolder

    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    about = {"name": "run", "mode": "live", "currency": "USDT", "fills": "venue", "limits": {}, "pairs": []}
    (folder.path / "run.json").write_text(json.dumps(about), encoding="utf-8")
    journal = Journal(folder.journal)
    fill = {"venue": "upbit", "symbol": "KRW-BTC", "trade_id": "1", "side": "buy", "size": "1"}
    for _ in range(2):
        journal.append("fill", **fill, fee="0.5", fee_asset="KRW")
    journal.close()
    after = sides(hedged_after_ms=1)
    found = soak.truth(after, after, folder.path)
    assert (found["executions"], found["in the journal"]) == (2, 1)
    assert (found["lost"], found["unknown"], found["twice"]) == (1, 0, 1)
    assert (found["position off"], found["fees off"]) == (1.0, 0.5)
    assert found["net exposure"] == {}
    good = {"truth": found, "parity": {"ok": True}, "ended early": False, "exit code": 0}
    assert not soak.good(good)
    exact = dict.fromkeys(("lost", "unknown", "twice", "position off", "fees off"), 0)
    assert soak.good({**good, "truth": exact})


def test_the_soak_configures_a_run_with_money_on_the_practice_exchange(tmp_path: Path) -> None:
    async def configured() -> dict[str, Any]:
        markets = {"upbit": ["KRW-BTC", "KRW-USDT"], "binance_usdm": ["BTCUSDT"]}
        async with PracticeExchange(markets) as exchange:
            return soak.config_of(exchange, ["BTC"], tmp_path, 500.0)

    path = tmp_path / "soak.yaml"
    path.write_text(yaml.safe_dump(asyncio.run(configured())), encoding="utf-8")
    config = LiveConfig.load(path)
    assert (config.mode, len(config.pairs)) == ("live", 1)
    assert set(FAULTS) > soak._LEFT_OUT


def test_a_folder_that_is_there_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert soak.main(["--folder", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(f"`--folder` must be a new folder, {tmp_path}: ")
