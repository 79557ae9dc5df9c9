"""The first lines: what to know before believing anything, and the verdict in one honest sentence."""

from __future__ import annotations

import dataclasses
from typing import Final, NamedTuple

import polars as pl

from arbkit.config import Params
from arbkit.report.numbers import money, period, share
from arbkit.report.text import Text
from arbkit.report.told import retold
from arbkit.report.validated import validation_sentence
from arbkit.report.view import Searched, Segment, StudyView
from arbkit.units import DAY_NS

__all__ = ["ENOUGH_TRADES", "Verdict", "edge_of", "independent_trades", "kept_share", "verdict_of"]

#: Below this many independent trades a sign is left undecided.
ENOUGH_TRADES: Final = 30
_EDGE: Final = 0.02
_HELD: Final = 0.5
_BOUNDS: Final = {
    item.name: item.metadata["rule"][:2] for item in dataclasses.fields(Params) if "rule" in item.metadata
}


class Verdict(NamedTuple):
    """`first`: what makes the result untradable as it stands; `sentence`: the outcome; `notes`: the rest.

    `tone` is "loss", "open" (cannot be said) or "gain", and only colours the page.
    """

    tone: str
    first: tuple[str, ...]
    sentence: str
    notes: tuple[str, ...]


def verdict_of(view: StudyView, text: Text) -> Verdict:
    """Say what the validation of a study said; without one judge its out-of-sample segment, doubts first.

    Without a validation nothing is a gain: the colour stays that of what cannot be said.
    """
    tone, sentence = _sentence(view, text)
    notes = _notes(view, text)
    if view.validation is None:
        tone = "open" if tone == "gain" else tone
        notes.insert(0, text("validation.none", study=view.name))
    else:
        notes.insert(0, sentence)
        sentence = f"{validation_sentence(view.validation, text)}."
        tone = "gain" if view.supported else "loss" if tone == "loss" else "open"
    first = tuple(_first(view, text))
    if first and tone == "gain":
        tone = "open"
    return Verdict(tone, first, sentence, tuple(notes))


def kept_share(view: StudyView) -> float | None:
    """Return PnL per day out of sample over the same in sample; None where in sample made nothing."""
    train = view.train.per_day(view.train.result.metrics.mtm_pnl_usd)
    test = view.test.per_day(view.test.result.metrics.mtm_pnl_usd)
    return test / train if train > 0 and test == test else None


def independent_trades(segment: Segment) -> int:
    """Count the closed trades, at most the separate episodes they can belong to: the real sample size."""
    return min(segment.result.metrics.closed_trades, segment.result.metrics.excursions)


def _sentence(view: StudyView, text: Text) -> tuple[str, str]:
    train, test = view.train.result.metrics, view.test.result.metrics
    pnl, trades, sample = test.mtm_pnl_usd, test.total_trades, independent_trades(view.test)
    words = {
        "test": money(abs(pnl), view.currency),
        "train": money(abs(train.mtm_pnl_usd), view.currency),
        "moved": _moved(train.mtm_pnl_usd, text),
        "period": period(round(view.test.days * DAY_NS), text),
        "trades": text("unit.closed", n=test.closed_trades),
        "kept": share(kept_share(view), 0),
    }
    if trades == 0:
        return "open", text("verdict.no_trades" if train.total_trades == 0 else "verdict.silent", **words)
    if pnl < 0:
        few = " " + text("verdict.loss_few") if sample < ENOUGH_TRADES else ""
        return "loss", text("verdict.loss", **words) + few
    if pnl == 0:
        return "open", text("verdict.flat", **words)
    if test.closed_trades < ENOUGH_TRADES:
        return "open", text("verdict.few", **words)
    if sample < ENOUGH_TRADES:
        return "open", text("verdict.few_episodes", episodes=text("unit.episode", n=test.excursions), **words)
    return _gain(view, text, words)


def _gain(view: StudyView, text: Text, words: dict[str, str]) -> tuple[str, str]:
    kept = kept_share(view)
    if view.train.result.metrics.mtm_pnl_usd < 0:
        return "open", text("verdict.lucky", **{**words, "train": "\N{MINUS SIGN}" + words["train"]})
    if kept is None:
        return "open", text("verdict.gained", **words)
    tone, name = ("gain", "held") if kept >= _HELD else ("open", "faded")
    return tone, text(f"verdict.{name}", **words)


