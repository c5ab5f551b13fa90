"""The OpenAI API's limits on names, ids and counts, and its errors for values beyond them.

https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from oagw_tornado.services.openai.errors import InvalidRequest

MOST_TOOLS = 128
#: Tools of one request without strict validation: they are read in one go.
MOST_OFFERED = 1000
#: Messages of one request, or items of its input; parts of all of them together, and calls of tools.
MOST_MESSAGES = 2048
LONGEST_NAME = 64
LONGEST_CALL_ID = 40

_NAME = re.compile(r"[a-zA-Z0-9_-]+")

# Of what a client sent, as much is said again.
_LONGEST_QUOTE = 200


def quote(text: str) -> str:
    """`text` as a message says it again."""
    return text[:_LONGEST_QUOTE]


def check_name(name: str, field: str) -> None:
    """Raise InvalidRequest for what cannot be the name of a tool or of a schema."""
    check_length(name, field, LONGEST_NAME)
    if not name:
        raise InvalidRequest(
            f"Invalid '{field}': empty string. Expected a string with minimum length 1, but got an empty string"
            " instead.",
            param=field,
            code="empty_string",
        )
    if not _NAME.fullmatch(name):
        raise InvalidRequest(
            f"Invalid '{field}': string does not match pattern. Expected a string that matches the pattern"
            " '^[a-zA-Z0-9_-]+$'.",
            param=field,
            code="invalid_value",
        )


def check_length(text: str, field: str, most: int) -> None:
    """Raise InvalidRequest for a string of more than `most` characters."""
    if len(text) > most:
        raise InvalidRequest(
            f"Invalid '{field}': string too long. Expected a string with maximum length {most}, but got a string with"
            f" length {len(text)} instead.",
            param=field,
            code="string_above_max_length",
        )


def check_count(count: int, field: str, most: int = MOST_TOOLS) -> None:
    """Raise InvalidRequest for an array of more than `most` items."""
    if count > most:
        raise InvalidRequest(
            f"Invalid '{field}': array too long. Expected an array with maximum length {most}, but got an array with"
            f" length {count} instead.",
            param=field,
            code="array_above_max_length",
        )


def empty_array(field: str) -> InvalidRequest:
    """The refusal of an array that has to have something in it."""
    return InvalidRequest(
        f"Invalid '{field}': empty array. Expected an array with minimum length 1, but got an empty array instead.",
        param=field,
        code="empty_array",
    )


def missing(field: str) -> InvalidRequest:
    """The refusal of a request that lacks a field."""
    return InvalidRequest(f"Missing required parameter: '{field}'.", param=field, code="missing_required_parameter")


def unsupported(value: str, supported: Iterable[str], field: str) -> InvalidRequest:
    """The refusal of a value that is not one of those expected."""
    *others, last = (f"'{each}'" for each in supported)
    comma = "," if len(others) > 1 else ""
    listed = f"{', '.join(others)}{comma} and {last}" if others else last
    return InvalidRequest(
        f"Invalid value: '{quote(value)}'. Supported values are: {listed}.", param=field, code="invalid_value"
    )
