"""Panels as files: the pair CSV, Parquet, and everything that can be wrong with them."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from arbkit.errors import DataError
from arbkit.panel import Ladders, Panel, PanelMeta, load_pair_file

HEADER = "timestamp,best_bid_a,best_ask_a,best_bid_b,best_ask_b\n"
START = 1_704_067_200 * 10**9


def csv(path: Path, *stamps: str) -> Path:
    path.write_text(HEADER + "".join(f"{stamp},1,2,1,2\n" for stamp in stamps))
    return path


@pytest.fixture
def full_panel() -> Panel:
    """A panel with everything that a panel can hold."""
    n = 5
    ladder = Ladders(*(np.arange(n * 3, dtype=float).reshape(n, 3) + k for k in range(8)))
    return Panel(
        START + np.arange(n),
        *(np.full(n, price) for price in (99.0, 100.0, 99.5, np.nan)),
        fair=[np.nan, 1, 1, 1.01, 1],
        entry_ok=[True, False, True, True, True],
        ladders=ladder,
        fx_a=np.full(n, 1_300.0),
        fx_b=np.ones(n),
        scale=np.full(n, 0.5),
        columns={"vola": np.arange(n), "alpha": np.arange(n)},
        meta=PanelMeta(
            name="n",
            leg_a="x/BTC",
            currency="USDT",
            reference="ewma:1h",
            spot_b=False,
            max_age_ns=5,
            flags=("one", "two"),
        ),
    )


class TestParquet:
    def test_a_written_panel_comes_back_with_its_meta_data(self, full_panel, tmp_path):
        path = tmp_path / "deep" / "er" / "panel.parquet"
        full_panel.write(path)
        again = Panel.read(path)
        assert again.fingerprint == full_panel.fingerprint
        assert again.meta == full_panel.meta
        assert again.tradable.tolist() == full_panel.tradable.tolist()
        assert load_pair_file(path).meta == full_panel.meta
        assert load_pair_file(path, name="other").meta.name == "other"
        assert list(path.parent.iterdir()) == [path]

    def test_a_panel_without_rows_comes_back(self, full_panel, tmp_path):
        full_panel.rows(0, 0).write(tmp_path / "none.parquet")
        assert len(Panel.read(tmp_path / "none.parquet")) == 0

    def test_a_slice_and_what_is_read_of_it_have_one_fingerprint(self, full_panel, tmp_path):
        part = full_panel.rows(1, 4)
        part.write(tmp_path / "part.parquet")
        assert Panel.read(tmp_path / "part.parquet").fingerprint == part.fingerprint

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.95, 0.999])
    def test_a_half_written_file_is_one_clear_error(self, full_panel, tmp_path, share):
        path = tmp_path / "panel.parquet"
        full_panel.write(path)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(DataError, match=r"panel\.parquet cannot be read as Parquet: .*half-written"):
            load_pair_file(path)

    def test_damaged_meta_data_are_one_clear_error(self, full_panel, tmp_path):
        path = tmp_path / "panel.parquet"
        table = full_panel.to_frame().to_arrow().replace_schema_metadata({b"arbkit.panel": b"{"})
        pq.write_table(table, path)
        with pytest.raises(DataError, match=r"panel\.parquet: its meta data cannot be read"):
            Panel.read(path)

    def test_a_failed_write_leaves_the_old_file(self, full_panel, tmp_path, monkeypatch):
        path = tmp_path / "panel.parquet"
        full_panel.write(path)
        before = path.read_bytes()

        def fail(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(pq, "write_table", fail)
        with pytest.raises(DataError, match="cannot be written: No space left on device"):
            full_panel.rows(0, 2).write(path)
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize(
        "stamp",
        [pl.lit("2024-01-01T00:00:00Z"), pl.lit(1_704_067_200), pl.lit(1_704_067_200.0), pl.lit(START)],
    )
    def test_the_columns_of_a_pair_csv_are_read_too(self, tmp_path, stamp):
        names = HEADER.strip().split(",")
        pl.select(**dict.fromkeys(names, pl.lit(1.0)) | {"timestamp": stamp}).write_parquet(
            tmp_path / "p.parquet"
        )
        panel = load_pair_file(tmp_path / "p.parquet")
        assert panel.ts.tolist() == [START]
        assert panel.meta.name == "p"

    def test_other_columns_and_no_rows_are_errors(self, tmp_path):
        path = tmp_path / "p.parquet"
        pl.DataFrame({"x": [1]}).write_parquet(path)
        with pytest.raises(DataError, match=r"p\.parquet: missing columns: ts, bid_a"):
            load_pair_file(path)
        pl.DataFrame({"ts": [1]}).clear().write_parquet(path)
        with pytest.raises(DataError, match=r"p\.parquet: a data file must hold rows"):
            load_pair_file(path)


class TestPairCsv:
    def test_columns_are_renamed_and_the_file_is_named(self, tmp_path):
        panel = load_pair_file(csv(tmp_path / "pair.csv", "2024-01-01T00:00:00Z"), currency="USDT")
        assert (panel.bid_a[0], panel.ask_a[0], panel.bid_b[0], panel.ask_b[0]) == (1, 2, 1, 2)
        assert panel.meta.name == "pair"
        assert panel.meta.currency == "USDT"
        assert panel.meta.source.endswith("pair.csv")

    @pytest.mark.parametrize(
        "stamp",
        [
            "2024-01-01T00:00:00Z",
            "2024-01-01 00:00:00",
            "2024-01-01",
            "2024-01-01T09:00:00+09:00",
            "1704067200",
            "1704067200.0",
            "1704067200000",
            "1704067200000000",
            "1704067200000000000",
        ],
    )
    def test_a_stamp_may_be_text_or_a_number_of_any_unit(self, tmp_path, stamp):
        assert load_pair_file(csv(tmp_path / "pair.csv", stamp)).ts.tolist() == [START]

    @pytest.mark.parametrize("name", ["pair.csv.gz", "pair.csv"])
    def test_a_compressed_file_is_read(self, tmp_path, name):
        path = tmp_path / name
        path.write_bytes(gzip.compress((HEADER + "2024-01-01,1,2,1,2\n").encode()))
        assert len(load_pair_file(path)) == 1

    def test_windows_line_ends_and_a_byte_order_mark_are_read(self, tmp_path):
        path = tmp_path / "pair.csv"
        path.write_bytes(b"\xef\xbb\xbf" + (HEADER + "2024-01-01,1,2,1,2\n").replace("\n", "\r\n").encode())
        assert len(load_pair_file(path)) == 1

    def test_panel_names_are_read_too(self, tmp_path):
        path = tmp_path / "panel.csv"
        path.write_text("ts,bid_a,ask_a,bid_b,ask_b\n2024-01-01,1,2,1,2\n")
        assert load_pair_file(path).ts.tolist() == [START]

    def test_an_empty_price_is_a_missing_quote(self, tmp_path):
        path = tmp_path / "pair.csv"
        path.write_text(HEADER + "2024-01-01,1,2,1,2\n2024-01-02,,2,1,2\n2024-01-03,nan,2,1,2\n")
        assert load_pair_file(path).tradable.tolist() == [True, False, False]

    @pytest.mark.parametrize("price", ["abc", "1,5", "1.2.3", "--"])
    def test_text_in_a_price_column_names_line_and_column(self, tmp_path, price):
        path = tmp_path / "pair.csv"
        path.write_text(HEADER + f'2024-01-01,1,2,1,2\n2024-01-02,1,"{price}",1,2\n')
        with pytest.raises(DataError, match=f"`best_ask_a` must hold numbers, line 3 of .* held '{price}'"):
            load_pair_file(path)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "must not be empty, .* has 0 bytes"),
            ("\n", "must hold rows|cannot be read as CSV|missing columns"),
            (HEADER, "has only a header"),
            ("a,b\n1,2\n", "missing columns: timestamp, best_bid_a"),
            (
                HEADER.replace(",best_ask_b", "") + "2024-01-01,1,2,1\n",
                "missing columns: best_ask_b; the frame has",
            ),
            (
                HEADER + "2024-01-02,1,2,1,2\n2024-01-01,1,2,1,2\n",
                r"pair\.csv: rows must be in non-decreasing time",
            ),
            (
                HEADER + "2024-01-01,1,2,1,2\n,1,2,1,2\n",
                r"pair\.csv: a timestamp must be .* row 1 .* held None",
            ),
            (HEADER + "2024-01-01,1,2,1,2\nnoon,1,2,1,2\n", "row 1 .* held 'noon'"),
            (HEADER + "2024-01-01,1,2,1,2\n1704067200,1,2,1,2\n", "row 1 .* held '1704067200'"),
            (HEADER + "2024-01-01,1,2,1,2,7,8\n", "cannot be read as CSV"),
        ],
    )
    def test_a_bad_file_is_one_clear_error(self, tmp_path, text, message):
        path = tmp_path / "pair.csv"
        path.write_text(text)
        with pytest.raises(DataError, match=message):
            load_pair_file(path)

    def test_a_missing_file_and_a_folder_are_errors(self, tmp_path):
        for path in (tmp_path / "gone.csv", tmp_path):
            with pytest.raises(DataError, match="a data file must exist"):
                load_pair_file(path)

    def test_bytes_that_are_no_text_are_an_error(self, tmp_path):
        path = tmp_path / "pair.csv"
        path.write_bytes(bytes(range(256)) * 4)
        with pytest.raises(DataError, match="cannot be read as CSV"):
            load_pair_file(path)

    @pytest.mark.parametrize("packed", [False, True])
    def test_a_line_that_ends_early_is_an_error(self, tmp_path, packed):
        text = (HEADER + "2024-01-01,1,2,1,2\n\n2024-01-02,1,2,1,\n2024-01-03,1,2\n").encode()
        path = tmp_path / "pair.csv"
        path.write_bytes(gzip.compress(text) if packed else text)
        with pytest.raises(DataError, match=r"must have 5 fields, line 5 of .*pair\.csv had 3"):
            load_pair_file(path)

    def test_an_empty_price_at_the_end_is_a_missing_quote(self, tmp_path):
        path = tmp_path / "pair.csv"
        path.write_text(HEADER + "2024-01-01,1,2,1,2\n2024-01-02,1,2,1,\n")
        assert load_pair_file(path).tradable.tolist() == [True, False]

    def test_a_cut_off_archive_is_an_error(self, tmp_path):
        path = tmp_path / "pair.csv.gz"
        path.write_bytes(gzip.compress((HEADER + "2024-01-01,1,2,1,2\n" * 1_000).encode())[:-30])
        with pytest.raises(DataError, match="cannot be read as CSV"):
            load_pair_file(path)
