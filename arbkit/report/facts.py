"""What a report says, as plain values: its JSON, and the summary that an index reads off a page."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

import numpy as np

from arbkit.report.breakdown import KST_H, by_day, by_exit, by_hour, by_side, open_trades
from arbkit.report.capital import capital_of
from arbkit.report.checks import Checks
from arbkit.report.quality import quality_of
from arbkit.report.text import LANGUAGES, Text, load_text
from arbkit.report.trust import trust_notes
from arbkit.report.verdict import kept_share, verdict_of
from arbkit.report.view import Segment, StudyView

__all__ = ["VERSION", "facts_of", "plain_value", "said_of", "summary_of"]

#: Of the JSON.
VERSION: Final = 1


def summary_of(view: StudyView, text: Text) -> dict[str, Any]:
    """Return what one line about a report needs; all numbers are out of sample."""
    verdict, meta = verdict_of(view, text), view.train.panel.meta
    metrics = view.test.result.metrics
    found = {
        "version": VERSION,
        "study": view.name,
        "verdict": verdict.sentence,
        "tone": verdict.tone,
        "first": verdict.first,
        "source": view.source,
        "pair": [meta.leg_a, meta.leg_b],
        "currency": view.currency,
        "start": _iso(view.test.panel.start_ns),
        "end": _iso(view.test.panel.end_ns),
        "mtm_pnl_usd": metrics.mtm_pnl_usd,
        "kept": kept_share(view),
        "closed_trades": metrics.closed_trades,
        "max_drawdown_mtm_pct": metrics.max_drawdown_mtm_pct,
        "created": view.created,
    }
    made: dict[str, Any] = plain_value(found)
    return made


def said_of(view: StudyView) -> dict[str, Any]:
    """Return the verdict in every language, for a list of reports in the language of its reader."""
    verdicts = {name: verdict_of(view, load_text(name)) for name in LANGUAGES}
    return {name: {"verdict": item.sentence, "first": list(item.first)} for name, item in verdicts.items()}


def facts_of(view: StudyView, text: Text) -> dict[str, Any]:
    """Return everything a report shows, as JSON holds it."""
    verdict, parts = verdict_of(view, text), {"in_sample": view.train, "out_of_sample": view.test}
    found = {
        **summary_of(view, text),
        "notes": (*verdict.notes, *trust_notes(view, text)),
        "objectives": [dataclasses.asdict(item) for item in view.objectives],
        "chosen": {
            "trial": view.chosen_number,
            "params": {item.name: item.chosen for item in view.searched},
            "searched": {item.name: _range(item) for item in view.searched},
        },
        "params": view.params.to_dict(),
        "reference": view.reference,
        "sets_tried": view.sets_tried,
        **{name: _segment(part, view) for name, part in parts.items()},
        "open_trades": [
            item._asdict()
            for name, part in (("train", view.train), ("test", view.test))
            for item in open_trades(name, part)
        ],
        "near": None if view.around is None else _around(view),
        "checks": None if view.checks is None else _checks(view.checks),
        "validation": None if view.validation is None else view.validation.to_dict(),
        "data": {**dataclasses.asdict(view.train.panel.meta), "lockbox_end": _iso(view.lockbox_end_ns)},
        "reproduce": {
            "command": view.command,
            "seed": view.seed,
            "sampler": view.sampler,
            "trials": view.n_trials,
            "storage": view.storage,
            "fingerprint": view.fingerprint,
            "arbkit": view.arbkit_version,
            "code": view.code_version,
        },
    }
    made: dict[str, Any] = plain_value(found)
    return made


def _range(item: Any) -> Any:
    return list(item.choices) if item.choices else [item.low, item.high]


def _segment(part: Segment, view: StudyView) -> dict[str, Any]:
    trades, earned = by_hour(part)
    return {
        "start": _iso(part.panel.start_ns),
        "end": _iso(part.panel.end_ns),
        "days": part.days,
        "metrics": dataclasses.asdict(part.result.metrics),
        "attribution": part.attribution,
        "capital": capital_of(part, view.hurdle_pct)._asdict(),
        "by_side": {name: group._asdict() for name, group in by_side(part).items()},
        "by_exit": {name: group._asdict() for name, group in by_exit(part).items()},
        "by_day_utc": {name: group._asdict() for name, group in by_day(part).items()},
        "by_day_kst": {name: group._asdict() for name, group in by_day(part, KST_H).items()},
        "by_hour_utc": {"trades": trades, "pnl": earned},
        "quality": quality_of(part.panel)._asdict(),
    }


def _around(view: StudyView) -> dict[str, Any]:
    assert view.around is not None
    profiles = {
        item.name: {"values": item.values, "in_sample": item.train, "out_of_sample": item.test}
        for item in view.around.profiles
    }
    return {
        "step": view.around.step,
        "in_sample": view.around.train,
        "out_of_sample": view.around.test,
        "profiles": profiles,
    }


def _checks(checks: Checks) -> dict[str, Any]:
    made = {
        name: None if item is None else {"finding": item.finding, "rows": item.frame.to_dicts()}
        for name in ("latency", "capacity", "audit", "stress", "fee")
        for item in (getattr(checks, name),)
    }
    if checks.fee is not None:
        made["fee"] = {"finding": checks.fee.finding, "break_even_bps": checks.fee.break_even_bps}
    return {
        **made,
        "start": _iso(checks.panel.start_ns),
        "end": _iso(checks.panel.end_ns),
        "skipped": checks.skipped,
    }


def _iso(ns: int) -> str:
    return datetime.fromtimestamp(ns // 10**9, UTC).isoformat()


def plain_value(value: Any) -> Any:
    """Turn arrays and tuples into lists, and numbers that JSON does not know into None."""
    if isinstance(value, Mapping):
        return {str(key): plain_value(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return [plain_value(item) for item in value.tolist()]
    if isinstance(value, (list, tuple)):
        return [plain_value(item) for item in value]
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
