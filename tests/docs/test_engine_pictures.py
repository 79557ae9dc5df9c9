"""The pictures of the rules: what they show is what the engine does."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np


def test_pictures_show_what_the_engine_does_and_are_on_the_page(repository: Path) -> None:
    source = repository / "docs" / "img" / "draw_engine.py"
    spec = importlib.util.spec_from_file_location("draw_engine", source)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    path = np.array([5.0, 25.0, -3.0])
    np.testing.assert_allclose(made.market(path).spreads()["s_ab_bps"], path, atol=1e-9)
    reasons = [trade["exit_reason"] for _, _, trade, _ in made.exit_cases()]
    assert reasons == ["stop_loss", "take_profit", "spread_reversal", "timeout", "take_profit"]
    page = (repository / "docs" / "engine.md").read_text(encoding="utf-8")
    for draw in made.PICTURES:
        assert f"img/engine-{draw.__name__.removeprefix('draw_')}.png" in page
