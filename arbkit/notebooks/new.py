"""Fill in the templates of a kind with the instruments of a dataset."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from arbkit._typing import PathLike
from arbkit.errors import ConfigError, DataError, nearest_names
from arbkit.notebooks.kinds import KINDS, Kind
from arbkit.units import DAY_NS, HOUR_NS, SECOND_NS

if TYPE_CHECKING:
    from arbkit.data import Dataset, InstrumentInfo

__all__ = ["new_notebook"]

_CELL: Final = re.compile(r"^#%% (md|code) (\S+)\n", re.MULTILINE)
#: Half spread assumed around the closes of candles, and what the notebook says about it.
_HALF_SPREAD_BPS: Final = 5
_METADATA: Final = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


class _Pair(NamedTuple):
    """One asset on two venues, as `load_panel` takes it."""

    asset: str
    leg_a: str
    leg_b: str
    currency: str
    fx: str | None


def new_notebook(
    kind: str,
    dataset: PathLike,
    to: PathLike | None = None,
    *,
    asset: str | None = None,
    pair_a: str | None = None,
    pair_b: str | None = None,
    fx_symbol: str | None = None,
    currency: str | None = None,
    replace: bool = False,
) -> Path:
    """Write a notebook of a kind that is ready to run on a dataset, and return its path.

    Args:
        kind: one of `KINDS`.
        dataset: folder of a dataset; assets, venues and exchange rate are found in it.
        to: file to write; by default `notebooks/NAME-KIND.ipynb` under the working directory.
        asset: of those that two venues list; by default the first one.
        pair_a, pair_b: both legs, "venue/symbol", where they are not to be found.
        fx_symbol: instrument that converts one leg; by default the one between the two quotes.
        currency: account currency; by default the quote of B.
        replace: write over a file that exists.

    Raises:
        ConfigError: for an unknown kind, asset or leg, half a pair, a file that is there already, or a name
            that does not end in `.ipynb`.
        DataError: when the dataset cannot be read, or no two venues list an asset.
    """
    from arbkit.data import open_dataset

    if kind not in KINDS:
        raise ConfigError(f"`{kind}` is no kind of notebook; {nearest_names(kind, KINDS)}")
    source = open_dataset(dataset)
    name = Path(dataset).name
    target = Path("notebooks", f"{name}-{kind}.ipynb") if to is None else Path(to)
    _check_target(target, replace)
    names = {"name": name, "dataset": json.dumps(Path(dataset).as_posix()), "root": _root_from(target)}
    if KINDS[kind].needs_pair:
        pairs = _pairs(source, pair_a, pair_b, fx_symbol, currency)
        names |= _market_words(source, pairs, asset)
    text = _text(KINDS[kind], names)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"the notebook must be writable, was {str(target)!r}: {error.strerror}") from error
    return target


def _check_target(target: Path, replace: bool) -> None:
    if target.suffix != ".ipynb":
        raise ConfigError(f"a notebook's name must end in .ipynb, was {str(target)!r}")
    if target.exists() and not replace:
        raise ConfigError(f"{target} exists; `--replace` writes over it, `--to FILE` writes another")


def _root_from(target: Path) -> str:
    """Return the way from the notebook's folder, in which it will be opened, to this one."""
    return json.dumps(Path(os.path.relpath(Path.cwd(), target.resolve().parent)).as_posix())


def _pairs(
    source: Dataset, pair_a: str | None, pair_b: str | None, fx_symbol: str | None, currency: str | None
) -> list[_Pair]:
    if (pair_a is None) != (pair_b is None):
        raise ConfigError(f"a pair has two legs, was pair_a={pair_a!r}, pair_b={pair_b!r}; name both")
    if pair_a is not None and pair_b is not None:
        return [_named_pair(source, pair_a, pair_b, fx_symbol, currency)]
    from arbkit.screen import listed_assets

    try:
        listed = listed_assets(source, fx_symbol=fx_symbol)
    except DataError as error:
        raise DataError(f"{error}; or name both legs with `--pair-a` and `--pair-b`") from error
    return [_Pair(item.asset, item.leg_a, item.leg_b, currency or item.currency, item.fx) for item in listed]


