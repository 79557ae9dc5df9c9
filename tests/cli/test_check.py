"""`arbkit check`: its files, its table and finding, its refusals."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import arbkit
from arbkit.cli import main as shell
from arbkit.cli.check import CHECKS
from arbkit.data import DatasetWriter, InstrumentInfo, book_schema
from arbkit.panel import load_pair_file

ROWS = 300
PARAMS = {
    "min_spread_bps": 10.0,
    "taker_fee_a_bps": 2.0,
    "taker_fee_b_bps": 2.0,
    "slippage_bps": 1.0,
    "max_position_usd": 1000.0,
}
REQUIRED = [word for name, value in PARAMS.items() for word in ("--" + name.replace("_", "-"), f"{value:g}")]
ON_PAIR = ["--data-file", "PAIR", *REQUIRED]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `arbkit check` in an empty folder and return exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        code = shell.main(["check", *map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def premium(row: int) -> float:
    return 40e-4 * math.sin(row / 50 * 2 * math.pi)


@pytest.fixture
def pair_csv(tmp_path: Path) -> Path:
    """A pair file whose premium swings through 40 bps every 50 rows; no sizes."""
    lines = ["timestamp,best_bid_a,best_ask_a,best_bid_b,best_ask_b"]
    for row in range(ROWS):
        mid = 100 * (1 + premium(row))
        lines.append(f"{1_700_000_000_000 + row * 250},{mid - 0.01:.4f},{mid + 0.01:.4f},99.99,100.01")
    path = tmp_path / "pair.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two venues with two levels each, a row a second."""
    stamps = [1_700_000_000_000_000_000 + row * 1_000_000_000 for row in range(ROWS)]
    path = tmp_path / "made"
    with DatasetWriter(path, source="made by a test") as writer:
        for venue, mids in (
            ("x", [100 * (1 + premium(row)) for row in range(ROWS)]),
            ("y", [100.0] * ROWS),
        ):
            columns: dict[str, object] = {"ts_event": stamps, "ts_recv": stamps}
            for level in (0, 1):
                for side, sign in (("bid", -1), ("ask", 1)):
                    columns[f"{side}_px_{level:02d}"] = [mid + sign * 0.01 * (1 + level) for mid in mids]
                    columns[f"{side}_sz_{level:02d}"] = [5.0 + level] * ROWS
            info = InstrumentInfo(venue=venue, symbol="BTC", quote="USDT", levels=2, kind="perpetual")
            writer.write(info, pl.DataFrame(columns, schema=book_schema(2)))
        writer.commit()
    return path


@pytest.mark.parametrize("kind", CHECKS)
def test_each_check_writes_picture_numbers_and_document(run: Run, dataset: Path, kind: str) -> None:
    code, out, _ = run(kind, "--data-file", dataset, *REQUIRED, "--output", "out", "--name", "mine")
    assert code == 0
    folder = Path("out")
    assert sorted(path.name for path in folder.iterdir()) == [
        f"mine-{kind}.{e}" for e in ("csv", "json", "png")
    ]
    document = json.loads((folder / f"mine-{kind}.json").read_text())
    assert document["check"] == kind
    assert document["finding"] in out
    assert document["table"]
    assert document["config"]["min_spread_bps"] == 10
    assert pl.read_csv(folder / f"mine-{kind}.csv").height > 0
    assert (folder / f"mine-{kind}.png").read_bytes().startswith(b"\x89PNG")


def test_numbers_are_those_of_the_library(run: Run, pair_csv: Path) -> None:
    code, out, err = run("latency", "--data-file", pair_csv, *REQUIRED, "--latencies-ms", "0,500", "--json")
    document = json.loads(out)
    expected = arbkit.edge_vs_latency(
        load_pair_file(pair_csv), arbkit.Params(**PARAMS), latencies_ms=[0, 500]
    )
    assert code == 0
    assert document["table"] == expected.frame.to_dicts()
    assert document["values"]["step_ms"] == 250
    assert "written: reports/pair-latency.png" in err
    assert "warning: sells spot at" in err


