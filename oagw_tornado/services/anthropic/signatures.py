"""The signatures of thinking blocks, derived from the text alone, so that a changed text is detected."""

from __future__ import annotations

from base64 import b64encode
from hashlib import blake2b

# What the signatures that are made here begin with; one that a script gives may look as it likes.
_OWN = "EqQB"


def signature_of(text: str) -> str:
    """The signature of `text`."""
    return _OWN + b64encode(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=48).digest()).decode()


def is_signature_of(signature: str, text: str) -> bool:
    """Whether `signature` may have been given with `text`: one that a script gave is believed."""
    return signature == signature_of(text) if signature.startswith(_OWN) else bool(signature)
