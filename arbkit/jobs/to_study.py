"""The same session as an Optuna study: same data, same parameter sets, same ranking."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from arbkit.errors import ConfigError
from arbkit.jobs.plan import make_plan
from arbkit.jobs.ranking import is_lower_better
from arbkit.jobs.session import Session
from arbkit.panel import is_store
from arbkit.study import StudySpec
from arbkit.study.space import VIEWS

__all__ = ["study_of"]

#: Keys of a session that a study spec has under the same name.
_SAME: Final = ("max_age", "currency", "grid", "half_spread_a_bps", "half_spread_b_bps", "start", "end")
_FX: Final = {
    "fx_symbol": "symbol",
    "fx_price": "price",
    "fx_dataset": "dataset",
    "fx_file": "file",
    "fx_max_age": "max_age",
}
#: Keys that a study has no counterpart of, with the values that mean nothing.
_ONLY_JOBS: Final[dict[str, tuple[Any, ...]]] = {
    "clock": (),
    "levels": (),
    "funding_file": (),
    "interval": ("1h",),
}


def study_of(
    session: Session,
    *,
    sampler: str = "grid",
    n_trials: int | None = None,
    seed: int = 1,
    name: str | None = None,
    storage: str | None = None,
    max_drawdown_pct: float | None = None,
    min_trades: int | None = None,
    metric: str = "mtm_pnl_usd",
) -> StudySpec:
    """Return the spec of the study that tries what the jobs of a session try, on the same data.

    Args:
        session: the session.
        sampler: by default `grid` in the order of the plan, so that trial 0 is job 1.
        n_trials: by default as many as the plan looks at.
        seed: of the study.
        name: of the study, by default the session's id.
        storage: of the study, by default `sqlite:///studies/NAME.db`.
        max_drawdown_pct: the filter of `aggregate`, as a constraint.
        min_trades: the same.
        metric: the objective, what `aggregate` ranks by.

    Raises:
        ConfigError: when a study cannot do what the session asks for.
    """
    _check(session)
    constraints = []
    if max_drawdown_pct is not None:
        constraints.append(f"max_drawdown_mtm_pct <= {max_drawdown_pct:g}")
    if min_trades is not None:
        constraints.append(f"total_trades >= {min_trades}")
    values: dict[str, Any] = {
        "name": name or session.session_id,
        **_market(session),
        "sampler": {"name": sampler, **({"shuffle": False} if sampler == "grid" else {})},
        "seed": seed,
        "n_trials": make_plan(session).tried if n_trials is None else n_trials,
        "objective": {
            "metric": metric,
            "direction": "minimize" if is_lower_better(metric) else "maximize",
        },
        "space": {
            key: {"type": "categorical", "choices": ["none" if value is None else value for value in grid]}
            for key, grid in session.grids.items()
        },
        "fixed": _fixed(session),
        "split": {"out_of_sample": session.market["out_of_sample"]},
    }
    if constraints:
        values["constraints"] = constraints
    if storage is not None:
        values["storage"] = storage
    return StudySpec.from_dict(values)


def _check(session: Session) -> None:
    if "out_of_sample" not in session.market:
        raise ConfigError(
            "a study always keeps the end of the data from the search, and this session has "
            "`out_of_sample: 0`; leave the key out, or give it a share such as 0.4"
        )
    for key, harmless in _ONLY_JOBS.items():
        if key in session.market and session.market[key] not in harmless:
            raise ConfigError(f"`{key}` has no counterpart in a study, was {session.market[key]!r}")
    open_ends = [session.fixed.get("close_at_end"), *session.grids.get("close_at_end", ())]
    if False in open_ends:
        raise ConfigError(
            "`close_at_end` must be true, the runs of a study always close at the end, was false"
        )


def _fixed(session: Session) -> dict[str, Any]:
    fixed = {name: "none" if value is None else value for name, value in session.fixed.items()}
    if "guard" in fixed and isinstance(fixed["guard"], dict):
        fixed["guard"] = dict(fixed["guard"])
    return fixed | {name: session.market[name] for name in VIEWS if name in session.market}


def _market(session: Session) -> dict[str, Any]:
    path = Path(session.data_file)
    market = {key: session.market[key] for key in _SAME if key in session.market}
    if path.is_file() or is_store(path):
        return {"panel": session.data_file, **market}
    first = next(item for item in session.combinations() if item is not None)
    fx = {key: session.market[old] for old, key in _FX.items() if old in session.market}
    market = {"dataset": session.data_file, "pair": first.job.pair(path), **market}
    if fx:
        market["fx"] = fx
    if "same" in session.market:
        market["same"] = [item.strip() for item in session.market["same"].split(",")]
    return market
