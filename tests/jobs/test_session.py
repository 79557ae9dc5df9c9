"""Sessions: what is read, and one clear error for what is not right."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from arbkit.config import Params
from arbkit.data import DatasetWriter, InstrumentInfo, book_schema
from arbkit.errors import ConfigError, DataError
from arbkit.jobs import Session

Values = dict[str, Any]


def test_a_session_reads_the_same_from_yaml_and_json(values: Values, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(values))
    (tmp_path / "b.json").write_text(json.dumps(values))

    assert Session.load("a.yaml") == Session.load("b.json") == Session.from_dict(values)


def test_a_session_is_named_by_its_file_where_it_has_no_name(values: Values) -> None:
    del values["session_id"]
    Path("night7.yaml").write_text(yaml.safe_dump(values))

    session = Session.load("night7.yaml")
    assert session.session_id == "night7"
    assert session.results_dir == "results/night7"


def test_combinations_come_in_the_order_of_the_grids(values: Values) -> None:
    made = [item.values for item in Session.from_dict(values).combinations() if item is not None]

    assert made[0] == {"min_spread_bps": 5, "exit_spread_bps": 0}
    assert made[1] == {"min_spread_bps": 5, "exit_spread_bps": -5}
    assert made[-1] == {"min_spread_bps": 20, "exit_spread_bps": -10}
    assert len(made) == 9


def test_a_combination_that_excludes_itself_is_none(values: Values) -> None:
    values["grids"] = [
        {"name": "min_hold_s", "values": [0, 100]},
        {"name": "max_hold_s", "values": ["none", 50]},
    ]
    values["min_spread_bps"] = 5

    assert [item is None for item in Session.from_dict(values).combinations()] == [False, False, False, True]


def test_runs_close_at_the_end_and_keep_the_last_part_unless_told_otherwise(values: Values) -> None:
    session = Session.from_dict(values)
    assert session.fixed["close_at_end"] is True
    assert session.market["out_of_sample"] == 0.4

    told = Session.from_dict({**values, "close_at_end": False, "out_of_sample": 0})
    assert told.fixed["close_at_end"] is False
    assert "out_of_sample" not in told.market


def test_none_switches_a_rule_off_and_a_reference_may_be_searched(values: Values) -> None:
    values["grids"] = [
        {"name": "stop_loss_bps", "values": ["none", 20]},
        {"name": "reference", "values": ["none", "ewma:10m"]},
    ]
    values["min_spread_bps"] = 5

    made = [item for item in Session.from_dict(values).combinations() if item is not None]
    assert [item.params.stop_loss_bps for item in made] == [None, None, 20, 20]
    assert [item.job.reference for item in made] == ["none", "ewma:10m"] * 2


def changed(**changes: Any) -> Callable[[Values], Values]:
    return lambda values: {**values, **changes}


def without(name: str) -> Callable[[Values], Values]:
    return lambda values: {key: value for key, value in values.items() if key != name}


GRID = {"name": "min_spread_bps", "values": [5, 10]}
BAD = {
    "unknown parameter": (changed(taker_fee_bps=1), "did you mean `taker_fee_"),
    "unknown grid": (
        changed(grids=[{"name": "min_spred_bps", "values": [1]}]),
        "did you mean `min_spread_bps`",
    ),
    "unknown key of a grid": (changed(grids=[{**GRID, "value": [1]}]), "unknown key `value`; did you mean"),
    "no grids": (without("grids"), "`grids` must list at least one"),
    "empty grids": (changed(grids=[]), "`grids` must list at least one"),
    "grid without values": (changed(grids=[{**GRID, "values": []}]), "must list at least one value, was []"),
    "grid that is text": (changed(grids=["min_spread_bps"]), "must be {name, values}"),
    "grid twice": (changed(grids=[GRID, GRID]), "name each parameter once, 'min_spread_bps' is there twice"),
    "value twice": (changed(grids=[{**GRID, "values": [5, 5.0]}]), "must differ, 5.0 is there twice"),
    "grid over a guard": (changed(grids=[{"name": "guard", "values": [1]}]), "`guard` is no parameter"),
    "fixed and searched": (changed(min_spread_bps=3), "among the keys or in `grids`, not in both"),
    "missing parameter": (without("slippage_bps"), "missing: slippage_bps"),
    "missing data file": (changed(data_file="none.csv"), "`data_file` must exist, was 'none.csv'"),
    "no data file": (without("data_file"), "`data_file` must be given"),
    "fixed value": (changed(slippage_bps=-1), "`slippage_bps` must be at least 0, was -1"),
    "text for a number": (changed(slippage_bps="much"), "`slippage_bps` must be a number, was 'much'"),
    "grid value": (
        changed(
            grids=[{"name": "min_spread_bps", "values": [5]}, {"name": "max_open_trades", "values": [1, 0]}]
        ),
        "`grids` 'max_open_trades', value 2: `max_open_trades` must be at least 1, was 0",
    ),
    "fixed values together": (changed(min_hold_s=60, max_hold_s=30), "must not exceed `max_hold_s`"),
    "every combination": (
        changed(max_hold_s=30, grids=[GRID, {"name": "min_hold_s", "values": [60, 90]}]),
        "`min_hold_s` must not exceed `max_hold_s`, was min_hold_s=60, max_hold_s=30",
    ),
    "keys of a dataset": (changed(pair_a="x/y", fx_symbol="z"), "`pair_a`, `fx_symbol` belong to a dataset"),
    "max_jobs": (changed(max_jobs=0), "`max_jobs` must be a whole number of at least 1, was 0"),
    "share": (changed(out_of_sample=1), "`out_of_sample` must be at least 0 and below 1"),
    "tag": (changed(tag="x"), "`tag` is made by the plan, `tag_prefix` says how"),
    "session id": (changed(session_id="a/b"), "`session_id` must be letters"),
    "reference": (changed(reference="ewm:6h"), "did you mean `ewma`"),
    "interval": (changed(interval="soon"), "`interval` must be a duration"),
    "flag": (changed(close_on_spread_reversal="yes"), "must be true or false"),
    "list for text": (changed(tag_prefix=["a"]), "`tag_prefix` must be text"),
    "too many": (
        changed(
            grids=[
                {"name": n, "values": list(range(1, 200))}
                for n in ("min_spread_bps", "min_hold_s", "cooldown_s")
            ]
        ),
        "at most 1,000,000 combinations",
    ),
}


def test_legs_that_are_not_named_or_not_there_are_an_error_of_the_plan(values: Values) -> None:
    stamps = [1_700_000_000_000_000_000 + row * 1_000_000_000 for row in range(5)]
    with DatasetWriter(Path("made"), source="made by a test") as writer:
        for venue in ("x", "y", "z"):
            columns = {"ts_event": stamps, "ts_recv": stamps}
            columns |= {name: [1.0 + ("ask" in name)] * 5 for name in list(book_schema(1))[2:]}
            info = InstrumentInfo(venue=venue, symbol="BTCUSDT", quote="USDT")
            writer.write(info, pl.DataFrame(columns, schema=book_schema(1)))
        writer.commit()
    values["data_file"] = "made"

    with pytest.raises(ConfigError, match="a dataset needs both `pair_a` and `pair_b`"):
        Session.from_dict(values)
    with pytest.raises(DataError, match="w/BTCUSDT"):
        Session.from_dict({**values, "pair_a": "w/BTCUSDT", "pair_b": "x/BTCUSDT"})
    assert Session.from_dict({**values, "pair_a": "y/BTCUSDT", "pair_b": "x/BTCUSDT"}).size == 9


def test_a_folder_that_is_no_dataset_is_an_error_of_the_plan(values: Values) -> None:
    Path("empty").mkdir()
    Path("x.yaml").write_text(yaml.safe_dump({**values, "data_file": "empty"}))
    with pytest.raises(ConfigError, match=r"x\.yaml: .*empty"):
        Session.load("x.yaml")


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_error(values: Values, case: str) -> None:
    change, message = BAD[case]
    with pytest.raises(ConfigError) as caught:
        Session.from_dict(change(values))

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.yaml", "data_file: [", "must be a readable YAML or JSON file"),
        ("x.json", "{", "must be a readable YAML or JSON file"),
        ("x.yaml", "- 1", "must be a mapping of keys to values"),
        ("x.yaml", "slippage_bps: 1\nslippage_bps: 2", "`slippage_bps` must stand once"),
        ("x.json", '{"max_jobs": 1, "max_jobs": 2}', "`max_jobs` must stand once"),
        ("x.yaml", "grids: [{name: a, name: b}]", "`name` must stand once"),
    ],
)
def test_a_file_that_is_no_session_is_one_clear_error(
    values: Values, name: str, text: str, message: str
) -> None:
    Path(name).write_text(text)
    with pytest.raises(ConfigError, match="x\\.") as caught:
        Session.load(name)
    assert message in str(caught.value)


def test_a_missing_session_is_named(values: Values) -> None:
    with pytest.raises(ConfigError, match=r"a session must exist, 'none\.yaml' does not"):
        Session.load("none.yaml")


def test_fixed_values_are_those_of_the_engine(values: Values) -> None:
    made = next(iter(Session.from_dict({**values, "guard": {"max_trades_per_day": 5}}).combinations()))
    assert made is not None
    assert made.params == Params(
        min_spread_bps=5,
        exit_spread_bps=0,
        taker_fee_a_bps=2,
        taker_fee_b_bps=2,
        slippage_bps=1,
        max_position_usd=1000,
        close_at_end=True,
        guard={"max_trades_per_day": 5},  # type: ignore[arg-type]
    )
