"""Small real studies and views: a synthetic market, the engine, Optuna on SQLite."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from arbkit.config import Params
from arbkit.engine import backtest, backtest_many, split_panel
from arbkit.live import LiveRunner, open_run
from arbkit.live.config import LiveConfig
from arbkit.live.story import tell
from arbkit.panel import Panel, PanelMeta
from arbkit.report import Objective, Searched, Segment, StudyView, view_of
from arbkit.report.runs import RunView, run_view_of
from arbkit.study import Study, StudySpec, run_study
from arbkit.synthetic import Market, load_market_spec, write_market
from arbkit.units import SECOND_NS
from tests.live.conftest import live_values
from tests.live.test_story import DAY

COSTS = {"taker_fee_a_bps": 2.0, "taker_fee_b_bps": 2.0, "slippage_bps": 1.0, "max_position_usd": 1000.0}
OFTEN = {"min_spread_bps": -1_000, "max_hold_s": 20, "latency_ms": 150}
START_NS = 1_700_000_000 * SECOND_NS


def make_panel(rows: int = 14_000, *, seed: int = 0, size_bps: float = 15.0, **meta: Any) -> Panel:
    """Two venues whose premium returns to zero within an hour; one row every five minutes."""
    rng = np.random.default_rng(seed)
    mid = 60_000 * np.exp(np.cumsum(rng.normal(0, 3e-4, rows)))
    premium = np.zeros(rows)
    steps = rng.normal(0, size_bps / 3, rows)
    for i in range(1, rows):
        premium[i] = 0.93 * premium[i - 1] + steps[i]
    premium[rng.integers(0, rows, 3)] += 90
    a, b = mid * (1 + premium / 1e4), mid
    ts = START_NS + 300 * SECOND_NS * np.arange(rows, dtype=np.int64)
    bid_a = a * (1 - 1e-4)
    bid_a[rng.random(rows) < 0.003] = np.nan
    fields = {
        "name": "demo",
        "leg_a": "upbit/KRW-BTC",
        "leg_b": "binance_usdm/BTCUSDT",
        "currency": "USDT",
        "spot_a": False,
        "spot_b": False,
        **meta,
    }
    return Panel(ts, bid_a, a * (1 + 1e-4), b * (1 - 5e-5), b * (1 + 5e-5), meta=PanelMeta(**fields))


def make_view(
    panel: Panel, chosen: dict[str, Any] | None = None, trials: int = 24, **fixed: Any
) -> StudyView:
    """A view with trials judged by the engine; `chosen` replaces the highest of them."""
    rng = np.random.default_rng(1)
    base = {**COSTS, **fixed}
    train, test, _ = split_panel(panel, 0.3)
    draws = [
        {"min_spread_bps": float(rng.uniform(2, 25)), "exit_spread_bps": float(rng.uniform(-15, 5))}
        for _ in range(trials)
    ]
    if chosen is not None:
        draws[0] = chosen
    values = backtest_many(train, [Params(**base, **draw, close_at_end=True) for draw in draws])[
        "mtm_pnl_usd"
    ]
    at = 0 if chosen is not None else int(values.arg_max() or 0)
    params = Params(**base, **draws[at], close_at_end=True)
    frame = pl.DataFrame(draws).with_columns(
        number=pl.int_range(trials, dtype=pl.Int64),
        state=pl.lit("COMPLETE"),
        feasible=pl.lit(value=True),
        repeated=pl.lit(value=False),
        stopped=pl.lit(value=False),
        objective=values,
    )
    return StudyView(
        name="demo",
        objectives=(Objective("mtm_pnl_usd", maximize=True),),
        searched=(
            Searched("min_spread_bps", draws[at]["min_spread_bps"], 2.0, 25.0),
            Searched("exit_spread_bps", draws[at]["exit_spread_bps"], -15.0, 5.0),
        ),
        fixed=base,
        reference="none",
        params=params,
        chosen_number=at,
        trials=frame,
        top=frame.sort("objective", descending=True).head(5),
        ped_anova={"min_spread_bps": 0.8, "exit_spread_bps": 0.2},
        train=Segment(train, backtest(train, params)),
        test=Segment(test, backtest(test, params)),
        lockbox_end_ns=panel.end_ns,
        source="datasets/demo",
        sampler="random",
        seed=1,
        n_trials=trials,
        storage="sqlite:///studies/demo.db",
        created="2026-03-05 12:00 UTC",
        fingerprint="ab" * 16,
        arbkit_version="0.1.0",
        code_version="git:0123abc",
        command="arbkit study run studies/demo.yaml",
    )


@pytest.fixture(scope="session")
def panel() -> Panel:
    return make_panel()


@pytest.fixture(scope="session")
def view(panel: Panel) -> StudyView:
    return make_view(panel)


@pytest.fixture(scope="session")
def panel_of() -> Callable[..., Panel]:
    return make_panel


@pytest.fixture(scope="session")
def view_with() -> Callable[..., StudyView]:
    return make_view


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, panel: Panel) -> Path:
    """A folder as a user has it: a panel file and `studies/`."""
    place = tmp_path_factory.mktemp("desk")
    (place / "studies").mkdir()
    panel.write(place / "panel.parquet")
    return place


@pytest.fixture(scope="session")
def spec_of(folder: Path) -> Callable[..., StudySpec]:
    """Make the spec of a small study over the panel file in `folder`."""

    def make(name: str, **changes: Any) -> StudySpec:
        values: dict[str, Any] = {
            "name": name,
            "panel": str(folder / "panel.parquet"),
            "storage": f"sqlite:///{folder}/studies/{name}.db",
            "sampler": "random",
            "seed": 1,
            "n_trials": 16,
            "space": {
                "min_spread_bps": {"type": "float", "low": 2, "high": 25},
                "max_hold_s": {"type": "float", "low": 600, "high": 86_400, "log": True},
                "max_open_trades": {"type": "int", "low": 1, "high": 3},
                "reference": {"type": "categorical", "choices": ["none", "ewma:6h"]},
            },
            "fixed": COSTS,
        }
        return StudySpec.from_dict({**values, **changes})

    return make


@pytest.fixture(scope="session")
def study(spec_of: Callable[..., StudySpec]) -> Study:
    """A finished study of sixteen trials."""
    return run_study(spec_of("demo"))


@pytest.fixture(scope="session")
def seen(study: Study) -> StudyView:
    """What a report shows of that study, with its neighbourhood and the checks."""
    return view_of(study)


@pytest.fixture(scope="session")
def live_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run over a small recorded market whose orders went to paper venues."""
    folder = tmp_path_factory.mktemp("live")
    write_market(Market(load_market_spec("kimchi"), rows=1_500, levels=1, seed=4), folder / "demo")
    values = live_values(
        folder / "demo", folder / "runs", params=OFTEN, reference="none", execution={"fills": "venue"}
    )
    LiveRunner(LiveConfig.from_dict(values)).run_forever()
    return folder / "runs" / "small"


@pytest.fixture(scope="session")
def ran(live_run: Path) -> RunView:
    return run_view_of(open_run(live_run))


def eventful(ran: RunView) -> RunView:
    """Return the same run with a day on which much happened."""
    story = tell(DAY, (ran.story.start_ns, ran.story.end_ns))
    return ran._replace(story=dataclasses.replace(story, outcomes=ran.story.outcomes))
