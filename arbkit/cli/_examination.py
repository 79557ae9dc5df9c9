"""What `arbkit doctor` looks at; each function looks at one thing and never raises for what it finds."""

from __future__ import annotations

import os
import pickle
import platform
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final, NamedTuple

from arbkit.errors import ArbkitError

__all__ = ["Finding", "examine", "extras", "kernels", "machine", "packages", "small_backtest", "storages"]

OK: Final = "ok"
NOTE: Final = "note"
MISSING: Final = "missing"
BROKEN: Final = "broken"

_LEAST_FREE: Final = 2e9


class Finding(NamedTuple):
    """One line of the examination.

    Attributes:
        what: what was looked at.
        state: "ok"; "note" (works, could be better); "missing" (optional, not there); "broken".
        found: what is there.
        remedy: what to do about it; None where there is nothing to do.
    """

    what: str
    state: str
    found: str
    remedy: str | None = None


def examine(urls: Sequence[str] = ()) -> Iterator[Finding]:
    """Look at everything but a run: machine, packages, extras, kernels, folders and storages.

    Args:
        urls: storages to try beside those under `studies/` and in its specs.
    """
    yield from machine()
    yield from packages()
    yield from extras()
    yield kernels()
    yield from _folders()
    yield from storages(urls)


def machine() -> Iterator[Finding]:
    """Look at the interpreter, the system and what slows every start."""
    version = platform.python_version()
    if sys.version_info[:2] in ((3, 11), (3, 12)):
        yield Finding("python", OK, f"{version}, {sys.prefix}")
    else:
        yield Finding("python", NOTE, f"{version}, {sys.prefix}", "tested with Python 3.11 and 3.12")
    yield Finding("system", OK, f"{platform.platform(terse=True)}, {os.cpu_count()} cores")
    if sys.dont_write_bytecode:
        remedy = (
            "unset PYTHONDONTWRITEBYTECODE: without compiled bytecode every start takes three times as long"
        )
        yield Finding("bytecode", NOTE, "is not kept", remedy)


def packages() -> Iterator[Finding]:
    """Compare the packages that arbkit needs with its floors."""
    import arbkit

    yield Finding("arbkit", OK, f"{arbkit.__version__}, {Path(arbkit.__file__).parent}")
    found, wrong = [], []
    for requirement in _requirements(None):
        have = _version(requirement.name)
        if have is None or not requirement.specifier.contains(have, prereleases=True):
            wrong.append(f"{requirement.name}{requirement.specifier} (is {have or 'not installed'})")
        else:
            found.append(f"{requirement.name} {have}")
    yield Finding("packages", OK, ", ".join(found))
    if wrong:
        yield Finding("packages", BROKEN, ", ".join(wrong), "make env, or pip install --upgrade arbkit")


def extras() -> Iterator[Finding]:
    """Look at the optional groups of packages."""
    for extra in metadata.metadata("arbkit").get_all("Provides-Extra") or ():
        wanted = {item.name: _version(item.name) for item in _requirements(extra)}
        absent = [name for name, version in wanted.items() if version is None]
        if absent:
            remedy = f"pip install 'arbkit[{extra}]'"
            yield Finding(f"extra {extra}", MISSING, f"without {', '.join(absent)}", remedy)
        else:
            yield Finding(f"extra {extra}", OK, ", ".join(f"{k} {v}" for k, v in wanted.items()))


def _requirements(extra: str | None) -> Iterator[Any]:
    """Return the packages that arbkit itself asks for (None), or those that an extra adds to them."""
    from packaging.requirements import Requirement

    for text in metadata.requires("arbkit") or ():
        one = Requirement(text)
        core, asked = (_applies(one, name) for name in ("", extra or ""))
        if core if extra is None else asked and not core:
            yield one


