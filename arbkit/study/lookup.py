"""Find a study by name, file or URL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import yaml

from arbkit.errors import StorageError, StudyError, nearest_names
from arbkit.study.spec import StudySpec, default_storage
from arbkit.study.storages import MEMORY, file_of, open_reader, redacted, url_of

__all__ = ["STUDIES", "Place", "locate", "places"]

#: Where specs and the files of storages stand, from the folder arbkit is started in.
STUDIES: Final = Path("studies")
_ENDINGS: Final = (".db", ".duckdb", ".journal")


class Place(NamedTuple):
    """Where a study is: its name and the URL of its storage."""

    name: str
    url: str


def locate(text: str, storage: str | None = None) -> Place:
    """Find a study.

    Args:
        text: a name (looked for under `studies/`), a spec file, a storage file, or a URL, the last two
            with `#NAME` behind them when the storage holds several studies.
        storage: a URL to look in instead.

    Raises:
        StudyError: when there is no such study, with the nearest names; or several.
        StorageError: when the storage cannot be read.
    """
    if storage is not None:
        return _in_storage(storage, text)
    if text.endswith((".yaml", ".yml")):
        spec = StudySpec.load(text)
        return _in_storage(spec.storage, spec.name)
    head, _, name = text.partition("#")
    if "://" in head:
        return _in_storage(head, name)
    if url := url_of(Path(head)):
        return _in_storage(url, name)
    if "/" in head:
        return _in_storage(f"sqlite:///{head}", name)
    return _by_name(text)


def _in_storage(url: str, name: str) -> Place:
    names = _names(url)
    if not name and len(names) == 1:
        return Place(names[0], url)
    if name in names:
        return Place(name, url)
    if not names:
        raise StudyError(f"a storage must hold a study, {redacted(url)!r} holds none")
    if not name:
        raise StudyError(
            f"the study must be named, {redacted(url)!r} holds {', '.join(sorted(names))}; add `#NAME`"
        )
    raise StudyError(f"no study {name!r} in {redacted(url)!r}; {nearest_names(name, names)}")


def _by_name(name: str) -> Place:
    # Its own file first: opening a storage takes a tenth of a second, and a folder may hold hundreds.
    for file in (STUDIES / f"{name}{ending}" for ending in _ENDINGS):
        if file.is_file() and name in _names(url := f"{url_of(file)}"):
            return Place(name, url)
    broken: StorageError | None = None
    known: dict[str, str] = {}
    for url in places():
        try:
            known |= {found: url for found in _names(url) if found not in known}
        except StorageError as error:
            broken = error
    if name in known:
        return Place(name, known[name])
    if broken is not None and not known:
        raise broken
    advice = (
        nearest_names(name, known) if known else "there are no studies yet, `arbkit study run SPEC` makes one"
    )
    raise StudyError(f"no study {name!r} under {STUDIES}/; {advice}")


def places() -> Iterator[str]:
    """Yield the storage URLs of this folder: the files in `studies/`, then what its specs name."""
    seen = {f"{url_of(file)}" for ending in _ENDINGS for file in STUDIES.glob(f"*{ending}")}
    yield from sorted(seen)
    for file in sorted(STUDIES.glob("*.yaml")):
        url = _storage_of(file)
        if url is None:
            continue
        file_of_url = file_of(url)
        there = url != MEMORY if file_of_url is None else file_of_url.exists()
        if there and url not in seen:
            seen.add(url)
            yield url


def _storage_of(file: Path) -> str | None:
    """Return the storage that a spec names; None for a file that is none."""
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    if not isinstance(values, dict) or not isinstance(values.get("name"), str):
        return None
    url = values.get("storage") or default_storage(values["name"])
    return url if isinstance(url, str) else None


def _names(url: str) -> list[str]:
    return [item.name for item in open_reader(url).studies()]
