"""Compiled kernels on disk, loaded without numba's compiler.

Compilation is paid once per machine and not once per run. Three things differ from `njit(cache=True)`:

- numba renews what it kept when the file of the kernel itself changes, or only its date, and would go on
  using a kernel whose callee in another file has changed. Here every kernel is stamped with the content of
  all files that its module imports, directly or through others; kernels are imported by name from
  `arbkit.kernels.MODULE`. With `NUMBA_CACHE_DIR` the stamp names the folder, and copies of arbkit share it.
- Processes that need the same kernel at the same time would each compile it. Here one does, the others wait.
- Before it loads anything, numba fills the tables of its compiler: every implementation of every function it
  knows, SciPy for its BLAS, a runtime library compiled anew. That was 1.2 s of the 2.6 s of CPU of a whole
  `arbkit backtest`, and code that is compiled already needs none of it. What must be compiled after all
  fills the tables then.

`tests/kernels/test_cache.py` holds it to the same results as a process that compiles.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import re
import sys
import time
import zlib
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final

try:
    import fcntl
except ImportError:  # Windows: each process compiles for itself.
    fcntl = None  # type: ignore[assignment]

import llvmlite.binding as llvm  # type: ignore[import-untyped]
from numba.core import caching, config, environment
from numba.core.runtime import _nrt_python as runtime  # type: ignore[attr-defined]

from arbkit import records

__all__ = ["KernelCache"]


def _stamps(folder: Path) -> dict[str, str]:
    """Return for each kernel module a hash of every file that its compiled code may depend on.

    That is its own file, those it imports, those they import, and so on. The name "" stands for all files.
    """
    texts = {f"arbkit.kernels.{path.stem}": path.read_text() for path in sorted(folder.glob("*.py"))}
    uses = {name: set(_KERNEL_IMPORT.findall(text)) for name, text in texts.items()}
    base = Path(records.__file__).read_text() + texts["arbkit.kernels._jit"] + texts["arbkit.kernels._cache"]
    stamps = {"": _hash_of([base, *texts.values()])}
    for name in texts:
        reached, upcoming = {name}, [name]
        while upcoming:
            new = uses.get(upcoming.pop(), set()) - reached
            reached |= new
            upcoming += new
        stamps[name] = _hash_of([base, *(texts[one] for one in sorted(reached & texts.keys()))])
    return stamps


def _hash_of(texts: list[str]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for text in texts:
        digest.update(text.encode())
    return digest.hexdigest()


_KERNEL_IMPORT = re.compile(r"^ *(?:from|import) +(arbkit\.kernels\.\w+)", re.MULTILINE)
_STAMPS = _stamps(Path(__file__).parent)
_FunctionCache: Any = caching.FunctionCache
_DataFile: Any = caching.IndexDataCacheFile
_config: Any = config
#: A process that could not finish may hold a kernel for long: then it is compiled twice.
_PATIENCE_S: Final = 300.0


class KernelCache:
    """What a dispatcher of numba asks for compiled code; touches no file before its kernel is called."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    @cached_property
    def _kept(self) -> Any:
        return _Kept(self._function)

    @property
    def cache_path(self) -> str:
        """Folder of the files."""
        return str(self._kept.cache_path)

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """Return the compiled code of a signature, or None."""
        return self._kept.load_overload(signature, target_context)

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep the compiled code of a signature."""
        self._kept.save_overload(signature, compiled)

    def flush(self) -> None:
        """Forget what is kept."""
        self._kept.flush()


class _Kept(_FunctionCache):  # type: ignore[misc]
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        stamp: Any = _STAMPS.get(function.__module__)
        locator, folder = self._impl.locator, _config.CACHE_DIR
        if stamp is None:
            stamp = (locator.get_source_stamp(), _STAMPS[""])
        elif folder:
            self._cache_path = locator._cache_path = str(Path(folder) / f"arbkit_{stamp}")
        self._cache_file = _KeptFile(self._cache_path, self._impl.filename_base, stamp)
        self._turn = _Turn(Path(self._cache_path), self._impl.filename_base)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        for name, address in runtime.c_helpers.items():
            llvm.add_symbol(name if name.startswith("_") else f"NRT_{name}", address)
        with self._guard_against_spurious_io_errors():
            found = self._load_overload(sig, target_context)
            if found is None and self._turn.take():
                # Another process may have compiled it in the meantime. Else the turn ends when it is saved.
                found = self._load_overload(sig, target_context)
                if found is not None:
                    self._turn.end()
            return found

    def save_overload(self, sig: Any, data: Any) -> None:
        self._turn.take()
        try:
            super().save_overload(sig, data)
        finally:
            self._turn.end()


class _Turn:
    """The right to compile a kernel, held by one process at a time: a byte of a file that is locked."""

    _files: ClassVar[dict[Path, int]] = {}

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._place = folder, zlib.crc32(name.encode())

    def take(self) -> bool:
        """Wait for the turn, and tell whether this process has it."""
        until = time.monotonic() + _PATIENCE_S
        try:
            file = self._file()
            while time.monotonic() < until:
                if _locks(file, self._place):
                    return True
                time.sleep(0.02)
        except OSError:  # No place to write to, or one without locks.
            return False
        return False

    def end(self) -> None:
        """Let others have it."""
        if fcntl is not None and self._folder in self._files:
            fcntl.lockf(self._file(), fcntl.LOCK_UN, 1, self._place)

    def _file(self) -> int:
        # Never closed: a process loses all that it holds of a file with the first handle that it closes.
        if self._folder not in self._files:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._files[self._folder] = os.open(self._folder / "kernels.lock", os.O_RDWR | os.O_CREAT, 0o666)
        return self._files[self._folder]


def _locks(file: int, place: int) -> bool:
    """Lock a byte, where there are locks, unless another process has it."""
    if fcntl is not None:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except (BlockingIOError, PermissionError):
            return False
    return True


class _KeptFile(_DataFile):  # type: ignore[misc]
    def _load_index(self) -> Any:
        try:
            return super()._load_index()
        except (AttributeError, EOFError, ImportError, pickle.UnpicklingError):
            # Of an earlier version, with signatures of classes that are gone.
            return {}

    def _load_data(self, name: str) -> Any:
        return _Unpickler(io.BytesIO(Path(self._data_path(name)).read_bytes())).load()


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return what is pickled by name, but the maker of environments, which is replaced by ours."""
        if (module, name) == (environment.__name__, "_rebuild_env"):
            return _environment
        return super().find_class(module, name)


def _environment(module: str, constants: list[Any], name: str) -> Any:
    """Return the environment of compiled code: its constants, and globals that only interpreted code reads.

    numba imports the module for those globals, which for its own array functions is the compiler again.
    """
    known = environment.lookup_environment(name)
    if known is not None:
        return known
    names = vars(sys.modules[module]) if module in sys.modules else {"__name__": module}
    made: Any = environment.Environment(names)
    made.consts[:] = constants
    made.env_name = name
    environment.Environment._memo[name] = made
    return made
