"""The fault that replaces the reply: another status, and an error as the service words it."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any, ClassVar

from oagw_tornado.faults.fault import Fault, one_of, whole
from oagw_tornado.faults.values import read_text
from oagw_tornado.reply.errors import Errors, injected, retry_headers
from oagw_tornado.reply.problem import Problem
from oagw_tornado.reply.reply import ErrorWording, Headers, Reply
from oagw_tornado.reply.schedule import Action, Run, Steps
from oagw_tornado.units.durations import parse_duration

#: Statuses whose replies have no content (RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5).
WITHOUT_CONTENT = frozenset((204, 205, 304))

#: Headers that say something of the content that they came with, or of when to come back: no longer true of another.
_OF_THE_CONTENT = frozenset(
    (
        "allow",
        "cache-control",
        "etag",
        "last-modified",
        "location",
        "retry-after",
        "retry-after-ms",
        "x-accel-buffering",
    )
)


class Status(Fault):
    """A different status, with an error in the service's format; `source` says who sends it.

    A status below 400 is not an error: the service's reply is sent with it, or no content if the status allows none.
    """

    type = "status"
    sees_runs = True
    parameters: ClassVar = {
        "code": ("code", whole(200, 599)),
        "error": ("error", read_text),
        "message": ("message", read_text),
        "type": ("kind", read_text),
        "param": ("param", read_text),
        "retry-after": ("retry_after", parse_duration),
        "source": ("source", one_of("upstream", "gateway")),
    }

    code: int | None = None
    error: str | None = None
    message: str | None = None
    kind: str | None = None
    param: str | None = None
    retry_after: float | None = None
    source: str | None = None

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        if self.code in WITHOUT_CONTENT and self.is_worded:
            raise ValueError(f"a reply with the status {self.code} has no body to hold an error")

    @property
    def is_worded(self) -> bool:
        """Whether it says which error it is."""
        return any(value is not None for value in (self.error, self.message, self.kind, self.param))

    def amend(self, reply: Reply, blame: str) -> Reply:
        return replace(self._amended(reply, blame), faults=(self.type,))

    def _amended(self, reply: Reply, blame: str) -> Reply:
        code = self.code or 503
        if code < 400 and not self.is_worded:
            return self._relabelled(reply, code, self.source or blame)
        errors: ErrorWording = reply.errors or Errors()
        source: Any = self.source or blame
        # What the gateway says has nothing of the service, unless one of its errors is asked for by name.
        problem = worded(self, errors, injected(code) if source == "gateway" else errors.usual(code))
        if self.code is not None:
            problem = problem._replace(status=self.code)
        if self.retry_after is not None:
            problem = problem._replace(retry_after=self.retry_after)
        amended = errors.reply(problem, source)
        if amended.source == "upstream":
            amended.headers += _own_headers(reply, amended)
        return amended

    def _relabelled(self, reply: Reply, code: int, source: Any) -> Reply:
        retry = retry_headers(self.retry_after) if self.retry_after is not None else ()
        if code >= 300 or code in WITHOUT_CONTENT:
            return Reply(code, (*_own_headers(reply), *retry), b"", source=source)
        headers = (*reply.headers, *retry)
        return replace(reply, status=code, headers=headers, source=source, reason="")

    def strike(self, schedule: Steps, reply: Reply, random: Random) -> Steps:
        return schedule if reply.frames is None else self._of_stream(schedule)

    def _of_stream(self, schedule: Steps) -> Steps:
        for step in schedule:
            if not isinstance(step, Run):
                if step.action is Action.HEAD:
                    step = self.struck(step)
                elif step.action is Action.END and not step.outcome:
                    step = step._replace(outcome=f"fault:{self.type}")
            yield step


def worded(fault: Any, errors: ErrorWording, usual: Problem) -> Problem:
    """The error that the parameters of `fault` name, or describe over the `usual` one. Raises InapplicableKnob."""
    problem = usual if fault.error is None else errors.preset(fault.error)
    given = {"message": fault.message, "type": fault.kind, "param": fault.param}
    return problem._replace(**{name: value for name, value in given.items() if value is not None})


def _own_headers(reply: Reply, other: Reply | None = None) -> Headers:
    """What the service says of itself in the headers of `reply`, and not in those of `other`."""
    known = {name.lower() for name, _ in other.headers} if other is not None else set()
    return tuple(
        (name, value)
        for name, value in reply.headers
        if (lowered := name.lower()) not in known
        and lowered not in _OF_THE_CONTENT
        and not lowered.startswith("content-")
    )
