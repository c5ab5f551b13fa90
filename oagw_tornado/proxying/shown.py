"""The credentials in a client's request, in its headers, its query or its body. Pure."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterable, Iterator

import orjson

from oagw_tornado.proxying.kept import credentials_in, is_credential, kept_query
from oagw_tornado.proxying.masking import Masking
from oagw_tornado.recordings.masked_fields import MASK, is_form

# Members of JSON bodies whose values are credentials, by the ends of their names without separators. Fewer than of
# queries: a document may well have a member `key` or `session` that is none.
_MEMBERS = (
    "secret", "password", "passwd", "apikey", "accesskey", "secretkey", "privatekey", "accesstoken", "refreshtoken",
    "idtoken", "authtoken", "bearertoken", "sessiontoken", "subjecttoken", "actortoken", "assertion", "authorization",
)  # fmt: skip
_MEMBER = re.compile(rb'"([^"\\]{1,64})"(\s*:\s*)("(?:[^"\\]|\\.)*+")')


def credentials_shown(lines: Iterable[tuple[str, str]], query: str, body: bytes, content_type: str) -> list[str]:
    """Their values."""
    found = [each for name, value in lines for each in _in_header(name.lower(), value)]
    found += credentials_in(query)
    if is_form(content_type):
        found += credentials_in(body.decode("latin-1"))
    else:
        found += [orjson.loads(match[3]) for match in _members(body)]
    return found


def kept_body(body: bytes, content_type: str, masking: Masking) -> bytes:
    """A body as it is written down."""
    if is_form(content_type):
        return kept_query(body.decode("latin-1"), masking).encode("latin-1")
    parts: list[bytes] = []
    end = 0
    for match in _members(body):
        parts += body[end : match.start(3)], b'"%b"' % MASK.encode()
        end = match.end(3)
    return masking.masked(b"".join((*parts, body[end:])))


def _in_header(name: str, value: str) -> Iterator[str]:
    if name == "cookie":
        yield value
        for each in value.split(";"):
            yield each.partition("=")[2].strip().strip('"')
    elif is_credential(name):
        yield value
        scheme, _, rest = value.partition(" ")
        yield rest
        if scheme.lower() == "basic":
            yield from _in_basic(rest)


def _in_basic(encoded: str) -> Iterator[str]:
    try:
        both = b64decode(encoded).decode()
    except ValueError:
        return
    yield both
    yield both.partition(":")[2]


def _members(body: bytes) -> Iterator[re.Match[bytes]]:
    for match in _MEMBER.finditer(body) if body[:64].lstrip()[:1] in (b"{", b"[") else ():
        name = "".join(filter(str.isalnum, match[1].decode("latin-1").lower()))
        if name.endswith(_MEMBERS) and match[3] != b'""' and _is_text(match[3]):
            yield match


def _is_text(literal: bytes) -> bool:
    try:
        orjson.loads(literal)
    except orjson.JSONDecodeError:
        return False
    return True
