"""`Validation`: what was examined, what came out, and the one sentence."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import polars as pl

from arbkit._typing import PathLike

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["VERSION", "Finalist", "Fold", "Opening", "Part", "Status", "Together", "Validation"]

#: Of the stored form.
VERSION: Final = 2

Status = Literal["supported", "not supported", "too short"]

_STAMP: Final = pl.Datetime("ns", "UTC")


@dataclass(frozen=True)
class Part:
    """One stretch of time and what was earned there, marked to market; amounts in the account currency.

    Attributes:
        name: `training` (the chosen set), `walk_forward` (each fold's own choice), `lockbox` (the chosen set)
            or `out_of_sample`, the last two together.
        start_ns, end_ns: first and last row, nanoseconds UTC.
        days: length.
        bins: how many bins.
        pnl_usd: what was earned.
        per_day_usd: per day.
        low_usd, high_usd: block-bootstrap interval of the mean per day; None where nothing moved or there are
            fewer than 16 bins.
        t: mean over its Newey-West error; None where nothing moved.
        critical: what t has to exceed.
        sharpe: of the bins, annualised; None where nothing moved.
        psr: probability that the true Sharpe ratio is above 0.
        track_record_days: how long a record of this kind must be until that probability is `level`; None
            where no length is enough.
        closed_trades: trades that a rule closed.
        open_at_end: trades that the end of the data closed, or that a stop left open.
        open_at_end_usd: what those made.
    """

    name: str
    start_ns: int
    end_ns: int
    days: float
    bins: int
    pnl_usd: float
    per_day_usd: float
    low_usd: float | None
    high_usd: float | None
    t: float | None
    critical: float
    sharpe: float | None
    psr: float | None
    track_record_days: float | None
    closed_trades: int
    open_at_end: int
    open_at_end_usd: float


@dataclass(frozen=True)
class Fold:
    """One fold of the walk-forward: the set found on everything before it, and what that earned.

    Attributes:
        number: 1 is the first.
        start_ns, end_ns: where its set may enter.
        train_end_ns: where its training part ends.
        trials: trials of its search.
        params: the set; None where no trial was feasible.
        pnl_usd: what its trades earned, those included that were carried beyond the fold.
        closed_trades: trades that a rule closed.
        carried: trades still open at its end, carried on under the rule that opened them.
    """

    number: int
    start_ns: int
    end_ns: int
    train_end_ns: int
    trials: int
    params: Mapping[str, Any] | None
    pnl_usd: float
    closed_trades: int
    carried: int


@dataclass(frozen=True)
class Finalist:
    """One of the highest trials: its own value on the training data, and what its neighbourhood keeps.

    `score` is the value that three quarters of the sets around it reach; None where more than a quarter of
    them has none.
    """

    number: int
    value: float
    score: float | None
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Opening:
    """One opening of the lockbox: when, after how many trials, with which set, by which version."""

    at: str
    trials: int
    params: Mapping[str, Any]
    arbkit_version: str


@dataclass(frozen=True)
class Together:
    """Figures over all sets together; those without a value could not be computed.

    Attributes:
        spa_p: p of superior predictive ability against 0, on training and walk-forward.
        spa_sets: sets of distinct behaviour in it.
        spa_t: its statistic, the mean of the best set over its error; None where nothing was tested.
        spa_critical: what that statistic has to exceed so that p is below 1 - level.
        distinct_sets: distinct parameter sets tried on these data, in all studies, whatever became of them.
        studies: how many studies those were counted in.
        sharpe: of the chosen set, per bin, on training and walk-forward; what is deflated.
        dsr: deflated Sharpe ratio with V = 1/T, the form that counts.
        dsr_published: with V the variance of the trials' ratios, as published.
        pbo: probability of backtest overfitting; no evidence without the next.
        p_loss: probability that the set chosen in one half loses in the other.
    """

    spa_p: float | None
    spa_sets: int
    spa_t: float | None
    spa_critical: float | None
    distinct_sets: int
    studies: int
    sharpe: float | None
    dsr: float | None
    dsr_published: float | None
    pbo: float | None
    p_loss: float | None


@dataclass(frozen=True)
class Validation:
    """The outcome of a validation.

    Attributes:
        study: name of the study.
        status: `supported`, `not supported` or `too short`.
        sentence: the outcome in one sentence.
        reasons: the conditions that failed, or what the data lack.
        params: the chosen set, searched parameters by name; None where no trial is feasible.
        peak: number and value of the highest trial, where the chosen set is another one.
        parts: the stretches of time.
        tests: figures over all sets.
        folds: the walk-forward.
        finalists: the highest trials by plateau score; the first is the chosen set.
        openings: of the lockbox, those of this study, the last one by this validation.
        openings_elsewhere: of the same lockbox by other studies on these data.
        settings: split, bins, minimum and the rest of the rule, as used.
        currency: account currency.
        trials: how many the study had.
        more_days: with how many more days of data the minimum would be reached; None where it is, or where no
            length is enough.
        bin_starts: nanoseconds; beginning of each bin of the whole time.
        bin_pnl: what was earned per bin: the chosen set in training and lockbox, the walk-forward between.
        chosen_pnl: the chosen set in every bin.
        arbkit_version: version that examined it.
    """

    study: str
    status: Status
    sentence: str
    reasons: tuple[str, ...]
    params: Mapping[str, Any] | None
    peak: Finalist | None
    parts: tuple[Part, ...]
    tests: Together
    folds: tuple[Fold, ...]
    finalists: tuple[Finalist, ...]
    openings: tuple[Opening, ...]
    openings_elsewhere: int
    settings: Mapping[str, Any]
    currency: str
    trials: int
    more_days: float | None
    bin_starts: tuple[int, ...]
    bin_pnl: tuple[float, ...]
    chosen_pnl: tuple[float, ...]
    arbkit_version: str

    @property
    def supported(self) -> bool:
        """Whether the data support the chosen set."""
        return self.status == "supported"

    def part(self, name: str) -> Part:
        """Return one stretch of time by its name."""
        return next(item for item in self.parts if item.name == name)

    def frame(self) -> pl.DataFrame:
        """Return one row per stretch of time: the fields of `Part`, stamps as UTC times."""
        rows = [dataclasses.asdict(item) for item in self.parts]
        frame = pl.DataFrame(rows, infer_schema_length=None)
        return _with_stamps(frame, ("start_ns", "end_ns"))

    def folds_frame(self) -> pl.DataFrame:
        """Return one row per fold: the fields of `Fold`, its parameters as columns."""
        rows = [_flat(dataclasses.asdict(item)) for item in self.folds]
        return _with_stamps(
            pl.DataFrame(rows, infer_schema_length=None), ("start_ns", "end_ns", "train_end_ns")
        )

    def finalists_frame(self) -> pl.DataFrame:
        """Return one row per finalist, by plateau score: `number`, `value`, `score` and its parameters."""
        rows = [_flat(dataclasses.asdict(item)) for item in self.finalists]
        return pl.DataFrame(rows, infer_schema_length=None, strict=False)

    def bins(self) -> pl.DataFrame:
        """Return one row per bin: `start`, `part`, `pnl_usd` and `chosen_usd` (the chosen set throughout)."""
        ends = {item.name: item.end_ns for item in self.parts}
        starts = np.array(self.bin_starts, np.int64)
        part = np.where(
            starts < ends.get("training", 0),
            "training",
            np.where(starts < ends.get("walk_forward", 0), "walk_forward", "lockbox"),
        )
        return pl.DataFrame(
            {
                "start": pl.Series(starts).cast(_STAMP),
                "part": pl.Series(part, dtype=pl.String),
                "pnl_usd": pl.Series(self.bin_pnl, dtype=pl.Float64),
                "chosen_usd": pl.Series(self.chosen_pnl, dtype=pl.Float64),
            }
        )

    def picture(self) -> Figure:
        """Draw what was earned through the three parts, and each mean per day with its interval."""
        from arbkit.validation.picture import draw

        return draw(self)

    def save_picture(self, path: PathLike) -> None:
        """Write the picture to a file; its ending says the format."""
        self.picture().savefig(path, dpi=150)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as JSON holds them; `from_dict` reads them back."""
        return {"version": VERSION, **_plain(dataclasses.asdict(self))}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Validation:
        """Read back what `to_dict` gave."""
        given = {key: value for key, value in values.items() if key != "version"}
        given["reasons"] = tuple(given["reasons"])
        for name in ("bin_starts", "bin_pnl", "chosen_pnl"):
            given[name] = tuple(given[name])
        given["peak"] = None if given["peak"] is None else Finalist(**given["peak"])
        given["tests"] = Together(**given["tests"])
        kinds: dict[str, Any] = {"parts": Part, "folds": Fold, "finalists": Finalist, "openings": Opening}
        for name, kind in kinds.items():
            given[name] = tuple(kind(**item) for item in given[name])
        return cls(**given)

    def __repr__(self) -> str:
        return f"Validation({self.study!r}: {self.sentence})"


def _plain(value: Any) -> Any:
    """Turn tuples into lists and numbers that JSON does not know into None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    params = row.pop("params") or {}
    return {**row, **params}


def _with_stamps(frame: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    present = [name for name in names if name in frame.columns]
    return frame.with_columns(
        pl.col(name).cast(pl.Int64).cast(_STAMP).alias(name.removesuffix("_ns")) for name in present
    ).drop(present)
