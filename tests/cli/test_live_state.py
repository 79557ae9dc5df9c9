"""`arbkit live state`."""

from __future__ import annotations

import json
import time

import pytest

from arbkit.cli.main import main
from arbkit.live.stores import open_store


@pytest.fixture(params=["sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store that holds a price and a position."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('state')}/state.sqlite"
    else:
        url = str(request.getfixturevalue("redis_url"))
    store = open_store(url)
    store.put_price("upbit", "KRW-BTC", bid=99.0, ask=101.0, ts=time.time_ns())
    store.put_position("BTC", {"quantity": 0.5, "side": "LONG_A_SHORT_B"}, live=True, ts=time.time_ns())
    assert store.close()
    return url


def test_what_a_store_holds_is_shown_with_the_time_it_lives(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["live", "state", "--store", url]) == 0
    out = capsys.readouterr().out
    assert "arbitrage:prices:upbit:KRW-BTC" in out
    assert "bid=99.0 ask=101.0 mid=100.0 20" in out
    assert main(["live", "state", "--store", url, "--kind", "positions", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["key"] == "arbitrage:positions:BTC"
    assert found["value"]["quantity"] == 0.5
    assert 86_000 < found["expires_in_s"] <= 86_400


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--store", "sqlite:///none.sqlite"], "must exist to be read"),
        (["--store", "mysql://me:secret@x/y"], "must be sqlite:///FILE or redis://HOST:PORT/DB"),
        (["--store", "redis://:secret@127.0.0.1:1/0"], "cannot be used"),
        (["--kind", "price"], "did you mean `prices`"),
    ],
)
def test_a_store_that_is_none_is_one_clear_error(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["live", "state", *arguments]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert "secret" not in error
