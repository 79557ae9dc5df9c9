"""Optuna without its log and warnings, so that neither is timed or printed."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

import optuna

__all__ = ["quiet"]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna, and all warnings, silent for a while."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(level)
