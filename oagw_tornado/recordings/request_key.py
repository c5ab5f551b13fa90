"""What identifies a request: method, path, query, and the JSON value of its body, not how it is written."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson

from oagw_tornado.units.documents import DocumentError, read_json


def request_key(method: str, path: str, query: str, body: bytes) -> str:
    """64 hexadecimal digits, the same for requests that ask for the same.

    >>> request_key("POST", "a", "x=1&y=2", b'{"b": 2.0}') == request_key("POST", "a", "y=2&x=1", b'{"b":2}')
    True
    """
    parts = (method.encode(), path.encode(), canonical_query(query).encode(), canonical_body(body))
    return sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).hexdigest()


def canonical_query(query: str) -> str:
    """The parameters in the order of their names; those of one name stay in the order in which they were given."""
    if "&" not in query:
        return query
    return "&".join(sorted(query.split("&"), key=lambda parameter: parameter.partition("=")[0]))


def canonical_body(body: bytes) -> bytes:
    """A JSON document in one way of writing: keys in order, no blanks, 2.0 as 2. Any other body as it is."""
    if body[:64].lstrip()[:1] not in (b"{", b"["):
        return body
    try:
        return canonical_json(read_json(body))
    except DocumentError:
        return body


def canonical_json(document: Any) -> bytes:
    """The one way of writing `document`, which nests no deeper than `units.documents.DEEPEST`."""
    return orjson.dumps(_canonical(document), option=orjson.OPT_SORT_KEYS)


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _canonical(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_canonical(each) for each in value]
    if type(value) is float and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value
