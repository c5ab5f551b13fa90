"""What the recorder has masked in a request: it does not count when requests are compared. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from oagw_tornado.knobs.ignored_fields import NOTHING_IGNORED, IgnoredFields
from oagw_tornado.units.documents import DocumentError, read_json

#: What stands in the place of a credential.
MASK = "***"

#: Members of one body that are masked.
MOST_MASKED = 100

_FORM = "application/x-www-form-urlencoded"


def is_form(content_type: str) -> bool:
    """Whether a body of this media type is a form."""
    return content_type.lower().startswith(_FORM)


def masked_fields(query: str, body: bytes, content_type: str) -> IgnoredFields:
    """The parameters of the query, or fields of the form, and the members of a JSON body that are masked."""
    parameters = _parameters(query)
    if MASK.encode() not in body:
        return IgnoredFields((), parameters) if parameters else NOTHING_IGNORED
    if is_form(content_type):
        return IgnoredFields((), parameters | _parameters(body.decode("utf-8", "replace")))
    try:
        document = read_json(body)
    except DocumentError:
        return IgnoredFields((), parameters)
    members = dict.fromkeys(path for path, _ in zip(_masked(document, ()), range(MOST_MASKED), strict=False))
    return IgnoredFields(tuple(members), parameters)


def _parameters(query: str) -> frozenset[str]:
    if MASK not in query:
        return frozenset()
    return frozenset(name for name, value in parse_qsl(query) if value == MASK)


def _masked(value: Any, path: tuple[str | None, ...]) -> Iterator[tuple[str | None, ...]]:
    if isinstance(value, dict):
        for name, each in value.items():
            if each == MASK:
                yield (*path, name)
            else:
                yield from _masked(each, (*path, name))
    elif isinstance(value, list):
        for each in value:
            yield from _masked(each, (*path, None))
