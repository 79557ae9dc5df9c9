"""One HTTP request and its whole answer; what went wrong is said in terms of whether it may have arrived.

An answer that does not come, or comes in part, leaves open whether the venue acted. Only a connection that
was never made is certain not to have carried anything. No message names a parameter, a header or a query:
those carry keys and signatures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from arbkit.errors import MissingDependencyError
from arbkit.venues.protocol import VenueError

__all__ = ["Answer", "Http", "NoAnswerError", "aiohttp_module"]


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON, or None where it is none (HTML, plain text, cut off)."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None


class NoAnswerError(VenueError):
    """No whole answer came; `sent` tells whether the request may have reached the venue."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message, "no_answer" if sent else "not_sent")
        self.sent = sent


def aiohttp_module() -> Any:
    """Return aiohttp, imported when first needed.

    Raises:
        MissingDependencyError: when it is not installed.
    """
    try:
        import aiohttp
    except ImportError:
        raise MissingDependencyError(
            'trading needs aiohttp, which is not installed; `pip install "arbkit[live]"` brings it'
        ) from None
    return aiohttp


class Http:
    """Requests to one base address over kept connections, without redirects and without repeats.

    Args:
        base_url: scheme, host and port.
        timeout_s: from the first byte sent to the last one received.
        connect_s: to make a connection.
    """

    def __init__(self, base_url: str, *, timeout_s: float = 5.0, connect_s: float = 3.0) -> None:
        self.base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s
        self._connect_s = connect_s
        self._session: Any = None

    def session(self) -> Any:
        """Return the open session, making one on the running loop where there is none."""
        if self._session is None or self._session.closed:
            aiohttp = aiohttp_module()
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._timeout_s, sock_connect=self._connect_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "arbkit", "Accept": "application/json"},
            )
        return self._session

    async def close(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send(
        self,
        method: str,
        path: str,
        query: str = "",
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> Answer:
        """Send one request, once.

        Args:
            method, path: as in the venue's documentation.
            query: encoded already.
            headers: added to the session's own.
            body: as sent.

        Raises:
            NoAnswerError: when no whole answer came.
        """
        aiohttp = aiohttp_module()
        from yarl import URL

        address = URL(f"{self.base_url}{path}{'?' if query else ''}{query}", encoded=True)
        what = f"{method} {path}"
        try:
            async with self.session().request(
                method, address, headers=headers, data=body, allow_redirects=False
            ) as response:
                return Answer(response.status, response.headers, await response.read())
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NoAnswerError(f"no connection for {what} ({type(error).__name__})", sent=False) from None
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise NoAnswerError(f"no whole answer to {what} ({type(error).__name__})", sent=True) from None
