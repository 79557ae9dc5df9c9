"""The project's one compile decorator and its flags.

`fastmath` stays off: it assumes the absence of NaN and fuses operations, which changed trades in every
configuration tried. `error_model="numpy"`: a zero price must give inf, not an exception, and the check
for it would block vectorisation. `nogil`: batches run in threads. `cache`: compilation is paid once per
machine, not once per run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

__all__ = ["jit"]

_F = TypeVar("_F", bound=Callable[..., Any])


def jit(function: _F) -> _F:
    """Compile a kernel for arrays and scalars, cached on disk, releasing the interpreter lock."""
    return numba.njit(cache=True, error_model="numpy", nogil=True)(function)  # type: ignore[return-value]
