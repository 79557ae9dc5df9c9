"""Which of 16 rows, or of 16 blocks of the index, may satisfy a query: one bit each, in vector registers.

A comparison of a spread with a level, (sell - buy) / buy * 1e4 >= t, is asked here as a product,
sell - buy >= buy * k with k a margin below t / 1e4: without divisions masks took a quarter less time where
prices lie in cache. So a bit that is not set is a verdict, and a bit that is set is a row to be tested
exactly: nearly always a hit, because the margin is far below a tick. On rows that are not tradable no bit is
set, and NaN as a level sets none.

The loop that a compiler makes of the scalar predicate branches on every row instead. Columns are given as
addresses: a choice between two of them is then a choice between two numbers. Choosing between arrays has
their references counted, and each array more in a call costs some nanoseconds. Whoever calls the outermost
kernel holds the arrays.
"""

from __future__ import annotations

from typing import Any, Final

from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.extending import intrinsic

__all__ = [
    "LANES",
    "address",
    "at_or_above",
    "entry_rows",
    "exit_rows",
    "first_bit",
    "flagged_rows",
    "node_hits",
    "reversal_rows",
    "stored_bound",
    "stored_flag",
    "stored_float",
    "stored_int",
]

LANES: Final = 16

#: The instruction builder that numba itself compiles with.
ir: Any = cgutils.ir  # type: ignore[attr-defined]
_I64: Final = ir.IntType(64)
_DOUBLES: Final = ir.VectorType(ir.DoubleType(), LANES)
_FLOATS: Final = ir.VectorType(ir.FloatType(), LANES)
_BYTES: Final = ir.VectorType(ir.IntType(8), LANES)


def _load(builder: Any, kind: Any, base: Any, position: Any, item_bytes: int) -> Any:
    at = builder.add(base, builder.mul(position, ir.Constant(_I64, item_bytes)))
    return builder.load(builder.inttoptr(at, kind.as_pointer()), align=item_bytes)


def _spread(builder: Any, value: Any, vector: Any) -> Any:
    """Return a vector with the value in every lane."""
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    single = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(single, single, lanes)


def _bits(builder: Any, lanes: Any) -> Any:
    return builder.zext(builder.bitcast(lanes, ir.IntType(LANES)), _I64)


def _column(builder: Any, base: Any, row: Any) -> Any:
    return _load(builder, _DOUBLES, base, row, 8)


def _flags(builder: Any, base: Any, row: Any) -> Any:
    raw = _load(builder, _BYTES, base, row, 1)
    return builder.icmp_unsigned("!=", raw, ir.Constant(_BYTES, [0] * LANES))


def _reaches(builder: Any, predicate: str, buy: Any, sell: Any, level: Any) -> Any:
    """Return the lanes with sell - buy >= (or <=) buy * level."""
    bound = builder.fmul(buy, _spread(builder, level, _DOUBLES))
    return builder.fcmp_ordered(predicate, builder.fsub(sell, buy), bound)


def _from_fair(builder: Any, buy: Any, sell: Any, fair: Any, on_sell: Any) -> tuple[Any, Any]:
    """Return both prices of a direction measured from the fair ratio, which multiplies the price of B."""
    return (
        builder.select(on_sell, buy, builder.fmul(buy, fair)),
        builder.select(on_sell, builder.fmul(sell, fair), sell),
    )


def _entry_rows(
    typingctx: Any,
    bid_a: Any,
    ask_a: Any,
    bid_b: Any,
    ask_b: Any,
    fair: Any,
    tradable: Any,
    row: Any,
    level_ab: Any,
    level_ba: Any,
) -> Any:
    """Return which of 16 rows may have x_ab >= level_ab or x_ba >= level_ba (fractions)."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        sell_a, buy_a, sell_b, buy_b = (_column(builder, base, args[6]) for base in args[:4])
        with builder.if_else(_given(builder, args[4]), likely=False) as (measured, plain):
            with measured:
                ratio = _column(builder, args[4], args[6])
                fair_b, fair_buy_b = builder.fmul(sell_b, ratio), builder.fmul(buy_b, ratio)
                from_measured = builder.block
            with plain:
                from_plain = builder.block
        sold = _merged(builder, (fair_b, from_measured), (sell_b, from_plain))
        bought = _merged(builder, (fair_buy_b, from_measured), (buy_b, from_plain))
        hits = builder.or_(
            _reaches(builder, ">=", buy_a, sold, args[7]), _reaches(builder, ">=", bought, sell_a, args[8])
        )
        return _bits(builder, builder.and_(hits, _flags(builder, args[5], args[6])))

    return types.int64(*[types.int64] * 7, *[types.float64] * 2), code


def _given(builder: Any, address: Any) -> Any:
    return builder.icmp_signed("!=", address, ir.Constant(_I64, 0))


def _merged(builder: Any, *ways: tuple[Any, Any]) -> Any:
    """Return what was computed on the way that was taken."""
    phi = builder.phi(_DOUBLES)
    for value, block in ways:
        phi.add_incoming(value, block)
    return phi


def _signal_below(builder: Any, args: Any, tradable: Any, row: Any, level: Any) -> Any:
    """Return the lanes with x <= level from ask, bid, fair and whether fair multiplies the bid."""
    buy, sell = _column(builder, args[0], row), _column(builder, args[1], row)
    with builder.if_else(_given(builder, args[2]), likely=False) as (measured, plain):
        with measured:
            ratio = _column(builder, args[2], row)
            fair_buy, fair_sell = _from_fair(builder, buy, sell, ratio, _given(builder, args[3]))
            from_measured = builder.block
        with plain:
            from_plain = builder.block
    bought = _merged(builder, (fair_buy, from_measured), (buy, from_plain))
    sold = _merged(builder, (fair_sell, from_measured), (sell, from_plain))
    return _reaches(builder, "<=", bought, sold, level)


def _reversal_rows(
    typingctx: Any, ask: Any, bid: Any, fair: Any, fair_on_bid: Any, tradable: Any, row: Any, level: Any
) -> Any:
    """Return which of 16 rows may have x < level, in the direction that buys at ask and sells at bid."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        below = _signal_below(builder, args, args[4], args[5], args[6])
        return _bits(builder, builder.and_(below, _flags(builder, args[4], args[5])))

    return types.int64(*[types.int64] * 6, types.float64), code


