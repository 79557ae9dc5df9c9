"""The project's one compile decorator and its flags.

`fastmath` stays off: it assumes the absence of NaN and fuses operations, which changed trades in every
configuration tried. `error_model="numpy"`: a zero price must give inf, not an exception, and the check
for it would block vectorisation. `nogil`: batches run in threads.

Compiled code is kept on disk by `_cache`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic

from arbkit.kernels._cache import KernelCache

__all__ = ["NO", "YES", "ZERO", "borrowed", "inlined", "inner", "jit", "placed"]

#: Values of the types that Python passes: a constant in compiled code is of a type of its own, and the kernel
#: that it is passed to would be compiled once more for it.
NO: Any = np.bool_(False)
YES: Any = np.bool_(True)
ZERO: Any = np.int64(0)

_F = TypeVar("_F", bound=Callable[..., Any])


def _compiled(function: _F, *, entry: bool, **flags: Any) -> _F:
    flags |= {"no_cfunc_wrapper": True, "no_cpython_wrapper": not entry}
    dispatcher = numba.njit(error_model="numpy", nogil=True, **flags)(function)
    if hasattr(dispatcher, "enable_caching"):
        dispatcher._cache = KernelCache(function)
        if not entry:
            _close(dispatcher, function.__name__)
    return dispatcher  # type: ignore[no-any-return]


def _close(dispatcher: Any, name: str) -> None:
    """Refuse calls from Python to code that has no entry for them."""

    def refuse(*_: Any, **__: Any) -> None:
        raise TypeError(
            f"`{name}` is compiled for other kernels alone; one that Python calls is made with `jit`, and "
            "its name begins without an underscore"
        )

    dispatcher._insert = lambda *_, **__: None
    dispatcher._compile_for_args = refuse


def jit(function: _F) -> _F:
    """Compile a kernel for arrays and scalars, cached on disk, releasing the interpreter lock.

    One whose name begins with an underscore can be called by kernels alone: what takes arguments over from
    Python is as much code as many a kernel, and to leave it out saves a fifth of all compilation.
    """
    return _compiled(function, entry=not function.__name__.startswith("_"))


def inner(function: _F) -> _F:
    """Compile a kernel that only other kernels call, from whichever module."""
    return _compiled(function, entry=False)


def inlined(function: _F) -> _F:
    """Compile a small function into its callers, where a call per row would cost more than its work.

    Only kernels can call it.
    """
    return _compiled(function, entry=False, forceinline=True)


def _borrowed(typingctx: Any, array: Any) -> Any:
    """Return the same array without its owner, so that passing it on counts no references.

    Each call between kernels counts a reference up and down, atomically, for every array it passes: with ten
    arrays some 300 ns per trade. The caller of the outermost kernel holds the owner all the while.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        from numba.np.arrayobj import make_array

        struct = make_array(signature.return_type)(context, builder, value=args[0])
        struct.meminfo = cgutils.get_null_value(struct.meminfo.type)
        struct.parent = cgutils.get_null_value(struct.parent.type)
        return struct._getvalue()

    return array(array), code


borrowed: Any = intrinsic(_borrowed)


def _placed(typingctx: Any, like: Any, address: Any, rows: Any, columns: Any) -> Any:
    """Return an array of the type of `like` over memory at an address, which the caller keeps alive.

    `rows` counts the items; of an array with two dimensions in C order, `columns` those of a row. Compiled
    code cannot take a list of arrays cheaply: a table of their addresses costs a few loads per array.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        from numba.np.arrayobj import make_array, populate_array

        template = make_array(signature.return_type)(context, builder, value=args[0])
        struct = make_array(signature.return_type)(context, builder)
        shape, strides = [args[2]], [template.itemsize]
        if signature.return_type.ndim == 2:
            shape, strides = [args[2], args[3]], [builder.mul(args[3], template.itemsize), template.itemsize]
        data = builder.inttoptr(args[1], template.data.type)
        populate_array(struct, data, shape, strides, template.itemsize, meminfo=None)
        return struct._getvalue()

    return like(like, types.intp, types.intp, types.intp), code


placed: Any = intrinsic(_placed)
