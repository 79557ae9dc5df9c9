"""Which assets two venues share."""

from __future__ import annotations

from typing import Any

import pytest

from arbkit.data.manifest import InstrumentInfo
from arbkit.errors import ConfigError, DataError
from arbkit.screen import listed_assets


class _Dataset:
    name = "desk"

    def __init__(self, *instruments: tuple[str, str, str, str, str]) -> None:
        self.instruments = tuple(
            InstrumentInfo(venue=venue, symbol=symbol, base=base, quote=quote, kind=kind)
            for venue, symbol, base, quote, kind in instruments
        )


KIMCHI: Any = _Dataset(
    ("upbit", "KRW-BTC", "BTC", "KRW", "spot"),
    ("upbit", "KRW-ETH", "ETH", "KRW", "spot"),
    ("upbit", "KRW-ONLY", "ONLY", "KRW", "spot"),
    ("upbit", "KRW-USDT", "USDT", "KRW", "spot"),
    ("binance", "ETHUSDT", "ETH", "USDT", "spot"),
    ("binance", "BTCUSDT-PERP", "BTC", "USDT", "perpetual"),
    ("binance", "BTCUSDT", "BTC", "USDT", "spot"),
    ("okx", "BTC-USDT", "BTC", "USDT", "spot"),
)  # fmt: skip


def test_shared_assets_come_by_name_with_the_venue_in_won_as_a() -> None:
    found = listed_assets(KIMCHI)
    assert [(item.asset, item.leg_a, item.leg_b) for item in found] == [
        ("BTC", "upbit/KRW-BTC", "binance/BTCUSDT"),
        ("ETH", "upbit/KRW-ETH", "binance/ETHUSDT"),
    ]
    assert {(item.currency, item.fx) for item in found} == {("USDT", "upbit/KRW-USDT")}


def test_venues_that_are_named_are_taken_as_named() -> None:
    (item,) = listed_assets(KIMCHI, venue_a="okx", venue_b="binance")
    assert (item.leg_a, item.leg_b, item.fx) == ("okx/BTC-USDT", "binance/BTCUSDT", None)
    assert {item.leg_a.split("/")[0] for item in listed_assets(KIMCHI, venue_b="upbit")} == {"binance"}


def test_currencies_that_count_as_one_need_no_rate() -> None:
    dataset: Any = _Dataset(
        ("coinbase", "BTC-USD", "BTC", "USD", "spot"), ("binance", "BTCUSDT", "BTC", "USDT", "spot")
    )
    (item,) = listed_assets(dataset, same=("USDT", "USD"))
    assert item.fx is None
    with pytest.raises(DataError, match="need a rate, the dataset has no instrument between them"):
        listed_assets(dataset)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"venue_a": "upbti"}, ConfigError, "did you mean `upbit`"),
        ({"venue_a": "okx", "venue_b": "okx"}, ConfigError, "two different venues"),
    ],
)
def test_wrong_venue_is_one_clear_error(options: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        listed_assets(KIMCHI, **options)


def test_dataset_without_a_shared_asset_is_refused() -> None:
    dataset: Any = _Dataset(("upbit", "KRW-BTC", "BTC", "KRW", "spot"), ("okx", "E", "ETH", "USDT", "spot"))
    with pytest.raises(DataError, match=r"two venues list, desk has none \(venues: okx, upbit\)"):
        listed_assets(dataset)
