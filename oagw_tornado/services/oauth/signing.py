"""Access tokens as JWTs (RFC 9068), signed with a key of this server's own (ES256).

Imported with the first token, if `cryptography` is installed; without it, tokens are random strings.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

_SIZE = 32  # bytes of one coordinate, and of each half of a signature (RFC 7518, section 3.4)


def new_key() -> bytes:
    """A new private key, as DER (PKCS #8)."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


class Signer:
    """One key, as `new_key` gives it."""

    def __init__(self, key: bytes) -> None:
        loaded = load_der_private_key(key, None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        self._key = loaded
        numbers = self._key.public_key().public_numbers()
        point = {"crv": "P-256", "kty": "EC", "x": _encoded(numbers.x), "y": _encoded(numbers.y)}
        # The key's thumbprint (RFC 7638).
        self._id = _text(sha256(orjson.dumps(point, option=orjson.OPT_SORT_KEYS)).digest())
        #: The public half, as a JSON Web Key.
        self.jwk = {**point, "use": "sig", "alg": "ES256", "kid": self._id}

    def sign(self, claims: Mapping[str, Any]) -> str:
        """The token that says so."""
        header = {"alg": "ES256", "typ": "at+jwt", "kid": self._id}
        signed = f"{_text(orjson.dumps(header))}.{_text(orjson.dumps(claims))}"
        halves = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(SHA256())))
        return f"{signed}.{_text(b''.join(half.to_bytes(_SIZE, 'big') for half in halves))}"


def _encoded(number: int) -> str:
    return _text(number.to_bytes(_SIZE, "big"))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
