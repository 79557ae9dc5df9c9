"""SQL over a study, whatever its storage: DuckDB reads frames in memory and the Parquet beside the study.

trials    number, state, value (or values_0, ...), feasible, duplicate_of, each parameter, metric_NAME
params    number, name, value (null for a choice that is no number), text
metrics   number, pair, fold, each metric: what a trial did on each fold of the training part
trades    number, rank and the columns of `BacktestResult.trades`, of the best trials
equity    number, rank, ts, balance_usd, equity_usd, drawdown_pct, of the best trials
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from arbkit.errors import ConfigError
from arbkit.study.folds import metrics_folder
from arbkit.study.kept import KEPT, best_runs
from arbkit.study.study import Study

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["TABLES", "query_study"]

TABLES: Final = ("trials", "params", "metrics", "trades", "equity")


def query_study(study: Study, query: str, *, best: int = KEPT) -> pl.DataFrame:
    """Answer one SELECT; the study is never changed.

    Args:
        study: what is asked.
        query: DuckDB's SQL over the tables above.
        best: of how many trials `trades` and `equity` hold the runs.

    Raises:
        ConfigError: for anything but one SELECT that DuckDB understands.
        ArbkitError: when the trials cannot be read, or the best ones cannot be simulated.
    """
    import duckdb

    _check(query)
    connection = duckdb.connect()
    try:
        connection.execute("SET TimeZone = 'UTC'")
        for name, make in _tables(study, best).items():
            # Only what is named is read: a look at the folds need not wait for a hundred thousand trials.
            if re.search(rf"\b{name}\b", query, re.IGNORECASE):
                make(connection, name)
        found: pl.DataFrame = connection.sql(query).pl()
    except duckdb.Error as error:
        raise _refused(query, str(error)) from error
    finally:
        connection.close()
    return found


def _check(query: str) -> None:
    import duckdb

    try:
        statements = duckdb.extract_statements(query)
    except duckdb.Error as error:
        raise _refused(query, str(error)) from error
    if [item.type.name for item in statements] != ["SELECT"]:
        kinds = ", ".join(item.type.name for item in statements) or "nothing"
        raise _refused(query, f"it is {kinds}")


def _refused(query: str, reason: str) -> ConfigError:
    first = " ".join(reason.split("\n\nLINE")[0].split())
    return ConfigError(f"a query must be one SELECT over {', '.join(TABLES)}; {first}, was {query!r}")


def _tables(study: Study, best: int) -> dict[str, Callable[[DuckDBPyConnection, str], Any]]:
    def shown(frame: Callable[[], pl.DataFrame]) -> Callable[[DuckDBPyConnection, str], Any]:
        return lambda connection, name: connection.register(name, frame())

    return {
        "trials": shown(study.trials),
        "params": shown(lambda: _params(study)),
        "metrics": lambda connection, name: _metrics(study, connection, name),
        "trades": shown(lambda: best_runs(study, best).trades),
        "equity": shown(lambda: best_runs(study, best).equity),
    }


def _params(study: Study) -> pl.DataFrame:
    trials, parts = study.trials(), []
    for name in study.spec.space:
        column = trials[name]
        numbers = column.cast(pl.Float64) if column.dtype.is_numeric() else None
        parts.append(
            trials.select(
                "number",
                pl.lit(name).alias("name"),
                pl.lit(numbers, pl.Float64).alias("value"),
                column.cast(pl.String).alias("text"),
            )
        )
    return pl.concat(parts).sort("number", maintain_order=True)


def _metrics(study: Study, connection: DuckDBPyConnection, name: str) -> None:
    folder = metrics_folder(study.url, study.name)
    if folder is None or not any(folder.glob("folds-*.parquet")):
        empty = pl.DataFrame(schema={"number": pl.Int64, "pair": pl.String, "fold": pl.Int64})
        connection.register(name, empty)
        return
    files = str(folder / "folds-*.parquet").replace("'", "''")
    # What a killed run wrote for trials that are not stored is not shown.
    connection.execute(
        f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{files}') WHERE number < {study.n_trials}"
    )
