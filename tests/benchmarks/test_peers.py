"""The comparison with other engines: those that need no environment of their own, small, and its verdicts."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.baselines import Found, found_by_arbkit
from benchmarks.markets import make_panel
from benchmarks.peers import __main__ as command
from benchmarks.peers import compare as peers
from benchmarks.peers.environments import PeerError

ROWS, TRADES = 20_000, 10
FOLDER = Path(peers.__file__).parent


def test_engines_beside_arbkit_are_shown_to_agree_and_timed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    command.main([
        "--rows", str(ROWS), "--trades", str(TRADES), "--only", *peers.INSIDE, "--json", str(tmp_path / "f"),
    ])  # fmt: skip
    found = json.loads((tmp_path / "f").read_text(encoding="utf-8"))["engines"]
    assert [row["engine"] for row in found] == ["arbkit", "arbkit, all metrics", *peers.INSIDE]
    assert {row["compared"] for row in found[2:]} == {"rows and PnL equal"}
    assert all(row["CPU ms"] > 0 for row in found)
    assert found[2]["arbkit is faster by"] > 10
    assert "python loop" in capsys.readouterr().out


@pytest.fixture(scope="module")
def ours() -> Found:
    return found_by_arbkit(make_panel(ROWS), peers.PARAMS.replace(min_spread_bps=5.0))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "rows and PnL equal"),
        ({"pnl_usd": np.nan}, "rows equal, no such PnL"),
        ({"pnl_usd": 1e9}, "disagrees: PnL"),
        ({"entry": np.array([-7])}, "disagrees: entry of trade 0"),
    ],
)
def test_verdict_says_what_was_compared(change: dict[str, Any], said: str, ours: Found) -> None:
    if "entry" in change:
        change = {"entry": np.append(change["entry"], ours.entry[1:])}
    assert peers.verdict(ours, ours._replace(**change))["compared"].startswith(said)


def shared_code() -> Any:
    """Load what runs in the environments of the peers."""
    spec = importlib.util.spec_from_file_location("_peer", FOLDER / "_peer.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ECHO = """
import json, sys
from pathlib import Path
sys.path.insert(0, {folder!r})
from _peer import Trades, main
given = json.loads(Path({given!r}).read_text())
def broken(market, rules):
    raise RuntimeError("no licence")
def late(market, rules):
    return lambda: Trades(given["side"], given["entry"], [row + 1 for row in given["exit"]], given["pnl_usd"])
def honest(market, rules):
    return lambda: Trades(given["side"], given["entry"], given["exit"], given["pnl_usd"])
main({{"honest": honest, "late": late, "broken": broken}}, "1.0")
"""


def test_peer_that_disagrees_or_fails_gets_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = make_panel(ROWS)
    thresholds = peers.calibrated(panel, TRADES, 32)
    assert thresholds is not None
    params = peers.PARAMS.replace(min_spread_bps=float(np.median(thresholds)))
    found = found_by_arbkit(panel, params)
    row = np.flatnonzero(panel.tradable)
    given = {
        "side": found.side.tolist(), "entry": np.searchsorted(row, found.entry).tolist(),
        "exit": np.where(found.exit < 0, -1, np.searchsorted(row, found.exit)).tolist(),
        "pnl_usd": found.pnl_usd,
    }  # fmt: skip
    (tmp_path / "given.json").write_text(json.dumps(given), encoding="utf-8")
    script = ECHO.format(folder=str(FOLDER), given=str(tmp_path / "given.json"))
    (tmp_path / "run_echo.py").write_text(script, encoding="utf-8")
    monkeypatch.setattr(peers, "__file__", str(tmp_path / "compare.py"))

    def installed(name: str) -> Path:
        if name == "absent":
            raise PeerError("cannot be installed: no such version")
        return Path(sys.executable)

    rows = peers.compare(
        ROWS, TRADES, tmp_path, inside=(), outside=("echo", "absent"), rounds=1, sample_s=0,
        interpreter=installed,
    )[2:]  # fmt: skip
    assert [row["compared"] for row in rows] == [
        "rows and PnL equal",
        "disagrees: exit of trade 0",
        "not reached: RuntimeError: no licence",
        "not reached: cannot be installed: no such version",
    ]
    assert ["CPU ms" in row for row in rows] == [True, False, False, False]


def test_fills_of_two_legs_become_trades_with_their_pnl() -> None:
    module = shared_code()
    rules = module.Rules(20.0, 0.0, 5.0, 5.0, 1000.0)
    fills = np.array([
        [3, 0, 2.0, 100.0, 0.1], [3, 1, -2.0, 101.0, 0.1], [7, 0, -2.0, 102.0, 0.1], [7, 1, 2.0, 102.0, 0.1],
        [9, 0, -1.0, 100.0, 0.1], [9, 1, 1.0, 99.0, 0.1],
    ])  # fmt: skip
    found = module.fill_pnl(fills, rules)
    assert (found.side, found.entry, found.exit) == ([0, 1], [3, 9], [7, -1])
    assert found.pnl_usd == pytest.approx(2 * (102 - 100) - 2 * (102 - 101) - 0.4, rel=1e-12)


@pytest.mark.parametrize("name", peers.OUTSIDE)
def test_peer_has_a_script_and_exact_pins_without_addresses(name: str) -> None:
    assert (FOLDER / f"run_{name}.py").is_file()
    pins = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    assert "://" not in pins
    lines = [line for line in pins.splitlines() if line and not line.startswith("#")]
    assert all(re.match(r"[A-Za-z0-9._\[\]-]+==\S+", line) for line in lines)


def test_market_file_holds_the_tradable_rows_only(tmp_path: Path) -> None:
    panel = make_panel(ROWS)
    market, rules = peers.write_market(tmp_path, panel, peers.PARAMS, rounds=1, seconds=0.0)
    with np.load(market) as arrays:
        assert arrays["row"].size == panel.tradable.sum() < ROWS
        np.testing.assert_array_equal(arrays["ask_b"], panel.ask_b[panel.tradable])
    assert json.loads(rules.read_text(encoding="utf-8"))["notional_usd"] == 1000
