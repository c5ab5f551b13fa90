"""The errors of the OpenAI API: https://platform.openai.com/docs/guides/error-codes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from oagw_tornado.reply import Headers, Reply, json_reply

if TYPE_CHECKING:
    from oagw_tornado.services.typed import WrongField

T = TypeVar("T")


def error_reply(
    status: int,
    message: str,
    type: str = "invalid_request_error",
    *,
    param: str | None = None,
    code: str | None = None,
    headers: Headers = (),
) -> Reply:
    """A refusal in the API's own form, which all of its clients read."""
    error = {"message": message, "type": type, "param": param, "code": code}
    return json_reply({"error": error}, status, headers)


def unknown_url(method: str, path: str) -> Reply:
    """What the API says to a URL that it does not know."""
    return error_reply(404, f"Invalid URL ({method} /{path})")


def rate_limited() -> Reply:
    """The 429 that a message with the word error in it asks for."""
    return error_reply(429, "Rate limit exceeded", "rate_limit_error", code="rate_limit_exceeded")


class InvalidRequest(Exception):
    """The request cannot be served: why, in the API's terms."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code
        self.status = status

    def reply(self) -> Reply:
        """What the client is told."""
        return error_reply(self.status, self.message, param=self.param, code=self.code)


def read(body: bytes, type: type[T]) -> T:
    """Read a request's body. Raises InvalidRequest."""
    from oagw_tornado.services import typed

    try:
        return typed.read(body, type)
    except typed.WrongField as error:
        raise invalid_field(error) from None
    except typed.NotJson:
        raise InvalidRequest("We could not parse the JSON body of your request.") from None


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
