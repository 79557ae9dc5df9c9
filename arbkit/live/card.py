"""A live run as a card in a notebook: how it stands, and what a reader must know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from arbkit.show import card, count, percent, period, signed

if TYPE_CHECKING:
    from arbkit.live.result import RunResult

__all__ = ["card_of"]


def card_of(run: RunResult) -> str:
    """Return a run as HTML; see `arbkit.show.card`."""
    story, trades, worth = run.story, run.trades, run.worth
    open_ = int(trades["is_open"].sum())
    gain = float(worth.gain[-1]) if worth.ts.size else 0.0
    filled = "venues" if run.about["fills"] == "venue" else "the rules' own"
    lines = [
        ("PnL, open trades marked", f"{signed(gain)} {run.currency}"),
        ("trades closed", count(trades.height - open_)),
        ("trades open", count(open_)),
        ("pairs", ", ".join(run.pairs)),
        ("fills", filled),
        ("entries allowed", f"{percent(100 * story.active_share)} of the time"),
        ("entries refused", count(sum(story.refusals.values()))),
        ("orders that came to nothing", count(len(story.failures))),
    ]
    when = f"{run.mode}, {period(story.start_ns, story.end_ns)}"
    return card(
        f"Run {run.name}", when, lines, tuple(_flags(run)), f"run.plot(); arbkit live report {run.name}"
    )


def _flags(run: RunResult) -> Iterator[str]:
    story, halted = run.story, run.folder.halted()
    if halted is not None:
        yield f"halted: {halted.get('reason', '')}"
    if story.is_replay:
        yield "recorded books were replayed: nothing here was traded live"
    if story.crashes:
        yield f"{count(story.crashes)} of {count(len(story.processes))} processes ended without a word"
    late = sum(item.worst_naked_s > run.deadline_s for item in story.outcomes)
    if late:
        yield f"{count(late)} decisions were open on one side for longer than {run.deadline_s:g} s"
    if story.absences:
        yield f"connections to venues were lost {count(len(story.absences))} times"
