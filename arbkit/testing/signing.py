"""Checks of signed requests: Upbit's tokens and Binance's HMAC, from the bytes as they were sent."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from arbkit.testing._http import Call, RefusedError

__all__ = ["Keys", "binance_signature", "upbit_hash"]

_DIGESTS: Final[dict[str, Any]] = {"HS256": hashlib.sha256, "HS512": hashlib.sha512}


class Keys:
    """One account's key and secret at one venue, and what the key may do.

    Attributes:
        may: `view` and `order`.
        nonces: those that Upbit has seen.
    """

    def __init__(self, key: str, secret: str) -> None:
        self.key = key
        self._secret = secret
        self.may = {"view", "order"}
        self.nonces: set[str] = set()

    def __repr__(self) -> str:
        return f"Keys({self.key!r})"

    @property
    def secret(self) -> str:
        """The secret, for whoever practises."""
        return self._secret

    def upbit_claims(self, header: str | None) -> Mapping[str, Any]:
        """Return the claims of an `Authorization` header once its signature and nonce are right.

        Raises:
            RefusedError: with Upbit's name for what is wrong.
        """
        if not header or not header.startswith("Bearer "):
            raise _unauthorized("no_authorization_token")
        try:
            head, body, signature = header.removeprefix("Bearer ").split(".")
            algorithm = _DIGESTS[msgspec.json.decode(_raw(head))["alg"]]
            claims: dict[str, Any] = msgspec.json.decode(_raw(body))
            given = _raw(signature)
        except (ValueError, KeyError, TypeError, msgspec.DecodeError, binascii.Error) as error:
            raise _unauthorized("jwt_verification") from error
        if claims.get("access_key") != self.key:
            raise _unauthorized("invalid_access_key")
        expected = hmac.new(self._secret.encode(), f"{head}.{body}".encode(), algorithm).digest()
        if not hmac.compare_digest(expected, given):
            raise _unauthorized("jwt_verification")
        nonce = str(claims.get("nonce", ""))
        if not nonce or nonce in self.nonces:
            raise _unauthorized("nonce_used")
        self.nonces.add(nonce)
        return claims

    def check_upbit(self, call: Call) -> None:
        """Check a request's token and its query hash.

        Raises:
            RefusedError: with Upbit's name for what is wrong.
        """
        claims = self.upbit_claims(call.request_headers.get("Authorization"))
        text = upbit_text(call)
        if not text:
            return
        if claims.get("query_hash_alg", "SHA512") != "SHA512" or claims.get("query_hash") != upbit_hash(text):
            raise _unauthorized("invalid_query_payload")

    def check_binance(self, call: Call, now_ms: int) -> None:
        """Check key, signature over the raw text, and time.

        Raises:
            RefusedError: -2014, -2015, -1102, -1022 or -1021.
        """
        self.check_binance_key(call)
        in_body = "signature=" in call.body
        rest, found, given = (call.body if in_body else call.query).rpartition("&signature=")
        if not found or "&" in given:
            text = "Mandatory parameter 'signature' was not sent, was empty/null, or malformed."
            raise _refused(400, -1102, text)
        text = call.query + rest if in_body else rest + call.body
        if not hmac.compare_digest(binance_signature(self._secret, text), given):
            raise _refused(400, -1022, "Signature for this request is not valid.")
        check_time(call.params, now_ms)

    def check_binance_key(self, call: Call) -> None:
        """Check the key alone.

        Raises:
            RefusedError: -2014 or -2015.
        """
        key = call.request_headers.get("X-MBX-APIKEY", "")
        if not key:
            raise _refused(401, -2014, "API-key format invalid.")
        if key != self.key:
            raise _refused(401, -2015, "Invalid API-key, IP, or permissions for action.")


def check_time(params: Mapping[str, Any], now_ms: int) -> None:
    """Check that a request is neither late nor early.

    Raises:
        RefusedError: -1102 without a time, -1021 outside of the window.
    """
    try:
        stamp, window = int(params["timestamp"]), int(params.get("recvWindow", 5000))
    except (KeyError, ValueError) as error:
        text = "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed."
        raise _refused(400, -1102, text) from error
    if stamp >= now_ms + 1000:
        raise _refused(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ms - stamp > window:
        raise _refused(400, -1021, "Timestamp for this request is outside of the recvWindow.")


def binance_signature(secret: str, text: str) -> str:
    """Return the hex HMAC-SHA256 of a text."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def upbit_text(call: Call) -> str:
    """Return the query string that Upbit hashes: of the query, or of the body's members in their order."""
    if call.query:
        return call.plain_query
    if not isinstance(call.json, dict):
        return ""
    parts = []
    for key, value in call.json.items():
        if isinstance(value, list):
            parts += [f"{key}[]={item}" for item in value]
        else:
            parts.append(f"{key}={value}")
    return "&".join(parts)


def upbit_hash(text: str) -> str:
    """Return the hex SHA-512 of a query string."""
    return hashlib.sha512(text.encode()).hexdigest()


def _raw(segment: str) -> bytes:
    return base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)


def _unauthorized(name: str) -> RefusedError:
    return RefusedError(401, {"error": {"name": name, "message": f"인증에 실패했습니다: {name}"}})


def _refused(status: int, code: int, message: str) -> RefusedError:
    return RefusedError(status, {"code": code, "msg": message})
