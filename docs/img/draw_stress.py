"""Write the table and the picture of docs/stress.md: `python docs/img/draw_stress.py` after `make demo`."""

from __future__ import annotations

import re
from pathlib import Path

import arbkit

DOCS = Path(__file__).resolve().parents[1]
COLUMNS = {
    "PnL": "mtm_pnl_usd",
    "change": "change_usd",
    "drawdown, %": "max_drawdown_mtm_pct",
    "trades": "total_trades",
    "worst trade": "worst_trade_usd",
    "liquidated": "liquidations",
    "refused": "refused",
}


def cell(value: float | int | None) -> str:
    """Write a number of the table."""
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def main() -> None:
    """Stress the chosen set of the demo study on the time that it was searched on."""
    study = arbkit.load_study("demo")
    chosen = arbkit.validate(study).params
    assert chosen is not None
    params, reference = study.params_of(chosen)
    found = arbkit.stress_test(study.panel_for(reference, "train"), params)
    found.save(DOCS / "img" / "stress-demo.png")
    lines = ["| scenario | what happens | " + " | ".join(COLUMNS) + " |", "|---|---|" + "--:|" * len(COLUMNS)]
    for row in found.frame.iter_rows(named=True):
        name = f"{row['scenario']} (control)" if row["status"] == "control" else row["scenario"]
        cells = " | ".join(cell(row[column]) for column in COLUMNS.values())
        lines.append(f"| {name} | {row['what'].removeprefix('control: ')} | {cells} |")
    table = "\n".join([*lines, "", f"> {found.finding}"])
    page = DOCS / "stress.md"
    text = re.sub(
        r"(<!-- table -->\n\n).*?(\n\n<!-- end -->)",
        lambda found: found[1] + table + found[2],
        page.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
