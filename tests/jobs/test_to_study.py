"""A session as a study: the same ranking at both ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from arbkit.data import DatasetWriter, InstrumentInfo, book_schema
from arbkit.errors import ConfigError
from arbkit.jobs import Session, aggregate, make_plan, run_jobs, study_of
from arbkit.panel import Panel, load_pair_file
from arbkit.study import StudySpec, run_study

Values = dict[str, Any]


def rankings(values: Values, **filters: Any) -> tuple[list[Any], list[Any]]:
    """Rank a session through its jobs, and as a study: parameters, value and trades, best first."""
    session = Session.from_dict(values)
    run_jobs(make_plan(session).jobs)
    found = aggregate(session.results_dir, **filters)
    metric = filters.get("metric", "mtm_pnl_usd")
    by_jobs = [
        (
            *(item.params.get(name) for name in session.grids),
            item.metrics[metric],
            item.metrics["total_trades"],
        )
        for item in found.results
    ]
    study = run_study(study_of(session, storage="memory://", **filters))
    by_study = study.best_trials(10_000).select(*session.grids, "value", "metric_total_trades").rows()
    return by_jobs, by_study


def test_nine_combinations_are_ranked_alike_by_jobs_and_by_the_study(values: Values) -> None:
    by_jobs, by_study = rankings(values)

    assert len(by_jobs) == 9
    assert by_jobs == by_study
    assert len({value for *_, value, _ in by_jobs}) == 9


def test_filters_and_metric_mean_the_same_at_both_ends(values: Values) -> None:
    by_jobs, by_study = rankings(values, min_trades=40, max_drawdown_pct=0.08, metric="max_drawdown_pct")

    assert 0 < len(by_jobs) < 9
    assert by_jobs == by_study


def test_references_excluded_combinations_and_max_jobs_are_the_same_at_both_ends(values: Values) -> None:
    values["grids"] = [
        {"name": "reference", "values": ["none", "ewma:10m"]},
        {"name": "min_spread_bps", "values": [5, 8, 12]},
        {"name": "min_hold_s", "values": [0, 100]},
        {"name": "max_hold_s", "values": ["none", 50]},
    ]
    by_jobs, by_study = rankings({**values, "max_jobs": 16})

    assert len(by_jobs) == 16
    assert by_jobs == by_study


def test_a_cut_market_is_the_same_at_both_ends(values: Values) -> None:
    values |= {"start": "1970-01-01T02:00", "end": "1970-01-01T07:00", "reference": "ewma:10m"}
    by_jobs, by_study = rankings(values)
    assert by_jobs == by_study


def test_a_panel_store_is_the_same_at_both_ends(values: Values) -> None:
    load_pair_file(values["data_file"]).store("market")
    by_jobs, by_study = rankings({**values, "data_file": "market"})
    assert by_jobs == by_study


def test_a_dataset_is_the_same_at_both_ends(values: Values) -> None:
    panel = load_pair_file(values["data_file"])
    legs = {
        InstrumentInfo(venue="x", symbol="BTCKRW", quote="KRW"): (panel.bid_a * 1300, panel.ask_a * 1300),
        InstrumentInfo(venue="y", symbol="BTCUSDT", quote="USDT"): (panel.bid_b, panel.ask_b),
        InstrumentInfo(venue="x", symbol="USDTKRW", base="USDT", quote="KRW", kind="fx"): (1300.0, 1300.1),
    }
    write_dataset(panel, legs)
    values |= {
        "data_file": "made",
        "fx_symbol": "x/USDTKRW",
        "fx_price": "mid",
        "currency": "USDT",
        "max_age": "5m",
    }
    session = Session.from_dict(values)
    assert study_of(session).pair == {"a": "x/BTCKRW", "b": "y/BTCUSDT"}

    by_jobs, by_study = rankings(values)
    assert by_jobs == by_study


def write_dataset(panel: Panel, legs: dict[InstrumentInfo, Any]) -> None:
    with DatasetWriter(Path("made"), source="made by a test") as writer:
        for info, (bid, ask) in legs.items():
            columns = {
                "ts_event": panel.ts,
                "ts_recv": panel.ts,
                "bid_px_00": np.broadcast_to(bid, panel.ts.shape),
                "bid_sz_00": np.ones(len(panel)),
                "ask_px_00": np.broadcast_to(ask, panel.ts.shape),
                "ask_sz_00": np.ones(len(panel)),
            }
            writer.write(info, pl.DataFrame(columns, schema=book_schema(1)))
        writer.commit()


def test_the_spec_is_a_spec_that_reads_back(values: Values) -> None:
    spec = study_of(Session.from_dict({**values, "guard": {"max_trades_per_day": 50}}))
    Path("x.yaml").write_text(spec.to_yaml())
    assert StudySpec.load("x.yaml").to_dict() == spec.to_dict()
    assert (spec.name, spec.planned_trials, spec.sampler.name) == ("sess001", 9, "grid")


def test_another_sampler_searches_the_same_values(values: Values) -> None:
    spec = study_of(Session.from_dict(values), sampler="tpe", n_trials=50, seed=7, name="more")
    assert (spec.name, spec.planned_trials, spec.seed) == ("more", 50, 7)
    assert set(spec.space) == {"min_spread_bps", "exit_spread_bps"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"out_of_sample": 0}, "a study always keeps the end of the data"),
        ({"close_at_end": False}, "`close_at_end` must be true"),
        ({"interval": "10m"}, "`interval` has no counterpart in a study, was '10m'"),
        ({"funding_file": "rates.csv"}, "`funding_file` has no counterpart"),
    ],
)
def test_what_a_study_cannot_do_is_said(values: Values, changes: Values, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        study_of(Session.from_dict({**values, **changes}))


def test_the_first_trial_is_the_first_job(values: Values) -> None:
    session = Session.from_dict(values)
    study = run_study(study_of(session, storage="memory://"))
    tried = study.trials().select(*session.grids).rows()
    planned = [tuple(job.config[name] for name in session.grids) for job in make_plan(session).jobs]
    assert tried == planned
