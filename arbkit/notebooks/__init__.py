"""Ready notebooks: templates that are filled in with a dataset's own instruments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from arbkit._lazy import lazy_names

if TYPE_CHECKING:
    from arbkit.notebooks.kinds import KINDS, Kind
    from arbkit.notebooks.new import new_notebook

__all__ = ["KINDS", "Kind", "new_notebook"]

_HOMES: Final = {
    "KINDS": "arbkit.notebooks.kinds",
    "Kind": "arbkit.notebooks.kinds",
    "new_notebook": "arbkit.notebooks.new",
}

__getattr__ = lazy_names(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
