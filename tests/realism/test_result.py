"""What all checks have in common: their picture, their page, their words."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import arbkit
from arbkit import Panel, Params
from arbkit.realism import Check
from arbkit.realism import _words as words

CHECKS = (
    arbkit.edge_vs_latency,
    arbkit.capacity,
    arbkit.break_even_fee,
    arbkit.opportunities,
    arbkit.optimism_audit,
)
each = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)


@each
def test_picture_has_titles_labels_and_no_text_outside(
    market: Panel, params: Params, check: Callable[..., Check], tmp_path: Path
) -> None:
    found = check(market, params)
    path = found.save(tmp_path / "made" / "one.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    figure = found.plot()
    assert all(ax.get_ylabel() or ax.get_yticklabels() for ax in figure.axes)
    assert figure.axes[0].get_title(loc="left").startswith("x/BTC x y/BTC")
    figure.canvas.draw()
    box = figure.bbox
    for ax in figure.axes:
        shown = ax.get_tightbbox()
        assert shown is not None
        assert shown.x0 >= box.x0 - 1
        assert shown.x1 <= box.x1 + 1


@each
def test_page_of_a_notebook_holds_finding_picture_and_table(
    market: Panel, params: Params, check: Callable[..., Check]
) -> None:
    found = check(market, params)
    page = found._repr_html_()
    assert found.finding in page
    assert "data:image/png;base64," in page
    assert "<table" in page
    assert found.finding.endswith(".")
    assert found.finding in repr(found)


def test_checks_import_no_plots_before_one_is_drawn() -> None:
    code = (
        "import sys, arbkit; arbkit.optimism_audit; arbkit.capacity; "
        "sys.exit(' '.join({'matplotlib', 'optuna', 'duckdb'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5 ms"),
        (20, "20 ms"),
        (1_500, "1.5 s"),
        (90_000, "1.5 min"),
        (7_200_000, "2 h"),
        (2e8, "2.31 d"),
    ],
)
def test_duration_takes_the_unit_that_fits(value: float, text: str) -> None:
    assert words.duration(value) == text


def test_share_that_is_there_is_never_written_as_none_or_all() -> None:
    assert words.percent(1e-6) == "under 0.1 %"
    assert words.percent(0.9999) == "99.9 %"
    assert words.percent(0.0) == "0.0 %"
    assert words.percent(0.123) == "12 %"
    assert words.percent(float("nan")) == "-"


def test_amount_that_rounds_to_nothing_has_no_sign() -> None:
    assert words.money(-0.001, "USD", plus=True) == "0.00 USD"
    assert words.money(0.001, "USD", plus=True) == "0.00 USD"
    assert words.money(12_345.6, "USD", plus=True) == "+12,346 USD"
    assert words.bps(-0.001) == "0.00 bps"
