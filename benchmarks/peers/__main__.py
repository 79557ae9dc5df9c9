"""Compare arbkit with other engines on the same data and print a table; `make bench-peers` runs this.

python -m benchmarks.peers [--only NAME ...] [--rows N] [--trades N] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.peers.compare import INSIDE, OUTSIDE, compare
from benchmarks.tables import table

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, run every engine, and print the table; with `--json` write it to a file too."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--only", nargs="*", choices=[*INSIDE, *OUTSIDE], help="these engines")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the market")
    parser.add_argument("--trades", type=int, default=200, help="about how many trades")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    options = parser.parse_args(arguments)
    only = [*INSIDE, *OUTSIDE] if options.only is None else options.only
    about = machine.describe()
    print("\n".join(f"{name:10} {value}" for name, value in about.items()), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        rows = compare(
            options.rows, options.trades, Path(folder),
            inside=[name for name in INSIDE if name in only],
            outside=[name for name in OUTSIDE if name in only],
        )  # fmt: skip
    print(f"\n## One trial, {options.rows:,} rows\n\n{table(rows)}", flush=True)
    if options.json is not None:
        document = {"machine": about, "rows": options.rows, "engines": rows}
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
