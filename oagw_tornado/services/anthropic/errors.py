"""The errors of the Anthropic API: https://docs.anthropic.com/en/api/errors; its limits: …/en/api/rate-limits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from oagw_tornado.reply.budgets import Budget
from oagw_tornado.reply.errors import ErrorForm
from oagw_tornado.reply.problem import ErrorWriter, Problem
from oagw_tornado.reply.reply import Headers, Reply, json_reply

if TYPE_CHECKING:
    from oagw_tornado.services.canned import Unanswerable

if TYPE_CHECKING:
    from oagw_tornado.services.dialect import TooManyTokens

#: Messages of one request, and blocks of all of them together. The service itself takes 100,000, which would hold up
#: every stream of this server for half a second.
MOST_MESSAGES = 2048

T = TypeVar("T")

#: The error that is usual with each status.
BY_STATUS = {
    400: Problem(400, "prompt is too long: 208310 tokens > 200000 maximum", "invalid_request_error"),
    401: Problem(401, "invalid x-api-key", "authentication_error"),
    402: Problem(402, "There is an issue with your billing or payment information.", "billing_error"),
    403: Problem(403, "Your API key does not have permission to use the specified resource.", "permission_error"),
    404: Problem(404, "The requested resource could not be found.", "not_found_error"),
    413: Problem(413, "Request exceeds the maximum size", "request_too_large"),
    429: Problem(
        429, "This request would exceed your account's rate limit. Please try again later.", "rate_limit_error"
    ),
    500: Problem(500, "Internal server error", "api_error"),
    504: Problem(504, "The request timed out while processing.", "timeout_error"),
    529: Problem(529, "Overloaded", "overloaded_error"),
}

#: Errors by name: the types, and causes that come under one of them.
PRESETS = {
    **{str(problem.type): problem for problem in BY_STATUS.values()},
    "credit_balance_too_low": Problem(
        400,
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or "
        "purchase credits.",
        "invalid_request_error",
    ),
    "output_blocked": Problem(400, "Output blocked by content filtering policy", "invalid_request_error"),
}


def usual(status: int) -> Problem:
    """The error that is usual with a status."""
    known = BY_STATUS.get(status)
    if known is not None and status != 400:
        return known
    return BY_STATUS[500 if status >= 500 else 400]._replace(
        status=status, message="Internal server error" if status >= 500 else "Invalid request"
    )


def _body(problem: Problem, request_id: str) -> dict[str, Any]:
    error: dict[str, Any] = {"type": problem.type, "message": problem.message}
    if problem.code is not None:
        error["details"] = {"error_code": problem.code}
    if problem.param is not None:  # the real service has no such field; the fault asked for it
        error["param"] = problem.param
    return {"type": "error", "error": error, "request_id": request_id}


def word(problem: Problem, id: str, now: float) -> Reply:
    """The error, and the id of the request beside it and in the header ``request-id``."""
    request_id = f"req_{id}"
    return json_reply(_body(problem, request_id), problem.status, (("request-id", request_id),))


def error_writer(request_id: str) -> ErrorWriter:
    """Writes the event ``error`` of a stream."""

    def write(problem: Problem | None, events: int) -> bytes:
        return b"event: error\ndata: %b\n\n" % orjson.dumps(_body(problem or BY_STATUS[529], request_id))

    return write


def limit_headers(budgets: Sequence[Budget], now: float) -> Headers:
    """``anthropic-ratelimit-*``, each reset an instant. A limit on tokens applies to input and output tokens."""
    headers: Headers = ()
    for budget in budgets:
        names = ("tokens", "input-tokens", "output-tokens") if budget.name == "tokens" else (budget.name,)
        for name in names:
            headers += (
                (f"anthropic-ratelimit-{name}-limit", str(budget.limit)),
                (f"anthropic-ratelimit-{name}-remaining", str(budget.remaining)),
                (f"anthropic-ratelimit-{name}-reset", _instant(now + budget.reset)),
            )
    return headers


def _instant(seconds: float) -> str:
    """Unix time as RFC 3339 has it, in whole seconds, rounded up."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ceil(round(seconds, 3)), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def limited(what: str, limit: str) -> Problem:
    """What is wrong if a limit is reached."""
    message = f"This request would exceed your account's rate limit of {what}, {limit}. Please try again later."
    return BY_STATUS[429]._replace(message=message)


ERRORS = ErrorForm(word, usual, PRESETS, limited, limit_headers)


class InvalidRequest(Exception):
    """The request cannot be served: why, in the API's terms."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status

    def reply(self, request_id: str) -> Reply:
        """What the client is told."""
        return json_reply(_body(usual(self.status)._replace(message=self.message), request_id), self.status)


def unanswerable(error: Unanswerable) -> InvalidRequest:
    """The refusal of a schema that nothing fits."""
    field = "output_config.format.schema" if error.tool is None else "tools.0.custom.input_schema"
    return InvalidRequest(f"{field}: {error}")


def too_long() -> InvalidRequest:
    """The refusal of a reply that is too long to be sent whole."""
    return InvalidRequest("stream: so long a message can only be streamed")


def too_many_messages() -> InvalidRequest:
    """The refusal of more messages, or blocks, than are read."""
    return InvalidRequest(f"messages: List should have at most {MOST_MESSAGES} items, contents included")


def read(body: bytes, type: type[T]) -> T:
    """Read a request's body. Raises InvalidRequest."""
    from oagw_tornado.services import typed

    try:
        return typed.read(body, type)
    except typed.WrongField as error:
        field = error.field.replace("[", ".").replace("]", "")
        problem = "Field required" if error.missing else _in_its_words(field, error.problem)
        raise InvalidRequest(f"{field}: {problem}" if field else problem) from None
    except typed.TooManyValues as error:
        if error.field == "messages":
            raise too_many_messages() from None
        raise InvalidRequest(f"{error.field or 'body'}: the request has {error}") from None
    except typed.NotJson:
        raise InvalidRequest("The request body is not valid JSON") from None


_KINDS = {
    "int": "integer",
    "float": "number",
    "str": "string",
    "bool": "boolean",
    "array": "list",
    "object": "dictionary",
}
_BOUNDS = {">=": "greater than or equal to", "<=": "less than or equal to"}
_WRONG_TYPE = re.compile(r"expected ([a-z]+)\b.*, got \w+")
_OUT_OF_RANGE = re.compile(r"expected (?:int|float) (>=|<=) (\S+)")


def _in_its_words(field: str, problem: str) -> str:
    """What the typed reader says of a value, as the service's own reader says it."""
    if field == "messages" and problem == "expected array of length >= 1":
        return "at least one message is required"
    if match := _OUT_OF_RANGE.fullmatch(problem):
        return f"Input should be {_BOUNDS[match[1]]} {match[2].removesuffix('.0')}"
    match = _WRONG_TYPE.fullmatch(problem)
    return f"Input should be a valid {_KINDS[match[1]]}" if match and match[1] in _KINDS else problem


def context_too_long(error: TooManyTokens) -> InvalidRequest:
    """The refusal of a prompt that is too long for the model, as users of the API report it."""
    prompt, asked, most = error
    if prompt >= most or asked is None:
        return InvalidRequest(f"prompt is too long: {prompt} tokens > {most} maximum")
    return InvalidRequest(
        f"input length and `max_tokens` exceed context limit: {prompt} + {asked} > {most}, decrease input length or "
        "`max_tokens` and try again"
    )
