"""Public REST answers, from a server on loopback that answers as the venues' documentation does."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from arbkit.errors import ConfigError
from arbkit.venues import VenueError
from arbkit.venues.feeds import open_market_data
from arbkit.venues.feeds.http import BusyError
from tests.venues.feeds.world import Venue

FUTURE = {
    "symbol": "1000SHIBUSDT",
    "contractType": "PERPETUAL",
    "status": "TRADING",
    "baseAsset": "1000SHIB",
    "quoteAsset": "USDT",
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "10", "tickSize": "0.000001"},
        {"filterType": "LOT_SIZE", "minQty": "1", "maxQty": "1000", "stepSize": "1"},
        {"filterType": "MIN_NOTIONAL", "notional": "5"},
        {"filterType": "PERCENT_PRICE", "multiplierUp": "1.15"},
    ],
    "unknown": {"member": 1},
}
MARKETS = [
    {
        "market": "KRW-BTC",
        "korean_name": "비트코인",
        "market_event": {
            "warning": True,
            "caution": {"PRICE_FLUCTUATIONS": True, "DEPOSIT_AMOUNT_SOARING": False},
        },
    },
    {"market": "BTC-ETH"},
]


def ask(venue: str, answers: dict[str, Any], *calls: Any) -> list[Any]:
    """Ask a server that has these answers by path; returns what each call gave."""

    async def all_of_it() -> list[Any]:
        server = Venue()

        async def answer(request: web.Request) -> web.Response:
            server.requests.append(dict(request.query))
            given = answers[request.path]
            return given if isinstance(given, web.Response) else web.json_response(given)

        for path in answers:
            server.app.router.add_get(path, answer)
        async with server.serving():
            data = open_market_data(venue, server.http)
            try:
                return [await call(data) for call in calls] + server.requests
            finally:
                await data.close()

    return asyncio.run(all_of_it())


def test_filters_of_a_contract_of_a_thousand_are_told_per_coin() -> None:
    dated = FUTURE | {"symbol": "BTCUSDT_261225", "contractType": "CURRENT_QUARTER"}
    halted = FUTURE | {"symbol": "ETHUSDT", "baseAsset": "ETH", "status": "SETTLING"}
    info = {"/fapi/v1/exchangeInfo": {"symbols": [FUTURE, dated, halted]}}
    every, states, *_ = ask(
        "binance_usdm", info, lambda it: it.instruments(), lambda it: it.states(["ETHUSDT", "GONEUSDT"])
    )
    assert sorted(every) == ["1000SHIBUSDT", "ETHUSDT"]
    shib = every["1000SHIBUSDT"]
    assert (shib.base, shib.contract_size, shib.kind, shib.trading) == ("SHIB", 1000, "perpetual", True)
    assert (shib.tick, shib.lot, shib.min_notional) == (Decimal("1e-9"), Decimal(1000), Decimal(5))
    assert (shib.min_size, shib.max_size) == (Decimal(1000), Decimal(1_000_000))
    assert every["ETHUSDT"].warnings == ("SETTLING",)
    assert [state.trading for state in states.values()] == [False, False]
    assert states["GONEUSDT"].warnings == ("NOT_LISTED",)
    assert not states["GONEUSDT"].entry_ok


def test_spot_reads_its_notional_filter_and_its_clock() -> None:
    spot = {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT"}
    spot |= {"filters": [{"filterType": "NOTIONAL", "minNotional": "7"}]}
    answers = {"/api/v3/exchangeInfo": {"symbols": [spot]}, "/api/v3/time": {"serverTime": 1_500}}
    found, clock, *_ = ask(
        "binance_spot", answers, lambda it: it.instruments(["BTCUSDT"]), lambda it: it.server_time()
    )
    assert (found["BTCUSDT"].min_notional, found["BTCUSDT"].fee_in_received) == (Decimal(7), True)
    assert clock == 1_500_000_000


def test_upbit_tells_steps_and_warnings() -> None:
    answers = {
        "/v1/market/all": MARKETS,
        "/v1/orderbook/instruments": [{"market": "KRW-BTC", "tick_size": "1000", "supported_levels": ["0"]}],
    }
    found, every, states, *_ = ask(
        "upbit",
        answers,
        lambda it: it.instruments(["KRW-BTC", "KRW-GONE"]),
        lambda it: it.instruments(),
        lambda it: it.states(["KRW-BTC", "KRW-GONE"]),
    )
    assert list(found) == ["KRW-BTC"]
    bitcoin = found["KRW-BTC"]
    assert (bitcoin.tick, bitcoin.min_notional, bitcoin.taker_fee) == (1000, 5000, Decimal("0.0005"))
    assert bitcoin.warnings == ("WARNING", "PRICE_FLUCTUATIONS")
    assert (every["BTC-ETH"].base, every["BTC-ETH"].taker_fee) == ("ETH", Decimal("0.0025"))
    assert (states["KRW-BTC"].entry_ok, states["KRW-GONE"].entry_ok) == (True, False)


def test_bithumb_names_its_parameters_otherwise() -> None:
    markets = [{"market": "KRW-BTC", "market_warning": "CAUTION"}]
    found, asked = ask("bithumb", {"/v1/market/all": markets}, lambda it: it.instruments(["KRW-BTC"]))
    assert found["KRW-BTC"].warnings == ("CAUTION",)
    assert asked == {"isDetails": "true"}


@pytest.mark.parametrize("many", [False, True])
def test_funding_that_was_paid_and_that_is_to_come(many: bool) -> None:
    premium = {"symbol": "BTCUSDT", "markPrice": "11793.6", "indexPrice": "11781.8"}
    premium |= {
        "lastFundingRate": "0.00038246",
        "nextFundingTime": 1_597_392_000_000,
        "time": 1_597_370_495_002,
    }
    paid = [
        {"symbol": "BTCUSDT", "fundingTime": 2_000, "fundingRate": "-0.0002", "markPrice": ""},
        {"symbol": "BTCUSDT", "fundingTime": 1_000, "fundingRate": "0.0001", "markPrice": "34287.5"},
    ]
    unfunded = {"symbol": "QUARTERLY", "lastFundingRate": "", "nextFundingTime": 0}
    answers = {
        "/fapi/v1/premiumIndex": [premium, unfunded] if many else premium,
        "/fapi/v1/fundingRate": paid,
    }
    symbols = ["BTCUSDT", *(f"X{number}" for number in range(10 if many else 0))]
    history, coming, asked, *_ = ask(
        "binance_usdm",
        answers,
        lambda it: it.funding("BTCUSDT", 5_000_000_000),
        lambda it: it.upcoming_funding(symbols),
    )
    assert [(item.ts, item.rate, item.mark_price) for item in history] == [
        (1_000_000_000, 0.0001, 34287.5),
        (2_000_000_000, -0.0002, None),
    ]
    assert list(coming) == ["BTCUSDT"]
    assert coming["BTCUSDT"].next_ts == 1_597_392_000_000_000_000
    assert asked["startTime"] == "5000"


def test_a_venue_without_funding_has_none() -> None:
    data = open_market_data("upbit")
    assert asyncio.run(data.funding("KRW-BTC", 0)) == []
    assert asyncio.run(data.upcoming_funding(["KRW-BTC"])) == {}
    assert asyncio.run(data.server_time()) is None


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (web.Response(text="<html>"), "known shape"),
        (web.Response(text="{"), "known shape"),
        (web.Response(status=503, text="Service Unavailable."), "was 503: Service Unavailable."),
    ],
)
def test_answers_that_are_none_are_venue_errors(answer: web.Response, message: str) -> None:
    with pytest.raises(VenueError, match=message):
        ask("binance_spot", {"/api/v3/time": answer}, lambda it: it.server_time())


def test_being_refused_for_a_while_says_for_how_long() -> None:
    body = json.dumps({"code": -1003, "msg": "IP banned until 1000000000000."})
    with pytest.raises(BusyError) as caught:
        ask(
            "binance_spot", {"/api/v3/time": web.Response(status=418, text=body)}, lambda it: it.server_time()
        )
    assert caught.value.wait_s == 1.0


def test_a_venue_that_is_away_is_a_venue_error_and_an_unknown_one_a_mistake() -> None:
    async def away() -> None:
        data = open_market_data("binance_spot", "http://127.0.0.1:9")
        try:
            await data.server_time()
        finally:
            await data.close()

    with pytest.raises(VenueError, match="must answer within 10 s"):
        asyncio.run(away())
    with pytest.raises(ConfigError, match="did you mean `upbit`"):
        open_market_data("upbitt")
