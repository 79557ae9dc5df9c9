from __future__ import annotations

from pathlib import Path

import pytest

from arbkit.errors import ConfigError, StorageError
from arbkit.live.stores import open_store, read_state
from arbkit.units import SECOND_NS


@pytest.mark.parametrize(
    "url",
    ["postgresql://me:secret@host/db", "runs/state.sqlite", "sqlite:///", "redis://:secret@host:port/0"],
)
def test_a_url_of_another_form_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError, match=r"redis://HOST:PORT/DB, was") as caught:
        open_store(url)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_file_that_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="must exist to be read"):
        read_state(f"sqlite:///{tmp_path}/none.sqlite")


def test_a_file_that_is_no_store_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_text("something else altogether, longer than a header" * 10)
    with pytest.raises(StorageError, match="cannot be used: file is not a database"):
        read_state(f"sqlite:///{tmp_path}/state.sqlite")


def test_only_what_still_lives_is_read(tmp_path: Path) -> None:
    now = 1_763_749_842 * SECOND_NS
    url = f"sqlite:///{tmp_path}/state.sqlite"
    store = open_store(url, clock=lambda: now)
    store.heartbeat("runner", ts=now)
    store.put_position("BTC", {"quantity": 1}, live=False, ts=now)
    assert store.close()
    assert [item.key for item in read_state(url, clock=lambda: now + 59 * SECOND_NS)] == [
        "arbitrage:heartbeat:runner",
        "arbitrage:positions:BTC",
    ]
    (left,) = read_state(url, clock=lambda: now + 60 * SECOND_NS)
    assert left.expires_in_s == 86_340.0