def test_options_of_a_check_reach_it(run: Run, dataset: Path) -> None:
    own = ["--audit-latency-ms", "1500", "--audit-grid", "5s", "--json"]
    _, out, _ = run("audit", "--data-file", dataset, *REQUIRED, *own)
    assert {"latency 1.5 s", "looking every 5s"} <= {row["instead"] for row in json.loads(out)["table"]}
    _, out, _ = run("capacity", "--data-file", dataset, *REQUIRED, "--notionals", "100,250", "--json")
    assert [row["notional_usd"] for row in json.loads(out)["table"]] == [100, 250]
    _, out, _ = run("fee", "--data-file", dataset, *REQUIRED, "--fees-bps", "0,4", "--json")
    assert [row["fee_bps"] for row in json.loads(out)["table"]] == [0, 4]


def test_all_stored_levels_are_loaded_unless_fewer_are_asked_for(run: Run, dataset: Path) -> None:
    _, out, _ = run("capacity", "--data-file", dataset, *REQUIRED, "--notionals", "100", "--json")
    assert json.loads(out)["values"]["levels"] == 2
    _, out, _ = run(
        "capacity", "--data-file", dataset, *REQUIRED, "--notionals", "100", "--levels", "1", "--json"
    )
    assert json.loads(out)["values"]["levels"] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "`arbkit check` needs what to check: latency, capacity, fee, opportunities, audit"),
        (["lateny"], "`lateny` is no check of arbkit; did you mean `latency`?"),
        (["latency"], "options without a default must be given, missing: --data-file"),
        (["latency", *REQUIRED, "--data-file", "none"], "`--data-file` must exist, was 'none'"),
        (["latency", *ON_PAIR, "--latencies-ms", "1,x"], "`--latencies-ms` must be numbers with commas"),
        (["latency", *ON_PAIR, "--latencies-ms=-1"], "`latencies_ms` must hold finite numbers at least 0"),
        (["latency", *ON_PAIR, "--notionals", "1"], "`--notionals` is no option of `arbkit check latency`"),
        (["audit", *ON_PAIR, "--audit-latency-ms", "1,2"], "must be a number, was '1,2'"),
        (["capacity", *ON_PAIR], "capacity needs a panel with sizes"),
        (["fee", *ON_PAIR, "--levels", "2"], "--levels are for datasets"),
        (["fee", *ON_PAIR, "--output", "pair.csv"], "`--output` must be writable"),
    ],
)
def test_bad_input_ends_with_1_and_one_line(
    run: Run, pair_csv: Path, arguments: list[str], said: str
) -> None:
    code, out, err = run(*[str(pair_csv) if word == "PAIR" else word for word in arguments])
    assert (code, out) == (1, "")
    lines = [line for line in err.splitlines() if not line.startswith(("warning:", "fee: runs"))]
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert said in lines[0]


@pytest.mark.parametrize("kind", CHECKS)
def test_help_of_a_check_shows_its_own_options(run: Run, kind: str) -> None:
    code, out, _ = run(kind, "--help")
    assert code == 0
    assert f"arbkit check {kind}" in out
    for option in CHECKS[kind].options:
        assert "--" + option.replace("_", "-") in out
    assert ("--notionals" in out) == (kind == "capacity")


def test_costs_that_a_run_measured_stand_in_for_options_and_options_replace_them(
    run: Run, pair_csv: Path
) -> None:
    measured = {"taker_fee_a_bps": 3.0, "taker_fee_b_bps": 2.5, "slippage_bps": 1.5, "latency_a_ms": 40.0}
    costs = {"format": "arbkit-costs", "version": 1, "params": measured, "pairs": {}}
    Path("costs.yaml").write_text(json.dumps(costs))
    more = ["--data-file", pair_csv, "--min-spread-bps", "10", "--max-position-usd", "1000"]
    code, out, _ = run("opportunities", "--costs", "costs.yaml", *more, "--slippage-bps", "2", "--json")
    config = json.loads(out)["config"]
    assert code == 0
    assert {name: config[name] for name in measured} == measured | {"slippage_bps": 2.0}
    assert run("fee", "--costs", "none.yaml", *more)[2].startswith("error: a file of costs must exist")
