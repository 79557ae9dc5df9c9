"""What the REST clients make of answers, over real sockets: placed, refused, or not known."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from arbkit.venues import (
    BinanceSpotClient,
    BinanceUsdmClient,
    OrderRejectedError,
    OrderRequest,
    OrderSide,
    OrderStatus,
    OrderUnknownError,
    TimeInForce,
    UpbitClient,
    VenueError,
)
from arbkit.venues.secret import Secret
from arbkit.venues.signing import binance_signature, upbit_query_hash
from tests.venues.scripted import Reply, Scripted, scripted

D = Decimal
Client = UpbitClient | BinanceUsdmClient | BinanceSpotClient
Result = TypeVar("Result")
PLANTED = ("key-7c1d-planted", "secret-90ab-planted")

MARKETS = json.dumps(
    [{"market": "KRW-BTC", "market_event": {"warning": False, "caution": {"PRICE_FLUCTUATIONS": True}}}]
)
TICKS = json.dumps([{"market": "KRW-BTC", "quote_currency": "KRW", "tick_size": "1000"}])
CHANCE = json.dumps(
    {"bid_fee": "0.0005", "ask_fee": "0.0005", "market": {"state": "active", "bid": {"min_total": "5000"}}}
)
USDM_INFO = json.dumps(
    {
        "symbols": [
            {
                "symbol": symbol, "baseAsset": base, "quoteAsset": "USDT",
                "contractType": kind, "status": "TRADING",
                "filters": [
                    {"filterType": "PRICE_FILTER", "tickSize": tick, "minPrice": tick},
                    {"filterType": "LOT_SIZE", "stepSize": lot, "minQty": lot, "maxQty": "1000000"},
                    {"filterType": "MIN_NOTIONAL", "notional": "5"},
                ],
            }
            for symbol, base, kind, tick, lot in (
                ("BTCUSDT", "BTC", "PERPETUAL", "0.10", "0.001"),
                ("1000SHIBUSDT", "1000SHIB", "PERPETUAL", "0.000001", "1"),
                ("BTCUSDT_261225", "BTC", "CURRENT_QUARTER", "0.1", "0.001"),
            )
        ]
    }
)  # fmt: skip
SPOT_INFO = json.dumps(
    {
        "symbols": [
            {
                "symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT", "status": "TRADING",
                "filters": [
                    {"filterType": "PRICE_FILTER", "tickSize": "0.01"},
                    {"filterType": "LOT_SIZE", "stepSize": "0.00001", "minQty": "0.00001", "maxQty": "9000"},
                    {"filterType": "NOTIONAL", "minNotional": "5"},
                ],
            }
        ]
    }
)  # fmt: skip
UNKNOWN_503 = '{"msg":"Unknown error, please check your request or try again later."}'
HTML = "<html><body>502 Bad Gateway</body></html>"


BOTH = ("binance_usdm", "binance_spot")
ANY = ("upbit", *BOTH)


def made(venue: str, server: Scripted, **options: Any) -> Client:
    """Return a client of the server, which then answers what the start asks."""
    server.on("GET", "/v1/market/all", Reply(body=MARKETS))
    server.on("GET", "/v1/orderbook/instruments", Reply(body=TICKS))
    server.on("GET", "/v1/orders/chance", Reply(body=CHANCE))
    for api in ("/fapi/v1", "/api/v3"):
        server.on("GET", f"{api}/time", Reply(body='{"serverTime":1700000000000}'))
    server.on("GET", "/fapi/v1/exchangeInfo", Reply(body=USDM_INFO))
    server.on("GET", "/fapi/v1/positionSide/dual", Reply(body='{"dualSidePosition":false}'))
    server.on(
        "GET", "/fapi/v1/commissionRate", Reply(body='{"symbol":"BTCUSDT","takerCommissionRate":"0.0004"}')
    )
    server.on("GET", "/api/v3/exchangeInfo", Reply(body=SPOT_INFO))
    server.on("GET", "/api/v3/account", Reply(body='{"commissionRates":{"taker":"0.00075"},"balances":[]}'))
    kind = {"upbit": UpbitClient, "binance_usdm": BinanceUsdmClient, "binance_spot": BinanceSpotClient}[venue]
    symbols = ("KRW-BTC",) if venue == "upbit" else ("BTCUSDT",)
    options = {"timeout_s": 0.3, "symbols": symbols, "rest_url": server.url, "ws_url": server.url} | options
    return kind(*PLANTED, **options)  # type: ignore[no-any-return]


def trading(venue: str, act: Callable[[Any, Scripted], Awaitable[Result]], **options: Any) -> Result:
    """Start a client on a scripted server, act, and close both."""

    async def run() -> Result:
        async with scripted() as server:
            client = made(venue, server, **options)
            try:
                await client.start()
                return await act(client, server)
            finally:
                await client.close()

    return asyncio.run(run())


ORDER_PATHS = {"upbit": "/v1/orders", "binance_usdm": "/fapi/v1/order", "binance_spot": "/api/v3/order"}
QUERY_PATHS = {**ORDER_PATHS, "upbit": "/v1/order"}


def order(venue: str, **fields: Any) -> OrderRequest:
    symbol, price = ("KRW-BTC", D(137002000)) if venue == "upbit" else ("BTCUSDT", D("60000.0"))
    given = {"side": OrderSide.BUY, "size": D("0.002"), "price": price, "symbol": symbol} | fields
    return OrderRequest(client_id="ab-1", **given)


async def outcome_of_order(client: Client, server: Scripted, reply: Reply) -> tuple[str, str, int]:
    """Return what submitting says: its class, its code, and how often the order was sent."""
    server.on("POST", ORDER_PATHS[client.venue], reply)
    try:
        report = await client.submit(order(client.venue))
        said, code = "placed", report.order_id
    except OrderRejectedError as error:
        said, code = "rejected", error.code
    except OrderUnknownError as error:
        said, code = "unknown", error.code
    return said, code, server.count("POST", ORDER_PATHS[client.venue])


@pytest.mark.parametrize("venue", ANY)
def test_no_error_shows_a_key_or_what_was_signed(venue: str) -> None:
    async def act(client: Client, server: Scripted) -> str:
        texts = []
        for reply in (Reply(reset=True), Reply(502, HTML), upbit("x"), binance(-2019)):
            server.on("POST", ORDER_PATHS[venue], reply)
            with pytest.raises(VenueError) as caught:
                await client.submit(order(venue))
            texts += [*traceback.format_exception(caught.value), repr(caught.value)]
        return "\n".join(texts)

    shown = trading(venue, act)
    assert not any(part in shown for part in (*PLANTED, "signature=", "Bearer"))


def binance(code: int, text: str = "m", status: int = 400) -> Reply:
    return Reply(status, json.dumps({"code": code, "msg": text}))


def upbit(name: str, status: int = 400) -> Reply:
    return Reply(status, json.dumps({"error": {"name": name, "message": "korean text"}}))


CASES: list[tuple[tuple[str, ...], str, Reply, str, str]] = [
    (ANY, "no whole answer", Reply(reset=True), "unknown", "no_answer"),
    (ANY, "answer too late", Reply(late_s=1.0), "unknown", "no_answer"),
    (ANY, "body cut off", Reply(200, '{"orderId":1,"symbol":"BTCUSDT"}', cut=True), "unknown", "no_answer"),
    (ANY, "half of the JSON", Reply(200, '{"orderId":1,"sy'), "unknown", "http_200"),
    (ANY, "HTML for an answer", Reply(200, HTML), "unknown", "http_200"),
    (ANY, "an answer without an order", Reply(201, "{}"), "unknown", ""),
    (ANY, "HTML of a proxy", Reply(502, HTML), "unknown", "http_502"),
    (ANY, "gateway timeout", Reply(504, HTML), "unknown", "http_504"),
    (ANY, "plain 503", Reply(503, HTML), "unknown", "http_503"),
    (ANY, "too many requests", Reply(429, "Too many requests"), "rejected", "http_429"),
    (ANY, "banned", Reply(418, "banned", {"Retry-After": "120"}), "rejected", "http_418"),
    (ANY, "backend timeout", Reply(408, HTML), "unknown", "http_408"),
    (("upbit",), "server error", upbit("server_error", 500), "unknown", "server_error"),
    (("upbit",), "identifier used", upbit("duplicated_identifier"), "unknown", "duplicated_identifier"),
    (("upbit",), "nonce used", upbit("nonce_used", 401), "unknown", "nonce_used"),
    (("upbit",), "no money", upbit("insufficient_funds_bid"), "rejected", "insufficient_funds_bid"),
    (("upbit",), "too small", upbit("under_min_total_bid"), "rejected", "under_min_total_bid"),
    (("upbit",), "off the tick", upbit("invalid_price_bid"), "rejected", "invalid_price_bid"),
    (("upbit",), "key expired", upbit("expired_access_key", 401), "rejected", "expired_access_key"),
    (("upbit",), "no permission", upbit("out_of_scope", 403), "rejected", "out_of_scope"),
    (BOTH, "unknown by code", binance(-1000), "unknown", "-1000"),
    (BOTH, "disconnected inside", binance(-1001, status=500), "unknown", "-1001"),
    (BOTH, "unexpected answer", binance(-1006), "unknown", "-1006"),
    (BOTH, "timeout inside", binance(-1007, status=408), "unknown", "-1007"),
    (BOTH, "503 unknown", Reply(503, UNKNOWN_503), "unknown", "http_503"),
    (BOTH, "503 failed", Reply(503, '{"msg":"Service Unavailable."}'), "rejected", "http_503"),
    (BOTH, "overloaded", binance(-1008, status=503), "rejected", "-1008"),
    (BOTH, "too many orders", binance(-1015), "rejected", "-1015"),
    (BOTH, "clock", binance(-1021), "rejected", "-1021"),
    (BOTH, "signature", binance(-1022), "rejected", "-1022"),
    (BOTH, "firewall", Reply(403, HTML), "rejected", "http_403"),
    (BOTH, "key revoked", binance(-2015, status=401), "rejected", "-2015"),
    (BOTH, "no margin", binance(-2019), "rejected", "-2019"),
    (BOTH, "precision", binance(-1111), "rejected", "-1111"),
    (("binance_usdm",), "id used", binance(-4116), "unknown", "-4116"),
    (("binance_usdm",), "off the tick", binance(-4014), "rejected", "-4014"),
    (("binance_usdm",), "nothing to reduce", binance(-2022), "rejected", "-2022"),
    (("binance_spot",), "id used", binance(-2010, "Duplicate order sent."), "unknown", "-2010"),
    (("binance_spot",), "no money", binance(-2010, "Account has insufficient balance for requested action."),
     "rejected", "-2010"),
    (("binance_spot",), "filter", binance(-1013, "Filter failure: LOT_SIZE"), "rejected", "-1013"),
]  # fmt: skip


@pytest.mark.parametrize("venue", ANY)
def test_an_order_is_sent_once_and_its_answer_is_read_rightly(venue: str) -> None:
    async def act(client: Client, server: Scripted) -> dict[str, tuple[str, str, int]]:
        seen = {}
        for venues, name, reply, _, _ in CASES:
            if venue in venues:
                server.asked.clear()
                client._limiter = type(client._limiter)({})
                seen[name] = await outcome_of_order(client, server, reply)
        return seen

    seen = trading(venue, act)
    wanted = {name: (said, code or "no_order", 1) for venues, name, _, said, code in CASES if venue in venues}
    # Binance answers an order with 200, so that a 201 is nothing it has said.
    if venue != "upbit":
        wanted["an answer without an order"] = ("unknown", "http_201", 1)
    assert seen == wanted


@pytest.mark.parametrize("venue", ANY)
def test_an_order_that_never_left_is_certainly_not_placed(venue: str) -> None:
    async def act(client: Client, server: Scripted) -> str:
        client._http.base_url = "http://127.0.0.1:1"
        with pytest.raises(OrderRejectedError) as caught:
            await client.submit(order(venue))
        return caught.value.code

    assert trading(venue, act) == "not_sent"


@pytest.mark.parametrize("venue", ANY)
def test_a_ban_holds_back_every_order_until_it_is_over(venue: str) -> None:
    async def act(client: Client, server: Scripted) -> tuple[str, float | None, int]:
        await outcome_of_order(client, server, Reply(418, "banned", {"Retry-After": "120"}))
        server.on("POST", ORDER_PATHS[venue], Reply(201, "{}"))
        with pytest.raises(OrderRejectedError) as caught:
            await client.submit(order(venue))
        with pytest.raises(VenueError, match="limit"):
            await client.query("X", "ab-1")
        return caught.value.code, caught.value.retry_after_s, server.count("POST", ORDER_PATHS[venue])

    code, wait, sent = trading(venue, act)
    assert (code, sent) == ("rate_limited", 1)
    assert wait is not None
    assert 100 < wait <= 120


@pytest.mark.parametrize("venue", ANY)
def test_a_read_is_repeated_until_it_is_answered(venue: str) -> None:
    broken = [Reply(reset=True), Reply(502, HTML), Reply(200, '{"half')]

    async def act(client: Client, server: Scripted) -> object:
        absent = upbit("order_not_found", 404) if venue == "upbit" else binance(-2013)
        server.on("GET", QUERY_PATHS[venue], *broken, absent)
        assert await client.query("BTCUSDT", "ab-1") is None
        server.on("GET", QUERY_PATHS[venue], Reply(502, HTML))
        with pytest.raises(VenueError, match="with http_502"):
            await client.query("BTCUSDT", "ab-1")
        return server.count("GET", QUERY_PATHS[venue])

    assert trading(venue, act) == 8


@pytest.mark.parametrize("venue", BOTH)
def test_the_venues_clock_is_measured_and_measured_again_when_refused(venue: str) -> None:
    api = ORDER_PATHS[venue].removesuffix("/order")

    async def act(client: Any, server: Scripted) -> list[int]:
        server.on("GET", f"{api}/time", Reply(body='{"serverTime":1700000060000}'))
        said = await outcome_of_order(client, server, binance(-1021))
        assert said == ("rejected", "-1021", 1)
        server.on("GET", QUERY_PATHS[venue], binance(-2013))
        await client.query("BTCUSDT", "ab-1")
        stamps = [
            asked.query + asked.body for asked in server.asked if "timestamp=" in asked.query + asked.body
        ]
        return [int(stamp.partition("timestamp=")[2].partition("&")[0]) for stamp in stamps]

    *_, before, after = trading(venue, act, clock=lambda: 1_600_000_000_000_000_000)
    assert (before, after) == (1_700_000_000_000, 1_700_000_060_000)


def test_binance_signs_what_it_sends_and_sends_the_key_in_a_header() -> None:
    async def act(client: Any, server: Scripted) -> Any:
        await outcome_of_order(client, server, binance(-2010))
        return server.asked[-1]

    asked = trading("binance_usdm", act)
    payload, _, signature = asked.body.partition("&signature=")
    assert signature == binance_signature(Secret(PLANTED[1]), payload)
    assert asked.headers["X-MBX-APIKEY"] == PLANTED[0]
    assert payload.startswith(
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=IOC&quantity=0.002&price=60000&"
    )
    assert "newClientOrderId=ab-1" in payload


def test_upbit_sends_json_and_hashes_it_in_the_order_of_the_body() -> None:
    async def act(client: Any, server: Scripted) -> Any:
        await outcome_of_order(client, server, upbit("under_min_total_bid"))
        return server.asked[-1]

    import base64

    asked = trading("upbit", act)
    body = json.loads(asked.body)
    assert body == {
        "market": "KRW-BTC", "side": "bid", "ord_type": "limit", "volume": "0.002", "price": "137002000",
        "time_in_force": "ioc", "identifier": "ab-1",
    }  # fmt: skip
    claims = json.loads(base64.urlsafe_b64decode(asked.headers["Authorization"].split(".")[1] + "=="))
    assert claims["query_hash"] == upbit_query_hash(
        "&".join(f"{name}={value}" for name, value in body.items())
    )
    assert asked.headers["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({"side": OrderSide.SELL, "time_in_force": TimeInForce.MARKET, "price": None},
         {"side": "ask", "ord_type": "market", "volume": "0.002"}),
        ({"time_in_force": TimeInForce.MARKET, "size": None, "quote_amount": D("10000.7"), "price": None},
         {"side": "bid", "ord_type": "price", "price": "10000"}),
        ({"time_in_force": TimeInForce.MARKET},
         {"side": "bid", "ord_type": "limit", "volume": "0.002", "price": "137002000",
          "time_in_force": "ioc"}),
        ({"time_in_force": TimeInForce.GTC},
         {"side": "bid", "ord_type": "limit", "volume": "0.002", "price": "137002000"}),
    ],
)  # fmt: skip
def test_upbit_takes_amounts_for_market_buys_and_limits_for_exact_sizes(
    fields: dict[str, Any], body: dict[str, str]
) -> None:
    async def act(client: Any, server: Scripted) -> Any:
        server.on("POST", "/v1/orders", upbit("insufficient_funds_bid"))
        with pytest.raises(OrderRejectedError):
            await client.submit(order("upbit", **fields))
        return json.loads(server.asked[-1].body)

    assert trading("upbit", act) == {"market": "KRW-BTC", **body, "identifier": "ab-1"}


UPBIT_ORDER = {
    "uuid": "cdd92199", "side": "bid", "ord_type": "price", "price": "10000", "state": "cancel",
    "market": "KRW-BTC",
    "created_at": "2026-11-02T10:13:14+09:00", "volume": None, "paid_fee": "4.99999995",
    "executed_volume": "0.33333333", "trades_count": 2, "identifier": "ab-1",
    "trades": [
        {"market": "KRW-BTC", "uuid": "t1", "price": "30000", "volume": "0.3", "funds": "9000.0",
         "created_at": "2026-11-02T10:13:14+09:00"},
        {"market": "KRW-BTC", "uuid": "t2", "price": "30000", "volume": "0.03333333", "funds": "999.9999",
         "created_at": "2026-11-02T10:13:14+09:00"},
    ],
}  # fmt: skip


def test_upbit_orders_are_judged_by_their_trades_and_fees_add_up_to_the_last_digit() -> None:
    async def act(client: Any, server: Scripted) -> Any:
        server.on("GET", "/v1/order", Reply(body=json.dumps(UPBIT_ORDER)))
        return await client.query("KRW-BTC", "ab-1")

    report = trading("upbit", act)
    assert report.status is OrderStatus.ENDED
    assert report.filled == D("0.33333333") == sum(fill.size for fill in report.fills)
    assert [fill.fee for fill in report.fills] == [D("4.5"), D("0.49999995")]
    assert (report.fills[0].trade_id, report.fills[0].fee_asset, report.fills[0].ts) == (
        "t1", "KRW", 1_793_581_994_000_000_000,
    )  # fmt: skip


def test_a_contract_of_a_thousand_coins_is_converted_on_the_way_out_and_back() -> None:
    answer = {
        "orderId": 7, "symbol": "1000SHIBUSDT", "status": "EXPIRED", "clientOrderId": "ab-1", "side": "SELL",
        "avgPrice": "0.009100", "origQty": "3", "executedQty": "2", "cumQuote": "0.0182", "updateTime": 1,
    }  # fmt: skip
    trades = [
        {
            "id": 9,
            "orderId": 7,
            "price": "0.0091",
            "qty": "2",
            "commission": "0.01",
            "commissionAsset": "USDT",
        }
    ]

    async def act(client: Any, server: Scripted) -> Any:
        server.on("POST", "/fapi/v1/order", Reply(body=json.dumps(answer)))
        server.on("GET", "/fapi/v1/order", Reply(body=json.dumps(answer)))
        server.on("GET", "/fapi/v1/userTrades", Reply(body=json.dumps(trades)))
        server.on(
            "GET", "/fapi/v3/positionRisk", Reply(body='[{"symbol":"1000SHIBUSDT","positionAmt":"-2"}]')
        )
        wanted = {
            "symbol": "1000SHIBUSDT",
            "side": OrderSide.SELL,
            "size": D("3999.5"),
            "price": D("0.0000091004"),
        }
        with pytest.raises(OrderRejectedError, match="at least 5 USDT"):
            client.rounded(order("binance_usdm", **wanted))
        await client.submit(order("binance_usdm", reduce_only=True, **wanted))
        body = next(asked.body for asked in server.asked if asked.method == "POST")
        return (
            body,
            await client.query("1000SHIBUSDT", "ab-1"),
            await client.positions(),
            await client.instruments(),
        )

    body, report, positions, instruments = trading("binance_usdm", act)
    assert "quantity=3&price=0.009101&reduceOnly=true" in body
    assert (report.filled, report.fills[0].size, report.fills[0].price) == (2000, 2000, D("0.0000091"))
    assert positions == {"1000SHIBUSDT": D(-2000)}
    shib = instruments["1000SHIBUSDT"]
    assert (shib.base, shib.lot, shib.contract_size) == ("SHIB", D(1000), D(1000))
    assert "BTCUSDT_261225" not in instruments
    assert instruments["BTCUSDT"].taker_fee == D("0.0004")


def test_a_spot_order_is_answered_with_its_fills() -> None:
    answer = {
        "symbol": "BTCUSDT", "orderId": 28, "clientOrderId": "ab-1", "transactTime": 1507725176595,
        "origQty": "0.002",
        "executedQty": "0.002", "cummulativeQuoteQty": "120.0", "status": "FILLED", "side": "BUY",
        "fills": [
            {"price": "60000", "qty": "0.002", "commission": "0.000002", "commissionAsset": "BTC",
             "tradeId": 56}
        ],
    }  # fmt: skip

    async def act(client: Any, server: Scripted) -> Any:
        server.on("POST", "/api/v3/order", Reply(body=json.dumps(answer)))
        return await client.submit(order("binance_spot"))

    report = trading("binance_spot", act)
    assert (report.status, report.filled, report.average_price) == (OrderStatus.FILLED, D("0.002"), D(60000))
    assert (report.fills[0].trade_id, report.fills[0].fee, report.fills[0].fee_asset) == (
        "56",
        D("0.000002"),
        "BTC",
    )


@pytest.mark.parametrize("venue", ANY)
def test_a_cancel_of_what_is_not_there_is_no_error(venue: str) -> None:
    async def act(client: Client, server: Scripted) -> object:
        absent = upbit("order_not_found", 404) if venue == "upbit" else binance(-2011)
        server.on("DELETE", QUERY_PATHS[venue], absent)
        return await client.cancel("BTCUSDT", "ab-1")

    assert trading(venue, act) is None


def test_upbit_states_say_what_speaks_against_entries() -> None:
    async def act(client: Any, server: Scripted) -> Any:
        server.on(
            "GET", "/v1/status/wallet", Reply(body='[{"currency":"BTC","wallet_state":"withdraw_only"}]')
        )
        return (await client.states(["KRW-BTC"]))["KRW-BTC"]

    state = trading("upbit", act)
    assert (state.can_deposit, state.can_withdraw, state.entry_ok) == (False, True, False)
    assert state.warnings == ("PRICE_FLUCTUATIONS",)


def test_upbit_reads_price_steps_anew_when_one_is_refused() -> None:
    async def act(client: Any, server: Scripted) -> tuple[Decimal, Decimal]:
        before = client.tick_of("KRW-BTC", D(1_000_000))
        server.on("GET", "/v1/orderbook/instruments", Reply(body=TICKS.replace("1000", "5000")))
        await outcome_of_order(client, server, upbit("invalid_price_bid"))
        return before, client.tick_of("KRW-BTC", D(1_000_000))

    assert trading("upbit", act) == (D(1000), D(5000))


def test_an_account_in_hedge_mode_is_refused() -> None:
    async def run() -> None:
        async with scripted() as server:
            client = made("binance_usdm", server)
            server.on("GET", "/fapi/v1/positionSide/dual", Reply(body='{"dualSidePosition":true}'))
            try:
                with pytest.raises(VenueError, match="hedge mode"):
                    await client.start()
            finally:
                await client.close()

    asyncio.run(run())


def test_the_limits_in_the_headers_are_taken() -> None:
    async def act(client: Any, server: Scripted) -> Any:
        spent = {"X-MBX-ORDER-COUNT-10S": "300", "X-MBX-USED-WEIGHT-1M": "10"}
        server.on("POST", "/fapi/v1/order", Reply(400, '{"code":-2019,"msg":""}', spent))
        with pytest.raises(OrderRejectedError) as first:
            await client.submit(order("binance_usdm"))
        with pytest.raises(OrderRejectedError) as second:
            await client.submit(order("binance_usdm"))
        return first.value.code, second.value.code, server.count("POST", "/fapi/v1/order")

    assert trading("binance_usdm", act) == ("-2019", "rate_limited", 1)


def test_a_client_without_keys_says_what_it_needs_and_shows_nothing() -> None:
    async def run() -> str:
        client = UpbitClient()
        with pytest.raises(VenueError, match="upbit needs a key and a secret"):
            await client.balances()
        await client.close()
        return repr(UpbitClient(*PLANTED))

    assert asyncio.run(run()) == "UpbitClient('https://api.upbit.com')"