def _named_pair(
    source: Dataset, pair_a: str, pair_b: str, fx_symbol: str | None, currency: str | None
) -> _Pair:
    a, b = source.instrument(pair_a), source.instrument(pair_b)
    money = currency or b.quote
    fx = fx_symbol
    if fx is None and a.quote != b.quote:
        rates = [item.leg for item in source.instruments if {item.base, item.quote} == {a.quote, b.quote}]
        if not rates:
            raise DataError(
                f"{a.quote} and {b.quote} need a rate, the dataset has no instrument between them; name one "
                "with `--fx-symbol`"
            )
        fx = rates[0]
    return _Pair(b.base or a.base or b.symbol, a.leg, b.leg, money, fx)


def _market_words(source: Dataset, pairs: list[_Pair], asset: str | None) -> dict[str, str]:
    assets = [item.asset for item in pairs]
    chosen = assets[0] if asset is None else asset
    if chosen not in assets:
        raise ConfigError(f"`{chosen}` is no asset that two venues list; {nearest_names(chosen, assets)}")
    of = pairs[assets.index(chosen)]
    legs = [source.instrument(of.leg_a), source.instrument(of.leg_b)]
    lines = "".join(f'    "{item.asset}": {{"a": "{item.leg_a}", "b": "{item.leg_b}"}},\n' for item in pairs)
    return {
        "asset": chosen,
        "slug": re.sub(r"[^A-Za-z0-9._-]+", "-", f"{source.name}-{chosen}".lower()),
        "pairs": "{\n" + lines + "}",
        "market": _keywords(of, legs, None if of.fx is None else source.instrument(of.fx)),
        "reference": _reference(legs),
        "every": _every(legs),
        "direction": "long_a_short_b" if legs[0].kind == "spot" and legs[1].kind != "spot" else "both",
        "books": "candles, with an assumed half spread" if legs[0].kind == "candle" else "order books",
    }


def _keywords(pair: _Pair, legs: list[InstrumentInfo], rate: InstrumentInfo | None) -> str:
    """Return what `load_panel` and a study need beside dataset and pair, as Python source."""
    words: dict[str, Any] = {"currency": pair.currency}
    if rate is not None:
        words["fx"] = {"symbol": rate.leg, "price": "executable"}
        ends = [item.end_ns for item in legs if item.end_ns is not None]
        if rate.end_ns is not None and ends and rate.end_ns < min(ends) - HOUR_NS:
            words["end"] = str(np.datetime64(rate.end_ns, "ns").astype("datetime64[s]"))  # the rate must cover the books to their end
    for leg, item in zip("ab", legs, strict=True):
        if item.kind == "candle":
            words[f"half_spread_{leg}_bps"] = _HALF_SPREAD_BPS
    return json.dumps(words)


def _span_ns(legs: list[InstrumentInfo]) -> int:
    known = [item for item in legs if item.start_ns is not None and item.end_ns is not None]
    return max(min((item.end_ns or 0) - (item.start_ns or 0) for item in known), 0) if known else 0


def _reference(legs: list[InstrumentInfo]) -> str:
    days = _span_ns(legs) / DAY_NS
    if days > 200:
        return "ewma:20d"
    if days > 3:
        return "ewma:6h"
    return "ewma:1h" if days > 0.5 else "none"


def _every(legs: list[InstrumentInfo]) -> str:
    """Return the step of the pictures: about a thousand of them in the whole time."""
    seconds = _span_ns(legs) / SECOND_NS / 1_000
    steps = {"10s": 10, "1m": 60, "5m": 300, "15m": 900, "1h": 3_600, "6h": 21_600, "1d": 86_400}
    return next((name for name, length in steps.items() if length >= seconds), "1d")


def _text(kind: Kind, names: Mapping[str, str]) -> str:
    """Return the notebook as JupyterLab would save it, without outputs."""
    words = {**names, "title": Template(kind.title).substitute(names), "help": kind.help}
    cells = [cell for block in kind.blocks for cell in _cells(block, words)]
    notebook = {"cells": cells, "metadata": _METADATA, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _cells(block: str, words: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    template = (files("arbkit.notebooks") / "templates" / f"{block}.txt").read_text(encoding="utf-8")
    parts = _CELL.split(Template(template).substitute(words))[1:]
    for kind, name, source in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        cell: dict[str, Any] = {
            "cell_type": "markdown" if kind == "md" else "code",
            "id": f"{block}-{name}",
            "metadata": {},
            "source": source.strip("\n").splitlines(keepends=True),
        }
        yield cell if kind == "md" else {**cell, "execution_count": None, "outputs": []}
