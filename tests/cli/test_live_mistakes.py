"""Configurations that must not trade: each is one clear line, or a run that is reducing and says why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from arbkit.cli.main import main
from arbkit.synthetic import Market, load_market_spec, write_market
from tests.live.conftest import live_values
from tests.live.test_guard import params_file

Start = Callable[..., tuple[int, str, str]]
KEYS = "ARBKIT_UPBIT_KEY=1\nARBKIT_UPBIT_SECRET=planted-2\n"
UNLISTED = [{"a": "upbit/KRW-XYZ", "b": "binance_usdm/XYZUSDT"}]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded") / "demo"
    write_market(Market(load_market_spec("kimchi"), rows=900, levels=1, seed=4), folder)
    return folder


@pytest.fixture
def start(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Start:
    """Return what runs a changed configuration: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    for venue in ("UPBIT", "BINANCE_USDM"):
        for part in ("KEY", "SECRET"):
            monkeypatch.delenv(f"ARBKIT_{venue}_{part}", raising=False)

    def call(words: tuple[str, ...] = (), **changes: Any) -> tuple[int, str, str]:
        values = live_values(recording, Path("runs")) | changes
        values = {key: value for key, value in values.items() if value is not None}
        if "params_file" in values:
            values.pop("params")
        Path("small.yaml").write_text(yaml.safe_dump(values))
        code = main(["live", "run", "--config", "small.yaml", *words])
        return code, *capsys.readouterr()

    return call


def live(**upbit: Any) -> dict[str, Any]:
    """Return what makes a configuration one that trades with money."""
    venues = {"upbit": upbit, "binance_usdm": {}}
    return {"mode": "live", "replay": None, "venues": venues, "execution": {"fills": "venue"}}


def is_refused(answer: tuple[int, str, str], said: str) -> None:
    code, out, err = answer
    assert (code, out) == (1, "")
    assert said in err.splitlines()[-1]
    assert err.splitlines()[-1].startswith("error: ")
    assert not any(text in err for text in ("Traceback", "unexpected", "planted"))
    assert not Path("runs/small/run.json").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pairs": UNLISTED}, "upbit/KRW-XYZ"),
        ({"fx": None}, "`fx` must be given, such as `fx: {venue: upbit, symbol: KRW-USDT}`"),
        ({"fx": {"venue": "upbit", "symbol": "KRW-USDC"}}, "KRW-USDC"),
        ({"replay": {"dataset": "nowhere"}}, "nowhere"),
        ({"params_file": "none.yaml"}, "none.yaml"),
        ({"runs": "small.yaml"}, "a run needs a folder that it may write, small.yaml/small"),
    ],
)
def test_a_run_that_cannot_be_does_not_begin(start: Start, changes: dict[str, Any], said: str) -> None:
    is_refused(start(**changes), said)


def test_money_needs_flag_configuration_and_variable(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    is_refused(start(**live()), "missing: `--mode live`, the variable ARBKIT_LIVE=small")
    is_refused(start(("--mode", "live"), **live()), "missing: the variable ARBKIT_LIVE=small")
    monkeypatch.setenv("ARBKIT_LIVE", "small")
    is_refused(start(("--mode", "live")), "missing: `mode: live` in the configuration")


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (None, 0o600, "the file of keys cannot be read: keys.env (FileNotFoundError)"),
        ("", 0o600, "keys.env has no ARBKIT_UPBIT_KEY and no ARBKIT_UPBIT_SECRET"),
        (KEYS.replace("_SECRET", "_SECRETS"), 0o600, "keys.env has no ARBKIT_UPBIT_SECRET"),
        (KEYS, 0o644, "must be readable by its owner alone, was 644: keys.env; run `chmod 600 keys.env`"),
        (KEYS, 0o600, "the environment has no ARBKIT_BINANCE_USDM_KEY"),
    ],
)
def test_keys_are_looked_at_before_a_run_begins(
    start: Start, monkeypatch: pytest.MonkeyPatch, text: str | None, mode: int, said: str
) -> None:
    monkeypatch.setenv("ARBKIT_LIVE", "small")
    if text is not None:
        Path("keys.env").write_text(text)
        Path("keys.env").chmod(mode)
    is_refused(start(("--mode", "live"), **live(keys_file="keys.env")), said)


def test_parameters_tuned_without_the_guard_are_refused(start: Start) -> None:
    params_file(Path("params.yaml"), tuned=False)
    decided = {"params_file": "params.yaml", "guard": None, "reference": None}
    for changes in (decided, decided | live()):
        is_refused(start(**changes), "parameters must be tuned with the guard block they run with")


def test_a_decision_that_was_changed_by_hand_is_refused(start: Start) -> None:
    params_file(Path("params.yaml"))
    Path("params.yaml").write_text(Path("params.yaml").read_text().replace("-9.0", "-8.0"))
    is_refused(start(params_file="params.yaml", guard=None, reference=None), "params.yaml")


@pytest.mark.parametrize(
    ("days", "envelope", "said"),
    [
        (-1, {}, "state reducing (stale_params: since 2026-01-04)"),
        (30, {"width_a_bps": [0.0, 0.001]}, "BTC reducing (outside_envelope: width_a_bps)"),
    ],
)
def test_parameters_whose_time_has_passed_enter_nothing_and_say_why(
    start: Start, days: float, envelope: dict[str, Any], said: str
) -> None:
    params_file(Path("params.yaml"), days=days, **envelope)
    decided = {"params_file": "params.yaml", "guard": None, "reference": None, "envelope_half_life": "1s"}
    code, out, _ = start(**decided)
    assert code == 0
    assert said in out
    assert out.split("BTC")[1].split("│")[2].strip() == "0"
