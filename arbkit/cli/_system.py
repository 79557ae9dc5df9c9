"""What the system refuses, in words: no permission, no room, no such file."""

from __future__ import annotations

import errno
import os
import re
from typing import Final

__all__ = ["system_refusal"]

#: What is wrong, and what to do.
_REFUSALS: Final = {
    errno.EACCES: ("permission denied", "change its permissions, or name another place"),
    errno.EPERM: ("permission denied", "change its permissions, or name another place"),
    errno.EROFS: ("the file system is read-only", "name a place that can be written"),
    errno.ENOSPC: ("the disk is full", "make room (`arbkit cache clear` may help), or name another place"),
    errno.EDQUOT: ("the quota of the disk is used up", "make room, or name another place"),
    errno.EFBIG: ("the file is larger than may be", "name another place, or write less"),
    errno.ENOENT: ("there is no such file or folder", "check the name"),
    errno.ENOTDIR: ("a part of the path is a file and no folder", "name another place"),
    errno.EISDIR: ("it is a folder and no file", "name a file"),
    errno.EEXIST: ("it exists already", "name another place, or remove it"),
    errno.ENAMETOOLONG: ("the name is too long", "name a shorter one"),
    errno.ELOOP: ("links lead in a circle", "remove one of them"),
    errno.EMFILE: ("too many files are open", "raise the limit with `ulimit -n 4096`"),
    errno.ENFILE: ("too many files are open on this machine", "close other programs"),
    errno.ENOMEM: ("there is not enough memory", "close other programs, or ask for less"),
    errno.EADDRINUSE: ("the port is in use by another process", "name another port"),
    errno.ECONNREFUSED: ("nobody answers at that address", "check that the server runs, and its address"),
    errno.EIO: ("the disk or the device has failed", "check it"),
}
_BY_RUST: Final = re.compile(r"\(os error (\d+)\)")


def system_refusal(error: Exception) -> str | None:
    """Return in words what the system refused, None where the error is another one.

    Args:
        error: an `OSError`, or the error of a library that ends as those of Rust do, with `(os error 28)`.
    """
    number = error.errno if isinstance(error, OSError) else None
    if number is None and (found := _BY_RUST.search(str(error))):
        number = int(found[1])
    if number is None:
        return None
    what, remedy = _REFUSALS.get(number, (os.strerror(number).lower(), "see what the system says of it"))
    names = (error.filename, error.filename2) if isinstance(error, OSError) else ()
    places = " and ".join(os.fsdecode(name) for name in names if isinstance(name, (str, bytes, os.PathLike)))
    return f"{places}: {what}; {remedy}" if places else f"{what}; {remedy}"
