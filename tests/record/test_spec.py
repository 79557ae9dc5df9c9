"""What may be recorded, and how instruments are described by their names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from arbkit.errors import ConfigError
from arbkit.record import RecordSpec, VenueSpec
from arbkit.record.spec import instrument_of
from arbkit.venues.secret import Credentials, Secret

UPBIT = VenueSpec(venue="upbit", symbols=("KRW-BTC",))


def spec(**changes: Any) -> RecordSpec:
    return RecordSpec(**({"venues": (UPBIT,), "to": Path("x")} | changes))


def test_the_exchange_rate_is_recorded_beside_books_in_krw() -> None:
    other = VenueSpec(venue="binance_usdm", symbols=("1000SHIBUSDT",))
    found = {info.leg: info for info in spec(venues=(UPBIT, other), depth=5).instruments()}
    assert list(found) == ["upbit/KRW-BTC", "upbit/KRW-USDT", "binance_usdm/1000SHIBUSDT"]
    assert found["upbit/KRW-USDT"].kind == "fx"
    shib = found["binance_usdm/1000SHIBUSDT"]
    assert (shib.base, shib.quote, shib.kind, shib.levels) == ("SHIB", "USDT", "perpetual", 5)
    assert shib.flags == ("prices and sizes are per SHIB, its contracts are of 1000",)
    assert instrument_of("binance_spot", "BTCUSDT", 1).kind == "spot"


@pytest.mark.parametrize(
    ("symbols", "fx"), [(("BTC-ETH",), True), (("KRW-BTC", "KRW-USDT"), True), (("KRW-BTC",), False)]
)
def test_no_rate_is_added_where_none_is_needed_or_wanted(symbols: tuple[str, ...], fx: bool) -> None:
    item = VenueSpec(venue="upbit", symbols=symbols)
    assert spec(venues=(item,), fx=fx).symbols_of(item) == symbols


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"venues": ()}, "at least one venue"),
        ({"venues": (UPBIT, UPBIT)}, "named once"),
        ({"depth": 0}, "`depth` must be within 1 and 100, was 0"),
        ({"flush_ns": 0}, "`flush` must be longer than 0"),
        ({"rotate_ns": 2 * 86_400 * 10**9}, "at most a day"),
    ],
)
def test_what_breaks_a_rule_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        spec(**changes)


@pytest.mark.parametrize(
    ("venue", "symbol", "message"),
    [
        ("upbitt", "KRW-BTC", "did you mean `upbit`"),
        ("upbit", "BTCUSDT", "QUOTE-BASE"),
        ("binance_usdm", "GOLD", "cannot be told"),
    ],
)
def test_names_that_there_are_not_are_refused(venue: str, symbol: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        VenueSpec(venue=venue, symbols=(symbol,))


def test_keys_of_a_venue_that_tells_no_wallets_are_refused() -> None:
    with pytest.raises(ConfigError, match="told by upbit only"):
        VenueSpec(venue="binance_spot", symbols=("BTCUSDT",), keys=Credentials(Secret("a"), Secret("b")))
