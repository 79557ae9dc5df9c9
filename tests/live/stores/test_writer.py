from __future__ import annotations

from pathlib import Path

import pytest

from arbkit.live.stores._writer import Writer, room_for
from arbkit.live.stores.schema import Entry
from arbkit.live.stores.sqlite import SqliteState
from arbkit.units import SECOND_NS

MINUTE = 60 * SECOND_NS


def entry(key: str, now: int, *, value: str = "{}", lifetime: int = MINUTE, live: bool = False) -> Entry:
    return Entry(f"arbitrage:{key}", value.encode(), lifetime, now + lifetime, live)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def backend(tmp_path: Path) -> SqliteState:
    return SqliteState(tmp_path / "state.sqlite")


@pytest.fixture
def writer(backend: SqliteState, said: list[str]) -> Writer:
    return Writer(backend, 100, said.append)


def keys(backend: SqliteState, now: int) -> list[str]:
    return [item.key.removeprefix("arbitrage:") for item in backend.items("arbitrage:", now)]


def test_a_living_value_outlives_its_lifetime_and_a_dead_one_does_not(
    writer: Writer, backend: SqliteState
) -> None:
    writer.turn([entry("orders:1", 0, live=True), entry("orders:2", 0)], 0)
    for second in range(0, 200, 5):
        writer.turn([], second * SECOND_NS)
    assert keys(backend, 200 * SECOND_NS) == ["orders:1"]
    writer.turn([entry("orders:1", 200 * SECOND_NS)], 200 * SECOND_NS)
    writer.turn([], 259 * SECOND_NS)
    assert keys(backend, 259 * SECOND_NS) == ["orders:1"]
    assert keys(backend, 260 * SECOND_NS) == []
    backend.close()


def test_a_living_value_is_not_written_at_every_turn(writer: Writer, backend: SqliteState) -> None:
    writer.turn([entry("orders:1", 0, live=True)], 0)
    for second in range(61):
        writer.turn([], second * SECOND_NS)
    assert writer.written == 3
    backend.close()


def test_an_outage_is_said_once_and_caught_up_with_the_latest_values(
    backend: SqliteState, tmp_path: Path, said: list[str]
) -> None:
    folder = tmp_path / "runs"
    folder.write_text("a file where the folder should be")
    late = SqliteState(folder / "state.sqlite")
    writer = Writer(late, 100, said.append)
    assert not writer.turn([entry("metrics:live", 0, value='{"n":1}')], 0)
    assert not writer.turn([entry("metrics:live", 1, value='{"n":2}'), entry("prices:x:y", 1, lifetime=9)], 1)
    assert writer.away_since == 0
    assert writer.failures == 2
    folder.unlink()
    assert writer.turn([], 2 * SECOND_NS)
    (found,) = late.items("arbitrage:", 2 * SECOND_NS)
    assert found.value == {"n": 2}
    assert writer.away_since is None
    assert [("keeps the latest" in said[0]), ("back after 2.0 s" in said[1])] == [True, True]
    assert len(said) == 2
    late.close()
    backend.close()


def test_room_is_made_by_what_ends_first_and_never_by_what_lives_before_that() -> None:
    entries = {
        item.key: item
        for item in (
            entry("a", 0, lifetime=1, live=True),
            entry("b", 0, lifetime=3),
            entry("c", 0, lifetime=2),
            entry("d", 0, lifetime=4),
        )
    }
    assert room_for(entries, 2) == 2
    assert list(entries) == ["arbitrage:a", "arbitrage:d"]
    assert room_for(entries, 2) == 0


def test_what_is_kept_has_a_bound(writer: Writer, backend: SqliteState) -> None:
    for number in range(300):
        writer.turn([entry(f"execution:{number}", number)], number)
    assert len(writer.held) <= 100
    assert writer.dropped == 300 - len(writer.held)
    assert len(keys(backend, 300)) == 300
    backend.close()
