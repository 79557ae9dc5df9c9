"""`Job`: what one backtest reads, and what is made of it before it is simulated.

Everything here is offline and changes no data; a joined dataset is kept in the cache where that can be
written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from arbkit.errors import ConfigError, DataError

if TYPE_CHECKING:
    from arbkit.panel import Panel

__all__ = ["DATASET_ONLY", "Job"]

#: Options that describe how to join a dataset, and mean nothing for a file that is joined already.
DATASET_ONLY: Final = (
    "pair_a",
    "pair_b",
    "fx_symbol",
    "fx_price",
    "fx_dataset",
    "fx_file",
    "fx_max_age",
    "max_age",
    "currency",
    "same",
    "grid",
    "levels",
    "clock",
    "half_spread_a_bps",
    "half_spread_b_bps",
)


@dataclass(frozen=True, kw_only=True)
class Job:
    """What one backtest needs besides `Params`; None means not given.

    Attributes:
        data_file: a pair CSV, a Parquet file of a panel, or the folder of a panel store or a dataset.
        reference: the fair ratio, as in `Panel.with_reference`.
        scale: how the volatility shrinks the position, as in `Panel.with_scale`.
        pair_a: "venue/symbol" of leg A of a dataset; with `pair_b` optional where it holds just two.
        pair_b: "venue/symbol" of leg B.
        fx_symbol: "symbol" or "venue/symbol" of the exchange rate.
        fx_price: `mid` or `executable`.
        fx_dataset: the dataset that holds the rate, when it is another one.
        fx_file: a Parquet or CSV file that holds the rate.
        fx_max_age: how old a rate may be, such as "3d".
        max_age: how old a quote may be before its row is not tradable, such as "5s".
        currency: the account currency, where the legs have no common quote.
        same: currencies that count as one, such as "USDT,USD".
        grid: join on a fixed grid, such as "1s", instead of every update.
        levels: how many book levels to load; by default as many as `load` is asked for.
        clock: `ts_recv` or `ts_event`, where the dataset leaves a choice.
        half_spread_a_bps: half the spread to assume around the closes of leg A, when it is candles.
        half_spread_b_bps: the same for leg B.
        funding_file: a Parquet or CSV file of funding rates (ts, venue, symbol, rate).
        start: first moment, ISO text, UTC.
        end: first moment after the end.
        out_of_sample: share of the time, at the end, that is left out, as a study leaves it out.
        interval: grid of the Sharpe and Sortino ratios.
        tag: free text that comes back in the document.
        output_json: file to write instead of stdout.
    """

    data_file: str
    reference: str = "none"
    scale: str = "none"
    pair_a: str | None = None
    pair_b: str | None = None
    fx_symbol: str | None = None
    fx_price: str | None = None
    fx_dataset: str | None = None
    fx_file: str | None = None
    fx_max_age: str | None = None
    max_age: str | None = None
    currency: str | None = None
    same: str | None = None
    grid: str | None = None
    levels: float | None = None
    clock: str | None = None
    half_spread_a_bps: float | None = None
    half_spread_b_bps: float | None = None
    funding_file: str | None = None
    start: str | None = None
    end: str | None = None
    out_of_sample: float | None = None
    interval: str = "1h"
    tag: str | None = None
    output_json: str | None = None

    @property
    def view(self) -> str:
        """The reference, and the scale behind it."""
        from arbkit.panel import joined_view

        return joined_view(self.reference, self.scale)

    def load(self, levels: int | None = 0, *, cache: bool = True) -> Panel:
        """Load the panel, with its reference, cut to the time asked for.

        The reference is computed before the start is cut off, so that it is warm at the first row.

        Args:
            levels: book levels to load from a dataset where the job itself names no number; None for all
                that both legs store.
            cache: as in `load_panel`.

        Raises:
            ArbkitError: when the data cannot be read or do not cover what was asked for.
        """
        from arbkit.panel import is_store

        path = Path(self.data_file)
        if not path.exists():
            raise DataError(f"`--data-file` must exist, was {self.data_file!r}")
        joined = path.is_file() or is_store(path)
        panel = self._load_file(path) if joined else self._load_dataset(path, levels, cache)
        if len(panel) == 0:
            raise DataError(
                f"`--data-file` must hold rows in the time asked for, {self.data_file!r} has none "
                f"from {self.start or 'its start'} to {self.end or 'its end'}"
            )
        if self.funding_file is not None:
            panel = panel.with_funding(self.funding_file)
        return self._trained_on(panel)

    def _trained_on(self, panel: Panel) -> Panel:
        """Cut off what is out of sample, at the row at which a study of the same market cuts."""
        if not self.out_of_sample:
            return panel
        from arbkit.engine import split_panel

        return split_panel(panel, self.out_of_sample).train

    def _load_file(self, path: Path) -> Panel:
        from arbkit.panel import Panel, load_pair_file

        given = [name for name in DATASET_ONLY if getattr(self, name) is not None]
        if given:
            options = ", ".join("--" + name.replace("_", "-") for name in given)
            raise ConfigError(f"{options} are for datasets, and {self.data_file!r} is joined already")
        panel = load_pair_file(path) if path.is_file() else Panel.open(path)
        if self.view != "none":
            panel = panel.with_reference(self.view)
        return panel if self.start is None and self.end is None else panel.slice(self.start, self.end)

    def _load_dataset(self, path: Path, levels: int | None, cache: bool) -> Panel:
        from arbkit.panel import load_panel

        pair = self.pair(path)
        return load_panel(
            path,
            pair=pair,
            fx=self._fx(),
            max_age=self.max_age,
            start=self.start,
            end=self.end,
            currency=self.currency,
            same=tuple(item.strip() for item in self.same.split(",")) if self.same else (),
            reference=self.view,
            grid=self.grid,
            levels=self._levels(path, pair, levels),
            clock=self.clock,
            half_spread_a_bps=self.half_spread_a_bps,
            half_spread_b_bps=self.half_spread_b_bps,
            cache=cache,
        )

    def pair(self, path: Path) -> dict[str, str]:
        """Return the legs of a dataset that are meant.

        Raises:
            ConfigError: when none are named and the dataset does not hold just two.
        """
        if self.pair_a is not None and self.pair_b is not None:
            return {"a": self.pair_a, "b": self.pair_b}
        from arbkit.data import open_dataset

        legs = [item.leg for item in open_dataset(path).instruments if item.kind != "fx"]
        if self.pair_a is None and self.pair_b is None and len(legs) == 2:
            return {"a": legs[0], "b": legs[1]}
        raise ConfigError(
            "a dataset needs both `--pair-a` and `--pair-b` (venue/symbol), "
            f"was {self.pair_a} and {self.pair_b}; {self.data_file!r} holds {', '.join(legs) or 'none'}"
        )

    def _levels(self, path: Path, pair: Mapping[str, str], wanted: int | None) -> int:
        if self.levels is not None:
            if self.levels != int(self.levels) or self.levels < 0:
                raise ConfigError(f"`--levels` must be a whole number of at least 0, was {self.levels:g}")
            return int(self.levels)
        if wanted is not None:
            return wanted
        from arbkit.data import open_dataset

        stored = open_dataset(path)
        infos = [stored.instrument(leg) for leg in pair.values()]
        return 0 if any(info.is_candle for info in infos) else min(info.levels for info in infos)

    def _fx(self) -> dict[str, str] | None:
        names = {"fx_symbol": "symbol", "fx_price": "price", "fx_dataset": "dataset", "fx_file": "file"}
        names["fx_max_age"] = "max_age"
        fx = {key: getattr(self, name) for name, key in names.items() if getattr(self, name) is not None}
        return fx or None
