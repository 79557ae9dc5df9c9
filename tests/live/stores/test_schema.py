from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from arbkit.errors import ConfigError
from arbkit.live.stores.schema import LIFETIMES_S, decoded, encoded, iso_time, key_of, kind_of

TS = 1_763_749_842_123_456_789


def test_keys_and_lifetimes_are_those_that_watchers_know() -> None:
    assert key_of("prices", "upbit", "KRW-BTC") == "arbitrage:prices:upbit:KRW-BTC"
    assert key_of("execution", "BTC", iso_time(TS)).startswith("arbitrage:execution:BTC:2025-11-21T18:30:42")
    assert key_of("metrics", "live") == "arbitrage:metrics:live"
    assert LIFETIMES_S == {
        "prices": 60,
        "signal": 300,
        "orders": 86_400,
        "positions": 86_400,
        "execution": 86_400,
        "metrics": 300,
        "heartbeat": 60,
    }


@pytest.mark.parametrize(
    ("kind", "names", "said"),
    [("price", ("a",), "prices"), ("prices", (), "names"), ("prices", ("upbit", ""), "empty")],
)
def test_a_key_that_is_none_is_refused(kind: str, names: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        key_of(kind, *names)


def test_the_kind_of_a_key_of_somebody_else_is_empty() -> None:
    assert kind_of("arbitrage:orders:x:y") == "orders"
    assert kind_of("arbitrage:other:x") == kind_of("orders:x") == ""


def test_times_are_iso_8601_in_utc_to_the_microsecond() -> None:
    text = iso_time(TS)
    assert text == "2025-11-21T18:30:42.123456+00:00"
    assert datetime.fromisoformat(text).tzinfo == UTC
    assert iso_time(TS // 10**9 * 10**9) == "2025-11-21T18:30:42.000000+00:00"


def test_a_value_comes_back_as_it_was_put() -> None:
    fields = {"price": 0.1, "size": Decimal("0.10"), "note": None, "fills": [1, 2]}
    assert decoded(encoded(fields, TS)) == {
        "price": 0.1,
        "size": "0.10",
        "note": None,
        "fills": [1, 2],
        "timestamp": iso_time(TS),
    }


def test_a_field_that_json_cannot_hold_is_named_at_once() -> None:
    with pytest.raises(ConfigError, match="plain fields, was price"):
        encoded({"price": object()}, TS)


def test_what_somebody_else_wrote_is_shown_as_it_stands() -> None:
    assert decoded(b"not json") == {"value": "not json"}
    assert decoded("[1]") == {"value": "[1]"}
