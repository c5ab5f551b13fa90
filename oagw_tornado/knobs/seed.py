"""The seed of one request's own generator."""

from __future__ import annotations

from hashlib import blake2b


def request_seed(seed: int, alias: str, method: str, path: str, query: str, body: bytes) -> int:
    """The seed of one request's own draws. It is made of the request alone, so it does not depend on what else runs."""
    facts = "\0".join((str(seed), alias, method, path, query, "")).encode("utf-8", "surrogateescape")
    return int.from_bytes(blake2b(facts + body, digest_size=8).digest(), "big")
