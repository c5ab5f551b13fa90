"""The errors of GitHub's REST API: https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api; its
limits: …/rate-limits-for-the-rest-api."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from oagw_tornado.reply.budgets import Budget
from oagw_tornado.reply.errors import ErrorForm, said_beside
from oagw_tornado.reply.phrases import phrase
from oagw_tornado.reply.problem import Problem
from oagw_tornado.reply.reply import Headers, Reply, json_reply

_LIMITS = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api"

#: Requests that a user has in an hour.
HOURLY, HOUR = 5000, 3600.0

_RATE_LIMITED = {"documentation_url": _LIMITS, "remaining": 0}

#: Errors by name.
PRESETS = {
    "rate_limit_exceeded": Problem(403, "API rate limit exceeded for user ID 1.", more=_RATE_LIMITED),
    "secondary_rate_limit": Problem(
        403,
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
        retry_after=60.0,
        more={"documentation_url": f"{_LIMITS}#about-secondary-rate-limits"},
    ),
    "bad_credentials": Problem(401, "Bad credentials"),
    "requires_authentication": Problem(401, "Requires authentication"),
    "resource_not_accessible": Problem(403, "Resource not accessible by integration"),
    "not_found": Problem(404, "Not Found"),
    "validation_failed": Problem(422, "Validation Failed", more={"errors": []}),
    "server_error": Problem(500, "Server Error"),
    "unicorn": Problem(503, "No server is currently available to service your request."),
}

_BY_STATUS = {
    401: PRESETS["bad_credentials"],
    403: PRESETS["resource_not_accessible"],
    429: PRESETS["rate_limit_exceeded"]._replace(status=429),
    422: PRESETS["validation_failed"],
    500: PRESETS["server_error"],
    503: PRESETS["unicorn"],
}


def usual(status: int) -> Problem:
    """The error that is usual with a status."""
    return _BY_STATUS.get(status) or Problem(status, phrase(status))


def word(problem: Problem, request_id: str, now: float) -> Reply:
    """Message, documentation and status, with what is left of the limit in the headers."""
    more = {"documentation_url": "https://docs.github.com/rest", **problem.more}
    remaining = more.pop("remaining", HOURLY - 1)
    reset = HOUR if problem.retry_after is None else problem.retry_after
    left = limit_headers((Budget("requests", HOURLY, remaining, reset),), now)
    body = {"message": problem.message, **said_beside(problem), **more, "status": str(problem.status)}
    return json_reply(body, problem.status, (*left, ("X-GitHub-Request-Id", request_id)))


def limit_headers(budgets: Sequence[Budget], now: float) -> Headers:
    """``x-ratelimit-*`` of the requests, as there is no other limit; ``reset`` is in seconds of Unix time."""
    (limit, remaining, reset), *_ = (budget[1:] for budget in budgets)
    return (
        ("x-ratelimit-limit", str(limit)),
        ("x-ratelimit-remaining", str(remaining)),
        ("x-ratelimit-reset", str(ceil(round(now + reset, 3)))),
        ("x-ratelimit-used", str(max(0, limit - remaining))),
        ("x-ratelimit-resource", "core"),
    )


ERRORS = ErrorForm(word, usual, PRESETS, lambda what, limit: _BY_STATUS[429], limit_headers)
