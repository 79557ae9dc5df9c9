"""The figures the engine is to reach, beside those of a run; missed ones are listed like the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

__all__ = ["Goal", "goals"]

Row = Mapping[str, Any]

_SCANS: Final = ("scan", "numba scan of prices", "filter of spreads")


class Goal(NamedTuple):
    """A figure with its bound: `at_most` or at least."""

    what: str
    bound: float
    at_most: bool
    measured: float

    @property
    def met(self) -> bool:
        """Whether the figure is on the right side of its bound."""
        return self.measured <= self.bound if self.at_most else self.measured >= self.bound

    def as_row(self) -> dict[str, Any]:
        """Return the goal as a row of a table."""
        sign = "<=" if self.at_most else ">="
        return {
            "goal": self.what, "bound": f"{sign} {self.bound:g}", "measured": self.measured,
            "met": "yes" if self.met else "no",
        }  # fmt: skip


def goals(sections: Mapping[str, Sequence[Row]]) -> list[Goal]:
    """Compare the sections of a run with what is to be reached; sections not measured are left out."""
    makers = {
        "trials": _trials, "dense": _dense, "batches": _batches, "memory": _memory, "startup": _start_up,
        "decisions": _decisions, "screening": _screening, "study": _study, "samplers": _samplers,
        "tpestored": _tpe_stored, "studyprocess": _study_process, "kills": _kills,
        "lab": _lab, "record": _record, "recordhour": _record_hour, "storages": _storages,
        "reopening": _reopening,
    }  # fmt: skip
    return [goal for name, make in makers.items() if sections.get(name) for goal in make(sections[name])]


def _record(rows: Sequence[Row]) -> Iterator[Goal]:
    for row in rows:
        yield Goal(f"messages lost, {row['recording']}", 0, True, row["lost"])
        growth = row["last quarter"] / row["memory MB, 1st quarter"]
        if row["recording"] == "paced":
            yield Goal("CPU % of a core at 20 x 2 x 50 messages/s", 50, True, row["CPU %"])
            yield Goal("from the socket to the row, p99 ms", 10, True, row["to row p99 ms"])
        else:
            yield Goal("memory of the last quarter over the first, as fast as read", 1.2, True, growth)


def _record_hour(rows: Sequence[Row]) -> Iterator[Goal]:
    yield Goal("messages lost in the hour", 0, True, rows[-1]["lost of all"])
    # The first part makes the caches and pools that the others use.
    growth = rows[-1]["median"] / rows[min(1, len(rows) - 1)]["median"]
    yield Goal("median memory of the last part over that of the second", 1.1, True, growth)


def _lab(rows: Sequence[Row]) -> Iterator[Goal]:
    bounds = {1_000_000: 50, 10_000_000: 100}
    for row in rows:
        if row["rows"] in bounds and row["act"] in ("drag a slider", "zoom and pan"):
            what = f"{row['act']}, {row['rows']:,} rows, median ms until the picture"
            yield Goal(what, bounds[row["rows"]], True, row["median ms"])


def _trials(rows: Sequence[Row]) -> Iterator[Goal]:
    for row in rows:
        where = f"{row['rows']:,} rows, {row['trades']:,.0f} trades"
        if row["rows"] == 10_000_000 and row["trades"] < 1_500:
            bound = 2 + 0.15 * row["trades"]
            yield Goal(f"one trial, {where}, us", round(bound, 1), True, row["auto"])
            bound = 2 + 0.25 * row["trades, exit rules"]
            yield Goal(
                f"one trial with exit rules, {where}, us", round(bound, 1), True, row["auto, exit rules"]
            )
        yield Goal(
            f"all metrics over realized ones, {where}", 2.5, True, row["auto, all metrics"] / row["auto"]
        )
        yield _against_scans(row)
        numpy_us = row.get("careful numpy")
        if row["rows"] == 1_000_000 and 150 < row["trades"] < 250 and isinstance(numpy_us, float):
            yield Goal(f"careful numpy over arbkit, {where}", 40, False, numpy_us / row["auto"])
    yield from _flat_in_rows(rows)


def _dense(rows: Sequence[Row]) -> Iterator[Goal]:
    yield from map(_against_scans, rows)


def _against_scans(row: Row) -> Goal:
    best = min(row[name] for name in _SCANS if isinstance(row.get(name), float))
    where = f"{row['rows']:,} rows, {row['trades']:,.0f} trades"
    return Goal(f"against the best scan, {where}", 1.1, True, row["auto"] / best)


def _flat_in_rows(rows: Sequence[Row]) -> Iterator[Goal]:
    """Compare equal numbers of trades on the largest panel and on 1,000,000 rows."""
    largest = max(row["rows"] for row in rows)
    for row in rows:
        for other in rows:
            same = 0.8 < row["trades"] / other["trades"] < 1.25
            if row["rows"] == largest > other["rows"] == 1_000_000 and same:
                what = f"{largest:,} rows over 1,000,000, {row['trades']:,.0f} trades"
                yield Goal(what, 2.5, True, row["auto"] / other["auto"])
                # Searched on both panels, where the plain rule may have a table of excursions on one of them.
                per_trade = [one["auto, exit rules"] / one["trades, exit rules"] for one in (row, other)]
                yield Goal(f"{what}, exit rules, per trade", 2.5, True, per_trade[0] / per_trade[1])


def _batches(rows: Sequence[Row]) -> Iterator[Goal]:
    for row in rows:
        if row["sets"] == 1024:
            where = f"1,024 sets, {row['rows']:,} rows, {row['thresholds']}"
            yield Goal(f"{where}, ns per trade", 10, True, row["ns per trade"])
            if row["thresholds"].startswith("20"):
                yield Goal(f"{where}, sets a second", 200_000, False, row["sets/s"])


def _memory(rows: Sequence[Row]) -> Iterator[Goal]:
    row = max(rows, key=lambda item: item["rows"])
    where = f"{row['rows']:,} rows"
    yield Goal(f"scan, share of read bandwidth, {where}", 0.9, False, row["scan share of read"])
    yield Goal(f"index, ns per row, {where}", 2, True, row["index ns/row"])
    yield Goal(f"index, bytes per row, {where}", 3, True, row["index bytes/row"])


def _start_up(rows: Sequence[Row]) -> Iterator[Goal]:
    for row in rows:
        if row["process"] == "arbkit backtest":
            yield Goal("warm backtest over bare imports, wall", 1.5, True, row["wall ratio"])


def _decisions(rows: Sequence[Row]) -> Iterator[Goal]:
    for row in rows:
        what = f"{row['days']} days re-tuned, {row['refits']} refits, {row['scenarios']} scenarios, wall s"
        yield Goal(what, 60, True, row["wall s"])


def _screening(rows: Sequence[Row]) -> Iterator[Goal]:
    for row in rows:
        yield Goal(f"{row['pairs']} pairs x {row['days']} days screened, wall s", 60, True, row["wall s"])


def _study(rows: Sequence[Row]) -> Iterator[Goal]:
    for row in rows:
        where = f"{row['sampler']} on SQLite, {row['rules']}, {row['metrics']} metrics"
        if row["sampler"] in ("random", "grid", "qmc") and row["metrics"] == "realized":
            yield Goal(f"{where}, trials/s", 30_000, False, row["trials/s"])


def _samplers(rows: Sequence[Row]) -> Iterator[Goal]:
    for row in rows:
        where = f"{row['sampler']} on SQLite, {row['trials']:,} trials"
        yield Goal(f"{where}, CPU us added to the sampler's own", 200, True, row["added"])
        if row["sampler"] == "optuna.tpe":
            yield Goal(f"{where}, share added", 0.1, True, row["added"] / row["sampler there"])


def _tpe_stored(rows: Sequence[Row]) -> Iterator[Goal]:
    for row in rows:
        what = f"tpe on SQLite, {row['trials']:,} trials, times faster than plain Optuna"
        yield Goal(what, 20, False, row["times faster"])


def _study_process(rows: Sequence[Row]) -> Iterator[Goal]:
    yield Goal("Parquet to 5,000 trials over imports and a read, wall", 2.5, True, rows[-1]["wall ratio"])


def _kills(rows: Sequence[Row]) -> Iterator[Goal]:
    for name in ("left RUNNING", "stored and lost", "differing"):
        yield Goal(f"trials {name}, all kills", 0, True, float(sum(row[name] for row in rows)))


def _storages(rows: Sequence[Row]) -> Iterator[Goal]:
    stored = {row["storage"]: row["stored/s"] for row in rows}
    if {"sqlite", "duckdb"} <= stored.keys():
        yield Goal("trials stored in DuckDB over SQLite", 1, False, stored["duckdb"] / stored["sqlite"])
    for row in rows:
        if row["SQL on the file s"] is not None:
            yield Goal(f"SQL over {row['trials']:,} trials, s", 1, True, row["SQL on the file s"])


def _reopening(rows: Sequence[Row]) -> Iterator[Goal]:
    for row in rows:
        if row["command"] != "imports":
            what = f"{row['command']} of {row['trials']:,} trials, {row['storage']}, CPU s"
            yield Goal(what, 2, True, row["CPU s"])
