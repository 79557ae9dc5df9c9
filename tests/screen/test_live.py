"""The page on live books, against the practice exchange."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from arbkit.cli.main import main as shell
from arbkit.data import open_dataset
from arbkit.errors import ConfigError, DataError
from arbkit.report import render_screen
from arbkit.screen import Costs, screen, screen_live
from arbkit.testing import practice_exchange
from arbkit.venues import VenueError

COSTS = Costs(fee_a_bps=5, fee_b_bps=5)
MARKETS = {
    "upbit": ["KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-USDT", "KRW-SOL", "KRW-ONLY", "BTC-ETH"],
    "binance_usdm": ["BTCUSDT", "ETHUSDT", "XRPUSDT", "SOLUSDT"],
    "binance_spot": ["ADAUSDT"],
}
#: One dollar is 1,000 won; BTC is dear by 100 bps at Upbit, ETH cheap by 50, XRP neither.
MID = {
    "KRW-USDT": 1_000.0, "KRW-BTC": 101_000_000.0, "KRW-ETH": 2_985_000.0, "KRW-XRP": 10_000.0,
    "BTCUSDT": 100_000.0, "ETHUSDT": 3_000.0, "XRPUSDT": 10.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def exchange() -> Iterator[Any]:
    with practice_exchange(MARKETS) as running:
        ended = threading.Event()

        def push() -> None:
            number = 0
            while not ended.wait(0.02):
                number += 1
                for venue, symbols in MARKETS.items():
                    for symbol in set(symbols) & MID.keys():
                        mid, size = MID[symbol], 1e6 + number % 7
                        getattr(running, venue).push_book(symbol, [(mid, size)], [(mid * 1.0001, size)])

        thread = threading.Thread(target=push, daemon=True)
        thread.start()
        yield running
        ended.set()
        thread.join()


@pytest.fixture
def hosts(exchange: Any) -> dict[str, dict[str, str]]:
    return {
        "rest_urls": {name: getattr(exchange, name).rest_url for name in ("upbit", "binance_usdm")},
        "ws_urls": {name: getattr(exchange, name).ws_url for name in ("upbit", "binance_usdm")},
    }


def options(hosts: dict[str, dict[str, str]]) -> list[str]:
    rest = [item for venue, url in hosts["rest_urls"].items() for item in ("--rest-url", f"{venue}={url}")]
    return rest + [item for venue, url in hosts["ws_urls"].items() for item in ("--ws-url", f"{venue}={url}")]


def test_assets_of_both_venues_are_watched_ranked_and_flagged_as_short(
    hosts: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from arbkit.record import Recorder

    told: list[str] = []
    kept = tmp_path / "kept"

    def stop(self: Any, event: Any, take: Callable[..., None] = Recorder.on_book) -> None:
        take(self, event)
        books = {s: n["books"] for f in self.feeds for s, n in f.stats()["symbols"].items() if s in MID}
        if told and min(books.values()) > 20:
            self.stop()

    monkeypatch.setattr(Recorder, "on_book", stop)
    found = screen_live(
        size=1000, costs=COSTS, seconds=60, keep=kept, watching=lambda *at: told.append(at[2]), **hosts
    )
    assert set(found.frame["asset"]) == {"BTC", "ETH", "XRP"}
    assert found.currency == "USDT"
    assert 0 < found.seconds < 60
    best = found.frame.row(0, named=True)
    assert (best["asset"], best["crossings"], best["direction_now"]) == ("BTC", 1, "buy B, sell A")
    assert 80 < best["net_bps"] < 90
    assert best["net_bps_per_day"] == pytest.approx(best["net_bps"] * 86_400 / found.seconds)
    assert found.table.columns[:3] == ["asset", "net_bps", "crossings"]
    assert found.finding.startswith(f"in {found.seconds:.3g} s, 1,000 USDT a crossing at 10 bps: 2 of 3")
    assert "selling BTC and carrying back ETH leaves" in found.finding
    assert any("watched for" in note and "multiplied" in note for note in found.notes)
    assert "no book came of SOL" in found.notes
    assert told[-1].endswith(" books")
    # The books were kept, and make the same page as any dataset does.
    again = screen(open_dataset(kept), size=1000, costs=COSTS)
    assert again.frame.select("asset", "net_bps", "rows").sort("asset").equals(
        found.frame.select("asset", "net_bps", "rows").sort("asset")
    )  # fmt: skip
    page = render_screen(found, title="live")
    assert page.count("multiplied up to a day") == 6  # three headings, each with its line below
    assert "net bps seen" not in render_screen(again, title="kept")
    assert found.matrix.filter(pl.col("minutes") > 0).height == 6


def test_interrupt_ends_the_watching_and_ranks_what_has_come(
    hosts: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from arbkit.record import Recorder

    def interrupt(self: Any, event: Any, take: Callable[..., None] = Recorder.on_book) -> None:
        take(self, event)
        if not sent and all(s["books"] > 60 for f in self.feeds for s in f.stats()["symbols"].values()):
            sent.append(event)
            os.kill(os.getpid(), signal.SIGINT)

    sent: list[Any] = []
    monkeypatch.setattr(Recorder, "on_book", interrupt)
    page = str(tmp_path / "page.html")
    more = ["--for", "10m", "--assets", "BTC", "--json", "--to", page]
    code = shell(["screen", "live", *options(hosts), *more])
    said = capsys.readouterr()
    assert code == 0, said.err
    answer = json.loads(said.out)
    assert [row["asset"] for row in answer["assets"]] == ["BTC"]
    assert answer["files"][0] == page
    assert answer["seconds"] < 60
    assert "upbit x binance_usdm: 1 asset on both" in said.err
    assert "interrupted: ranking what has come" in said.err


def test_following_shows_it_anew_until_an_interrupt_one_line_of_json_each(
    hosts: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from arbkit.cli import screen as noun

    def counted(document: dict[str, Any], write: Callable[[Any], None] = noun.print_json_line) -> None:
        write(document)
        seen.append(document["seconds"])
        if len(seen) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    seen: list[float] = []
    monkeypatch.setattr(noun, "print_json_line", counted)
    more = ["--for", "300ms", "--assets", "BTC", "--json", "--follow", "--to", str(tmp_path / "page.html")]
    assert shell(["screen", "live", *options(hosts), *more]) == 0
    said = capsys.readouterr()
    answers = [json.loads(line) for line in said.out.splitlines()]
    assert len(answers) == len(seen) >= 3  # two while watching, and what had come at the end
    assert all([row["asset"] for row in answer["assets"]] == ["BTC"] for answer in answers)
    assert seen == sorted(seen)
    assert seen[-1] > seen[0] > 0


def test_following_says_when_nothing_has_come_and_an_error_ends_it(hosts: dict[str, Any]) -> None:
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if len([line for line in said if line.endswith("(still watching)")]) == 2:
            raise ConfigError("enough")

    with pytest.raises(ConfigError, match="enough"):
        screen_live(
            size=1, costs=COSTS, seconds=0.05, assets=["SOL"], say=say, follow=lambda found: None, **hosts
        )
    assert any("sent none in" in line or "books of both venues" in line for line in said)


def test_silent_venue_is_refused(hosts: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"upbit sent none in .* from ws://127"):
        screen_live(
            size=1000,
            costs=COSTS,
            seconds=0.3,
            assets="SOL",
            rest_urls=hosts["rest_urls"],
            ws_urls={"upbit": "ws://127.0.0.1:1", "binance_usdm": "ws://127.0.0.1:1"},
        )


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"venue_a": "upbti"}, ConfigError, "no venue 'upbti' to watch; did you mean `upbit`"),
        ({"venue_b": "upbit"}, ConfigError, "two different venues, was 'upbit' twice"),
        ({"assets": ["BTC", "ETC"]}, ConfigError, "`ETC` is not traded on both upbit and binance_usdm"),
        ({"seconds": 0}, ConfigError, "`seconds` must be above 0, was 0"),
        ({"rest_urls": {"bithumb": "http://127.0.0.1:1"}}, ConfigError, "bithumb, which is not watched"),
        ({"keep": "/"}, ConfigError, "`keep` must name a folder that does not exist yet, was /"),
    ],
)
def test_wrong_input_is_one_clear_error(
    hosts: dict[str, Any], given: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        screen_live(**{"size": 1000, "costs": COSTS, **hosts, **given})


def test_venues_without_a_common_asset_are_refused(exchange: Any, hosts: dict[str, Any]) -> None:
    rest = {"upbit": exchange.upbit.rest_url, "binance_spot": exchange.binance_spot.rest_url}
    with pytest.raises(DataError, match="upbit in KRW and binance_spot in USDT share none of 5 and 1"):
        screen_live(size=1000, costs=COSTS, venue_b="binance_spot", rest_urls=rest)


def test_venue_that_cannot_be_reached_is_one_clear_error(hosts: dict[str, Any]) -> None:
    hosts["rest_urls"]["binance_usdm"] = "http://127.0.0.1:1"
    with pytest.raises(VenueError, match=r"http://127\.0\.0\.1:1/fapi/v1/exchangeInfo must answer within"):
        screen_live(size=1000, costs=COSTS, **hosts)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["live", "--days", "1"], "--days is for a dataset, not for `arbkit screen live`"),
        (["datasets/x", "--for", "5s"], "--for is for `arbkit screen live`, not for a dataset"),
        (["live", "--rest-url", "upbit"], "--rest-url must be VENUE=URL"),
    ],
)
def test_options_of_the_other_kind_are_refused(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell(["screen", *arguments]) == 1
    err = capsys.readouterr().err
    assert says in err
    assert err.count("error: ") == 1
