"""`params.yaml`: the same bytes, read back whole, refused when edited, cut off or stale."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import pytest
import yaml

from arbkit.cli.main import main
from arbkit.decision import Decision, load_decision
from arbkit.decision.market import _iso
from arbkit.errors import ConfigError, DataError
from arbkit.panel._time import to_ns
from arbkit.units import DAY_NS


def in_time(decision: Decision) -> dt.datetime:
    return dt.datetime.fromtimestamp(decision.valid_until_ns / 1e9, dt.UTC) - dt.timedelta(seconds=1)


def supported(decision: Decision) -> Decision:
    return dataclasses.replace(decision, status="supported", sentence="the chosen set is supported")


def test_the_same_decision_gives_the_same_bytes(decision: Decision) -> None:
    assert decision.to_yaml() == decision.to_yaml()
    assert str(dt.datetime.now(dt.UTC).year) not in decision.to_yaml().partition("dataset:")[0]


def test_what_was_written_is_read_back(decision: Decision, tmp_path: Path) -> None:
    path = supported(decision).write_params(tmp_path / "deep" / "params.yaml")
    found = load_decision(path, at=in_time(decision))
    assert found.supported
    assert decision.config is not None
    assert found.params.to_dict() == {name: decision.config[name] for name in found.params.to_dict()}
    assert decision.guard is not None
    assert found.guard == found.params.guard == decision.guard.limits
    assert found.envelope == decision.envelope
    assert found.reference == "none"
    assert found.dataset["fingerprint"] == decision.dataset["fingerprint"]
    assert found.study["name"] == "small"
    assert found.per_day["out_of_sample"]["low"] == decision.part("out_of_sample").low_usd


def test_moments_are_written_to_the_nanosecond() -> None:
    assert to_ns(_iso(1_768_089_598_278_504_193)) == 1_768_089_598_278_504_193


def test_a_set_that_is_not_supported_is_written_and_says_so_at_loading(
    decision: Decision, tmp_path: Path
) -> None:
    plain = dataclasses.replace(decision, status="not supported", sentence="no set is supported: SPA")
    path = plain.write_params(tmp_path / "params.yaml")
    assert "verdict: not supported\n" in path.read_text()
    with pytest.warns(UserWarning, match="not supported: no set is supported: SPA"):
        found = load_decision(path, at=in_time(decision))
    assert (found.verdict, found.supported) == ("not supported", False)


def test_it_is_valid_for_the_length_of_the_lockbox(decision: Decision, tmp_path: Path) -> None:
    box = decision.part("lockbox")
    assert decision.valid_until_ns - box.end_ns == box.end_ns - box.start_ns
    assert box.end_ns - box.start_ns > 2 * DAY_NS
    path = supported(decision).write_params(tmp_path / "params.yaml")
    with pytest.raises(DataError, match="must be used while they are valid"):
        load_decision(path)
    assert load_decision(path, stale=True).valid_until < dt.datetime.now(dt.UTC)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("max_position_usd: 1000.0", "max_position_usd: 9000.0", "was edited or cut off"),
        ("checksum: ", "checksum: 0", "was edited or cut off"),
        ("format: arbkit-decision", "format: something", "is made by `arbkit study decide"),
    ],
)
def test_an_edited_file_is_refused(written: Path, before: str, after: str, message: str) -> None:
    text = written.read_text()
    assert before in text
    written.write_text(text.replace(before, after))
    with pytest.raises((ConfigError, DataError), match=message):
        load_decision(written, stale=True)


def test_a_file_that_was_cut_off_is_refused(written: Path) -> None:
    written.write_bytes(written.read_bytes()[:-40])
    with pytest.raises(DataError, match="was edited or cut off"):
        load_decision(written, stale=True)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"a: 1\n"])
def test_what_is_no_such_file_is_one_clear_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "params.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="decided parameters"):
        load_decision(path)


def test_a_folder_that_cannot_be_written_is_one_clear_error(decision: Decision, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConfigError, match="must be writable"):
        decision.write_params(tmp_path / "taken" / "params.yaml")


def test_no_password_is_written(decision: Decision) -> None:
    hidden = dataclasses.replace(decision, storage="postgresql://user:***@host/db")
    assert yaml.safe_load(hidden.to_yaml())["study"]["storage"] == "postgresql://user:***@host/db"


def test_the_stress_test_reads_it(
    written: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(written.parent)
    assert main(["stress", "params.yaml", "--scenario", "halt", "--json"]) == 0
    assert '"max_daily_loss_usd"' in capsys.readouterr().out
