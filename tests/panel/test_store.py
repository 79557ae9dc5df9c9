"""Panel stores: what comes back, what is refused, what happens to damaged ones and to several writers."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

import arbkit
from arbkit.errors import DataError
from arbkit.panel import Funding, Ladders, Panel, PanelMeta, StoreWriter, is_store, write_store
from arbkit.panel.store_index import INDEX_FILE, STORED_FROM

START = 1_704_067_200 * 10**9


def market(rows: int, *, seed: int = 1, fair: bool = False, start: int = START) -> Panel:
    """A premium around zero, some rows void."""
    rng = np.random.default_rng(seed)
    premium = 0.05 * np.round(rng.normal(0, 2, rows))
    prices = [100.0 + premium - 0.05, 100.0 + premium + 0.05, np.full(rows, 99.95), np.full(rows, 100.05)]
    prices[0][rng.random(rows) < 0.01] = np.nan
    ratio = np.where(rng.random(rows) < 0.01, np.nan, 1 + 1e-4 * rng.normal(0, 1, rows)) if fair else None
    return Panel(start + np.arange(rows) * 10**8, *prices, fair=ratio, meta=PanelMeta(name="m"))


@pytest.fixture
def full_panel() -> Panel:
    """A panel with everything that a panel can hold."""
    n = 5
    ladders = Ladders(*(np.arange(n * 3, dtype=float).reshape(n, 3) + k for k in range(8)))
    return Panel(
        START + np.arange(n),
        *(np.full(n, price) for price in (99.0, 100.0, 99.5, np.nan)),
        fair=[np.nan, 1, 1, 1.01, 1],
        entry_ok=[True, False, True, True, True],
        ladders=ladders,
        fx_a=np.full(n, 1_300.0),
        fx_b=np.ones(n),
        scale=np.full(n, 0.5),
        columns={"../up": np.arange(n), "alpha": np.arange(n)},
        funding=Funding(np.array([START + 2]), np.array([0]), np.array([1e-4])),
        meta=PanelMeta(name="n", leg_a="x/BTC", currency="USDT", spot_b=False, flags=("one", "two")),
    )


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def equal(one: Panel, other: Panel) -> bool:
    """Tell whether two panels hold the same."""
    found, wanted = one.index, other.index
    return (
        one.fingerprint == other.fingerprint
        and one.meta == other.meta
        and all(same(*pair) for pair in zip(one.market[:11], other.market[:11], strict=True))
        and same(found.bounds, wanted.bounds)
        and (found.first, found.last, found.signal) == (wanted.first, wanted.last, wanted.signal)
    )


def in_memory(panel: Panel) -> Panel:
    """The same panel made anew, so that nothing of its store is used."""
    return panel.rows(0, len(panel)).replace()


def is_mapped(array: np.ndarray) -> bool:
    return not array.flags.owndata and not array.flags.writeable


class TestRoundTrip:
    def test_everything_comes_back(self, full_panel, tmp_path):
        again = full_panel.store(tmp_path / "deep" / "er")
        assert is_store(tmp_path / "deep" / "er")
        assert equal(again, full_panel)
        assert equal(Panel.open(tmp_path / "deep" / "er", verify=True), full_panel)
        assert again.ladders.levels == 3
        assert sorted(again.columns) == ["../up", "alpha"]
        assert again.funding is not None
        assert sorted(path.name for path in tmp_path.rglob("*up*")) == []

    @pytest.mark.parametrize("rows", [0, 1, 17, STORED_FROM + 5])
    @pytest.mark.parametrize("fair", [False, True])
    def test_any_number_of_rows_comes_back(self, rows, fair, tmp_path):
        panel = market(rows, fair=fair)
        stored = panel.store(tmp_path / "s")
        assert equal(stored, panel)
        assert (tmp_path / "s" / INDEX_FILE).exists() == (rows >= STORED_FROM)
        assert equal(Panel.open(tmp_path / "s"), panel)

    def test_a_backtest_on_a_store_is_the_one_in_memory(self, tmp_path):
        panel = market(STORED_FROM + 1000)
        params = arbkit.Params(
            min_spread_bps=5, taker_fee_a_bps=1, taker_fee_b_bps=1, slippage_bps=1, max_position_usd=1000
        )
        want = arbkit.backtest(panel, params)
        panel.store(tmp_path / "s")
        found = arbkit.backtest(Panel.open(tmp_path / "s"), params)
        assert want.metrics.closed_trades > 100
        assert found.metrics == want.metrics
        assert found.trades.equals(want.trades)

    def test_a_fingerprint_that_was_not_written_is_the_one_of_the_numbers(self, tmp_path):
        whole = market(1000)
        stored = write_store((whole.rows(k, k + 300) for k in range(0, 1000, 300)), tmp_path / "s")
        assert json.loads((tmp_path / "s" / "panel.json").read_text())["fingerprint"] == ""
        assert stored.fingerprint == whole.fingerprint


class TestParts:
    @pytest.mark.parametrize("size", [1, 333, 4096, 100_000])
    def test_parts_of_any_size_make_the_same_store(self, size, tmp_path):
        whole = market(2500, fair=True) if size == 1 else market(STORED_FROM + 7, fair=True)
        parts = (whole.rows(k, k + size) for k in range(0, len(whole), size))
        assert equal(write_store(parts, tmp_path / "parts"), whole)
        whole.store(tmp_path / "whole")
        files = sorted(path.name for path in (tmp_path / "whole").iterdir() if path.name != "panel.json")
        for name in files:
            assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()

    def test_flags_and_funding_of_all_parts_are_kept(self, tmp_path):
        whole = market(100)
        times = [int(whole.ts[10]), int(whole.ts[60])]
        parts = []
        for lo, time, flag in ((0, times[0], "one"), (50, times[1], "two")):
            funding = Funding(np.array([time]), np.array([1]), np.array([1e-4]))
            parts.append(whole.rows(lo, lo + 50).replace(funding=funding, flags=("both", flag)))
        stored = write_store(parts, tmp_path / "s")
        assert stored.flags == ("both", "one", "two")
        assert stored.funding is not None
        assert stored.funding[0].tolist() == times

    def test_parts_out_of_order_are_refused_and_leave_nothing(self, tmp_path):
        whole = market(100)
        with pytest.raises(DataError, match=r"follow each other in time, one began at .* before"):
            write_store([whole.rows(50, 100), whole.rows(0, 50)], tmp_path / "s")
        assert list(tmp_path.iterdir()) == []

    def test_parts_with_other_columns_are_refused(self, tmp_path):
        with pytest.raises(DataError, match="same columns"):
            write_store([market(10), market(10, fair=True, start=START + 10**12)], tmp_path / "s")

    def test_no_part_is_refused(self, tmp_path):
        with pytest.raises(DataError, match="at least one panel"):
            write_store([], tmp_path / "s")
        assert list(tmp_path.iterdir()) == []


class TestSharing:
    def test_a_second_opening_maps_the_index_and_builds_nothing(self, tmp_path, monkeypatch):
        stored = market(STORED_FROM).store(tmp_path / "s")
        monkeypatch.setattr("arbkit.panel.store_index._filled", None)
        again = Panel.open(tmp_path / "s")
        assert is_mapped(again.index.bounds)
        assert np.array_equal(again.index.bounds, stored.index.bounds)

    def test_a_stored_panel_goes_to_another_process_as_its_name(self, tmp_path):
        stored = market(STORED_FROM).store(tmp_path / "s")
        sent = pickle.dumps(stored)
        assert len(sent) < 1000
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            assert pool.apply(seen_by_another, (stored,)) == (
                stored.fingerprint,
                float(stored.index.bounds.max()),
            )

    def test_a_panel_in_memory_or_cut_from_a_store_goes_with_its_arrays(self, tmp_path):
        panel = market(100)
        assert pickle.loads(pickle.dumps(panel)).fingerprint == panel.fingerprint
        part = panel.store(tmp_path / "s").rows(10, 20)
        assert pickle.loads(pickle.dumps(part)).fingerprint == panel.rows(10, 20).fingerprint

    def test_a_store_that_was_replaced_meanwhile_is_not_taken_for_the_old_one(self, tmp_path):
        sent = pickle.dumps(market(100).store(tmp_path / "s"))
        market(100, seed=2).store(tmp_path / "s", replace=True)
        with pytest.raises(DataError, match="replaced by another one"):
            pickle.loads(sent)

    def test_an_opened_store_outlives_its_replacement(self, tmp_path):
        panel = market(STORED_FROM)
        old = panel.store(tmp_path / "s")
        market(STORED_FROM, seed=2).store(tmp_path / "s", replace=True)
        assert equal(old, panel)


def seen_by_another(panel: Panel) -> tuple[str, float]:
    return panel.fingerprint, float(panel.index.bounds.max())


class TestIndexFile:
    @pytest.fixture
    def stored(self, tmp_path) -> Path:
        market(STORED_FROM + 50).store(tmp_path / "s")
        return tmp_path / "s"

    def check_rebuilt(self, folder: Path) -> None:
        """The index is right and its file is whole again."""
        sound = in_memory(Panel.open(folder))
        assert np.array_equal(Panel.open(folder).index.bounds, sound.index.bounds)
        again = Panel.open(folder).index
        assert is_mapped(again.bounds)
        assert (again.first, again.last) == (sound.index.first, sound.index.last)
        assert not list(folder.glob(".*"))

    @pytest.mark.parametrize("cut", [0, 1, 100, 4096, -4, -4096])
    def test_one_that_is_cut_off_is_built_again(self, stored, cut):
        file = stored / INDEX_FILE
        file.write_bytes(file.read_bytes()[:cut])
        self.check_rebuilt(stored)
        assert file.stat().st_size > 100_000

    @pytest.mark.parametrize("at", [4096, 50_000, -1])
    def test_one_with_a_changed_byte_is_built_again(self, stored, at):
        file = stored / INDEX_FILE
        content = bytearray(file.read_bytes())
        content[at] ^= 1
        file.write_bytes(content)
        self.check_rebuilt(stored)
        assert file.read_bytes() != bytes(content)

    def test_one_of_another_panel_is_built_again(self, stored, tmp_path):
        market(STORED_FROM + 50, seed=2).store(tmp_path / "other")
        shutil.copy(tmp_path / "other" / INDEX_FILE, stored / INDEX_FILE)
        self.check_rebuilt(stored)

    @pytest.mark.parametrize(
        "change",
        [
            {"layout": 0},
            {"fan": 8},
            {"magic": "x"},
            {"rows": 3},
            {"first": -1},
            {"last": 10**9},
            {"last": None},
        ],
        ids=str,
    )
    def test_one_whose_header_says_something_else_is_built_again(self, stored, change):
        file = stored / INDEX_FILE
        content = file.read_bytes()
        header = json.loads(content[:4096]) | change
        file.write_bytes(json.dumps(header).encode().ljust(4096) + content[4096:])
        self.check_rebuilt(stored)
        assert json.loads(file.read_bytes()[:4096]) != header

    @pytest.mark.parametrize("content", [b"", b"[1, 2]", b"\xff" * 9000, b"null"])
    def test_a_file_that_is_something_else_is_replaced(self, stored, content):
        (stored / INDEX_FILE).write_bytes(content)
        self.check_rebuilt(stored)

    def test_a_missing_one_is_made(self, stored):
        (stored / INDEX_FILE).unlink()
        self.check_rebuilt(stored)
        assert (stored / INDEX_FILE).is_file()

    def test_where_it_cannot_be_written_memory_holds_it(self, stored, monkeypatch):
        (stored / INDEX_FILE).unlink()

        def full_disk(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "posix_fallocate", full_disk)
        panel = Panel.open(stored)
        assert np.array_equal(panel.index.bounds, in_memory(panel).index.bounds)
        assert not (stored / INDEX_FILE).exists()
        assert not list(stored.glob(".*"))

    @pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
    def test_a_read_only_folder_is_enough(self, stored):
        (stored / INDEX_FILE).unlink()
        stored.chmod(0o555)
        try:
            assert len(Panel.open(stored).index.bounds)
        finally:
            stored.chmod(0o755)


class TestDamage:
    @pytest.fixture
    def stored(self, full_panel, tmp_path) -> Path:
        full_panel.store(tmp_path / "s")
        return tmp_path / "s"

    def test_a_folder_that_is_no_store_is_refused(self, tmp_path):
        for path in (tmp_path, tmp_path / "absent"):
            assert not is_store(path)
            with pytest.raises(DataError, match=r"folder with a panel\.json"):
                Panel.open(path)

    @pytest.mark.parametrize("name", ["ts", "bid_a", "tradable", "ladder.ask_px_b", "fair"])
    def test_a_cut_or_missing_column_is_refused_by_name(self, stored, name):
        file = stored / f"{name}.bin"
        file.write_bytes(file.read_bytes()[:-1])
        with pytest.raises(DataError, match=rf"column `{name}` is missing or cut off"):
            Panel.open(stored)
        file.unlink()
        with pytest.raises(DataError, match=rf"column `{name}` is missing or cut off.*No such file"):
            Panel.open(stored)

    def test_a_changed_number_is_found_by_verifying(self, stored):
        file = stored / "bid_b.bin"
        content = bytearray(file.read_bytes())
        content[11] ^= 4
        file.write_bytes(content)
        Panel.open(stored)
        with pytest.raises(DataError, match="column `bid_b` is damaged"):
            Panel.open(stored, verify=True)

    @pytest.mark.parametrize(
        "change",
        [
            lambda h: h | {"format": 2},
            lambda h: h | {"rows": 4},
            lambda h: h | {"fingerprint": "0"},
            lambda h: h | {"funding": None},
            lambda h: {k: v for k, v in h.items() if k != "checksum"},
            lambda h: [h],
        ],
    )
    def test_a_header_that_does_not_fit_is_refused(self, stored, change):
        file = stored / "panel.json"
        file.write_text(json.dumps(change(json.loads(file.read_text()))))
        with pytest.raises(DataError, match=r"make it again|make the panel store again"):
            Panel.open(stored)

    @pytest.mark.parametrize("text", ["", "{", "null", "\x00"])
    def test_a_header_that_cannot_be_read_is_refused(self, stored, text):
        (stored / "panel.json").write_text(text)
        with pytest.raises(DataError, match=r"panel\.json is damaged; make the panel store again"):
            Panel.open(stored)

    def test_a_header_cannot_point_outside_its_folder(self, stored, tmp_path):
        shutil.copy(stored / "bid_a.bin", tmp_path / "bid_a.bin")
        (stored / "bid_a.bin").unlink()
        file = stored / "panel.json"
        header = json.loads(file.read_text())
        del header["checksum"]
        header["columns"]["bid_a"]["file"] = "../bid_a.bin"
        text = json.dumps(header, sort_keys=True)
        header["checksum"] = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        file.write_text(json.dumps(header))
        with pytest.raises(DataError, match="missing or cut off"):
            Panel.open(stored)


class TestWriting:
    def test_an_existing_store_is_kept_unless_it_is_to_be_replaced(self, tmp_path):
        first, second = market(10), market(20)
        first.store(tmp_path / "s")
        with pytest.raises(DataError, match="exists already"):
            second.store(tmp_path / "s")
        assert Panel.open(tmp_path / "s").fingerprint == first.fingerprint
        assert second.store(tmp_path / "s", replace=True).fingerprint == second.fingerprint
        assert [path.name for path in tmp_path.iterdir()] == ["s"]

    @pytest.mark.parametrize("replace", [False, True])
    def test_nothing_else_is_overwritten(self, tmp_path, replace):
        (tmp_path / "s").mkdir()
        (tmp_path / "s" / "thesis.txt").write_text("mine")
        (tmp_path / "file").write_text("mine")
        for name in ("s", "file"):
            with pytest.raises(DataError, match="new or empty folder"):
                market(10).store(tmp_path / name, replace=replace)
        assert (tmp_path / "s" / "thesis.txt").read_text() == "mine"

    def test_an_empty_folder_is_filled(self, tmp_path):
        (tmp_path / "s").mkdir()
        assert len(market(10).store(tmp_path / "s")) == 10

    def test_a_folder_that_cannot_be_made_is_an_error_that_says_why(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(DataError, match="cannot be written: File exists"):
            market(10).store(tmp_path / "file" / "s")

    def test_a_failed_write_leaves_the_old_store(self, tmp_path):
        first = market(10)
        first.store(tmp_path / "s")
        with StoreWriter(tmp_path / "s", replace=True) as writer:
            writer.append(market(20))
        assert [path.name for path in tmp_path.iterdir()] == ["s"]
        assert Panel.open(tmp_path / "s").fingerprint == first.fingerprint

    def test_what_a_killed_writer_left_is_removed_by_the_next_one(self, tmp_path):
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=die_while_writing, args=(tmp_path / "s",))
        process.start()
        process.join()
        assert len(list(tmp_path.glob(".s.*.part"))) == 1
        market(10).store(tmp_path / "s")
        assert [path.name for path in tmp_path.iterdir()] == ["s"]

    def test_a_writer_at_work_is_left_alone_and_the_later_one_is_told(self, tmp_path):
        with StoreWriter(tmp_path / "s") as slow:
            slow.append(market(10))
            market(20).store(tmp_path / "s")
            slow.append(market(10, start=START + 10**12))
            with pytest.raises(DataError, match="another process made this panel store meanwhile"):
                slow.commit()
        assert len(Panel.open(tmp_path / "s")) == 20
        assert [path.name for path in tmp_path.iterdir()] == ["s"]

    def test_many_processes_that_replace_one_store_leave_one_whole_store(self, tmp_path):
        context = multiprocessing.get_context("spawn")
        with context.Pool(4) as pool:
            done = pool.starmap(replaced, [(tmp_path / "s", seed) for seed in range(12)])
        assert done == [None] * 12
        final = Panel.open(tmp_path / "s", verify=True)
        assert final.fingerprint in {market(2000, seed=seed).fingerprint for seed in range(12)}
        assert [path.name for path in tmp_path.iterdir()] == ["s"]


def die_while_writing(path: Path) -> None:
    writer = StoreWriter(path)
    writer.append(market(1000))
    os._exit(1)


def replaced(path: Path, seed: int) -> None:
    market(2000, seed=seed).store(path, replace=True)
