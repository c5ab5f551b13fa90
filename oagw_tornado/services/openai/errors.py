"""The errors of the OpenAI API: https://platform.openai.com/docs/guides/error-codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from oagw_tornado.reply.errors import ErrorForm
from oagw_tornado.reply.phrases import phrase
from oagw_tornado.reply.problem import Problem, error_object
from oagw_tornado.reply.reply import Headers, Reply, json_reply
from oagw_tornado.services.openai.context import with_api_headers

if TYPE_CHECKING:
    from oagw_tornado.services.dialect import TooManyTokens

#: The type of an error with only a known status.
TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}

_INVALID = "invalid_request_error"
_KEYS = "https://platform.openai.com/account/api-keys"

#: Errors by name: as the service words them, after its guide to error codes and what its users report.
PRESETS = {
    "rate_limit_exceeded": Problem(
        429,
        "Rate limit reached for requests. Limit: 3 / min. Please try again in 20s. Contact us through our help center "
        "at help.openai.com if you continue to have issues.",
        "requests",
        "rate_limit_exceeded",
    ),
    "tokens_limit_exceeded": Problem(
        429,
        "Rate limit reached for tokens. Limit: 10000 / min. Please try again in 6s. Contact us through our help center "
        "at help.openai.com if you continue to have issues.",
        "tokens",
        "rate_limit_exceeded",
    ),
    "insufficient_quota": Problem(
        429,
        "You exceeded your current quota, please check your plan and billing details. For more information on this "
        "error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
        "insufficient_quota",
        "insufficient_quota",
    ),
    "billing_not_active": Problem(
        429,
        "Your account is not active, please check your billing details on our website.",
        "billing_not_active",
        "billing_not_active",
    ),
    "billing_hard_limit_reached": Problem(
        400, "Billing hard limit has been reached", _INVALID, "billing_hard_limit_reached"
    ),
    "context_length_exceeded": Problem(
        400,
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 10022 tokens. Please "
        "reduce the length of the messages.",
        _INVALID,
        "context_length_exceeded",
        "messages",
    ),
    "content_filter": Problem(
        400,
        "The response was filtered due to the prompt triggering the content management policy. Please modify your "
        "prompt and retry.",
        _INVALID,
        "content_filter",
        "prompt",
    ),
    "content_policy_violation": Problem(
        400,
        "Your request was rejected as a result of our safety system. Your prompt may contain text that is not allowed "
        "by our safety system.",
        _INVALID,
        "content_policy_violation",
    ),
    "invalid_prompt": Problem(
        400,
        "Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try again with a "
        "different prompt.",
        _INVALID,
        "invalid_prompt",
    ),
    "unsupported_parameter": Problem(
        400,
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        _INVALID,
        "unsupported_parameter",
        "max_tokens",
    ),
    "unsupported_value": Problem(
        400,
        "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is "
        "supported.",
        _INVALID,
        "unsupported_value",
        "temperature",
    ),
    "string_above_max_length": Problem(
        400,
        "Invalid 'messages[0].content': string too long. Expected a string with maximum length 1048576, but got a "
        "string with length 1048577 instead.",
        _INVALID,
        "string_above_max_length",
        "messages[0].content",
    ),
    "previous_response_not_found": Problem(
        400,
        "Previous response with id 'resp_0' not found.",
        _INVALID,
        "previous_response_not_found",
        "previous_response_id",
    ),
    "invalid_api_key": Problem(
        401,
        f"Incorrect API key provided: sk-*******. You can find your API key at {_KEYS}.",
        _INVALID,
        "invalid_api_key",
    ),
    "unsupported_country_region_territory": Problem(
        403,
        "Country, region, or territory not supported",
        "request_forbidden",
        "unsupported_country_region_territory",
    ),
    "model_not_found": Problem(
        404, "The model `gpt-0` does not exist or you do not have access to it.", _INVALID, "model_not_found"
    ),
    "server_error": Problem(
        500,
        "The server had an error while processing your request. Sorry about that! You can retry your request, or "
        "contact us through our help center at help.openai.com if the error persists.",
        "server_error",
    ),
    "engine_overloaded": Problem(
        503, "The engine is currently overloaded, please try again later", "server_error", "engine_overloaded"
    ),
    "slow_down": Problem(503, "Slow down", "server_error", "slow_down"),
}


def usual(status: int) -> Problem:
    """An error of which only the status is known."""
    kind = TYPES.get(status, "server_error" if status >= 500 else _INVALID)
    return Problem(status, f"{phrase(status)} (injected)", kind)


def word(problem: Problem, request_id: str, now: float) -> Reply:
    """The error object, and the headers that stand on every reply of the API."""
    reply = json_reply({"error": error_object(problem)}, problem.status)
    reply.headers = with_api_headers(reply.headers, 0)
    return reply


def limited(what: str, limit: str) -> Problem:
    """What is wrong if a limit is reached."""
    return Problem(429, f"Rate limit reached for {what}. Limit: {limit}.", "rate_limit_error", "rate_limit_exceeded")


ERRORS = ErrorForm(word, usual, PRESETS, limited)


def error_reply(
    status: int,
    message: str,
    type: str = _INVALID,
    *,
    param: str | None = None,
    code: str | None = None,
    headers: Headers = (),
) -> Reply:
    """A refusal in the API's own form, which all of its clients read."""
    return json_reply({"error": error_object(Problem(status, message, type, code, param))}, status, headers)


def unknown_url(method: str, path: str) -> Reply:
    """What the API says to a URL that it does not know."""
    return error_reply(404, f"Invalid URL ({method} /{path})")


def too_long() -> InvalidRequest:
    """The refusal of a reply that is too long to be sent whole."""
    return InvalidRequest("So long a completion can only be streamed.", param="stream")


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


def context_too_long(param: str) -> Callable[[TooManyTokens], InvalidRequest]:
    """What refuses a prompt, which is in `param`, that is too long for the model."""
    return lambda error: InvalidRequest(error.message, param=param, code="context_length_exceeded")
