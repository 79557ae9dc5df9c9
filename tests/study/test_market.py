"""The panel that a spec names: what a study reads of a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from arbkit import ConfigError
from arbkit.data import DatasetWriter, InstrumentInfo, book_schema
from arbkit.study import StudySpec, run_study
from arbkit.study.market import Market

ROWS = 600
LEVELS = 3


@pytest.fixture
def deep(tmp_path: Path, values: dict[str, Any]) -> dict[str, Any]:
    """A spec on a dataset of three levels, 1 LINK each, whose premium jumps every minute."""
    stamps = [1_700_000_000_000_000_000 + row * 1_000_000_000 for row in range(ROWS)]
    mids = {"one": [10.0 + 0.1 * (row // 60 % 2) for row in range(ROWS)], "two": [10.0] * ROWS}
    with DatasetWriter(tmp_path / "deep", source="made by a test") as writer:
        for venue, mid in mids.items():
            columns: dict[str, Any] = {"ts_event": stamps, "ts_recv": stamps}
            for level in range(LEVELS):
                columns |= {
                    f"bid_px_{level:02d}": [price - 0.001 * (1 + level) for price in mid],
                    f"bid_sz_{level:02d}": [1.0] * ROWS,
                    f"ask_px_{level:02d}": [price + 0.001 * (1 + level) for price in mid],
                    f"ask_sz_{level:02d}": [1.0] * ROWS,
                }
            schema = book_schema(LEVELS)
            writer.write(
                InstrumentInfo(venue=venue, symbol="LINKUSDT", quote="USDT", levels=LEVELS),
                pl.DataFrame(columns, schema=schema),
            )
        writer.commit()
    del values["panel"]
    pair = {"a": "one/LINKUSDT", "b": "two/LINKUSDT"}
    return {**values, "dataset": str(tmp_path / "deep"), "pair": pair}


@pytest.mark.parametrize(
    ("searched", "fixed", "levels"),
    [
        (None, None, 0),
        (None, 2, 2),
        ({"type": "int", "low": 0, "high": 3}, None, 3),
        ({"type": "categorical", "choices": [1, 2]}, None, 2),
    ],
)
def test_a_study_reads_the_levels_that_its_deepest_trial_walks(
    deep: dict[str, Any], searched: Any, fixed: int | None, levels: int
) -> None:
    if searched is not None:
        deep["space"]["depth_levels"] = searched
    if fixed is not None:
        deep["fixed"]["depth_levels"] = fixed
    assert Market.load(StudySpec.from_dict(deep)).panel_for("none").levels == levels


def test_depth_and_latency_are_searched_like_any_parameter(deep: dict[str, Any]) -> None:
    deep["space"] |= {
        "depth_levels": {"type": "int", "low": 0, "high": 3},
        "latency_ms": {"type": "categorical", "choices": [0, 2500]},
    }
    del deep["space"]["min_hold_s"]
    trials = run_study(StudySpec.from_dict(deep)).trials()
    assert trials["latency_ms"].n_unique() == 2
    assert set(trials["depth_levels"]) == {0, 1, 2, 3}
    assert trials["state"].eq("COMPLETE").all()
    assert (trials["metric_turnover_usd"] > 0).any()


def test_more_levels_than_are_stored_are_refused_before_the_first_trial(deep: dict[str, Any]) -> None:
    deep["fixed"]["depth_levels"] = 4
    with pytest.raises(ConfigError, match=r"`depth_levels`.* has 3, was 4"):
        Market.load(StudySpec.from_dict(deep))
