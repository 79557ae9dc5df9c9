"""Planted keys are found in no file, no log, no text and no traceback of a run, whatever goes wrong."""

from __future__ import annotations

import asyncio
import base64
import gc
import logging
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from traceback import format_exception
from typing import Any

import polars as pl
import pytest
import yaml

from arbkit.cli.main import main
from arbkit.live import LiveConfig, LiveRunner, open_run, read_journal
from arbkit.live.clients import real_clients
from arbkit.testing import PracticeExchange, practice_exchange, walk_frames
from arbkit.testing.signing import Keys
from arbkit.venues import OrderRequest, OrderSide

MARKETS = {
    "upbit": ["KRW-BTC", "KRW-ETH", "KRW-USDT"],
    "binance_usdm": ["BTCUSDT"],
    "binance_spot": ["ETHUSDT"],
}
VENUES = tuple(MARKETS)
#: Twice a secret and a key; no other text has any of them.
PLANTED = {
    f"ARBKIT_{venue.upper()}_{part}": f"PLANTED-{part}-{venue}-8c1f"
    for venue in VENUES
    for part in ("KEY", "SECRET")
}
FAULTS = (
    "reset_before",
    "reset_after",
    "unknown_503",
    "timeout_error",
    "html_502",
    "truncated_body",
    "unavailable_503",
    "rate_limited",
)


@pytest.fixture
def exchange() -> Iterator[PracticeExchange]:
    with practice_exchange(MARKETS, limits=False) as served:
        for venue in VENUES:
            served.venues[venue].keys = Keys(  # type: ignore[attr-defined]
                PLANTED[f"ARBKIT_{venue.upper()}_KEY"], PLANTED[f"ARBKIT_{venue.upper()}_SECRET"]
            )
        loop = served.core.loop
        assert loop is not None
        loop.call_soon_threadsafe(lambda: served.play(lambda: walk_frames(MARKETS, per_second=20)))
        yield served


def config_file(exchange: PracticeExchange, folder: Path, mode: str) -> Path:
    """Write a configuration that trades as often as it can on the practice exchange."""
    at = exchange.addresses()
    values: dict[str, Any] = {
        "name": f"planted-{mode}",
        "mode": mode,
        "currency": "USDT",
        "balance": 100_000,
        "runs": str(folder / "runs"),
        "venues": {venue: {key: at[venue][key] for key in ("rest_url", "ws_url")} for venue in VENUES},
        "fx": {"venue": "upbit", "symbol": "KRW-USDT"},
        "pairs": [
            {"a": "upbit/KRW-BTC", "b": "binance_usdm/BTCUSDT"},
            {"a": "upbit/KRW-ETH", "b": "binance_spot/ETHUSDT"},
        ],
        "execution": {"fills": "venue", "deadline": "300ms"},
        "params": {
            "min_spread_bps": -1_000,
            "max_hold_s": 0.2,
            "taker_fee_a_bps": 5,
            "taker_fee_b_bps": 4,
            "slippage_bps": 1,
            "max_position_usd": 500,
            "direction": "long_a_short_b",
        },
        "guard": {"max_trades_per_hour": 1_000},
    }
    path = folder / f"{mode}.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def texts_of(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield every file below a folder as text, Parquet read."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes().decode("utf-8", "replace")
            if path.suffix == ".parquet":
                yield str(path), str(pl.read_parquet(path).to_dicts()[:5])


def forms_of(value: str) -> list[str]:
    """Return a text as it stands, and what every base64 of a text around it holds of it."""
    shifted = [base64.urlsafe_b64encode(b"x" * n + value.encode()).decode() for n in range(3)]
    return [value, *(text[4:-4] for text in shifted)]


