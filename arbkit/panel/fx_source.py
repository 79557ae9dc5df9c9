"""Where a panel's FX series comes from: an instrument of a dataset, or a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from arbkit.errors import ConfigError, CoverageError, DataError, nearest_names
from arbkit.panel.frames import floats_of, require_columns
from arbkit.panel.fx import FxSeries, longest_gap_ns
from arbkit.panel.quotes import book_quotes, candle_quotes
from arbkit.panel.stamps import parsed_stamps
from arbkit.units import duration_ns

if TYPE_CHECKING:
    from arbkit.data import Dataset

__all__ = ["check_fx", "fx_fingerprint", "fx_name", "fx_series"]

_KEYS: Final = ("dataset", "file", "symbol", "price", "max_age", "currency", "base", "quote")
_PRICES: Final = ("mid", "executable")


def check_fx(fx: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the `fx` argument of `load_panel` as a dictionary, empty where there is none.

    Raises:
        ConfigError: for an unknown key or value.
    """
    if fx is None:
        return {}
    if not isinstance(fx, Mapping):
        raise ConfigError(f'`fx` must be a mapping such as {{"symbol": "KRW-USDT"}}, was {fx!r}')
    for key in fx:
        if key not in _KEYS:
            raise ConfigError(f"`fx` has no key {key!r}; {nearest_names(str(key), _KEYS)}")
    if fx.get("price", "mid") not in _PRICES:
        raise ConfigError(f"`fx.price` must be mid or executable, was {fx['price']!r}")
    if not fx.get("symbol") and not fx.get("file"):
        raise ConfigError(
            f"`fx` must name a `symbol` (of this or another `dataset`) or a `file`, was {dict(fx)!r}"
        )
    return dict(fx)


def fx_name(fx: Mapping[str, Any]) -> str:
    """Return how a panel's meta data call the series: "KRW-USDT (executable)"."""
    return f"{fx.get('symbol') or Path(fx['file']).name} ({fx.get('price', 'mid')})"


def fx_fingerprint(fx: Mapping[str, Any]) -> str:
    """Return what changes when the FX quotes change; empty where they are of the panel's own dataset."""
    from arbkit.data import open_dataset

    if fx.get("dataset"):
        return open_dataset(fx["dataset"]).fingerprint
    if fx.get("file"):
        status = _existing(fx["file"]).stat()
        return f"{status.st_size}-{status.st_mtime_ns}"
    return ""


def fx_series(source: Dataset, fx: Mapping[str, Any], clock: str) -> FxSeries:
    """Read the FX quotes.

    Args:
        source: the dataset of the legs.
        fx: as checked by `check_fx`.
        clock: the legs' clock; the series stands on it where it has it, else on its venue's.

    Returns:
        The series, its age limit the manifest's, else its longest gap.

    Raises:
        DataError: when the file, the dataset or the instrument does not exist or cannot be read.
        CoverageError: when it has no quotes.
    """
    from arbkit.data import open_dataset

    if fx.get("file"):
        return _from_file(fx)
    home = open_dataset(fx["dataset"]) if fx.get("dataset") else source
    info = home.instrument(str(fx["symbol"]))
    own = "ts_recv" if clock == "ts_recv" and info.has_ts_recv else "ts_event"
    rows = home.scan(info.leg)
    quotes = candle_quotes(rows, 0.0) if info.is_candle else book_quotes(rows, info, own, 0)
    if quotes.ts.size == 0:
        raise CoverageError(f"FX needs quotes, {info.leg} had none")
    assumed = info.max_age_s is None
    age = longest_gap_ns(quotes.ts) if assumed else duration_ns(info.max_age_s or 0)
    return FxSeries(info.leg, info.base, info.quote, quotes.ts, quotes.bid, quotes.ask, age, own, assumed)


def _existing(file: Any) -> Path:
    path = Path(str(file))
    if not path.is_file():
        raise DataError(f"the FX file must exist, {path} does not")
    return path


def _from_file(fx: Mapping[str, Any]) -> FxSeries:
    import polars as pl

    path = _existing(fx["file"])
    if not fx.get("base") or not fx.get("quote"):
        raise ConfigError(
            "an FX `file` needs `base` and `quote`: quote units per one base, such as USDT and KRW"
        )
    try:
        as_text = {"ts": pl.String()}
        frame = (
            pl.read_parquet(path)
            if path.suffix == ".parquet"
            else pl.read_csv(path, schema_overrides=as_text, infer_schema_length=None)
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"the FX file {path} cannot be read: {str(error).splitlines()[0]}") from error
    try:
        return _series_of(frame, path.name, str(fx["base"]), str(fx["quote"]))
    except DataError as error:
        raise DataError(f"the FX file {path}: {error}") from error


def _series_of(frame: Any, name: str, base: str, quote: str) -> FxSeries:
    if "close" in frame.columns and "bid" not in frame.columns:
        frame = frame.with_columns(bid=frame["close"], ask=frame["close"])
    require_columns(frame, ("ts", "bid", "ask"))
    stamps = parsed_stamps(frame["ts"])
    if stamps.null_count() or not len(stamps):
        raise DataError(
            f"needs a readable time in every row, had {len(stamps)} rows, {stamps.null_count()} without"
        )
    ts = stamps.to_physical().to_numpy()
    if (np.diff(ts) < 0).any():
        raise DataError("rows must be in non-decreasing time; sort by ts first")
    bid, ask = floats_of(frame, "bid"), floats_of(frame, "ask")
    return FxSeries(name, base, quote, ts, bid, ask, longest_gap_ns(ts), assumed=True)
