"""What must hold before a run may trade more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from arbkit.cli.main import main
from arbkit.decision import file as decided
from arbkit.live import LiveRunner, RunResult, open_run
from arbkit.live.config import LiveConfig
from arbkit.live.promote import Promotion, promotion_of
from tests.live.conftest import Configure
from tests.live.test_calibrate import filled


def params_file(run: RunResult, path: Path, low: float, high: float) -> Path:
    """Write a decided file whose interval holds for half the run's size."""
    own = run.params("BTC")
    document = {
        "format": decided.FORMAT,
        "version": decided.VERSION,
        "verdict": "not supported",
        "sentence": "made by a test",
        "study": {},
        "dataset": {},
        "valid_until": "2020-01-01T00:00:00+00:00",
        "config": {"data_file": "x", "reference": "none", **own.to_dict()},
        "guard": {"tuned": True, "limits": own.guard.to_dict() if own.guard else {}},
        "envelope": dict.fromkeys(
            (
                "x_ab_bps",
                "x_ba_bps",
                "fair_bps",
                "fair_daily_change_bps",
                "width_a_bps",
                "width_b_bps",
                "fx_age_s",
            )
        ),
        "per_day": {
            "of_notional_usd": own.max_position_usd / 2,
            "currency": "USDT",
            "out_of_sample": {"mean": 0.0, "low": low, "high": high},
        },
        "canary": None,
    }
    body = yaml.safe_dump(document)
    path.write_text(f"{body}checksum: {decided._digest(body)}\n")
    return path


def found(run: RunResult, **options: Any) -> tuple[Promotion, dict[str, bool]]:
    promotion = promotion_of(run, **options)
    return promotion, {item.name: item.met for item in promotion.conditions}


def per_day(run: RunResult) -> float:
    return float(run.trades.filter(~run.trades["is_open"])["pnl_usd"].sum()) / run.days


def test_a_run_that_meets_every_condition_may_go_on(short_run: RunResult, tmp_path: Path) -> None:
    filled(short_run, list(range(50, 650, 20)), extra=dict.fromkeys(range(30), -1.0))
    half = per_day(short_run) / 2
    params = params_file(short_run, tmp_path / "params.yaml", half - 1, half + 1)
    promotion, met = found(short_run, min_trades=5, min_days=0.0001, params=params)
    assert met == dict.fromkeys(("trades", "days", "pnl_per_day", "slippage", "parity"), True)
    assert promotion.granted
    assert (promotion.now, promotion.then, promotion.share) == ("paper", "a tenth", 0.1)
    numbers = {item.name: item.numbers for item in promotion.conditions}
    assert numbers["pnl_per_day"]["per_day"] == pytest.approx(per_day(short_run))
    assert numbers["pnl_per_day"]["size_ratio"] == 2.0
    assert numbers["trades"]["closed"] == int((~short_run.trades["is_open"]).sum()) >= 5


def test_what_is_missing_is_said_with_its_numbers(short_run: RunResult, tmp_path: Path) -> None:
    promotion, met = found(short_run)
    assert met == {"trades": False, "days": False, "pnl_per_day": False, "slippage": False, "parity": True}
    assert not promotion.granted
    said = {item.name: item.found for item in promotion.conditions}
    assert "no decided parameters" in said["pnl_per_day"]
    assert "fills: venue" in said["slippage"]
    outside = params_file(short_run, tmp_path / "params.yaml", 1e6, 2e6)
    assert not found(short_run, params=outside)[1]["pnl_per_day"]


@pytest.mark.parametrize(("worse", "met"), [(-1.0, True), (-0.45, True), (0.5, False)])
def test_slippage_may_be_two_standard_errors_above_the_parameters(
    short_run: RunResult, worse: float, met: bool
) -> None:
    # Crossings cost 2 bps, the parameters say 1; some more cost than others.
    filled(short_run, list(range(50, 650, 20)), extra={n: worse + 0.2 * (n % 3 - 1) for n in range(30)})
    assert found(short_run)[1]["slippage"] is met


@pytest.mark.parametrize(
    ("mode", "share", "now", "then", "after"),
    [
        ("paper", 1.0, "paper", "a tenth", 0.1),
        ("live", 0.1, "a tenth", "a third", 1 / 3),
        ("live", 0.05, "0.05 of the size", "a third", 1 / 3),
        ("live", 1 / 3, "a third", "the whole size", 1.0),
        ("live", 1.0, "the whole size", "", 1.0),
    ],
)
def test_steps_follow_each_other(
    short_run: RunResult, mode: str, share: float, now: str, then: str, after: float
) -> None:
    short_run._about |= {"mode": mode, "size_share": share}
    promotion = promotion_of(short_run)
    assert (promotion.now, promotion.then, promotion.share) == (now, then, after)
    assert not promotion.granted


def test_the_command_prints_each_condition_and_ends_with_one_where_one_fails(
    short_run: RunResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = str(short_run.folder.path)
    assert main(["live", "promote", place]) == 1
    out = capsys.readouterr().out
    assert out.count("NOT MET") == 4
    assert "stays at paper; a tenth needs all of these" in out
    filled(short_run, list(range(50, 650, 20)), extra=dict.fromkeys(range(30), -1.0))
    params = params_file(short_run, tmp_path / "params.yaml", -1e9, 1e9)
    enough = ["--min-trades", "5", "--min-days", "0.0001", "--params", str(params)]
    assert main(["live", "promote", place, *enough]) == 0
    assert "may go from paper to a tenth: give a new run `mode: live` and `size_share: 0.1`" in (
        capsys.readouterr().out
    )
    assert main(["live", "promote", place, *enough, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["granted"] is True
    assert main(["live", "promote", place, "--min-days", "0"]) == 1
    assert "must be above 0" in capsys.readouterr().err


def test_a_run_keeps_the_decided_file_that_it_began_with(
    short_run: RunResult, configure: Configure, tmp_path: Path
) -> None:
    path = params_file(short_run, tmp_path / "params.yaml", -1e9, 1e9)
    values = {**yaml.safe_load(configure(name="decided").text), "params_file": str(path)}
    values = {name: value for name, value in values.items() if name not in ("params", "guard", "reference")}
    runner = LiveRunner(LiveConfig.from_dict(values))
    runner.run_once()
    runner.close()
    path.unlink()
    run = open_run(runner.folder.path)
    numbers = {item.name: item.numbers for item in promotion_of(run).conditions}
    assert numbers["pnl_per_day"]["high"] == 2e9
