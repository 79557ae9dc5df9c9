"""The page of a live run: its numbers, its words in both languages, and one page for any run."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from arbkit.errors import ConfigError, DataError
from arbkit.live import LiveRunner, open_run
from arbkit.live.config import LiveConfig
from arbkit.live.guard import REASONS, REFUSALS
from arbkit.live.parity import CAUSES
from arbkit.live.story import tell
from arbkit.report import numbers as n
from arbkit.report.runs import RunView, render_run, run_view_of, write_run
from arbkit.report.runs.figures import lanes_of, period_numbers
from arbkit.report.text import LANGUAGES, load_text
from arbkit.synthetic import Market, load_market_spec, write_market
from tests.live.conftest import live_values
from tests.live.test_story import DAY

OFTEN = {"min_spread_bps": -1_000, "max_hold_s": 20, "latency_ms": 150}


def shown(page: str) -> str:
    """Return the words of a page."""
    return re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL))


@pytest.fixture(scope="session")
def live_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run over a small recorded market whose orders went to paper venues."""
    folder = tmp_path_factory.mktemp("live")
    write_market(Market(load_market_spec("kimchi"), rows=1_500, levels=1, seed=4), folder / "demo")
    values = live_values(
        folder / "demo", folder / "runs", params=OFTEN, reference="none", execution={"fills": "venue"}
    )
    LiveRunner(LiveConfig.from_dict(values)).run_forever()
    return folder / "runs" / "small"


@pytest.fixture(scope="session")
def view(live_run: Path) -> RunView:
    return run_view_of(open_run(live_run))


def eventful(view: RunView) -> RunView:
    """Return the same run with a day on which much happened."""
    story = tell(DAY, (view.story.start_ns, view.story.end_ns))
    return view._replace(story=dataclasses.replace(story, outcomes=view.story.outcomes))


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_says_what_the_run_earned(view: RunView, language: str) -> None:
    page = shown(render_run(view, load_text(language)))
    assert view.closed.height > 2
    assert n.money(view.gain, view.currency, plus=True) in page
    assert n.count(view.closed.height) in page
    assert view.parity is not None
    assert all(f"{{{name}}}" not in page for name in ("n", "pnl", "currency", "pair"))
    for pair, legs in view.legs.items():
        assert f"{pair} ({', '.join(legs)})" in page


def test_page_needs_nothing_and_is_always_the_same(live_run: Path, view: RunView, tmp_path: Path) -> None:
    path = write_run(str(live_run), tmp_path / "run.html")
    page = path.read_text("utf-8")
    assert page == render_run(view)
    assert path.stat().st_size < 2_000_000
    assert not re.search(r"(src|href)=[\"']?(https?:|//)", page)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_happened_is_said_in_words(view: RunView, language: str) -> None:
    text = load_text(language)
    page = shown(render_run(eventful(view), text))
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


def test_lanes_are_of_the_run_and_of_whoever_had_trouble(view: RunView) -> None:
    quiet = [lane.name for lane in lanes_of(view, load_text())]
    assert quiet == ["process", "run", "BTC"]  # which waits for the first exchange rate
    lanes = lanes_of(eventful(view), load_text())
    assert [lane.name for lane in lanes] == ["process", "run", "BTC", "upbit"]
    assert len(lanes[0].spans) == 2
    assert len(lanes[-1].moments) == 1


def test_bars_add_up_to_what_was_realised(view: RunView) -> None:
    found = period_numbers(view)
    assert found.pnl.sum() == pytest.approx(view.worth.balance[-1])
    assert found.trades.sum() == view.closed.height


def test_run_without_trades_has_a_page(view: RunView) -> None:
    none = view._replace(trades=view.trades.clear(), open=(), parity=None, summary={}, costs=None)
    none = none._replace(story=tell([], (view.story.start_ns, view.story.end_ns)))
    worth = view.worth._replace(realized=0 * view.worth.realized, marked=0 * view.worth.marked)
    page = shown(render_run(none._replace(worth=worth)))
    assert "the run entered nothing" in page
    assert "Nothing is open." in page


def test_halted_run_says_so_first(view: RunView) -> None:
    page = shown(render_run(view._replace(halted={"reason": "venue behaves oddly"})))
    assert "The run is halted: venue behaves oddly." in page


def test_bad_places_and_names_are_one_clear_error(live_run: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no run 'smal'"):
        write_run("smal", root=live_run.parent)
    with pytest.raises(ConfigError, match="`lang` 'xx'"):
        write_run(str(live_run), tmp_path / "x.html", lang="xx")
