"""Extremes of 16 rows at a time, in vector registers.

A compiler may not turn a running maximum of floats into vector code by itself, because the order decides what
NaN and the two zeros give. Here rows that are not tradable are replaced by the neutral element first, so no
NaN is compared, and an index ignores the sign of zero: the order is free, and 16 rows fold as a tree.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.extending import intrinsic

__all__ = ["block_extremes"]

#: The instruction builder that numba itself compiles with.
ir: Any = cgutils.ir  # type: ignore[attr-defined]
_LANES: Final = 8
_DOUBLES: Final = ir.VectorType(ir.DoubleType(), _LANES)
_BYTES: Final = ir.VectorType(ir.IntType(8), _LANES)


def _constant(vector: Any, value: float) -> Any:
    return ir.Constant(vector, [value] * vector.count)


def _fold(builder: Any, predicate: str, vector: Any) -> Any:
    """Return the extreme of a vector's lanes."""
    count = vector.type.count
    while count > 1:
        count //= 2
        parts = []
        for first in (0, count):
            lanes = ir.Constant(ir.VectorType(ir.IntType(32), count), list(range(first, first + count)))
            parts.append(builder.shuffle_vector(vector, vector, lanes))
        vector = builder.select(builder.fcmp_ordered(predicate, *parts), *parts)
    return builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))


def _block_extremes(
    typingctx: Any, bid_a: Any, ask_a: Any, bid_b: Any, ask_b: Any, tradable: Any, row: Any
) -> Any:
    """Return extremes over the tradable ones of 16 rows; there must be 16 of them from `row` on.

    Args:
        typingctx: given by numba.
        bid_a, ask_a, bid_b, ask_b: contiguous float64 (n,), account currency.
        tradable: contiguous bool (n,).
        row: int64, the first of the rows.

    Returns:
        Highest and lowest of bid_b - ask_a, bid_a - ask_b, ask_a and ask_b, in this order; -inf and inf where
        no row is tradable.
    """
    arrays = (bid_a, ask_a, bid_b, ask_b, tradable)
    if any(array.layout != "C" for array in arrays):
        raise TypingError(f"block_extremes reads contiguous arrays; got {arrays}: copy them first")

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        def load(k: int, vector: Any, offset: int, align: int) -> Any:
            data = context.make_array(arrays[k])(context, builder, value=args[k]).data
            at = builder.add(args[5], ir.Constant(args[5].type, offset))
            pointer = builder.bitcast(builder.gep(data, [at]), vector.as_pointer())
            return builder.load(pointer, align=align)

        halves = []
        for offset in (0, _LANES):
            prices = [load(k, _DOUBLES, offset, 8) for k in range(4)]
            used = builder.icmp_unsigned("!=", load(4, _BYTES, offset, 1), _constant(_BYTES, 0))
            ab, ba = builder.fsub(prices[2], prices[1]), builder.fsub(prices[0], prices[3])
            halves.append((used, (ab, ba, prices[1], prices[3])))
        out = []
        for series in range(4):
            for predicate, neutral in ((">", -np.inf), ("<", np.inf)):
                rest = _constant(_DOUBLES, neutral)
                low, high = (builder.select(used, values[series], rest) for used, values in halves)
                both = builder.select(builder.fcmp_ordered(predicate, low, high), low, high)
                out.append(_fold(builder, predicate, both))
        return context.make_tuple(builder, sig.return_type, out)

    return types.UniTuple(types.float64, 8)(*arrays, types.int64), code


block_extremes: Any = intrinsic(_block_extremes)
