"""How a study is validated: the settings of the rule, as a spec's `validation` block holds them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from arbkit.units import DAY_NS, duration_ns

__all__ = ["ValidationSpec"]


class ValidationSpec(BaseModel):
    """Settings of the rule that says whether data support a parameter set.

    Attributes:
        folds: re-tunings of the walk-forward, on stretches of equal time.
        bin: length of the bins on which equity is differenced.
        block: mean length of a bootstrap block of the test over all sets, and the lags of the t.
        interval_block: mean length of a bootstrap block of the intervals. Differences of marks revert: what a
            position is marked down in one bin it is marked up in the next, and with blocks of a day the
            intervals of 320 simulated edges held the truth in 96 %, with two days in 92 %.
        purge: time left out between the training part of a fold and the fold; "auto" is the longest
            `max_hold_s` where every set has one, else 0, as training trades are closed at its end.
        level: of the tests; intervals hold with probability 2 * level - 1.
        min_trades: closed trades out of sample below which the data are too short.
        min_bins: bins out of sample below which the data are too short.
        sets: at most so many sets of distinct behaviour are tested together.
        draws: bootstrap draws.
        finalists: how many of the highest trials have their neighbourhood simulated.
        neighbours: sets simulated around each of them.
        pbo_blocks: even number of blocks of time of the probability of backtest overfitting.
        step: size of a neighbourhood, as a share of each parameter's range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folds: int = Field(default=5, ge=1, le=100)
    bin: str | float = "4h"
    block: str | float = "1d"
    interval_block: str | float = "2d"
    purge: Literal["auto"] | str | float = "auto"
    level: float = Field(default=0.95, gt=0.5, lt=1)
    min_trades: int = Field(default=30, ge=1)
    min_bins: int = Field(default=60, ge=16)
    sets: int = Field(default=1_000, ge=2, le=100_000)
    draws: int = Field(default=1_000, ge=99, le=1_000_000)
    finalists: int = Field(default=10, ge=1, le=1_000)
    neighbours: int = Field(default=24, ge=0, le=10_000)
    pbo_blocks: int = Field(default=16, ge=2, le=20, multiple_of=2)
    step: float = Field(default=0.05, gt=0, le=1)

    @field_validator("bin", "block", "interval_block")
    @classmethod
    def _positive(cls, value: str | float) -> str | float:
        if not 0 < duration_ns(value, name="bin") <= 7 * DAY_NS:
            raise ValueError(f"must be longer than 0 and at most 7d, was {value!r}")
        return value

    @field_validator("purge")
    @classmethod
    def _duration(cls, value: str | float) -> str | float:
        if value != "auto":
            duration_ns(value, name="purge")
        return value

    @property
    def bin_ns(self) -> int:
        """Length of a bin, nanoseconds."""
        return duration_ns(self.bin, name="bin")

    @property
    def block_bins(self) -> int:
        """Bins of a block, and lags of the t; at least 1."""
        return self._bins_of(self.block)

    @property
    def interval_bins(self) -> int:
        """Bins of a block of the intervals; at least 1."""
        return self._bins_of(self.interval_block)

    def _bins_of(self, length: str | float) -> int:
        return max(1, round(duration_ns(length, name="block") / self.bin_ns))

    @property
    def bins_per_day(self) -> float:
        """How many bins a day has."""
        return DAY_NS / self.bin_ns
