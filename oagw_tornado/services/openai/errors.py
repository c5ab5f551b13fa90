"""The errors of the OpenAI API: https://platform.openai.com/docs/guides/error-codes."""

from __future__ import annotations

from oagw_tornado.reply.reply import Headers, Reply, json_reply


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
