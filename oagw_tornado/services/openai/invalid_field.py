"""The API's message and code for a missing or wrong field, derived from the typed reader's error."""

from __future__ import annotations

import re

from oagw_tornado.services.openai.errors import InvalidRequest
from oagw_tornado.services.typed import WrongField

_NAMES = {
    "int": "an integer",
    "float": "a decimal",
    "str": "a string",
    "bool": "a boolean",
    "array": "an array",
    "object": "an object",
    "null": "null",
}
_WRONG_TYPE = re.compile(r"expected (?P<expected>.+), got (?P<got>\w+)")
_OUT_OF_RANGE = re.compile(r"expected (?P<kind>int|float) (?P<bound>[<>]=? \S+)")
_WRONG_LENGTH = re.compile(r"expected (?P<kind>array|str) of length (?P<bound>[<>]=? \d+)")


def invalid_field(error: WrongField) -> InvalidRequest:
    """The API's words and code for a field that is missing or wrong."""
    field, problem = error.field, error.problem
    if error.missing:
        return InvalidRequest(f"Missing required parameter: '{field}'.", param=field, code="missing_required_parameter")
    if not field:
        return InvalidRequest(f"The body of the request is not a JSON object: {problem}.")
    if match := _WRONG_TYPE.fullmatch(problem):
        kinds = [_NAMES.get(kind, kind) for kind in match["expected"].split(" | ") if kind != "null"]
        expected = kinds[0] if len(kinds) == 1 else "one of " + " or ".join(kinds)
        got = _NAMES.get(match["got"], match["got"])
        message = f"Invalid type for '{field}': expected {expected}, but got {got} instead."
        return InvalidRequest(message, param=field, code="invalid_type")
    if match := _OUT_OF_RANGE.fullmatch(problem):
        kind = "integer" if match["kind"] == "int" else "decimal"
        side, extreme = ("below", "minimum") if match["bound"].startswith(">") else ("above", "maximum")
        message = f"Invalid '{field}': {kind} {side} {extreme} value. Expected a value {match['bound']}."
        return InvalidRequest(message, param=field, code=f"{kind}_{side}_{extreme[:3]}_value")
    if match := _WRONG_LENGTH.fullmatch(problem):
        kind = "array" if match["kind"] == "array" else "string"
        if match["bound"] == ">= 1":
            message = f"Invalid '{field}': empty {kind}. Expected one with minimum length 1."
            return InvalidRequest(message, param=field, code=f"empty_{kind}")
        side, extreme = ("below", "minimum") if match["bound"].startswith(">") else ("above", "maximum")
        message = f"Invalid '{field}': {kind} {side} {extreme} length. Expected a length {match['bound']}."
        return InvalidRequest(message, param=field, code=f"{kind}_{side}_{extreme[:3]}_length")
    return InvalidRequest(f"Invalid '{field}': {problem}.", param=field, code="invalid_value")
