"""Errors caused by a fault or a limit: what is wrong, and how a service words it.

A fault or a limit says *what* is wrong, as a `Problem`. How that is worded is the service's business: each upstream has
an `ErrorForm`, by default `PLAIN`. So a new service or fault need not know any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
from typing import Any, NamedTuple

from oagw_tornado.reply.budgets import BudgetHeaders, budget_headers
from oagw_tornado.reply.phrases import phrase
from oagw_tornado.reply.problem import Problem
from oagw_tornado.reply.reply import JSON, Headers, Reply, json_reply
from oagw_tornado.units.documents import write_plain_json
from oagw_tornado.units.knob_errors import InapplicableKnob


class ErrorForm(NamedTuple):
    """How a service words its errors: pure functions and values."""

    word: Callable[[Problem, str, float], Reply]
    """The reply that says what is wrong, with the service's own headers. It gets the id of the request, and the
    instant in Unix time."""
    usual: Callable[[int], Problem]
    """What is usually wrong with a status of 400 and above."""
    presets: Mapping[str, Problem] = {}
    """The errors that can be asked for by name."""
    limited: Callable[[str, str], Problem] = lambda what, limit: Problem(429, f"Rate limit reached: {what}, {limit}")
    """What is wrong if a limit is reached; it gets ``requests`` or ``tokens``, and the limit as it was given."""
    budget_headers: BudgetHeaders = budget_headers
    """What a reply under a limit says of it."""


def plain(problem: Problem, request_id: str, now: float) -> Reply:
    """The reply of a service that has no error format of its own."""
    return json_reply(plain_error(problem), problem.status)


def plain_error(problem: Problem) -> dict[str, str]:
    """``{"error": message}``, and beside it whatever else was said."""
    return {"error": problem.message, **said_beside(problem)}


def said_beside(problem: Problem) -> dict[str, str]:
    """Type, code and parameter of `problem`, if present."""
    members = {"type": problem.type, "code": problem.code, "param": problem.param}
    return {name: value for name, value in members.items() if value is not None}


def injected(status: int) -> Problem:
    """An error with only a known status."""
    return Problem(status, f"{phrase(status)} (injected)")


PLAIN = ErrorForm(plain, injected)


def gateway_error(status: int, error: str, message: str = "", hint: str = "", **more: Any) -> bytes:
    """The body of an error of the gateway's own: `error` is a string, as it always was, and what helps stands beside
    it, where SDKs and people look for it."""
    members = {"error": error, "message": message or error, "hint": hint, **more}
    return write_plain_json({name: value for name, value in members.items() if value})


class Errors(NamedTuple):
    """The error wording for the reply to one request."""

    form: ErrorForm = PLAIN
    request_id: str = ""
    now: float = 0.0

    def usual(self, status: int) -> Problem:
        """What is usually wrong with a status of 400 and above."""
        return self.form.usual(status)

    def preset(self, name: str) -> Problem:
        """The error of this name. Raises InapplicableKnob, which lists those there are."""
        problem = self.form.presets.get(name)
        if problem is None:
            names = ", ".join(sorted(self.form.presets))
            expected = f"expected one of {names}" if names else "it has none that go by a name"
            raise InapplicableKnob("fault", f"error={name[:40]!r} is not an error of this service; {expected}")
        return problem

    def reply(self, problem: Problem, source: str = "upstream") -> Reply:
        """The reply that says so, by the service or by the gateway."""
        if source == "gateway":
            body = gateway_error(problem.status, problem.message, **said_beside(problem))
            reply = Reply(problem.status, JSON + no_retry(problem.status), body, source="gateway")
        else:
            reply = self.form.word(problem, self.request_id, self.now)
        if problem.retry_after is not None:
            reply.headers += retry_headers(problem.retry_after)
        return reply


def retry_headers(seconds: float) -> Headers:
    """When to come back: `retry-after` in whole seconds (RFC 9110, 10.2.3) and in whole milliseconds, rounded up."""
    # A time is a binary fraction: 1.1 s are not to become 1101 ms.
    return (
        ("Retry-After", str(ceil(round(seconds, 6)))),
        ("Retry-After-Ms", str(ceil(round(seconds * 1000, 3)))),
    )


def no_retry(code: int) -> Headers:
    """The header that a gateway adds if retrying the same request cannot help."""
    return (("X-Should-Retry", "false"),) if 400 <= code < 500 and code not in (408, 409, 425, 429) else ()
