"""Costs that a run measured, in the next study and the next backtest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from arbkit import ConfigError
from arbkit.cli.main import main
from arbkit.study import StudySpec
from arbkit.study.costs import read_costs

MEASURED = {"taker_fee_a_bps": 3.0, "taker_fee_b_bps": 4.0, "slippage_bps": 1.25, "latency_a_ms": 40.0}


@pytest.fixture
def costs(tmp_path: Path) -> Path:
    document = {
        "format": "arbkit-costs",
        "version": 1,
        "params": MEASURED,
        "pairs": {"BTC": {"params": {**MEASURED, "slippage_bps": 0.5}}},
    }
    path = tmp_path / "costs.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def test_a_spec_fixes_what_was_measured_but_for_what_it_says_itself(
    values: dict[str, Any], costs: Path
) -> None:
    values["fixed"] = {"max_position_usd": 1000, "taker_fee_b_bps": 2}
    values["space"]["slippage_bps"] = {"type": "float", "low": 0, "high": 2}
    spec = StudySpec.from_dict({**values, "costs": str(costs)})
    assert spec.fixed == {
        "taker_fee_a_bps": 3.0,
        "latency_a_ms": 40.0,
        "max_position_usd": 1000,
        "taker_fee_b_bps": 2,
    }
    costs.unlink()
    assert spec.replace(n_trials=3).fixed == spec.fixed
    assert "costs" not in spec.to_dict()


def test_costs_of_one_pair_are_named_behind_the_file(values: dict[str, Any], costs: Path) -> None:
    values["fixed"] = {"max_position_usd": 1000, "latency_ms": 7}
    spec = StudySpec.from_dict({**values, "costs": f"{costs}:BTC"})
    assert spec.fixed["slippage_bps"] == 0.5
    assert "latency_a_ms" not in spec.fixed


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "other"}, "must be a file of costs"),
        ({"params": {"slippage": 1}}, "did you mean `slippage_bps`"),
        ({"params": {"slippage_bps": -1}}, "slippage_bps"),
        ({"params": {}}, "holds none"),
    ],
)
def test_a_file_that_is_none_is_one_clear_error(costs: Path, change: dict[str, Any], said: str) -> None:
    costs.write_text(yaml.safe_dump(yaml.safe_load(costs.read_text()) | change))
    with pytest.raises(ConfigError, match=said):
        read_costs(str(costs))


def test_a_missing_file_or_pair_is_named(costs: Path) -> None:
    with pytest.raises(ConfigError, match="must exist"):
        read_costs("none.yaml")
    with pytest.raises(ConfigError, match="did you mean `BTC`"):
        read_costs(f"{costs}:BTCC")


def test_a_backtest_takes_them_where_its_options_say_nothing(
    costs: Path, market_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [
        "backtest",
        "--data-file",
        str(market_file),
        "--min-spread-bps",
        "5",
        "--max-position-usd",
        "1000",
    ]
    assert main([*given, "--costs", str(costs), "--taker-fee-a-bps", "1"]) == 0
    config = json.loads(capsys.readouterr().out)["config"]
    assert (config["taker_fee_a_bps"], config["taker_fee_b_bps"], config["latency_a_ms"]) == (1.0, 4.0, 40.0)
    assert config["slippage_bps"] == 1.25
    assert main([*given, f"--costs={costs}:BTC", "--latency-ms", "5"]) == 0
    config = json.loads(capsys.readouterr().out)["config"]
    assert (config["slippage_bps"], config["latency_ms"], config["latency_a_ms"]) == (0.5, 5.0, None)
