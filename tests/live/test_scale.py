"""A live run scales its positions as the backtest of the same books does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import arbkit
from arbkit.errors import ConfigError
from arbkit.live import LiveRunner, open_run, parity_of
from tests.live.conftest import Configure

SCALE = "ewma:20s,target=15,step=1s"
OFTEN: dict[str, Any] = {"min_spread_bps": -1_000, "max_hold_s": 3}


def test_the_scale_of_every_row_is_that_of_the_recording_and_so_are_the_trades(
    configure: Configure, recording: Path
) -> None:
    config = configure(reference="none", scale=SCALE, params=OFTEN)
    LiveRunner(config).run_forever()
    run = open_run(config.runs / "small")
    lived = run.panel("BTC")
    loaded = arbkit.load_panel(
        recording,
        pair={"a": "upbit/KRW-BTC", "b": "binance_usdm/BTCUSDT"},
        fx={"symbol": "upbit/KRW-USDT", "max_age": "60s"},
        max_age="5s",
        currency="USDT",
        reference=f"none; scale={SCALE}",
    )
    assert lived.scale is not None
    assert loaded.scale is not None
    # A panel ends with the venue that ends first.
    assert lived.ts[: len(loaded)].tolist() == loaded.ts.tolist()
    assert lived.scale[: len(loaded)].tolist() == loaded.scale.tolist()
    assert len(loaded) >= len(lived) - 5
    assert lived.meta.reference == f"none; scale={SCALE}"
    assert lived.fair is None
    assert 0.1 < lived.scale[lived.scale > 0].min() < 0.9
    parity = parity_of(run)
    assert parity.ok
    assert parity.same == parity.trades > 10
    assert run.trades["notional_usd"].n_unique() > 5


def test_a_run_that_goes_on_knows_the_volatility_of_before(configure: Configure) -> None:
    whole = configure(name="whole", reference="ewma:1m", scale=SCALE, params=OFTEN)
    cut = configure(name="cut", reference="ewma:1m", scale=SCALE, params=OFTEN)
    for config, stops in ((whole, (1_200,)), (cut, (700, 500))):
        for stop in stops:
            runner = LiveRunner(config)
            for _ in range(stop):
                runner.run_once()
            runner.close()
    scales = [open_run(config.runs / config.name).panel("BTC").scale for config in (whole, cut)]
    assert scales[0] is not None
    assert scales[1] is not None
    assert scales[0].tolist() == scales[1].tolist()


@pytest.mark.parametrize(
    ("scale", "said"),
    [
        ("ewma:20s", "needs `target`"),
        ("column:vol", "is made of its own books"),
        ("emwa:20s,target=3", "did you mean `ewma`"),
    ],
)
def test_a_scale_that_is_none_is_one_clear_error(configure: Configure, scale: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        configure(scale=scale)
