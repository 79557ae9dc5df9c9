"""Arrays by address: a number is passed between kernels for nothing, an array has its references counted."""

from __future__ import annotations

from typing import Any, Final

from numba.core import cgutils, types
from numba.extending import intrinsic

__all__ = ["stored_float"]

#: The instruction builder that numba itself compiles with.
ir: Any = cgutils.ir  # type: ignore[attr-defined]
_I64: Final = ir.IntType(64)


def _stored_float(typingctx: Any, base: Any, position: Any) -> Any:
    """Return a float64 by the address of its array and its position."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at = builder.add(args[0], builder.mul(args[1], ir.Constant(_I64, 8)))
        return builder.load(builder.inttoptr(at, ir.DoubleType().as_pointer()), align=8)

    return types.float64(types.int64, types.int64), code


stored_float: Any = intrinsic(_stored_float)
