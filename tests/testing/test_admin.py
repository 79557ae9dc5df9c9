"""The exchange administered over HTTP."""

from __future__ import annotations

from arbkit.testing import PracticeExchange, ServerClock
from tests.testing.traders import MARKETS, Trader
from tests.testing.world_clients import fetch, run


def test_books_clock_and_ledger_from_outside() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS, clock=ServerClock(speed=1e-3), admin_port=0) as exchange:
            assert exchange.admin is not None
            url = exchange.admin.url
            trader = Trader(exchange, "upbit")
            _, addresses, _ = await fetch(url + "/")
            assert addresses["upbit"]["rest_url"] == exchange.upbit.rest_url
            book = {"venue": "upbit", "symbol": "KRW-BTC", "bids": trader.bids, "asks": trader.asks}
            assert (await fetch(url + "/books", "POST", json=book))[0] == 200
            assert (await trader.submit("a"))[0] == 201
            _, ledger, _ = await fetch(url + "/ledger")
            fill = ledger["upbit"]["fills"][0]
            assert (fill["client_id"], fill["price"], fill["size"]) == ("a", "137001000", "0.01")
            before = exchange.clock.now_ns()
            _, answer, _ = await fetch(url + "/clock", "POST", json={"advance": 60, "speed": 2})
            assert answer["speed"] == 2
            assert answer["now_ns"] - before >= 60 * 10**9
            _, switch, _ = await fetch(url + "/faults", "POST", json={"name": "drop_book", "count": 3})
            assert (await fetch(url + "/faults"))[1]["on"] == [switch]
            _, answer, _ = await fetch(f"{url}/faults?number={switch['number']}", "DELETE")
            assert answer == {"on": []}

    run(main())


def test_what_is_wrong_is_said() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS, admin_port=0) as exchange:
            assert exchange.admin is not None
            url = exchange.admin.url
            for path, body, words in (
                ("/books", {"venue": "upbit"}, "a book is given as venue, symbol, bids and asks"),
                ("/books", {"venue": "x", "symbol": "y", "bids": [], "asks": []}, "does not serve `x`"),
                ("/faults", {"name": "stall"}, "no fault `stall`; did you mean `stall_data`"),
                ("/faults", [1], "the body must be a JSON object"),
                ("/clock", {"speed": 0}, "`speed` of a clock must be above 0"),
            ):
                status, answer, _ = await fetch(url + path, "POST", json=body)
                assert status == 400
                assert words in answer["error"]

    run(main())
