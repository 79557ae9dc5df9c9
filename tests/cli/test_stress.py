"""`arbkit stress`: what it takes, its files, its refusals."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

import arbkit
from arbkit import StudySpec, run_study
from arbkit.cli import main as shell
from arbkit.panel import load_pair_file

PARAMS = {
    "min_spread_bps": 10.0,
    "taker_fee_a_bps": 2.0,
    "taker_fee_b_bps": 2.0,
    "slippage_bps": 1.0,
    "max_position_usd": 1000.0,
}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `arbkit` in a folder with a pair file and a file of parameters; exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    lines = ["timestamp,best_bid_a,best_ask_a,best_bid_b,best_ask_b"]
    for row in range(600):
        mid = 100 * (1 + 40e-4 * math.sin(row / 50 * 2 * math.pi))
        lines.append(f"{1_700_000_000_000 + row * 250},{mid - 0.01:.4f},{mid + 0.01:.4f},99.99,100.01")
    Path("pair.csv").write_text("\n".join(lines) + "\n")
    Path("params.yaml").write_text(
        "\n".join(f"{k}: {v:g}" for k, v in PARAMS.items()) + "\nstop_loss_bps: none\n"
    )

    def run(*arguments: str) -> tuple[int, str, str]:
        code = shell.main(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_table_sentence_and_files_are_those_of_the_call(run: Run) -> None:
    code, out, err = run(
        "stress", "params.yaml", "--data-file", "pair.csv", "--scenario", "split",
        "--scenario", "halt: {lasts: 10s, venue: a}", "--scenario", "fee_surge + stale_feed", "--seed", "3",
    )  # fmt: skip
    assert code == 0
    scenarios = ["split", {"halt": {"lasts": "10s", "venue": "a"}}, "fee_surge + stale_feed"]
    params = arbkit.Params(**PARAMS)
    found = arbkit.stress_test(load_pair_file("pair.csv"), params, scenarios=scenarios, seed=3)
    assert out.splitlines()[-1] == found.finding
    assert [line.split("  ")[0] for line in out.splitlines()[1:-1]] == found.frame["scenario"].to_list()
    assert "warning: split: the control, and it changed nothing" in err
    document = json.loads(Path("reports/params-stress.json").read_text())
    assert document["table"] == found.frame.to_dicts()
    assert document["scenarios"][1]["lasts"] == "10s"
    assert Path("reports/params-stress.png").stat().st_size > 10_000
    assert Path("reports/params-stress.csv").read_text().startswith("scenario,what,status")


def test_document_of_a_backtest_is_stressed_with_its_own_data(run: Run) -> None:
    options = [word for k, v in PARAMS.items() for word in ("--" + k.replace("_", "-"), f"{v:g}")]
    assert run("backtest", "--data-file", "pair.csv", *options, "--output-json", "result.json")[0] == 0
    Path("scenarios.yaml").write_text("scenarios: [{slippage: {slippage_bps: 30}}, split]\n")
    code, out, _ = run(
        "stress", "result.json", "--scenarios", "scenarios.yaml", "--slippage-bps", "2", "--json"
    )
    assert code == 0
    document = json.loads(out)
    assert [row["scenario"] for row in document["table"]] == ["as configured", "slippage 30 bps", "split"]
    assert document["config"]["slippage_bps"] == 2
    expected = arbkit.backtest(load_pair_file("pair.csv"), arbkit.Params(**{**PARAMS, "slippage_bps": 2.0}))
    assert document["table"][0]["mtm_pnl_usd"] == expected.metrics.mtm_pnl_usd


def test_best_set_of_a_study_is_stressed_on_what_the_search_did_not_see(run: Run) -> None:
    spec = StudySpec.from_dict({
        "name": "small", "panel": "pair.csv", "sampler": "random", "seed": 1, "n_trials": 4,
        "space": {"min_spread_bps": {"type": "float", "low": 5, "high": 20}},
        "fixed": {name: value for name, value in PARAMS.items() if name != "min_spread_bps"},
    })  # fmt: skip
    study = run_study(spec)
    code, out, _ = run("stress", "small", "--scenario", "split", "--json")
    assert code == 0
    document = json.loads(out)
    assert document["table"][0]["mtm_pnl_usd"] == study.run(segment="test").metrics.mtm_pnl_usd
    assert document["config"]["min_spread_bps"] == study.best_params()["min_spread_bps"]
    train = json.loads(run("stress", "small", "--scenario", "split", "--segment", "train", "--json")[1])
    assert train["table"][0]["mtm_pnl_usd"] == study.run(segment="train").metrics.mtm_pnl_usd
    assert "belongs to a file of parameters" in run("stress", "small", "--data-file", "pair.csv")[2]


def test_file_with_pairs_is_a_portfolio(run: Run) -> None:
    values = {**PARAMS, "data_file": "pair.csv", "initial_balance_usd": 5000, "max_open_trades_total": 1}
    pairs = {"one": {}, "two": {"min_spread_bps": 15}}
    Path("desk.json").write_text(json.dumps({**values, "pairs": pairs}))
    code, out, _ = run("stress", "desk.json", "--scenario", "staggered_volatility", "--json")
    assert code == 0
    table = json.loads(out)["table"]
    assert {row["worst_pair"] for row in table} <= {"one", "two"}
    panel, params = load_pair_file("pair.csv"), arbkit.Params(**PARAMS)
    desk = arbkit.Portfolio({"one": panel, "two": panel}, initial_balance_usd=5000, max_open_trades_total=1)
    metrics = desk.backtest({"one": params, "two": params.replace(min_spread_bps=15)}).metrics
    assert table[0]["mtm_pnl_usd"] == metrics.mtm_pnl_usd


def test_list_shows_every_scenario_with_its_parameters(run: Run) -> None:
    code, out, _ = run("stress", "--list")
    assert code == 0
    assert "refused_leg" in out
    assert "lasts=30m" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "needs PARAMS"),
        (["missing.yaml"], "must exist"),
        (["no-such-study"], "no study"),
        (["params.yaml"], "give `--data-file FILE`"),
        (["pair.yaml"], "must hold options by name"),
        (["odd.yaml", "--data-file", "pair.csv"], "`min_spread` is no option; did you mean"),
        (["params.yaml", "--data-file", "pair.csv", "--scenario", "hlat"], "did you mean `halt`"),
        (["params.yaml", "--data-file", "pair.csv", "--scenario", "{"], "must be readable YAML"),
        (["params.yaml", "--data-file", "pair.csv", "--scenario", "halt", "--scenarios", "x"], "not by both"),
        (["params.yaml", "--data-file", "pair.csv", "--seed", "x"], "`--seed` must be a whole number"),
        (["params.yaml", "--data-file", "pair.csv", "--hits", "never"], "`hits` must be trades or time"),
        (["params.yaml", "--datafile", "pair.csv"], "is no option of `arbkit stress`"),
    ],
    ids=lambda item: " ".join(item) if isinstance(item, list) else None,
)
def test_bad_input_ends_with_one_message(arguments: list[str], said: str, run: Run) -> None:
    Path("pair.yaml").write_text("- 1\n")
    Path("odd.yaml").write_text("min_spread: 5\n")
    code, _, err = run("stress", *arguments)
    assert code == 1
    assert said in err
    assert err.count("\n") == 1


def test_costs_that_a_run_measured_replace_those_of_the_file(run: Run) -> None:
    measured = {"taker_fee_a_bps": 3.0, "taker_fee_b_bps": 2.5, "slippage_bps": 1.5}
    costs = {"format": "arbkit-costs", "version": 1, "params": measured, "pairs": {}}
    Path("costs.yaml").write_text(json.dumps(costs))
    more = ("--data-file", "pair.csv", "--scenario", "split", "--taker-fee-b-bps", "4", "--json")
    code, out, _ = run("stress", "params.yaml", "--costs", "costs.yaml", *more)
    config = json.loads(out)["config"]
    assert code == 0
    assert {name: config[name] for name in measured} == measured | {"taker_fee_b_bps": 4.0}
