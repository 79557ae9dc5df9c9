"""Rows of a run's pair as a recorded dataset has them, by `load_panel`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from arbkit._typing import PathLike
from arbkit.errors import CoverageError
from arbkit.live.config import LiveConfig
from arbkit.panel import Panel, load_panel
from arbkit.units import DAY_NS

if TYPE_CHECKING:
    from arbkit.data import Dataset

__all__ = ["PairSource"]

#: Where a run has no age limit, a quote may be so much older than the rows asked for.
_LONG_NS: Final = DAY_NS


@dataclass(frozen=True)
class PairSource:
    """What `load_panel` has to know to make the rows that a run of a pair makes."""

    a: str
    b: str
    currency: str
    same: tuple[str, ...]
    fx: Mapping[str, Any] | None
    max_age_ns: tuple[int, int]
    levels: int

    @classmethod
    def of_config(cls, config: LiveConfig, p: int) -> Self:
        """Return that of a configuration's pair."""
        pair, fx = config.pairs[p], config.fx
        rate = (
            None if fx is None else {"leg": fx.leg, "executable": fx.executable, "max_age_ns": fx.max_age_ns}
        )
        a, b = pair.legs
        return cls(a, b, config.currency, config.same, rate, pair.max_age_ns, pair.params.depth_levels)

    @classmethod
    def of_run(cls, about: Mapping[str, Any], pair: Mapping[str, Any]) -> Self:
        """Return that of a pair in `run.json`."""
        return cls(
            pair["a"],
            pair["b"],
            about["currency"],
            tuple(about["same"]),
            about["fx"],
            tuple(pair["max_age_ns"]),
            pair["params"].get("depth_levels", 0),
        )

    def load(self, dataset: PathLike | Dataset, start_ns: int, end_ns: int) -> Panel | None:
        """Return the rows from a stamp to before another; None where the dataset has none of them together.

        Raises:
            DataError: when there is no such dataset, or it lacks an instrument.
        """
        longest, fx = end_ns - start_ns + _LONG_NS, None
        if self.fx is not None:
            price = "executable" if self.fx["executable"] else "mid"
            fx = {"symbol": self.fx["leg"], "price": price, "max_age": _limit(self.fx["max_age_ns"], longest)}
        try:
            return load_panel(
                dataset,
                {"a": self.a, "b": self.b},
                fx,
                max_age={leg: _limit(age, longest) for leg, age in zip("ab", self.max_age_ns, strict=True)},
                start=start_ns,
                end=end_ns,
                currency=self.currency,
                same=self.same,
                levels=self.levels,
                cache=False,
            )
        except CoverageError:
            return None


def _limit(age_ns: int, longest_ns: int) -> str:
    return f"{longest_ns if age_ns < 0 else age_ns}ns"
