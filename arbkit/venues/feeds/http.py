"""Public REST answers as bytes: one attempt each, limits respected, failures as `VenueError`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from arbkit.errors import MissingDependencyError
from arbkit.venues.feeds.line import is_loopback
from arbkit.venues.protocol import VenueError

if TYPE_CHECKING:
    import aiohttp

__all__ = ["BusyError", "PublicRest", "WeightBudget"]

_BANNED_UNTIL: Final = re.compile(r"banned until (\d{13})")
#: Where a venue says that it is too much and not for how long.
_WAIT_S: Final = {429: 10.0, 418: 120.0}
_LONGEST_WAIT_S: Final = 3 * 86_400.0


class BusyError(VenueError):
    """The venue wants no request before `wait_s` seconds have passed."""

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class WeightBudget:
    """Weight that may be used per minute: requests wait for the next minute rather than break a limit.

    Args:
        per_minute: what this process may use, well below what the venue allows the address.
        minute_s: how long a minute is; tests shorten it.
    """

    def __init__(self, per_minute: float, minute_s: float = 60.0) -> None:
        self.per_minute = per_minute
        self._minute_s = minute_s
        self._started = 0.0
        self._used = 0.0
        self._closed_until = 0.0

    async def take(self, weight: float) -> None:
        """Wait until a request of this weight may be sent."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            if now - self._started >= self._minute_s:
                self._started, self._used = now, 0.0
            if now < self._closed_until:
                await asyncio.sleep(self._closed_until - now)
            elif self._used and self._used + weight > self.per_minute:
                await asyncio.sleep(self._started + self._minute_s - now)
            else:
                self._used += weight
                return

    def heard(self, used: float) -> None:
        """Take what the venue itself says was used in this minute."""
        self._used = max(self._used, used)

    def close_for(self, seconds: float) -> None:
        """Send nothing for so long."""
        until = asyncio.get_running_loop().time() + min(seconds, _LONGEST_WAIT_S)
        self._closed_until = max(self._closed_until, until)


class PublicRest:
    """GET requests to one venue's public addresses.

    Args:
        base_url: what stands before each path.
        budget: the weight there is.
        timeout_s: for one answer.
    """

    def __init__(self, base_url: str, budget: WeightBudget, timeout_s: float = 10.0) -> None:
        self.base_url = base_url.rstrip("/")
        self.budget = budget
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def get(self, path: str, params: Mapping[str, Any] | None = None, weight: float = 1.0) -> bytes:
        """Return the body of an answer with status 200.

        Raises:
            BusyError: when the venue refuses more requests for a while.
            VenueError: when it cannot be reached or answers otherwise.
        """
        aiohttp = _aiohttp()
        await self.budget.take(weight)
        url = self.base_url + path
        try:
            async with self._open(aiohttp).get(url, params=dict(params or {})) as answer:
                body: bytes = await answer.read()
                status, headers = answer.status, answer.headers
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            what = f"{type(error).__name__}: {error}".strip(": ")
            raise VenueError(f"{url} must answer within {self._timeout_s:g} s, failed with {what}") from error
        used = headers.get("X-MBX-USED-WEIGHT-1M", "")
        if used.isdigit():
            self.budget.heard(float(used))
        if status == 200:
            return body
        said = body[:200].decode("utf-8", "replace")
        if status in _WAIT_S:
            wait_s = _asked_to_wait(headers.get("Retry-After", ""), said, _WAIT_S[status])
            self.budget.close_for(wait_s)
            raise BusyError(f"{url} answered HTTP {status}, nothing is sent for {wait_s:g} s: {said}", wait_s)
        raise VenueError(f"{url} must answer with HTTP 200, was {status}: {said}")

    async def close(self) -> None:
        """Close the connections; idempotent."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self, aiohttp: Any) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._timeout_s),
                trust_env=not is_loopback(self.base_url),
            )
        return self._session


def _asked_to_wait(header: str, said: str, otherwise: float) -> float:
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    if (until := _BANNED_UNTIL.search(said)) is not None:
        import time

        return max(1.0, int(until[1]) / 1000 - time.time())
    return otherwise


def _aiohttp() -> Any:
    try:
        import aiohttp
    except ImportError as error:
        raise MissingDependencyError(
            "live market data need the package aiohttp; install arbkit[live]"
        ) from error
    return aiohttp
