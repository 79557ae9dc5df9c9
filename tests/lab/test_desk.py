"""What stands behind the explorer, without a browser: messages in, pictures and texts out."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import arbkit
from arbkit import lab
from arbkit.config import PARAM_NAMES, GuardLimits
from arbkit.errors import ConfigError
from arbkit.lab.code import code_of
from arbkit.lab.controls import controls_for, params_of, start_params, values_of
from arbkit.lab.desk import Desk


@pytest.fixture
def desk(panel: arbkit.Panel, params: arbkit.Params) -> Desk:
    return Desk(panel, params)


def test_every_parameter_has_a_control(panel: arbkit.Panel, params: arbkit.Params) -> None:
    names = [control.name for control in controls_for(panel, params)]
    limits = [f"guard.{name}" for name in GuardLimits().to_dict()]
    assert sorted(names) == sorted([*(name for name in PARAM_NAMES if name != "guard"), *limits])


def test_sliders_hold_their_values_and_reach_across_the_market(
    panel: arbkit.Panel, params: arbkit.Params
) -> None:
    signals = panel.spreads()
    for control in controls_for(panel, params):
        value = values_of(params)[control.name]
        if control.kind == "number":
            assert control.low < control.high
            assert control.low <= control.at_first <= control.high
            assert value is None or control.low <= value <= control.high
        if control.name == "min_spread_bps":
            assert control.high > signals["x_ab_bps"].quantile(0.999)


def test_every_slider_can_be_moved_to_its_ends(panel: arbkit.Panel, params: arbkit.Params) -> None:
    values = values_of(params)
    for control in controls_for(panel, params):
        ends = (control.low, control.high) if control.kind == "number" else control.choices or (True, False)
        for end in ends:
            company = {"max_hold_s": 9e9} if control.name == "min_hold_s" else {}
            params_of({**values, **company, control.name: int(end) if control.whole else end})


def test_values_and_parameters_are_each_others_way_back(params: arbkit.Params) -> None:
    guarded = params.replace(guard=GuardLimits(max_trades_per_day=3), stop_loss_bps=20)
    for one in (params, guarded):
        assert params_of(values_of(one)) == one


def test_first_set_trades(panel: arbkit.Panel) -> None:
    result = arbkit.backtest(panel, start_params(panel))
    assert result.metrics.total_trades > 0
    assert start_params(panel, min_spread_bps=3, taker_fee_a_bps=1).min_spread_bps == 3


def test_picture_is_that_of_the_set_asked_for(desk: Desk, panel: arbkit.Panel) -> None:
    values = values_of(desk.params) | {"min_spread_bps": 25.0}
    content, arrays = desk.answer({"kind": "draw", "id": 7, "values": values, "pixels": 300})
    expected = arbkit.backtest(panel, desk.params)
    assert content["id"] == 7
    assert desk.params.min_spread_bps == 25
    assert content["metrics"] == expected.metrics.to_dict()
    assert content["levels"] == {"entry": 35.0, "exit": 0.0}
    assert [tuple(shape) for shape in content["shapes"]] == [array.shape for array in arrays]
    trades, equity, spread = arrays
    assert content["parts"] == ["trades", "equity", "spread"]
    assert trades.shape == (8, expected.metrics.total_trades)
    np.testing.assert_array_equal(trades[6], expected.trades["pnl_usd"])
    assert equity[2, -1] == pytest.approx(expected.metrics.mtm_pnl_usd)
    np.testing.assert_array_equal(spread[2], lab.spread_frame(panel, pixels=300)["x_ab_high_bps"])


def test_zoom_asks_for_its_own_detail(desk: Desk, panel: arbkit.Panel) -> None:
    start, end = panel.ts[100] / 1e9, panel.ts[160] / 1e9
    content, arrays = desk.answer({"kind": "draw", "start": start, "end": end, "pixels": 300})
    assert content["each_row"]
    assert content["rows"] == 61
    assert arrays[2].shape == (5, 61)
    content, arrays = desk.answer({"kind": "draw", "pixels": 300, "spread": False})
    assert content["parts"] == ["trades", "equity"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"min_hold_s": 60.0, "max_hold_s": 30.0}, "`min_hold_s` must not exceed `max_hold_s`"),
        ({"slippage_bps": -1.0}, "`slippage_bps`"),
        ({"depth_levels": 3}, "depth_levels"),
    ],
)
def test_mistake_is_said_and_the_last_set_stays(desk: Desk, change: dict[str, Any], said: str) -> None:
    before = desk.params
    content, arrays = desk.answer({"kind": "draw", "id": 1, "values": values_of(before) | change})
    assert said in content["error"]
    assert arrays == []
    assert desk.params == before


def test_unknown_message_is_answered_with_a_mistake(desk: Desk) -> None:
    assert "unknown" in desk.answer({"kind": "dance"})[0]["error"]


def test_kept_sets_are_a_frame_and_can_be_shown_again(desk: Desk, params: arbkit.Params) -> None:
    assert desk.kept.is_empty()
    desk.answer({"kind": "keep"})
    desk.answer({"kind": "keep"})
    desk.params = params.replace(min_spread_bps=20, stop_loss_bps=30)
    content, _ = desk.answer({"kind": "keep"})
    assert "stop_loss_bps" in content["kept"]["columns"]
    frame = desk.kept
    assert frame["min_spread_bps"].to_list() == [15, 20]
    assert frame["stop_loss_bps"].to_list() == [None, 30]
    assert frame["mtm_pnl_usd"][1] == desk.result.metrics.mtm_pnl_usd
    assert desk.answer({"kind": "use", "place": 0})[0]["values"] == values_of(params)
    desk.answer({"kind": "forget", "place": 0})
    assert desk.kept["min_spread_bps"].to_list() == [20]
    assert "must be there" in desk.answer({"kind": "use", "place": 5})[0]["error"]


def test_copied_code_makes_the_same_backtest(desk: Desk, panel: arbkit.Panel, params: arbkit.Params) -> None:
    desk.params = params.replace(
        stop_loss_bps=12.5, direction="long_a_short_b", guard=GuardLimits(max_trades_per_hour=2)
    )
    values: dict[str, Any] = {"panel": panel}
    exec(desk.answer({"kind": "code"})[0]["text"], values)
    assert values["result"].params == desk.params
    assert values["result"].metrics == desk.result.metrics
    with pytest.raises(AssertionError, match="another market"):
        exec(desk.code(), {"panel": panel.rows(0, 100)})


def test_copied_code_opens_a_stored_panel(panel: arbkit.Panel, params: arbkit.Params, tmp_path: Path) -> None:
    stored = panel.store(tmp_path / "market")
    assert f"arbkit.Panel.open({str(tmp_path / 'market')!r})" in code_of(stored, params)
    assert "panel = mine()" in code_of(stored, params, "mine()")


def test_study_around_a_set_searches_what_decides_about_it(desk: Desk, tmp_path: Path) -> None:
    desk.params = desk.params.replace(stop_loss_bps=20, exit_spread_bps=-4, latency_ms=5)
    spec = desk.study_spec(n_trials=50, folder=tmp_path)
    assert sorted(spec.space) == ["exit_spread_bps", "min_spread_bps", "stop_loss_bps"]
    assert spec.fixed["latency_ms"] == 5
    assert spec.enqueue[0]["min_spread_bps"] == 15
    tried, _ = spec.params_of(spec.enqueue[0])
    assert tried == desk.params.replace(close_at_end=True)
    assert (tmp_path / f"{spec.name}.panel").is_dir()
    assert arbkit.Panel.open(tmp_path / f"{spec.name}.panel").fingerprint == desk.panel.fingerprint


def test_study_starts_in_a_process_of_its_own(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[list[str]] = []
    monkeypatch.setattr(subprocess, "Popen", lambda command, **_: begun.append(command))
    first = desk.start_study(n_trials=20, folder=tmp_path)
    assert begun[0][1:5] == ["-m", "arbkit", "study", "run"]
    assert arbkit.StudySpec.load(begun[0][5]).n_trials == 20
    assert desk.start_study(n_trials=20, folder=tmp_path) != first


def test_explorer_refuses_what_it_cannot_show(panel: arbkit.Panel) -> None:
    with pytest.raises(ConfigError, match="shows a Panel, was str"):
        lab.explore("panel")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"`params` must be arbkit.Params, was dict"):
        lab.explore(panel, {})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="needs a panel with rows"):
        Desk(panel.rows(0, 0), start_params(panel))


def test_widget_answers_with_the_arrays_as_bytes(panel: arbkit.Panel, params: arbkit.Params) -> None:
    widget = lab.explore(panel, params, stop_loss_bps=30)
    sent: list[tuple[dict[str, Any], Any]] = []
    widget.send = lambda content, buffers=None: sent.append((content, buffers))
    widget._on_message(widget, {"kind": "draw", "id": 1, "pixels": 200}, [])
    content, buffers = sent[0]
    arrays = [np.frombuffer(part).reshape(to) for part, to in zip(buffers, content["shapes"], strict=True)]
    assert arrays[2].shape == (5, 200)
    assert widget.params.stop_loss_bps == 30
    widget.keep()
    widget.params = params
    assert sent[-1][0] == {"kind": "moved"}
    assert widget.kept["stop_loss_bps"].to_list() == [30]
    assert widget.kept_params == [params.replace(stop_loss_bps=30)]
    assert widget.equity_frame(pixels=50).equals(lab.equity_frame(widget.result, pixels=50))
    assert widget.spread_frame(pixels=50).equals(lab.spread_frame(panel, pixels=50))
    assert "uPlot" in widget._esm
    assert repr(widget).startswith("Explorer(Panel(upbit/BTC x binance/BTC")


def test_picture_in_matplotlib_has_the_trades(panel: arbkit.Panel, params: arbkit.Params) -> None:
    figure = lab.explore(panel, params).plot()
    spread, equity, drawdown = figure.axes
    marks = [line for line in spread.lines if line.get_marker() == "^"]
    assert sum(len(line.get_xdata()) for line in marks) == arbkit.backtest(panel, params).metrics.total_trades
    assert equity.lines
    assert drawdown.collections
