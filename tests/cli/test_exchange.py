"""`arbkit exchange`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from arbkit.cli.main import main as shell
from arbkit.testing import FAULTS, practice_exchange

FREE = [f"--port={venue}=0" for venue in ("upbit", "binance_usdm", "binance_spot", "bithumb")]


def test_serve_says_addresses_and_keys_and_ends(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["exchange", "serve", "--seconds", "0.3", "--admin-port", "0", "--rate", "50", *FREE]
    assert shell([*command, "--market", "upbit:KRW-BTC", "--balance", "upbit:KRW=5000,BTC=1"]) == 0
    said = capsys.readouterr().out
    assert "upbit  http://127.0.0.1:" in said
    assert "practice-upbit-secret" in said
    assert "0 fills" in said.splitlines()[-1]


def test_interrupting_a_server_ends_it_cleanly() -> None:
    command = [sys.executable, "-m", "arbkit", "exchange", "serve", "--admin-port", "0", "--json", *FREE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        text = ""
        while not text.endswith("}\n") or text.count("{") != text.count("}"):
            text += server.stdout.readline()
        assert set(json.loads(text)["venues"]) == {"upbit", "binance_usdm", "binance_spot", "bithumb"}
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 0


def test_faults_are_switched_from_outside(capsys: pytest.CaptureFixture[str]) -> None:
    with practice_exchange({"upbit": ["KRW-BTC"]}, admin_port=0) as exchange:
        assert exchange.admin is not None
        at = f"--at={exchange.admin.url}"
        assert shell(["exchange", "on", "slow_answer", "--venue", "upbit", "--option", "delay=2.5", at]) == 0
        assert exchange.faults.active()[0].options == {"delay": 2.5}
        assert shell(["exchange", "faults", "--json", at]) == 0
        answer = json.loads(capsys.readouterr().out.partition("\n")[2])
        assert [fault["name"] for fault in answer["faults"]] == list(FAULTS)
        assert answer["on"][0]["name"] == "slow_answer"
        assert shell(["exchange", "off", "slow_answer", at]) == 0
        assert exchange.faults.active() == ()
        capsys.readouterr()
        assert shell(["exchange", "ledger", at]) == 0
        assert json.loads(capsys.readouterr().out)["upbit"]["balances"] == {"KRW": "100000000"}
        assert shell(["exchange", "on", "stall", at]) == 1
        assert "error: no fault `stall`; did you mean `stall_data`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["serve", "--market", "upbit"], "`--market` must be VENUE:SYMBOL,SYMBOL, was 'upbit'"),
        (["serve", "--balance", "upbit:KRW=x"], "`--balance` must hold an amount, was 'KRW=x'"),
        (["serve", "--port", "upbit=x"], "`--port` must be a number up to 65535, was 'upbit=x'"),
        (["faults", "--at", "http://127.0.0.1:9"], "no practice exchange answers at http://127.0.0.1:9"),
    ],
)
def test_bad_input_gets_one_message(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell(["exchange", *arguments]) == 1
    assert message in capsys.readouterr().err
