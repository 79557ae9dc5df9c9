"""`arbkit backtest`: its document, its exit codes, its refusals."""

from __future__ import annotations

import dataclasses
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import arbkit
from arbkit.cli import backtest as command
from arbkit.cli import main as shell
from arbkit.config import PARAM_NAMES
from arbkit.data import DatasetWriter, InstrumentInfo, book_schema
from arbkit.jobs.job import Job
from arbkit.metrics import METRIC_NAMES
from arbkit.panel import load_pair_file

ROWS = 400
PARAMS: dict[str, Any] = {
    "min_spread_bps": 10.0,
    "taker_fee_a_bps": 2.0,
    "taker_fee_b_bps": 2.0,
    "slippage_bps": 1.0,
    "max_position_usd": 1000.0,
}
REQUIRED = [word for name, value in PARAMS.items() for word in ("--" + name.replace("_", "-"), f"{value:g}")]

RATE = ["--fx-symbol", "KRW-USDT", "--currency", "USDT"]

Run = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def pair_csv(tmp_path: Path) -> Path:
    """A pair file whose premium swings through 40 bps every 50 rows."""
    lines = ["timestamp,best_bid_a,best_ask_a,best_bid_b,best_ask_b"]
    for row in range(ROWS):
        mid = 100 * (1 + 40e-4 * math.sin(row / 50 * 2 * math.pi))
        lines.append(f"{1_700_000_000_000 + row * 60_000},{mid - 0.01:.4f},{mid + 0.01:.4f},99.99,100.01")
    path = tmp_path / "pair.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `arbkit backtest` and return exit code, the JSON on stdout, and stderr."""

    def run(*arguments: str | Path) -> tuple[int, dict[str, Any], str]:
        code = shell.main(["backtest", *map(str, arguments)])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else {}, said.err

    return run


def without_runtime(document: dict[str, Any]) -> dict[str, Any]:
    metrics = {name: value for name, value in document["metrics"].items() if name != "runtime_seconds"}
    return {**document, "metrics": metrics}


def test_document_holds_all_inputs_all_metrics_and_the_summary(run: Run, pair_csv: Path) -> None:
    code, document, _ = run("--data-file", pair_csv, *REQUIRED, "--tag", "nightly")
    assert code == 0
    assert document["status"] == "success"
    assert set(document["config"]) == {*PARAM_NAMES, *(item.name for item in dataclasses.fields(Job))}
    assert list(document["metrics"]) == [*METRIC_NAMES, "runtime_seconds"]
    assert document["metrics"]["runtime_seconds"] > 0
    assert document["config_summary"] == {
        "data_file": str(pair_csv),
        "min_spread_bps": 10.0,
        "max_position_usd": 1000.0,
        "tag": "nightly",
        "snapshots_count": ROWS,
    }


def test_metrics_are_those_of_the_library(run: Run, pair_csv: Path) -> None:
    result = arbkit.backtest(load_pair_file(pair_csv), arbkit.Params(**PARAMS))
    _, document, _ = run("--data-file", pair_csv, *REQUIRED)
    assert without_runtime(document)["metrics"] == result.metrics.to_dict()
    assert document["metrics"]["closed_trades"] > 0


