"""How requests are signed, from parameters to header or signature, without any network.

Sources: Upbit's and Binance's REST documentation; its examples are the test vectors. Both sign the text of
the parameters in the order in which they are sent: Upbit as written, Binance as encoded.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable
from urllib.parse import quote

from arbkit.venues.secret import Secret

__all__ = ["binance_signature", "encoded", "upbit_query", "upbit_query_hash", "upbit_token"]

Pairs = Iterable[tuple[str, str]]


def upbit_query(params: Pairs) -> str:
    """Return the text that Upbit hashes: `k=v&k=v` in the order sent, nothing percent-encoded."""
    return "&".join(f"{name}={value}" for name, value in params)


def encoded(params: Pairs) -> str:
    """Return the same parameters as they stand in an address."""
    return "&".join(f"{quote(name, safe='[]')}={quote(value, safe=':,.-_')}" for name, value in params)


def upbit_query_hash(query: str) -> str:
    """Return the hex SHA-512 of a query as `upbit_query` writes it."""
    return hashlib.sha512(query.encode("utf-8")).hexdigest()


def upbit_token(key: Secret, secret: Secret, nonce: str, query: str = "") -> str:
    """Return the value of `Authorization` for one request: a JWT signed with HMAC-SHA-512.

    Args:
        key: the access key.
        secret: used as plain text.
        nonce: never used before.
        query: what `upbit_query` returns, empty when there are no parameters.
    """
    claims = {"access_key": key.reveal(), "nonce": nonce}
    if query:
        claims |= {"query_hash": upbit_query_hash(query), "query_hash_alg": "SHA512"}
    signed = f"{_part({'alg': 'HS512', 'typ': 'JWT'})}.{_part(claims)}"
    seal = hmac.new(secret.reveal().encode("utf-8"), signed.encode("ascii"), hashlib.sha512).digest()
    return f"Bearer {signed}.{_base64(seal)}"


def binance_signature(secret: Secret, payload: str) -> str:
    """Return the hex HMAC-SHA-256 of the parameters exactly as they are sent."""
    return hmac.new(secret.reveal().encode("utf-8"), payload.encode("utf-8"), hashlib.sha256).hexdigest()


def _part(value: dict[str, str]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode("utf-8"))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
