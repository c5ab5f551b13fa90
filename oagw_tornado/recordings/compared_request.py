"""Requests as they are compared: two that ask for the same are equal, however they are written.

The order of query parameters does not count (that of the values of one parameter does), nor does the percent-encoding
of path and query. A JSON body is compared by value, a form by its fields, a multipart body without its
boundary, and any other body byte by byte.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from hashlib import blake2b
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote
from zlib import crc32

import orjson

from oagw_tornado.knobs.ignored_fields import NOTHING_IGNORED, IgnoredFields
from oagw_tornado.units.documents import DocumentError, read_json

#: Values of one body in which 2.0 is compared as 2; in a longer one numbers count as they are written.
MOST_NUMBERED = 20_000

#: Traits of one request.
MOST_TRAITS = 96

#: Words among these, the last ones of the body.
MOST_WORDS = 32
_LOOKED_AT = 4096

_BOUNDARY = re.compile(r"""boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))""", re.IGNORECASE)
# What a body in JSON begins with.
_JSON_STARTS = b'{["-0123456789tfn'


class ComparedRequest(NamedTuple):
    """A request, as far as it counts. `text` is the one way of writing its body, `document` what that says as JSON."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    text: bytes
    document: Any
    """None: the body is no JSON."""

    @property
    def key(self) -> bytes:
        """16 bytes, the same for all requests that ask for the same."""
        return _key(self.method, self.path, self.query, b"", self.text)

    def key_by_hash(self, sha256: str) -> bytes:
        """The key of a request of whose body only the hash is known."""
        return _key(self.method, self.path, self.query, b"sha256", sha256.encode())

    def traits(self) -> array[int]:
        """Numbers that requests share which have something in common: the more of them, the nearer they are."""
        found = {crc32(f"?{name}={value}".encode("utf-8", "surrogatepass")) for name, value in self.query}
        structure = _traits(self.document) if self.document is not None else iter((self.text,))
        found |= {crc32(trait) for trait in islice(structure, MOST_TRAITS - MOST_WORDS)}
        # Similar requests differ in their last message.
        found |= {crc32(word) for word in islice(reversed(self.text[-_LOOKED_AT:].split()), MOST_WORDS)}
        return array("I", sorted(found)[:MOST_TRAITS])


def compared_request(
    method: str, path: str, query: str, body: bytes, content_type: str = "", ignored: IgnoredFields = NOTHING_IGNORED
) -> ComparedRequest:
    """A request as it is compared with others. `path` is what follows the alias, `query` is without its ``?``.

    >>> first = compared_request("POST", "a%20b", "x=1&y=2", b'{"a": 1, "b": 2.0}')
    >>> first == compared_request("POST", "a b", "y=2&x=1", b'{"b":2,"a":1}')
    True
    """
    text, document = _body(body, content_type.lower(), content_type, ignored)
    return ComparedRequest(method, unquote(path.lstrip("/")), _query(query, ignored), text, document)


def _key(method: str, path: str, query: tuple[tuple[str, str], ...], kind: bytes, body: bytes) -> bytes:
    digest = blake2b(digest_size=16)
    for text in (method, path, *(each for pair in query for each in pair)):
        part = text.encode("utf-8", "surrogatepass")
        digest.update(b"%d:%b" % (len(part), part))
    digest.update(b"%d,%b:" % (len(query), kind))
    digest.update(body)
    return digest.digest()


def _query(query: str, ignored: IgnoredFields) -> tuple[tuple[str, str], ...]:
    if not query:
        return ()
    pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
    return tuple(sorted((pair for pair in pairs if pair[0] not in ignored.parameters), key=lambda pair: pair[0]))


def _body(body: bytes, kind: str, content_type: str, ignored: IgnoredFields) -> tuple[bytes, Any]:
    if not body:
        return b"", None
    if kind.startswith("application/x-www-form-urlencoded"):
        fields = _query(body.decode("utf-8", "surrogateescape"), ignored)
        return orjson.dumps([[_plain(name), _plain(value)] for name, value in fields]), None
    if kind.startswith("multipart/"):
        match = _BOUNDARY.search(content_type)
        return (body.replace((match[1] or match[2]).encode(), b"boundary") if match else body), None
    if body[:64].lstrip()[:1] not in _JSON_STARTS or not body[:64].lstrip():
        return body, None
    try:
        document = ignored.without(read_json(body))
        return written(document), document
    except (DocumentError, TypeError):  # what is no JSON, or text that is no Unicode
        return body, None


def _plain(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def written(document: Any) -> bytes:
    """The one way of writing a JSON document: keys in order, no blanks, 2.0 as 2."""
    text = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    # A float that is a whole number is written so, if it is below 2**53; above they need not be the same number.
    if b".0" not in text:
        return text
    left = [MOST_NUMBERED]
    numbered = _numbered(document, left)
    return text if left[0] < 0 else orjson.dumps(numbered, option=orjson.OPT_SORT_KEYS)


def _numbered(value: Any, left: list[int]) -> Any:
    left[0] -= 1
    if left[0] < 0:
        return value
    if isinstance(value, dict):
        return {key: _numbered(each, left) for key, each in value.items()}
    if isinstance(value, list):
        return [_numbered(each, left) for each in value]
    if type(value) is float and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def _traits(document: Any) -> Iterator[bytes]:
    """What can be said of a document one by one: its members, and what is in them."""
    if not isinstance(document, dict):
        yield written(document)
        return
    for key, value in document.items():
        name = key.encode("utf-8", "surrogatepass")
        inner = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
        yield name
        for place, each in inner:
            yield b"%b.%b=%b" % (name, str(place).encode("utf-8", "surrogatepass"), written(each))
        if not isinstance(value, (list, dict)):
            yield b"%b=%b" % (name, written(value))
