"""What a live configuration may hold, and what each mistake is answered with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from arbkit.errors import ConfigError
from arbkit.live.config import LiveConfig
from tests.live.conftest import live_values

MONEY: dict[str, Any] = {"min_spread_bps": 5, "taker_fee_a_bps": 5, "taker_fee_b_bps": 4, "slippage_bps": 1}
PAIR = {"a": "upbit/KRW-BTC", "b": "binance_usdm/BTCUSDT"}


def made(**changes: Any) -> LiveConfig:
    return LiveConfig.from_dict(live_values(Path("datasets/demo"), Path("runs"), **changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ballance": 1}, "no key `ballance`; did you mean `balance`"),
        ({"balance": -5}, "`balance` must be a number above 0"),
        ({"balance": None}, "`balance` must be given"),
        ({"mode": "real"}, "`mode` must be one of paper, live, was 'real'"),
        ({"pairs": []}, "`pairs` must be a list with at least one pair"),
        ({"pairs": [{"a": "upbit/KRW-BTC"}]}, r"`pairs\[0\]` needs leg B"),
        ({"pairs": [{"a": "upbit/KRW-BTC", "b": "upbit/KRW-BTC"}]}, "two different instruments"),
        ({"pairs": [{"a": "upbit/KRW-BTC", "b": "x/Y", "spread": 1}]}, "has no key `spread`"),
        ({"pairs": [{"a": "upbit/KRW-BTC", "b": "x/FOO"}]}, "base and quote of FOO cannot be told"),
        ({"pairs": [{"a": "upbit/KRW-BTC", "b": "binance_usdm/BTCUSDT"}] * 2}, "`BTC` stands there twice"),
        ({"params": {"min_sprd_bps": 1}}, "`min_sprd_bps` is no parameter .*`min_spread_bps`"),
        ({"params_file": "params.yaml"}, "either `params` or `params_file`"),
        ({"guard": {"max_positions_usd": 1}}, "has no key `max_positions_usd`; did you mean"),
        ({"guard": None}, "`guard` must be given for an account in USDT"),
        ({"reference": "column:x"}, "a live `reference` is none, fixed:BPS"),
        ({"max_age": "soon"}, "`max_age` must be a duration"),
        ({"max_age": -1}, "`max_age` must be a duration of at least 0 seconds, was -1"),
        ({"max_age": {"a": -1}}, "`max_age.a` must be a duration of at least 0 seconds, was -1"),
        ({"pairs": [{**PAIR, "max_age": -1}]}, r"`pairs\[0\].max_age` must be a duration of at least 0"),
        ({"max_age": -1, "pairs": [{**PAIR, "max_age": 5}]}, "`max_age` must be a duration of at least 0"),
        (
            {"params": {**MONEY, "slippage_bps": -1}, "pairs": [{**PAIR, "params": {"slippage_bps": 1}}]},
            "`slippage_bps` must be",
        ),
        ({"fx": None}, "a leg is quoted in KRW, the account in USDT: `fx` must be given"),
        ({"fx": {"venue": "upbit", "symbol": "KRW-ETH"}}, "FX must convert KRW into USDT"),
        ({"fx": {"venue": "upbit", "symbol": "KRW-USDT", "price": "bid"}}, "`fx.price` must be one of mid"),
        ({"venues": {"upbitt": {}}}, "no venue `upbitt`; did you mean `upbit`"),
        ({"venues": {"upbit": {"url": "x"}}}, "`venues.upbit` has no key `url`"),
        ({"replay": None}, "`venues` must name every venue of a pair"),
        ({"replay": {"dataset": "x", "speed": -1}}, "`replay.speed` must be a number at least 0"),
        ({"size_share": 1.5}, "`size_share` must be at most 1"),
        ({"execution": {"fills": "exchange"}}, "`execution.fills` must be one of engine, venue"),
        ({"limits": {"max_open_trades_total": 0.5}}, "must be a whole number, at least 1"),
        ({"name": "../x"}, "`name` is that of a folder"),
        ({"same": 3}, "`same` must be a list of texts"),
        ({"same": [{}]}, "`same` must be a list of texts"),
        ({"heartbeat": "0s"}, "`heartbeat` must be longer than 0"),
        (
            {"venues": {"upbit": {"paper_balances": 5}}},
            "`venues.upbit.paper_balances` must be a block of keys",
        ),
        ({"venues": {"upbit": {"ws_url": "http://x"}}}, "`venues.upbit.ws_url` must begin with ws://"),
        ({"venues": {"upbit": {"rest_url": "x"}}}, "`venues.upbit.rest_url` must begin with http://"),
        (
            {"pairs": [{"a": "upbit/KRW-BTC", "b": "binance_usdm/BTCUSDT", "params": 1}]},
            r"`pairs\[0\].params` must be a block of keys",
        ),
        ({"risk": {"breaker": 3, "window": 10**30}}, "`risk.window` must be at most"),
        ({"mode": "live"}, "`mode` live trades on live books"),
        ({"params": {"pnl_model": "convergence"}}, "needs `pnl_model` executable"),
    ],
)
def test_a_mistake_is_answered_with_the_rule_and_the_value(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        made(**changes)


def test_a_configuration_says_what_it_means() -> None:
    config = made(size_share=0.1)
    (pair,) = config.pairs
    assert (pair.name, pair.legs) == ("BTC", ("upbit/KRW-BTC", "binance_usdm/BTCUSDT"))
    assert (pair.quote_a, pair.quote_b) == ("KRW", "USDT")
    assert pair.params.max_position_usd == 100
    assert pair.params.guard is not None
    assert pair.params.guard.max_trades_per_hour == 30
    assert config.legs == ("upbit/KRW-BTC", "binance_usdm/BTCUSDT", "upbit/KRW-USDT")
    assert config.fx is not None
    assert (config.fx.base, config.fx.quote) == ("USDT", "KRW")


def test_an_account_in_won_has_the_limits_of_the_older_system() -> None:
    (pair,) = made(currency="KRW", guard=None).pairs
    guard = pair.params.guard
    assert guard is not None
    assert (guard.max_position_usd, guard.max_daily_loss_usd) == (1_000_000, 500_000)
    assert (guard.max_trades_per_hour, guard.max_trades_per_day) == (100, 1_000)
    assert (guard.max_slippage_bps, guard.min_fill_rate) == (50, 0.8)
    assert (guard.breaker_loss_pct, guard.breaker_cooldown_s) == (5, 300)


@pytest.mark.parametrize("text", ["pairs: [", "- a\n- b\n", ""])
def test_a_file_that_is_no_configuration_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"broken\.yaml"):
        LiveConfig.load(path)


@pytest.mark.parametrize("name", ["replay", "paper"])
def test_shipped_configurations_are_read(repository: Path, name: str) -> None:
    config = LiveConfig.load(repository / "configs" / f"{name}.yaml")
    assert (config.name, config.mode) == (name, "paper")
    assert yaml.safe_load(config.text)["balance"] == config.balance
