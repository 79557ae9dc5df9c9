"""The checks in the report are the engine's own, and what the audit names is what the report says."""

from __future__ import annotations

import pytest

from arbkit.realism import optimism_audit
from arbkit.report.checks import checks_on
from arbkit.report.table import bars_of
from arbkit.report.text import load_text
from arbkit.report.trust import (
    AUDITED,
    audit_table,
    checks_note,
    fee_sentence,
    finalists_table,
    latency_sentence,
    near_table,
    stress_table,
    trust_notes,
)

TEXT = load_text()


def test_audit_and_stress_start_from_the_result_out_of_sample(seen):
    pnl = seen.test.result.metrics.mtm_pnl_usd
    assert seen.checks.audit.frame["mtm_pnl_usd"][0] == pnl
    assert seen.checks.stress.frame["mtm_pnl_usd"][0] == pnl
    assert seen.checks.latency.frame["mtm_pnl_usd"][0] == pnl


def test_every_assumption_of_the_audit_has_a_name(seen):
    assert set(seen.checks.audit.frame["assumption"]) <= set(AUDITED)
    candles = seen.test.panel.replace(meta=seen.test.panel.meta.__class__(fidelity="candle"))
    audit = optimism_audit(candles.rows(0, 500), seen.params)
    assert set(audit.frame["assumption"]) <= set(AUDITED)


def test_tables_hold_a_row_per_scenario_and_assumption(seen):
    assert len(stress_table(seen.checks, TEXT).rows) == seen.checks.stress.frame.height
    rows = audit_table(seen.checks, TEXT).rows
    assert len(rows) == seen.checks.audit.frame.height
    assert rows[0].head == "As configured"
    assert rows[0].bar is not None


def test_sentences_can_be_said_in_both_languages(seen):
    for text in (TEXT, load_text("ko")):
        assert len(trust_notes(seen, text)) == 4
        assert checks_note(seen, text)
        assert fee_sentence(seen.checks, text)
        assert latency_sentence(seen.checks.latency, text)


def test_without_checks_nothing_is_claimed(view):
    assert trust_notes(view, TEXT) == []
    assert near_table(view, TEXT) is None
    assert finalists_table(view, TEXT) is None


def test_nothing_traded_has_nothing_to_lose(view):
    idle = checks_on(view.test.panel.rows(0, 600), view.params.replace(min_spread_bps=5_000.0))
    assert "no profit" in audit_sentence_of(idle)
    assert not idle.skipped


def audit_sentence_of(checks):
    from arbkit.report.trust import audit_sentence

    return audit_sentence(checks.audit, TEXT)


def test_bars_share_one_scale_and_say_where_they_are_cut():
    bars = bars_of([10.0, -10.0, 5.0, None, -1_000.0])
    assert (bars[0].tone, bars[1].tone, bars[4].tone) == ("gain", "loss", "loss cut")
    assert bars[3] is None
    assert bars[0].left == bars[2].left == pytest.approx(bars[1].left + bars[1].width, abs=0.11)
    assert bars[0].width == pytest.approx(2 * bars[2].width, abs=0.11)
    assert bars_of([]) == []
