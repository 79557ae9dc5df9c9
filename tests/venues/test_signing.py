"""Signatures: the documented examples, and what a server would recompute."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

from arbkit.venues.secret import Secret
from arbkit.venues.signing import binance_signature, encoded, upbit_query, upbit_query_hash, upbit_token

PARAMS = (
    ("market", "KRW-BTC"), ("side", "bid"), ("volume", "0.01"), ("price", "100.0"), ("ord_type", "limit"),
)  # fmt: skip


def test_upbit_query_hash_is_that_of_the_documentation() -> None:
    query = upbit_query(PARAMS)
    assert query == "market=KRW-BTC&side=bid&volume=0.01&price=100.0&ord_type=limit"
    assert upbit_query_hash(query) == (
        "1db802a392c559d55c99662a20c6911ba9ea31a9f58bf92156af243ca1462b00"
        "4c6e6b27c934afefbde5ca15d28deb67e90cd619b466c9a3c2fe020ad2bbdd24"
    )


def test_upbit_query_is_hashed_as_written_and_sent_encoded() -> None:
    params = (("uuids[]", "a"), ("uuids[]", "b"), ("to", "2026-11-02 10:13"))
    assert upbit_query(params) == "uuids[]=a&uuids[]=b&to=2026-11-02 10:13"
    assert encoded(params) == "uuids[]=a&uuids[]=b&to=2026-11-02%2010:13"


def test_upbit_token_is_a_jwt_signed_with_hs512() -> None:
    scheme, _, token = upbit_token(
        Secret("my-key"), Secret("my-secret"), "n-1", upbit_query(PARAMS)
    ).partition(" ")
    head, claims, seal = token.split(".")

    def read(part: str) -> bytes:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))

    assert scheme == "Bearer"
    assert json.loads(read(head)) == {"alg": "HS512", "typ": "JWT"}
    assert json.loads(read(claims)) == {
        "access_key": "my-key",
        "nonce": "n-1",
        "query_hash": upbit_query_hash(upbit_query(PARAMS)),
        "query_hash_alg": "SHA512",
    }
    assert read(seal) == hmac.new(b"my-secret", f"{head}.{claims}".encode(), hashlib.sha512).digest()


def test_upbit_token_without_parameters_has_no_query_hash() -> None:
    claims = upbit_token(Secret("k"), Secret("s"), "n-2").split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(claims + "==")) == {"access_key": "k", "nonce": "n-2"}


def test_binance_signature_is_that_of_the_documentation() -> None:
    payload = (
        "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000"
        "&timestamp=1591702613943"
    )
    secret = Secret("2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9")
    assert (
        binance_signature(secret, payload)
        == "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"
    )
