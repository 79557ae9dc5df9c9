"""The page of a live run: its numbers, its words in both languages, and one page for any run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from arbkit.errors import ConfigError, DataError
from arbkit.live.guard import REASONS, REFUSALS
from arbkit.live.parity import CAUSES
from arbkit.live.story import tell
from arbkit.report import numbers as n
from arbkit.report.runs import RunView, render_run, write_run
from arbkit.report.runs.figures import lanes_of, period_numbers
from arbkit.report.text import LANGUAGES, load_text
from tests.live.test_story import DAY
from tests.report.conftest import eventful


def shown(page: str) -> str:
    """Return the words of a page."""
    return re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL))


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_says_what_the_run_earned(ran: RunView, language: str) -> None:
    page = shown(render_run(ran, load_text(language)))
    assert ran.closed.height > 2
    assert n.money(ran.gain, ran.currency, plus=True) in page
    assert n.count(ran.closed.height) in page
    assert ran.parity is not None
    assert all(f"{{{name}}}" not in page for name in ("n", "pnl", "currency", "pair"))
    for pair, legs in ran.legs.items():
        assert f"{pair} ({', '.join(legs)})" in page


def test_page_needs_nothing_and_is_always_the_same(live_run: Path, ran: RunView, tmp_path: Path) -> None:
    path = write_run(str(live_run), tmp_path / "run.html")
    page = path.read_text("utf-8")
    assert page == render_run(ran)
    assert path.stat().st_size < 2_000_000
    assert not re.search(r"(src|href)=[\"']?(https?:|//)", page)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_happened_is_said_in_words(ran: RunView, language: str) -> None:
    text = load_text(language)
    page = shown(render_run(eventful(ran), text))
    seen = ("reason.reconciling", "reason.unhedged", "reason.kill_switch", "refusal.guard_spread")
    for name in seen:
        assert text(f"run.{name}") in page
    assert text("run.note.crashes", n=1) in page
    assert "-4140" in page
    assert text("run.hole.disconnected") in page


def test_every_code_of_the_runner_has_words() -> None:
    text = load_text()
    assert all(text.has(f"run.reason.{name}") for name in REASONS)
    assert all(text.has(f"run.refusal.{name}") for name in REFUSALS.values())
    assert all(text.has(f"run.cause.{name}") for name in CAUSES)


def test_lanes_are_of_the_run_and_of_whoever_had_trouble(ran: RunView) -> None:
    quiet = ran._replace(story=tell([DAY[0], DAY[-1]], None))
    assert [lane.name for lane in lanes_of(quiet, load_text())] == ["process", "run"]
    lanes = lanes_of(eventful(ran), load_text())
    assert [lane.name for lane in lanes] == ["process", "run", "BTC", "upbit"]
    assert len(lanes[0].spans) == 2
    assert len(lanes[-1].moments) == 1


def test_bars_add_up_to_what_was_realised(ran: RunView) -> None:
    found = period_numbers(ran)
    assert found.pnl.sum() == pytest.approx(ran.worth.balance[-1])
    assert found.trades.sum() == ran.closed.height


def test_run_without_trades_has_a_page(ran: RunView) -> None:
    none = ran._replace(trades=ran.trades.clear(), open=(), parity=None, summary={}, costs=None)
    none = none._replace(story=tell([], (ran.story.start_ns, ran.story.end_ns)))
    worth = ran.worth._replace(realized=0 * ran.worth.realized, marked=0 * ran.worth.marked)
    page = shown(render_run(none._replace(worth=worth)))
    assert "the run entered nothing" in page
    assert "Nothing is open." in page


def test_halted_run_says_so_first(ran: RunView) -> None:
    page = shown(render_run(ran._replace(halted={"reason": "venue behaves oddly"})))
    assert "The run is halted: venue behaves oddly." in page


def test_bad_places_and_names_are_one_clear_error(live_run: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no run 'smal'"):
        write_run("smal", root=live_run.parent)
    with pytest.raises(ConfigError, match="`lang` 'xx'"):
        write_run(str(live_run), tmp_path / "x.html", lang="xx")
