"""The view of a running study, without a browser: what it shows, and that its button stops the study."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import arbkit
from arbkit import lab
from arbkit.lab.watching import Watch


def spec_of(market: Path, folder: Path, **changes: Any) -> arbkit.StudySpec:
    costs = {"taker_fee_a_bps": 4, "taker_fee_b_bps": 4, "slippage_bps": 2, "max_position_usd": 1000}
    values: dict[str, Any] = {
        "name": "seen",
        "panel": str(market),
        "seed": 1,
        "n_trials": 30,
        "sampler": "random",
        "storage": f"sqlite:///{folder}/seen.db",
        "space": {
            "min_spread_bps": {"type": "float", "low": 0, "high": 60},
            "direction": {"type": "categorical", "choices": ["both", "long_a_short_b"]},
            "max_hold_s": {"type": "float", "low": 60, "high": 6000, "log": True},
        },
        "fixed": costs,
    }
    return arbkit.StudySpec.from_dict({**values, **changes})


def test_what_is_shown_is_what_is_stored(market_file: Path, tmp_path: Path) -> None:
    study = arbkit.run_study(spec_of(market_file, tmp_path))
    watch = Watch("seen", study.url)
    content, (points, steps) = watch.answer({"kind": "look", "known": -1})
    assert content["status"] == "complete"
    assert not content["running"]
    trials = study.trials(metrics=False)
    np.testing.assert_array_equal(points[2], trials["value"])
    np.testing.assert_array_equal(points[3], trials["min_spread_bps"])
    assert content["scales"][2]["words"] == ["both", "long_a_short_b"]
    assert content["scales"][3]["log"]
    words = np.array(content["scales"][2]["words"])[points[4].astype(int)]
    assert words.tolist() == trials["direction"].to_list()
    assert steps[1, -1] == study.best_trials(1)["value"][0]
    assert content["best"]["rows"][0][0] == str(study.best_trials(1)["number"][0])
    assert watch.answer({"kind": "look", "known": 30})[1] == []
    assert "only a study that runs" in watch.answer({"kind": "stop"})[0]["error"]


def test_widget_answers_with_pictures_of_several_objectives(market_file: Path, tmp_path: Path) -> None:
    objectives = [
        {"metric": "mtm_pnl_usd", "direction": "maximize"},
        {"metric": "max_drawdown_mtm_pct", "direction": "minimize"},
    ]
    study = arbkit.run_study(spec_of(market_file, tmp_path, objective=objectives, sampler="nsgaii"))
    widget = lab.watch(study)
    sent: list[tuple[dict[str, Any], Any]] = []
    widget.send = lambda content, buffers=None: sent.append((content, buffers))
    widget._on_message(widget, {"kind": "look", "known": -1}, [])
    assert sent[0][0]["shapes"][0] == [2 + 2 + 3, 30]
    assert widget.history_frame().height == 30
    assert not widget.is_running
    assert "seen" in repr(widget)
    still, about = widget.still({})
    assert "data:image/png;base64," in still
    assert str(study.best_trials(1)["number"][0]) in still
    assert about == repr(widget)


@pytest.mark.slow
def test_button_stops_a_study_that_runs(market_file: Path, tmp_path: Path) -> None:
    spec = spec_of(market_file, tmp_path, n_trials=2_000_000)
    runs = threading.Thread(target=arbkit.run_study, args=(spec,))
    runs.start()
    until = time.monotonic() + 60
    watch = None
    while watch is None and time.monotonic() < until:
        try:
            watch = Watch("seen", spec.storage)
        except arbkit.ArbkitError:
            time.sleep(0.05)
    assert watch is not None
    while watch.study.n_trials == 0 and time.monotonic() < until:
        time.sleep(0.05)
    assert watch.answer({"kind": "look", "known": -1})[0]["status"] == "running"
    assert watch.answer({"kind": "stop"})[0]["kind"] == "stopping"
    runs.join(60)
    assert not runs.is_alive()
    content, _ = watch.answer({"kind": "look", "known": -1})
    assert content["status"] == "stopped"
    assert 0 < content["trials"] < 2_000_000