def _applies(requirement: Any, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def kernels() -> Finding:
    """Count the compiled kernels that this version of arbkit can load on this machine."""
    import llvmlite.binding as llvm  # type: ignore[import-untyped]
    from numba.core import config

    from arbkit.kernels import _cache

    kept: str = config.CACHE_DIR  # type: ignore[attr-defined]
    package = Path(_cache.__file__).parent
    folder = Path(kept) if kept else package / "__pycache__"
    processor = llvm.get_host_cpu_name()
    counts = Counter(_state(path, _cache._STAMPS, processor) for path in folder.glob("**/*.nbi"))
    ready, old = counts["ready"], counts["old"]
    text = f"{ready} compiled for {processor}, {old} of other versions or machines, {folder}"
    if not _is_writable(folder):
        remedy = "set NUMBA_CACHE_DIR to a folder that can be written to: now every start compiles"
        return Finding("kernels", NOTE, text, remedy)
    if not ready:
        return Finding(
            "kernels", NOTE, text, "the first run of each kind compiles what it needs, for minutes"
        )
    return Finding("kernels", OK, text)


def _state(path: Path, stamps: Any, processor: str) -> str:
    """Say whether a kept kernel fits: the same sources, the same processor."""
    module = f"arbkit.kernels.{path.name.split('.')[0]}"
    try:
        with path.open("rb") as file:
            pickle.load(file)
            stamp, kept = pickle.loads(file.read())
    except (OSError, ValueError, TypeError, AttributeError, EOFError, ImportError, pickle.UnpicklingError):
        return "old"
    fits = any(key[1][1] == processor for key in kept)
    return "ready" if fits and stamp == stamps.get(module) else "old"


def _folders() -> Iterator[Finding]:
    from arbkit.data.cache import cache_dir, list_cache

    cached = list_cache(None)
    size = sum(entry.bytes for entry in cached) / 1e6
    yield Finding("cache", OK, f"{len(cached)} files, {size:,.0f} MB, {cache_dir()}")
    here = Path.cwd()
    if not _is_writable(here):
        yield Finding("folder", NOTE, f"{here} cannot be written to", "work in a folder of your own")
    free = shutil.disk_usage(here).free
    remedy = "free some space: a panel of ten million rows takes 1 GB" if free < _LEAST_FREE else None
    yield Finding("disk", NOTE if remedy else OK, f"{free / 1e9:,.1f} GB free below {here}", remedy)


def _is_writable(folder: Path) -> bool:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK)


def storages(urls: Sequence[str] = ()) -> Iterator[Finding]:
    """Open every storage under `studies/`, those that its specs name, and `urls`; count their studies.

    Only a storage in `urls` is broken where it does not answer: an old spec may name a server that is gone.
    """
    from arbkit.study.lookup import places
    from arbkit.study.storages import close_storage, open_storage, redacted, storage_errors

    for url in dict.fromkeys([*urls, *places()]):
        started = time.perf_counter()
        try:
            storage = open_storage(url)
            try:
                with storage_errors(url):
                    count = len(storage.get_all_studies())
            finally:
                close_storage(storage)
        except ArbkitError as error:
            yield Finding("storage", BROKEN if url in urls else NOTE, redacted(url), str(error))
        else:
            took = 1e3 * (time.perf_counter() - started)
            studies = "study" if count == 1 else "studies"
            yield Finding("storage", OK, f"{redacted(url)}: {count} {studies}, {took:.0f} ms")


def small_backtest() -> Iterable[Finding]:
    """Run a backtest over a small made-up market: everything from frame to trades, compiled where need be."""
    from arbkit.config import Params
    from arbkit.engine import backtest
    from arbkit.panel import Panel
    from arbkit.synthetic import ou_panel

    started = time.perf_counter()
    panel = Panel.from_frame(ou_panel(20_000, seed=0, half_life_s=600, sd_bps=10))
    params = Params(
        min_spread_bps=5, taker_fee_a_bps=0, taker_fee_b_bps=0, slippage_bps=0, max_position_usd=1000
    )
    result = backtest(panel, params)
    took = time.perf_counter() - started
    yield Finding("backtest", OK, f"{len(panel):,} rows, {result.metrics.total_trades} trades, {took:.1f} s")
