"""The chosen set and the highest one, judged alike: plateau, out of sample, stress."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from arbkit.config import Params
from arbkit.decision.result import Rival
from arbkit.engine import backtest
from arbkit.panel import Panel
from arbkit.stress import stress_test
from arbkit.study import Study
from arbkit.validation import Finalist, Part
from arbkit.validation.bins import Bins, binned
from arbkit.validation.measured import Trades, measured, trades_of

__all__ = ["choice_of", "rival_of"]


def rival_of(study: Study, name: str, item: Finalist, scenarios: Any) -> Rival:
    """Judge one set on the walk-forward part, which no search saw.

    Args:
        study: the study.
        name: `chosen` or `highest`.
        item: the set.
        scenarios: of the stress test.
    """
    params, reference = study.spec.params_of(item.params)
    start, end = study.market.cuts
    panel = study.market.stretch(reference, start, end)
    frame = stress_test(panel, params, scenarios=scenarios, seed=study.spec.seed).frame
    tried = frame.filter(frame["status"].is_in(["changed", "same"]))
    worst = tried.row(int(tried["mtm_pnl_usd"].arg_min() or 0), named=True) if tried.height else None
    return Rival(
        name=name,
        number=item.number,
        params=dict(item.params),
        value=item.value,
        score=item.score,
        walk=_walk(study, panel, params),
        worst=None if worst is None else str(worst["scenario"]),
        worst_usd=None if worst is None else float(worst["mtm_pnl_usd"]),
        lost=int((tried["mtm_pnl_usd"] < 0).sum()),
        tried=tried.height,
    )


def _walk(study: Study, panel: Panel, params: Params) -> Part:
    settings, span = study.spec.validation, (panel.start_ns, panel.end_ns)
    bins = Bins(panel, settings.bin_ns)
    if not len(bins):
        return measured("walk_forward", np.zeros(0), span, Trades(0, 0, 0.0), settings, study.spec.seed)
    pnl = binned(panel, [params], bins, str(settings.bin))[:, 0]
    trades = trades_of(backtest(panel, params).records)
    return measured("walk_forward", pnl, span, trades, settings, study.spec.seed)


def choice_of(rivals: Sequence[Rival], currency: str) -> str:
    """Say why the chosen set was taken and not the peak."""
    chosen = rivals[0]
    if len(rivals) == 1:
        kept = (
            "" if chosen.score is None else f": three quarters of the sets around it keep {chosen.score:,.6g}"
        )
        return (
            f"trial {chosen.number} is both the highest and the one that survives a small change best{kept}"
        )
    peak = rivals[1]
    text = (
        f"trial {chosen.number} and not {peak.number}, the highest: it makes {chosen.value:,.6g} in training "
        f"against {peak.value:,.6g}, but three quarters of the sets around it keep {_score(chosen)} against "
        f"{_score(peak)}"
    )
    if chosen.worst_usd is None or peak.worst_usd is None:
        return text
    better = chosen.worst_usd >= peak.worst_usd
    return (
        f"{text}; under the worst scenario it makes {chosen.worst_usd:,.2f} {currency} against "
        f"{peak.worst_usd:,.2f}, which {'speaks for' if better else 'speaks against'} it"
    )


def _score(rival: Rival) -> str:
    return "nothing" if rival.score is None else f"{rival.score:,.6g}"
