"""The data of a decision: the panel that costs are measured on, and how a file names it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from arbkit.config import Params
from arbkit.data import open_dataset
from arbkit.errors import ConfigError
from arbkit.panel import Panel, is_store, load_pair_file, load_panel, split_view
from arbkit.study import Market, Study, StudySpec
from arbkit.study.spec import MARKET_KEYS

__all__ = ["books_from", "config_of", "dataset_of", "judged_panel"]

_FX: Final = {
    "symbol": "fx_symbol",
    "price": "fx_price",
    "dataset": "fx_dataset",
    "file": "fx_file",
    "max_age": "fx_max_age",
}


def judged_panel(study: Study, reference: str) -> Panel:
    """Return the walk-forward part with the ladders of the books, where the study's dataset has some."""
    market, spec = study.market, study.spec
    start, end = market.cuts
    plain = market.stretch(reference, start, end)
    levels = _levels(spec)
    if spec.dataset is None or levels <= plain.levels:
        return plain
    given = {name: getattr(spec, name) for name in MARKET_KEYS if getattr(spec, name) is not None}
    given |= {"start": start, "end": end, "levels": levels, "reference": reference, "same": spec.same}
    return load_panel(spec.dataset, **given)


def _levels(spec: StudySpec) -> int:
    """Return how many levels both legs of a dataset store."""
    if spec.dataset is None or spec.pair is None:
        return 0
    stored = open_dataset(spec.dataset)
    infos = [stored.instrument(leg) for leg in spec.pair.values()]
    return 0 if any(info.is_candle for info in infos) else min(info.levels for info in infos)


def books_from(path: str | Path) -> Panel:
    """Read the books that carry costs, latency and size.

    Args:
        path: a panel file (CSV or Parquet), a panel store, or a study spec whose market is meant (with all
            levels that its dataset stores, and without its lockbox).

    Raises:
        ConfigError: when there is no such file, or a spec breaks a rule.
        DataError: when it cannot be read.
    """
    file = Path(path)
    if not file.exists():
        raise ConfigError(
            f"`--books` must be a panel file, a panel store or a spec, {str(file)!r} does not exist"
        )
    if is_store(file):
        return Panel.open(file)
    if file.suffix not in (".yaml", ".yml"):
        return load_pair_file(file)
    spec = StudySpec.load(file)
    market = Market.load(spec)
    if spec.dataset is None or not _levels(spec):
        return market.stretch("none", None, market.cuts[1])
    given = {name: getattr(spec, name) for name in MARKET_KEYS if getattr(spec, name) is not None}
    given |= {"end": market.cuts[1], "levels": _levels(spec), "same": spec.same}
    return load_panel(spec.dataset, **given)


def dataset_of(study: Study) -> dict[str, Any]:
    """Return what names the data of a study."""
    market = study.market
    first = market.stretch("none", None, market.cuts[1])
    return {
        "fingerprint": market.fingerprint,
        "path": study.spec.dataset or study.spec.panel,
        "leg_a": market.meta.leg_a,
        "leg_b": market.meta.leg_b,
        "currency": market.meta.currency,
        "fidelity": market.meta.fidelity,
        "start": _iso(first.start_ns),
    }


def config_of(study: Study, params: Params, view: str) -> dict[str, Any]:
    """Return data options and parameters by name, as `arbkit backtest` and `arbkit stress` call them.

    They name the time of the walk-forward: what replays them neither sees training nor opens the lockbox.
    """
    spec, cuts = study.spec, study.market.cuts
    reference, scale = split_view(view)
    options: dict[str, Any] = {"data_file": spec.dataset or spec.panel, "reference": reference}
    options |= {} if scale == "none" else {"scale": scale}
    if spec.pair is not None:
        options |= {"pair_a": spec.pair["a"], "pair_b": spec.pair["b"]}
    options |= {_FX[key]: str(value) for key, value in (spec.fx or {}).items() if key in _FX}
    if spec.max_age is not None and not isinstance(spec.max_age, Mapping):
        options["max_age"] = str(spec.max_age)
    if spec.same:
        options["same"] = ",".join(spec.same)
    options |= {"start": _iso(cuts[0]), "end": _iso(cuts[1])}
    for name in ("currency", "grid", "half_spread_a_bps", "half_spread_b_bps"):
        value = getattr(spec, name)
        if value is not None:
            options[name] = value if name.startswith("half") else str(value)
    return {**options, **params.to_dict()}


def _iso(stamp_ns: int) -> str:
    """Return a moment to the nanosecond: a second less would show what replays it a row of the training."""
    seconds, rest = divmod(stamp_ns, 10**9)
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC).replace(tzinfo=None).isoformat()
    return f"{moment}.{rest:09d}+00:00" if rest else f"{moment}+00:00"
