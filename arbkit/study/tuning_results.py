"""`tuning_results` on PostgreSQL: every simulated trial of every study, and every job, as one row.

It is a view: over Optuna's own tables, so that it cannot fall behind a study, and over `tuning_jobs`, into
which `arbkit jobs run --results-db` writes. Where a relation of that name is there that arbkit did not make,
it is left as it is and takes the rows of jobs; the view of the studies then is `tuning_results_studies`.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from arbkit.errors import StorageError

__all__ = ["COLUMNS", "JOBS_TABLE", "Relation", "ensure_tuning_results", "view_of_studies"]

#: Name and type of each column, in order.
COLUMNS: Final = {
    "run_id": "text",
    "session_id": "text",
    "created_at": "timestamptz",
    "param_set": "jsonb",
    "total_pnl": "double precision",
    "total_trades": "bigint",
    "total_entries": "bigint",
    "total_exits": "bigint",
    "winning_trades": "bigint",
    "losing_trades": "bigint",
    "winrate": "double precision",
    "avg_pnl_per_trade": "double precision",
    "campaign_id": "text",
    "duration_seconds": "double precision",
    "test_mode": "boolean",
    "symbols": "text",
}
#: The table that holds the rows of jobs.
JOBS_TABLE: Final = "tuning_jobs"
_VIEW: Final = "tuning_results"
_OTHER_VIEW: Final = "tuning_results_studies"
#: Says that a view is ours, and of which make.
_OURS: Final = "arbkit tuning_results"
_MARK: Final = f"{_OURS} 2"
_LOCK: Final = 0x61726274

_TABLE_SQL: Final = (
    f"CREATE TABLE IF NOT EXISTS {JOBS_TABLE} ("
    + ", ".join(
        f"{name} {kind}{' PRIMARY KEY' if name == 'run_id' else ''}" for name, kind in COLUMNS.items()
    )
    + ")"
)
#: A function with its body as text, so that Optuna's tables can still be altered and dropped; it is inlined.
#: The parameters of a trial are kept in Optuna's internal form: the index of a choice, numbers as they are.
_FUNCTION_SQL: Final = (
    "CREATE OR REPLACE FUNCTION tuning_studies() RETURNS TABLE ("
    + ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    + r""") LANGUAGE sql STABLE AS $body$
SELECT s.study_name || '#' || t.number,
       s.study_name::text,
       t.datetime_complete AT TIME ZONE 'UTC',
       coalesce(spec.json -> 'fixed', '{}') || '{"close_at_end": true}' || coalesce(p.json, '{}'),
       (m.json ->> 'mtm_pnl_usd')::double precision,
       (m.json ->> 'total_trades')::bigint,
       (m.json ->> 'total_trades')::bigint,
       (m.json ->> 'closed_trades')::bigint,
       (m.json ->> 'winning_trades')::bigint,
       (m.json ->> 'losing_trades')::bigint,
       (m.json ->> 'win_rate')::double precision,
       (m.json ->> 'avg_pnl_per_trade_usd')::double precision,
       NULL::text,
       extract(epoch FROM t.datetime_complete - t.datetime_start)::double precision,
       true,
       coalesce(spec.json #>> '{pair,a}' || ',' || (spec.json #>> '{pair,b}'),
                spec.json ->> 'panel', spec.json ->> 'dataset')
FROM studies s
JOIN study_user_attributes a ON a.study_id = s.study_id AND a.key = 'arbkit:spec'
CROSS JOIN LATERAL (SELECT a.value_json::jsonb AS json OFFSET 0) spec
JOIN trials t ON t.study_id = s.study_id
JOIN trial_user_attributes u ON u.trial_id = t.trial_id AND u.key = 'metrics'
CROSS JOIN LATERAL (
    SELECT CASE WHEN u.value_json LIKE '%NaN%' OR u.value_json LIKE '%Infinity%'
        THEN regexp_replace(u.value_json, '-?\m(NaN|Infinity)\M', 'null', 'g')
        ELSE u.value_json END::jsonb AS json OFFSET 0
) m
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(q.param_name, CASE
        WHEN q.distribution_json LIKE '{"name": "Categorical%'
        THEN q.distribution_json::jsonb #> ARRAY['attributes', 'choices', q.param_value::int::text]
        WHEN q.distribution_json LIKE '{"name": "Int%' THEN to_jsonb(q.param_value::bigint)
        ELSE to_jsonb(q.param_value) END) AS json
    FROM trial_params q WHERE q.trial_id = t.trial_id
) p ON true
$body$"""
)
_TABLES_OF_OPTUNA: Final = "to_regclass('trials') IS NOT NULL AND to_regclass('trial_params') IS NOT NULL"


class Relation(NamedTuple):
    """Where the rows are read and where those of jobs are written."""

    view: str
    table: str


def ensure_tuning_results(connection: Any) -> Relation:
    """Make the view and its table where they are missing; call it once Optuna's tables are there, or before.

    Args:
        connection: of psycopg, not inside a transaction; what is done is committed.

    Returns:
        The name of the view, and the table that takes the rows of jobs: the one called `tuning_results` where
        arbkit did not make it.
    """
    with connection.transaction():
        cursor = connection.cursor()
        cursor.execute("SELECT " + _TABLES_OF_OPTUNA)
        with_studies = bool(cursor.fetchone()[0])
        relation = _relation(cursor)
        mark = f"{_MARK} {'with studies' if with_studies else 'jobs only'}"
        if _comment(cursor, relation.view) == mark:
            return relation
        # Two processes that make it at once would fail with "tuple concurrently updated".
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        if relation.table == JOBS_TABLE:
            cursor.execute(_TABLE_SQL)
        parts = [f"SELECT * FROM {JOBS_TABLE}"] if relation.table == JOBS_TABLE else []
        if with_studies:
            cursor.execute(_FUNCTION_SQL)
            parts.append("SELECT * FROM tuning_studies()")
        if parts:
            cursor.execute(f"CREATE OR REPLACE VIEW {relation.view} AS " + " UNION ALL ".join(parts))
            cursor.execute(f"COMMENT ON VIEW {relation.view} IS '{mark}'")
    return relation


def view_of_studies(connection: Any) -> None:
    """Make the view for a storage of studies; a role that may not make views has studies without it.

    Raises:
        StorageError: when the database refuses it for another reason.
    """
    import psycopg

    try:
        ensure_tuning_results(connection)
    except psycopg.errors.InsufficientPrivilege:
        pass
    except psycopg.Error as error:
        raise StorageError(
            f"the view `tuning_results` must be makeable, the database refused it: {error}"
        ) from error


def _relation(cursor: Any) -> Relation:
    """Find out whether the name is ours to use."""
    cursor.execute("SELECT to_regclass(%s) IS NULL", (_VIEW,))
    if cursor.fetchone()[0] or (_comment(cursor, _VIEW) or "").startswith(_OURS):
        return Relation(_VIEW, JOBS_TABLE)
    return Relation(_OTHER_VIEW, _VIEW)


def _comment(cursor: Any, name: str) -> str | None:
    cursor.execute("SELECT obj_description(to_regclass(%s), 'pg_class')", (name,))
    found: str | None = cursor.fetchone()[0]
    return found