def leaks(texts: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> list[tuple[str, str]]:
    forms = {name: forms_of(value) for name, value in PLANTED.items()}
    return [
        (where, name)
        for where, text in texts
        for name, known in forms.items()
        if any(form in text for form in known)
    ]


@pytest.mark.parametrize("mode", ["paper", "live"])
def test_a_run_with_faults_leaks_no_key(
    mode: str,
    exchange: PracticeExchange,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name, value in {**PLANTED, "ARBKIT_LIVE": f"planted-{mode}", "ARBKIT_DEBUG": "1"}.items():
        monkeypatch.setenv(name, value)
    caplog.set_level(logging.DEBUG)
    for number, fault in enumerate(("truncated_body", "reset_after", "html_502", "refuse")):
        for venue in VENUES:
            exchange.faults.on(fault, venue=venue, count=1, skip=1 + number)
    path = config_file(exchange, tmp_path, mode)
    given = ["live", "run", "--config", str(path), "--mode", mode, "--log-level", "debug"]
    place = str(tmp_path / "runs" / f"planted-{mode}")
    kinds: set[str] = set()
    for _ in range(10):  # A loaded machine fills nothing for a while; each run goes on with the last one.
        assert main([*given, "--max-runtime-seconds", "1.2", "--json"]) == 0
        kinds |= {line["kind"] for line in read_journal(f"{place}/journal.jsonl")}
        if "outcome" in kinds:
            break
    for command in ("status", "parity", "promote", "calibrate", "state"):
        where = ["--store", f"sqlite:///{place}/state.sqlite"] if command == "state" else [place]
        main(["live", command, *where])
    written = capfd.readouterr()
    said = [(record.name, f"{record.getMessage()} {record.__dict__}") for record in caplog.records]
    assert len(said) > 20
    assert {"start", "intent", "outcome", "stop"} <= kinds
    assert leaks([("stdout", written.out), ("stderr", written.err), *said]) == []
    assert leaks(texts_of(tmp_path)) == []
    assert leaks([("run", f"{open_run(place)!r} {open_run(place).config} {open_run(place).about}")]) == []


def test_clients_and_their_errors_show_no_key(exchange: PracticeExchange, tmp_path: Path) -> None:
    config = LiveConfig.load(config_file(exchange, tmp_path, "live"))
    told: list[tuple[str, str]] = []

    async def ask() -> None:
        clients = real_clients(config, PLANTED)
        for venue, client in clients.items():
            told.append((venue, f"{client!r} {client} {vars(client)}"))
            await client.start()
            try:
                for number, fault in enumerate((*FAULTS, "revoke_key")):
                    exchange.faults.on(fault, venue=venue, count=1)
                    order = OrderRequest(
                        client_id=f"planted-{number}", symbol=MARKETS[venue][0], side=OrderSide.BUY,
                        size=Decimal("0.01"), price=Decimal(200_000_000 if venue == "upbit" else 200_000),
                    )  # fmt: skip
                    try:
                        await client.submit(order)
                    except Exception as error:
                        told.append((f"{venue} {fault}", f"{error!r} {''.join(format_exception(error))}"))
            finally:
                await client.close()

    asyncio.run(ask())
    gc.collect()
    assert len(told) > 12
    assert leaks(told) == []


def test_a_planted_key_would_be_found(tmp_path: Path) -> None:
    secret = PLANTED["ARBKIT_UPBIT_SECRET"]
    (tmp_path / "journal.jsonl").write_text(f'{{"detail": "{secret}"}}')
    pl.DataFrame({"detail": [secret] * 100}).write_parquet(tmp_path / "rows.parquet")
    token = base64.urlsafe_b64encode(f'{{"access_key":"{secret}"}}'.encode()).decode()
    assert leaks([("log", f"Bearer x.{token}")]) == [("log", "ARBKIT_UPBIT_SECRET")]
    found = leaks(texts_of(tmp_path))
    assert {Path(where).name for where, _ in found} == {"journal.jsonl", "rows.parquet"}


def test_a_runner_shows_no_key_of_its_environment(exchange: PracticeExchange, tmp_path: Path) -> None:
    environ = {**PLANTED, "ARBKIT_LIVE": "planted-live"}
    runner = LiveRunner(config_file(exchange, tmp_path, "live"), mode="live", environ=environ)
    assert leaks([("runner", f"{runner!r} {runner.config!r} {runner.at_risk()} {runner.stats()}")]) == []