def _exit_rows(
    typingctx: Any,
    ask: Any,
    bid: Any,
    fair: Any,
    fair_on_bid: Any,
    back_ask: Any,
    back_bid: Any,
    tradable: Any,
    row: Any,
    level: Any,
    stop_level: Any,
    take_level: Any,
) -> Any:
    """Return which of 16 rows may have x < level, or an unwinding spread <= stop_level or >= take_level."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        hits = _signal_below(builder, args, args[6], args[7], args[8])
        buy, sell = _column(builder, args[4], args[7]), _column(builder, args[5], args[7])
        hits = builder.or_(hits, _reaches(builder, "<=", buy, sell, args[9]))
        hits = builder.or_(hits, _reaches(builder, ">=", buy, sell, args[10]))
        return _bits(builder, builder.and_(hits, _flags(builder, args[6], args[7])))

    return types.int64(*[types.int64] * 8, *[types.float64] * 3), code


def _flagged_rows(typingctx: Any, base: Any, row: Any) -> Any:
    """Return which of 16 flags (bool) are set."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _bits(builder, _flags(builder, args[0], args[1]))

    return types.int64(types.int64, types.int64), code


def at_or_above(builder: Any, base: Any, position: Any, level: Any) -> Any:
    """Return the bits of those of 16 float64 that reach a level, for an intrinsic of another module."""
    column = _column(builder, base, position)
    return _bits(builder, builder.fcmp_ordered(">=", column, _spread(builder, level, _DOUBLES)))


def _node_hits(typingctx: Any, series: Any, node: Any, level: Any) -> Any:
    """Return which of 16 nodes of a series of bounds (float32) reach a level."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        bounds = _load(builder, _FLOATS, args[0], args[1], 4)
        return _bits(builder, builder.fcmp_ordered(">=", bounds, _spread(builder, args[2], _FLOATS)))

    return types.int64(types.int64, types.int64, types.float32), code


def _first_bit(typingctx: Any, mask: Any) -> Any:
    """Return the position of the lowest bit of a mask that is not 0."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), code


def _address(typingctx: Any, array: Any) -> Any:
    """Return where the first element of a contiguous array lies; 0 when it has none."""
    if array.layout != "C":
        raise TypingError(f"only contiguous arrays are read by address; got {array}: copy it first")

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        made = context.make_array(array)(context, builder, value=args[0])
        empty = builder.icmp_signed("==", made.nitems, ir.Constant(_I64, 0))
        return builder.select(empty, ir.Constant(_I64, 0), builder.ptrtoint(made.data, _I64))

    return types.int64(array), code


def _stored_int(typingctx: Any, base: Any, position: Any) -> Any:
    """Return an int64 by the address of its array and its position."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _load(builder, _I64, args[0], args[1], 8)

    return types.int64(types.int64, types.int64), code


def _stored_flag(typingctx: Any, base: Any, position: Any) -> Any:
    """Return a bool by the address of its array and its position."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        raw = _load(builder, ir.IntType(8), args[0], args[1], 1)
        return builder.icmp_unsigned("!=", raw, ir.Constant(ir.IntType(8), 0))

    return types.boolean(types.int64, types.int64), code


def _stored_bound(typingctx: Any, base: Any, position: Any) -> Any:
    """Return a float32 by the address of its array and its position."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _load(builder, ir.FloatType(), args[0], args[1], 4)

    return types.float32(types.int64, types.int64), code


def _stored_float(typingctx: Any, base: Any, position: Any) -> Any:
    """Return a float64 by the address of its array and its position."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _load(builder, ir.DoubleType(), args[0], args[1], 8)

    return types.float64(types.int64, types.int64), code


entry_rows: Any = intrinsic(_entry_rows)
reversal_rows: Any = intrinsic(_reversal_rows)
exit_rows: Any = intrinsic(_exit_rows)
flagged_rows: Any = intrinsic(_flagged_rows)
node_hits: Any = intrinsic(_node_hits)
first_bit: Any = intrinsic(_first_bit)
address: Any = intrinsic(_address)
stored_bound: Any = intrinsic(_stored_bound)
stored_flag: Any = intrinsic(_stored_flag)
stored_float: Any = intrinsic(_stored_float)
stored_int: Any = intrinsic(_stored_int)