def _moved(pnl: float, text: Text) -> str:
    return text("verdict.lost" if pnl < 0 else "verdict.made" if pnl > 0 else "verdict.made_nothing")


def _first(view: StudyView, text: Text) -> list[str]:
    lines = []
    done = [(leg, text("unit.trade", n=count)) for leg, count in _spot_shorts(view) if count]
    if len(done) == 1:
        lines.append(text("warning.short", leg=done[0][0], count=done[0][1]))
    elif done:
        (leg_b, count_b), (leg_a, count_a) = done
        lines.append(text("warning.short_both", leg_a=leg_a, count_a=count_a, leg_b=leg_b, count_b=count_b))
    if view.params.pnl_model == "convergence":
        lines.append(text("warning.convergence"))
    if view.train.panel.meta.fidelity == "candle":
        lines.append(text("warning.candle"))
    return lines


def _spot_shorts(view: StudyView) -> list[tuple[str, int]]:
    """Spot legs, B before A, that may be sold short without inventory, with the trades that do."""
    meta, params = view.train.panel.meta, view.params
    legs = (
        (meta.leg_b, meta.spot_b, params.inventory_b_usd, "LONG_A_SHORT_B", "long_b_short_a"),
        (meta.leg_a, meta.spot_a, params.inventory_a_usd, "LONG_B_SHORT_A", "long_a_short_b"),
    )
    return [
        (leg, sum(len(part.trades.filter(pl.col("side") == side)) for part in (view.train, view.test)))
        for leg, spot, inventory, side, never in legs
        if spot and inventory is None and params.direction != never
    ]


def _notes(view: StudyView, text: Text) -> list[str]:
    lines = [_selection(view, text)]
    possible = [leg for leg, count in _spot_shorts(view) if not count]
    if len(possible) == 1:
        lines.append(text("warning.short_possible", leg=possible[0]))
    elif possible:
        lines.append(text("warning.short_possible_both", leg_a=possible[1], leg_b=possible[0]))
    for name, part in (("train", view.train), ("test", view.test)):
        if part.result.metrics.stopped:
            lines.append(text("warning.stopped", segment=text(f"segment.{name}").lower()))
    at_edge = [item.name for item in view.searched if edge_of(item)]
    if at_edge:
        lines.append(text("warning.edge", names=", ".join(at_edge)))
    lines += _trade_notes(view.test, text)
    return [*_data_notes(view, text), *lines]


def _data_notes(view: StudyView, text: Text) -> list[str]:
    flags = list(dict.fromkeys((*view.train.panel.meta.flags, *view.test.panel.meta.flags)))
    synthetic = [flag for flag in flags if flag.endswith("synthetic")]
    others = [retold(flag.rstrip("."), text) for flag in flags if flag not in synthetic]
    lines = [text("warning.synthetic")] if synthetic else []
    return lines + ([text("warning.flag", flags="; ".join(others))] if others else [])


def edge_of(item: Searched) -> str:
    """Return "low" or "high" where the chosen value lies within 2 % of that end of its range, else "".

    An end that the parameter's own rule sets, such as a hold of 0 s, is none: nothing lies beyond it.
    """
    place = item.position
    if place is None or _EDGE < place < 1 - _EDGE:
        return ""
    lowest, highest = _BOUNDS.get(item.name, (None, None))
    if place < 0.5:
        return "" if item.low == lowest else "low"
    return "" if item.high == highest else "high"


def _selection(view: StudyView, text: Text) -> str:
    sets = text("unit.set", n=view.sets_tried)
    if view.validation is not None and view.validation.peak is not None:
        return text("warning.selection_plateau", sets=sets)
    if len(view.objectives) > 1:
        return text("warning.selection_many", sets=sets)
    return text("warning.selection" if view.objective.maximize else "warning.selection_low", sets=sets)


def _trade_notes(test: Segment, text: Text) -> list[str]:
    lines, closed, pnl = [], test.closed, test.result.metrics.mtm_pnl_usd
    largest = closed["pnl_usd"].max() if len(closed) else None
    if isinstance(largest, float) and pnl > 0 and len(closed) > 1 and largest > pnl / 2:
        lines.append(text("verdict.one_trade", part=share(largest / pnl, 0)))
    forced = test.result.metrics.exits_end_of_data
    if len(closed) and forced / len(closed) > 0.1:
        lines.append(text("warning.forced", share=share(forced / len(closed), 0)))
    return lines