def test_two_runs_differ_in_runtime_only(run: Run, pair_csv: Path) -> None:
    first = run("--data-file", pair_csv, *REQUIRED)[1]
    second = run("--data-file", pair_csv, *REQUIRED)[1]
    assert without_runtime(first) == without_runtime(second)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two venues quoting one asset, A in KRW, with its exchange rate: a premium of 0 to 80 bps."""
    stamps = [1_700_000_000_000_000_000 + row * 60_000_000_000 for row in range(ROWS)]
    premium = [1 + 40e-4 * (1 + math.sin(row / 50 * 2 * math.pi)) for row in range(ROWS)]
    mids = {
        InstrumentInfo(venue="upbit", symbol="KRW-BTC", quote="KRW"): [130_000.0 * item for item in premium],
        InstrumentInfo(venue="binance", symbol="BTCUSDT", quote="USDT", kind="perpetual"): [100.0] * ROWS,
        InstrumentInfo(venue="upbit", symbol="KRW-USDT", base="USDT", quote="KRW", kind="fx"): [1300.0]
        * ROWS,
    }
    path = tmp_path / "made"
    with DatasetWriter(path, source="made by a test") as writer:
        for info, mid in mids.items():
            columns = {
                "ts_event": stamps,
                "ts_recv": stamps,
                "bid_px_00": [price * 0.9999 for price in mid],
                "bid_sz_00": [1.0] * ROWS,
                "ask_px_00": [price * 1.0001 for price in mid],
                "ask_sz_00": [1.0] * ROWS,
            }
            writer.write(info, pl.DataFrame(columns, schema=book_schema(1)))
        writer.commit()
    return path


def test_dataset_is_joined_with_its_rate(run: Run, dataset: Path) -> None:
    words = ["--pair-a", "upbit/KRW-BTC", "--pair-b", "binance/BTCUSDT", *RATE]
    code, document, err = run("--data-file", dataset, *REQUIRED, *words)
    assert code == 0, err
    panel = arbkit.load_panel(
        dataset,
        {"a": "upbit/KRW-BTC", "b": "binance/BTCUSDT"},
        {"symbol": "KRW-USDT"},
        currency="USDT",
        cache=False,
    )
    expected = arbkit.backtest(panel, arbkit.Params(**PARAMS)).metrics
    assert without_runtime(document)["metrics"] == expected.to_dict()
    assert expected.closed_trades > 0


def test_a_second_run_maps_what_the_first_one_joined(run: Run, dataset: Path, monkeypatch: Any) -> None:
    first = run("--data-file", dataset, *REQUIRED, *RATE)[1]
    monkeypatch.setattr("arbkit.panel.load._joined", None)
    code, second, err = run("--data-file", dataset, *REQUIRED, *RATE)
    assert code == 0, err
    assert without_runtime(second) == without_runtime(first)


def test_a_panel_store_gives_what_its_file_gives(run: Run, pair_csv: Path, tmp_path: Path) -> None:
    load_pair_file(pair_csv).store(tmp_path / "store")
    for words in ([], ["--reference", "ewma:10m"], ["--start", "2023-11-15"]):
        from_file = run("--data-file", pair_csv, *REQUIRED, *words)[1]
        code, from_store, err = run("--data-file", tmp_path / "store", *REQUIRED, *words)
        assert code == 0, err
        assert without_runtime(from_store)["metrics"] == without_runtime(from_file)["metrics"]


def test_options_of_datasets_are_refused_for_a_panel_store(run: Run, pair_csv: Path, tmp_path: Path) -> None:
    load_pair_file(pair_csv).store(tmp_path / "store")
    code, document, _ = run("--data-file", tmp_path / "store", *REQUIRED, "--grid", "1s")
    assert code == 1
    assert "--grid are for datasets" in document["message"]


def test_dataset_of_two_instruments_needs_no_pair(run: Run, dataset: Path) -> None:
    named = ["--pair-a", "upbit/KRW-BTC", "--pair-b", "binance/BTCUSDT"]
    code, document, _ = run("--data-file", dataset, *REQUIRED, *RATE)
    with_names = run("--data-file", dataset, *REQUIRED, *RATE, *named)[1]
    assert code == 0
    assert document["config_summary"] == with_names["config_summary"]
    assert document["metrics"]["total_trades"] == with_names["metrics"]["total_trades"]


def test_depth_reads_as_many_levels_of_a_dataset_as_it_walks(run: Run, dataset: Path) -> None:
    shallow = run("--data-file", dataset, *REQUIRED, *RATE)[1]["metrics"]
    # 1,000 buy 10 of the 1 that each side shows.
    code, document, _ = run("--data-file", dataset, *REQUIRED, *RATE, "--depth-levels", "1")
    assert code == 0
    assert document["config"]["depth_levels"] == 1
    assert document["metrics"]["turnover_usd"] < 0.11 * shallow["turnover_usd"]
    assert document["metrics"]["rejected_thin"] == document["metrics"]["beyond_book"] == 0


DATASET_REFUSED = {
    "more levels than there are": ([*RATE, "--depth-levels", "2"], "has 1, was 2"),
    "half a pair": (["--pair-a", "upbit/KRW-BTC"], "needs both `--pair-a` and `--pair-b`"),
    "no rate": ([], "FX"),
    "an unknown leg": (["--pair-a", "upbit/KRW-BTX", "--pair-b", "binance/BTCUSDT"], "upbit/KRW-BTC"),
}


@pytest.mark.parametrize("case", DATASET_REFUSED)
def test_dataset_is_refused_with_one_line_and_exit_1(run: Run, dataset: Path, case: str) -> None:
    words, message = DATASET_REFUSED[case]
    code, document, err = run("--data-file", dataset, *REQUIRED, *words)
    assert code == 1
    assert message.lower() in document["message"].lower()
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        (["--exit-spread-bps", "-1e1"], "exit_spread_bps", -10.0),
        (["--exit-spread-bps=-3"], "exit_spread_bps", -3.0),
        (["--max-open-trades", "3"], "max_open_trades", 3),
        (["--stop-loss-bps", "none"], "stop_loss_bps", None),
        (["--max-hold-s", "3600"], "max_hold_s", 3600.0),
        (["--direction", "long_a_short_b"], "direction", "long_a_short_b"),
        (["--close-at-end"], "close_at_end", True),
        (["--close-at-end=false"], "close_at_end", False),
        (["--no-close-on-spread-reversal"], "close_on_spread_reversal", False),
        (["--initial-balance-usd", "5000"], "initial_balance_usd", 5000.0),
        (["--stop-on-drawdown-pct", "12.5"], "stop_on_drawdown_pct", 12.5),
        (["--guard", "none"], "guard", None),
    ],
)
def test_option_reaches_the_parameters(
    run: Run, pair_csv: Path, words: list[str], name: str, value: object
) -> None:
    code, document, _ = run("--data-file", pair_csv, *REQUIRED, *words)
    assert code == 0
    assert document["config"][name] == value
    assert type(document["config"][name]) is type(value)


def test_every_parameter_is_an_option_with_one_line_of_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(command.PARAM_HELP) == set(PARAM_NAMES)
    assert shell.main(["backtest", "--help"]) == 0
    out = capsys.readouterr().out
    for name in (*PARAM_NAMES, *(item.name for item in dataclasses.fields(Job))):
        assert f"  --{name.replace('_', '-')} " in out


def test_parquet_of_a_panel_gives_the_same_metrics(run: Run, pair_csv: Path, tmp_path: Path) -> None:
    path = tmp_path / "panel.parquet"
    load_pair_file(pair_csv).write(path)
    from_csv = run("--data-file", pair_csv, *REQUIRED)[1]
    from_parquet = run("--data-file", path, *REQUIRED)[1]
    assert without_runtime(from_parquet)["metrics"] == without_runtime(from_csv)["metrics"]


def test_reference_is_computed_before_the_start_is_cut_off(run: Run, pair_csv: Path) -> None:
    start = "2023-11-15T00:00:00"
    words = ["--reference", "ewma:30m", "--start", start]
    _, document, _ = run("--data-file", pair_csv, *REQUIRED, *words)
    panel = load_pair_file(pair_csv).with_reference("ewma:30m").slice(start, None)
    expected = arbkit.backtest(panel, arbkit.Params(**PARAMS)).metrics
    assert without_runtime(document)["metrics"] == expected.to_dict()
    assert document["config_summary"]["snapshots_count"] == len(panel) < ROWS


def test_output_file_gets_the_document_and_stdout_stays_empty(
    run: Run, pair_csv: Path, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "result.json"
    code, on_stdout, err = run("--data-file", pair_csv, *REQUIRED, "--output-json", path)
    assert (code, on_stdout) == (0, {})
    document = json.loads(path.read_text())
    assert document["status"] == "success"
    assert f"{document['metrics']['total_trades']} trades" in err
    assert [item.name for item in path.parent.iterdir()] == ["result.json"]


def test_output_file_gets_the_error_too(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    code, on_stdout, err = run("--data-file", tmp_path / "none.csv", *REQUIRED, "--output-json", path)
    assert (code, on_stdout) == (1, {})
    document = json.loads(path.read_text())
    assert document["status"] == "error"
    assert err == f"error: {document['message']}\n"


def test_output_that_cannot_be_written_is_an_error_and_goes_to_stdout(
    run: Run, pair_csv: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    code, document, err = run(
        "--data-file", pair_csv, *REQUIRED, "--output-json", tmp_path / "file" / "x.json"
    )
    assert code == 1
    assert document["status"] == "error"
    assert "`--output-json` must be writable" in err


REFUSED = {
    "a missing file": (["--data-file", "nowhere.csv"], "`--data-file` must exist, was 'nowhere.csv'"),
    "negative slippage": (["--slippage-bps", "-1"], "`slippage_bps` must be at least 0, was -1"),
    "text for a number": (["--min-spread-bps", "wide"], "`--min-spread-bps` must be a number, was 'wide'"),
    "infinity": (["--min-spread-bps", "-inf"], "`min_spread_bps` must be finite, was -inf"),
    "an unknown choice": (["--direction", "sideways"], "`direction` must be one of both, long_a_short_b"),
    "text for a flag": (["--close-at-end", "maybe"], "`--close-at-end` must be true or false, was 'maybe'"),
    "half a trade": (["--max-open-trades", "1.5"], "`max_open_trades` must be a whole number, was 1.5"),
    "an unknown option": (["--min-sprd-bps", "3"], "did you mean `--min-spread-bps`"),
    "a shortened option": (["--min-spread", "3"], "did you mean `--min-spread-bps`"),
    "a stray word": (["now"], "takes options only, was 'now'"),
    "an option without value": (["--tag"], "--tag: expected one argument"),
    "an unknown reference": (["--reference", "emwa:6h"], "emwa"),
    "a pair for a file": (["--pair-a", "upbit/KRW-BTC"], "--pair-a are for datasets"),
    "an empty time": (["--start", "2030-01-01"], "must hold rows in the time asked for"),
    "negative leverage": (["--leverage-b", "-3"], "`leverage_b` must be above 1, was -3"),
    "funding without a table": (["--funding"], "`funding` needs a panel with a funding table"),
    "a guard typo": (["--guard", "max_daily_los_usd=5"], "did you mean `max_daily_loss_usd`"),
    "a guard that is no block": (["--guard", "strict"], "`--guard` must be NAME=NUMBER,NAME=NUMBER"),
    "a negative guard": (["--guard", "max_daily_loss_usd=-5"], "`guard.max_daily_loss_usd` must be above 0"),
    "a missing funding file": (["--funding-file", "none.csv"], "none.csv: there is no such funding file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_with_one_line_the_document_and_exit_1(run: Run, pair_csv: Path, case: str) -> None:
    words, message = REFUSED[case]
    code, document, err = run("--data-file", pair_csv, *REQUIRED, *words)
    assert code == 1
    assert document["status"] == "error"
    assert message in document["message"]
    assert err == f"error: {document['message']}\n"
    assert document["metrics"] is None
    assert set(document["config_summary"]) == {
        "data_file",
        "min_spread_bps",
        "max_position_usd",
        "tag",
        "snapshots_count",
    }


def test_a_funding_file_is_read_and_one_outside_the_panel_refused(
    run: Run, pair_csv: Path, tmp_path: Path
) -> None:
    inside, outside = tmp_path / "inside.csv", tmp_path / "outside.csv"
    inside.write_text("ts,leg,rate\n" + "".join(f"{1_700_000_000 + k * 600},b,0.001\n" for k in range(40)))
    outside.write_text("ts,leg,rate\n1600000000,b,0.001\n")
    code, document, _ = run("--data-file", pair_csv, *REQUIRED, "--funding", "--funding-file", inside)
    assert code == 0
    assert document["metrics"]["funding_usd"] != 0
    code, document, err = run("--data-file", pair_csv, *REQUIRED, "--funding", "--funding-file", outside)
    assert code == 1
    assert "funding times must lie within the panel, all 1 lie outside" in document["message"]
    assert err == f"error: {document['message']}\n"


def test_missing_options_are_all_named(run: Run) -> None:
    code, document, _ = run("--tag", "nightly", "--min-spread-bps", "3")
    assert code == 1
    assert "--data-file, --taker-fee-a-bps, --taker-fee-b-bps, --slippage-bps" in document["message"]
    assert document["config_summary"]["tag"] == "nightly"
    assert document["config_summary"]["min_spread_bps"] == 3.0


BAD_FILES = {
    "empty file": "",
    "no rows": "timestamp,best_bid_a,best_ask_a,best_bid_b,best_ask_b\n",
    "wrong columns": "time,bid,ask\n1,2,3\n",
    "text in a price": "timestamp,best_bid_a,best_ask_a,best_bid_b,best_ask_b\n1700000000000,1,2,abc,2\n",
    "unsorted time": (
        "timestamp,best_bid_a,best_ask_a,best_bid_b,best_ask_b\n"
        "1700000002000,1,2,1,2\n1700000001000,1,2,1,2\n"
    ),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_file_is_one_clear_error_and_exit_1(run: Run, tmp_path: Path, case: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(BAD_FILES[case])
    code, document, err = run("--data-file", path, *REQUIRED)
    assert code == 1
    assert document["error"].endswith("Error")
    assert err.count("\n") == 1


def test_half_written_parquet_is_one_clear_error_and_exit_1(run: Run, pair_csv: Path, tmp_path: Path) -> None:
    path = tmp_path / "panel.parquet"
    load_pair_file(pair_csv).write(path)
    path.write_bytes(path.read_bytes()[:500])
    code, document, err = run("--data-file", path, *REQUIRED)
    assert (code, document["status"]) == (1, "error")
    assert err.count("\n") == 1


def test_unexpected_error_still_writes_the_document_and_ends_with_2(
    run: Run, pair_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def burst(self: Job, levels: int | None = 0) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Job, "load", burst)
    code, document, err = run("--data-file", pair_csv, *REQUIRED)
    assert code == 2
    assert (document["status"], document["error"], document["message"]) == (
        "error",
        "ZeroDivisionError",
        "a bug",
    )
    assert "Traceback" not in err


def test_job_runs_in_a_folder_that_it_does_not_write_to(pair_csv: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cwd"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "arbkit", "backtest", "--data-file", str(pair_csv), *REQUIRED],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["status"] == "success"
    assert list(folder.iterdir()) == []


class TestParamsFile:
    def test_a_file_gives_what_the_options_give_and_options_come_first(self, run, pair_csv, tmp_path):
        file = tmp_path / "params.yaml"
        file.write_text(
            "".join(f"{k}: {v}\n" for k, v in PARAMS.items()) + f"data_file: {pair_csv}\nstop_loss_bps: 9\n"
        )
        _, by_file, _ = run("--params", file, "--min-spread-bps", "12", "--stop-loss-bps", "none")
        _, by_hand, _ = run("--data-file", pair_csv, *REQUIRED, "--min-spread-bps", "12")
        assert by_file["config"] | {"output_json": None} == by_hand["config"]
        assert by_file["metrics"]["mtm_pnl_usd"] == by_hand["metrics"]["mtm_pnl_usd"]

    def test_the_document_of_a_run_is_run_again_and_not_overwritten(self, run, pair_csv, tmp_path):
        first = tmp_path / "first.json"
        run("--data-file", pair_csv, *REQUIRED, "--output-json", first, "--tag", "one")
        before = first.read_bytes()
        code, again, _ = run("--params", first)
        assert code == 0
        assert again["metrics"]["mtm_pnl_usd"] == json.loads(before)["metrics"]["mtm_pnl_usd"]
        assert (again["config"]["tag"], first.read_bytes()) == (None, before)

    def test_another_pair_file_needs_none_of_what_joins_a_dataset(self, run, pair_csv, tmp_path):
        file = tmp_path / "params.yaml"
        values = {**PARAMS, "data_file": "datasets/demo", "pair_a": "x/BTC", "pair_b": "y/BTC"}
        file.write_text("".join(f"{k}: {v}\n" for k, v in values.items()))
        assert run("--params", file, "--data-file", pair_csv)[0] == 0

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (None, "a file of parameters must exist"),
            ("a: [1", "must be readable YAML"),
            ("- 1\n", "must hold options by name"),
            ("space: {}\n", "must hold the options of one run"),
            ("data_fil: x\n", "`data_fil` is no option; did you mean `data_file`"),
            (
                "{data_file: 5, " + ", ".join(f"{k}: {v}" for k, v in PARAMS.items()) + "}",
                "`data_file` must be text",
            ),
        ],
    )
    def test_a_file_that_is_none_is_one_line(self, run, tmp_path, text, message):
        file = tmp_path / "params.yaml"
        if text is not None:
            file.write_text(text)
        code, document, said = run("--params", file)
        assert (code, document["status"]) == (1, "error")
        assert message in " ".join(said.split())
