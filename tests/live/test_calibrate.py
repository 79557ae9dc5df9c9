"""What a run measured of its orders, written into the journal the way the orders' desk writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from arbkit.cli.main import main
from arbkit.errors import DataError
from arbkit.live import LiveRunner, RunResult, open_run
from arbkit.live.calibrate import calibrate, write_costs
from arbkit.live.journal import Journal
from arbkit.study.costs import read_costs
from tests.live.conftest import Configure

#: Of every crossing: latency and slippage of the legs.
LATENCY_NS = {"a": 40_000_000, "b": 15_000_000}
SLIP_BPS = {"a": 1.5, "b": 0.5}
FEE_BPS = {"a": 5.0, "b": 4.0}


def filled(run: RunResult, rows: list[int], *, extra: dict[int, float] | None = None) -> None:
    """Write what became of decisions on these rows: each leg at its book after its latency, and worse."""
    panel = run.panel("BTC", as_run=False)
    with_journal = Journal(run.folder.journal)
    for n, row in enumerate(rows):
        legs: dict[str, Any] = {}
        for leg, side in (("a", "buy"), ("b", "sell")):
            first = int(panel.ts[row]) + LATENCY_NS[leg]
            at = int(np.searchsorted(panel.ts, first, side="right")) - 1
            rate = getattr(panel, f"fx_{leg}")
            top = (panel.ask_a if leg == "a" else panel.bid_b)[at] / (1.0 if rate is None else rate[at])
            slip = SLIP_BPS[leg] + (extra or {}).get(n, 0.0)
            price = float(top * (1 + (1 if side == "buy" else -1) * slip / 1e4))
            size, name = 0.01 * (1 + n % 2), f"ab-{leg}-{row}"
            quote = "KRW" if leg == "a" else "USDT"
            with_journal.append(
                "intent", client_id=name, side=side, size=str(2 * size if n == 0 else size), quote_amount=None
            )
            legs[leg] = {
                "ids": [name],
                "side": side,
                "filled": size,
                "average_price": price,
                "fees": {quote: FEE_BPS[leg] / 1e4 * price * size},
                "sent_ns": int(panel.ts[row]),
                "first_fill_ns": first,
                "last_fill_ns": first,
            }
        with_journal.append(
            "outcome", pair="BTC", row=row, trade=-1, side=0, decided_ns=int(panel.ts[row]), **legs
        )
    with_journal.close()


def test_latency_slippage_fees_and_fill_rate_are_those_of_the_fills(short_run: RunResult) -> None:
    short_run._about["mode"] = "live"
    filled(short_run, list(range(50, 650, 20)))
    found = calibrate(short_run)
    (pair,) = found.pairs
    assert found.decisions == 30
    for leg, costs in (("a", pair.a), ("b", pair.b)):
        assert costs.latency_ms is not None
        assert costs.latency_ms.median == pytest.approx(LATENCY_NS[leg] / 1e6)
        assert costs.slippage_bps is not None
        assert costs.slippage_bps.mean == pytest.approx(SLIP_BPS[leg], abs=1e-6)
        assert costs.fee_bps is not None
        assert costs.fee_bps.mean == pytest.approx(FEE_BPS[leg])
        assert costs.fill_rate == pytest.approx(0.45 / 0.46)
    assert pair.a.leg == "upbit/KRW-BTC"
    assert pair.crossing_bps is not None
    assert pair.crossing_bps.mean == pytest.approx(2.0, abs=1e-6)
    assert found.params == {
        "taker_fee_a_bps": 5.0,
        "latency_a_ms": 40.0,
        "taker_fee_b_bps": 4.0,
        "latency_b_ms": 15.0,
        "slippage_bps": pytest.approx(2.0, abs=1e-5),
    }


def test_small_and_large_orders_are_measured_apart(short_run: RunResult) -> None:
    filled(short_run, list(range(50, 450, 10)), extra=dict.fromkeys(range(1, 40, 2), 4.0))
    sizes = calibrate(short_run).pairs[0].a.by_size
    assert len(sizes) == 4
    assert sizes[0].to_usd < sizes[-1].from_usd
    slips = [part.slippage_bps.mean for part in sizes if part.slippage_bps is not None]
    assert slips == pytest.approx([1.5, 1.5, 5.5, 5.5], abs=1e-6)


def test_a_decision_that_was_not_filled_counts_for_the_fill_rate_only(short_run: RunResult) -> None:
    filled(short_run, [100, 200])
    journal = Journal(short_run.folder.journal)
    legs = {}
    for leg, side in (("a", "buy"), ("b", "sell")):
        journal.append("intent", client_id=f"ab-{leg}", side=side, size="0.03", quote_amount=None)
        legs[leg] = {"ids": [f"ab-{leg}"], "side": side, "filled": 0.0, "average_price": None, "fees": {}}
        legs[leg] |= {"sent_ns": 1, "first_fill_ns": 0, "last_fill_ns": 0}
    journal.append("outcome", pair="BTC", row=300, trade=-1, side=0, decided_ns=1, **legs)
    journal.close()
    costs = calibrate(short_run).pairs[0].b
    assert costs.slippage_bps is not None
    assert costs.slippage_bps.n == 2
    assert costs.fill_rate == pytest.approx(0.03 / (0.02 + 0.02 + 0.03))


def test_a_run_that_the_rules_filled_themselves_measured_nothing(short_run: RunResult) -> None:
    with pytest.raises(DataError, match="take `fills: venue`"):
        calibrate(short_run)


def test_what_is_written_is_read_by_the_next_study(short_run: RunResult, tmp_path: Path) -> None:
    filled(short_run, list(range(50, 650, 20)))
    found = calibrate(short_run)
    write_costs(found, tmp_path / "costs.yaml")
    assert read_costs(str(tmp_path / "costs.yaml")) == dict(found.params)
    assert read_costs(f"{tmp_path}/costs.yaml:BTC") == dict(found.pairs[0].params)
    values = yaml.safe_load((tmp_path / "costs.yaml").read_text())
    assert values["pairs"]["BTC"]["a"]["latency_ms"]["n"] == 30
    assert values["pairs"]["BTC"]["a"]["by_size"][0]["fill_rate"] > 0.9


def test_the_command_prints_a_line_per_leg_and_size(
    short_run: RunResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(short_run, list(range(50, 450, 10)))
    place = tmp_path / "costs.yaml"
    assert main(["live", "calibrate", str(short_run.folder.path), "--to", str(place)]) == 0
    out = capsys.readouterr().out
    assert "40 decisions carried out" in out
    assert out.count("upbit/KRW-BTC") == 5
    assert "slippage_bps 2" in out
    assert place.is_file()


def test_a_paper_run_measures_the_costs_that_its_venue_was_given(
    configure: Configure, recording: Path
) -> None:
    params = {"min_spread_bps": -1_000, "max_hold_s": 3, "latency_a_ms": 40, "latency_b_ms": 15}
    minute = {"dataset": str(recording), "end": "2026-01-05T00:01:00"}
    config = configure(reference="none", params=params, execution={"fills": "venue"}, replay=minute)
    LiveRunner(config).run_forever()
    found = calibrate(open_run(config.runs / "small"))
    assert found.decisions > 10
    assert found.params == {
        "taker_fee_a_bps": pytest.approx(5.0),
        "latency_a_ms": 40.0,
        "taker_fee_b_bps": pytest.approx(4.0),
        "latency_b_ms": 15.0,
        "slippage_bps": pytest.approx(1.0),
    }
    leg = found.pairs[0].a
    assert leg.latency_ms is not None
    assert leg.latency_ms.median >= 40.0
    assert leg.fill_rate == pytest.approx(1.0)
    assert len(leg.by_size) == 1
