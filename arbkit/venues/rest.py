"""What the clients of all venues share: one request, its limits, and what its answer means.

A read may be repeated, an order never. What may have reached the venue without a clear answer is unknown, and
only asking by client id settles it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple

from arbkit.venues.http import Answer, Http, NoAnswerError
from arbkit.venues.limits import Limiter, Window
from arbkit.venues.protocol import OrderRejectedError, OrderUnknownError, VenueError
from arbkit.venues.secret import Secret

__all__ = ["Call", "Judged", "RestClient", "Verdict"]

_READ_TRIES: Final = 4
_FIRST_PAUSE_S: Final = 0.1
#: A read that has met a limit is repeated after it, where that is not longer away.
_READ_PATIENCE_S: Final = 2.0
#: An order that has to wait longer for its turn is refused: its price would be gone.
_ORDER_PATIENCE_S: Final = 0.25


class Verdict(Enum):
    """What an answer says."""

    FINE = "fine"
    REFUSED = "refused"  # the venue has said no: nothing happened
    ABSENT = "absent"  # what was asked about does not exist (yet)
    UNKNOWN = "unknown"  # nothing that it said can be trusted
    LIMITED = "limited"  # asked too often: nothing happened, and nothing may be asked for a while
    CLOCK = "clock"  # our clock is off: nothing happened
    AGAIN = "again"  # nothing happened, and a read may be repeated at once


class Judged(NamedTuple):
    """An answer and what it says; `code` is the venue's own, `text` its message."""

    verdict: Verdict
    data: Any = None
    code: str = ""
    text: str = ""
    retry_after_s: float | None = None


class Call(NamedTuple):
    """One request before it is signed; `costs` are units by group of limits."""

    method: str
    path: str
    params: Sequence[tuple[str, str]] = ()
    costs: Mapping[str, int] = {}
    signed: bool = False


class RestClient:
    """Base of the venues' clients: sends calls, keeps limits, classifies answers.

    A subclass says how a call is signed (`_prepare`), what an answer means (`_judge`), what its headers
    tell of limits (`_observe`) and how its clock is measured (`sync_clock`).
    """

    venue: str = ""
    simulated: bool = False
    _groups: Mapping[str, Sequence[Window]] = {}

    def __init__(
        self,
        key: str | Secret | None,
        secret: str | Secret | None,
        *,
        rest_url: str,
        clock: Callable[[], int] = time.time_ns,
        timeout_s: float = 5.0,
        limits: Mapping[str, Sequence[Window]] | None = None,
    ) -> None:
        self._key = Secret(key) if isinstance(key, str) else key
        self._secret = Secret(secret) if isinstance(secret, str) else secret
        self._clock = clock
        self._http = Http(rest_url, timeout_s=timeout_s)
        self._limiter = Limiter(self._groups if limits is None else limits)
        self._counts: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._http.base_url!r})"

    def stats(self) -> Mapping[str, int]:
        """Return counters: requests, repeats, refusals by kind, connections of the private stream."""
        return {**self._counts, "limit_waits": self._limiter.waits, "limit_refusals": self._limiter.refusals}

    async def close(self) -> None:
        """Close every connection; idempotent."""
        await self._http.close()

    async def sync_clock(self) -> None:
        """Measure how far the venue's clock is from ours; a venue without a clock check does nothing."""

    # What a venue fills in.

    def _prepare(self, call: Call) -> tuple[str, dict[str, str], bytes | None]:
        """Return query, headers and body of a call."""
        raise NotImplementedError

    def _judge(self, answer: Answer, call: Call) -> Judged:
        """Return what an answer means."""
        raise NotImplementedError

    def _observe(self, answer: Answer) -> None:
        """Take what the headers tell of limits."""

    def _block(self, judged: Judged, call: Call) -> None:
        """Stop asking after a limit was met."""
        self._limiter.block(tuple(call.costs), judged.retry_after_s or 1.0)

    # What they use.

    def _credentials(self) -> tuple[Secret, Secret]:
        if not self._key or not self._secret:
            raise VenueError(f"{self.venue} needs a key and a secret for this", "no_credentials")
        return self._key, self._secret

    async def _send(self, call: Call, patience_s: float | None = None) -> Judged:
        await self._limiter.acquire(call.costs, patience_s)
        query, headers, body = self._prepare(call)
        self._counts["requests"] += 1
        answer = await self._http.send(call.method, call.path, query, headers=headers, body=body)
        self._observe(answer)
        judged = self._judge(answer, call)
        if judged.verdict is not Verdict.FINE:
            self._counts[judged.verdict.value] += 1
        if judged.verdict is Verdict.LIMITED:
            self._block(judged, call)
        return judged

    async def _ask(self, call: Call) -> Any:
        """Return the answer of a read, repeated where that can help; None where there is no such thing.

        Raises:
            VenueError: when the venue refuses, is not reached, or its limit is met.
        """
        pause = _FIRST_PAUSE_S
        for left in reversed(range(_READ_TRIES)):
            try:
                judged = await self._send(call)
            except NoAnswerError:
                if not left:
                    raise
            else:
                if judged.verdict is Verdict.FINE:
                    return judged.data
                if judged.verdict is Verdict.ABSENT:
                    return None
                too_long = (
                    judged.verdict is Verdict.LIMITED and (judged.retry_after_s or 0) > _READ_PATIENCE_S
                )
                if not left or too_long or judged.verdict is Verdict.REFUSED:
                    raise VenueError(
                        self._message(call, judged), judged.code, retry_after_s=judged.retry_after_s
                    )
                if judged.verdict is Verdict.CLOCK:
                    await self.sync_clock()
            self._counts["repeats"] += 1
            await asyncio.sleep(pause)
            pause *= 2
        raise AssertionError("unreachable")

    async def _act(self, call: Call) -> Any:
        """Send an order or a cancel once and return the answer; None where the venue knows no such order.

        Raises:
            OrderRejectedError: when it is certain that nothing happened.
            OrderUnknownError: otherwise.
        """
        try:
            judged = await self._send(call, _ORDER_PATIENCE_S)
        except NoAnswerError as error:
            self._counts["no_answer"] += 1
            if error.sent:
                raise OrderUnknownError(str(error), error.code) from None
            raise OrderRejectedError(str(error), error.code) from None
        except VenueError as error:
            raise OrderRejectedError(str(error), error.code, retry_after_s=error.retry_after_s) from None
        if judged.verdict is Verdict.FINE:
            return judged.data
        if judged.verdict is Verdict.ABSENT:
            return None
        if judged.verdict in (Verdict.UNKNOWN, Verdict.AGAIN):
            raise OrderUnknownError(self._message(call, judged), judged.code)
        if judged.verdict is Verdict.CLOCK:
            await self._resync()
        raise OrderRejectedError(self._message(call, judged), judged.code, retry_after_s=judged.retry_after_s)

    async def _resync(self) -> None:
        try:
            await self.sync_clock()
        except VenueError:
            self._counts["clock_lost"] += 1

    def _message(self, call: Call, judged: Judged) -> str:
        said = f": {judged.text}" if judged.text else ""
        return f"{self.venue} answered {call.method} {call.path} with {judged.code or 'nothing usable'}{said}"
