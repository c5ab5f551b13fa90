"""The fault that answers something else altogether: an error status."""

from __future__ import annotations

from random import Random
from typing import ClassVar

from oagw_tornado.faults.fault import Fault, one_of, whole
from oagw_tornado.reply.errors import error_body, no_retry, retry_headers
from oagw_tornado.reply.reply import JSON, Headers, Reply
from oagw_tornado.reply.schedule import Action, Schedule
from oagw_tornado.units.durations import parse_duration


class Status(Fault):
    """Another status than the service's, with an error as the OpenAI API words it; `source` says whose it is."""

    type = "status"
    parameters: ClassVar = {
        "code": ("code", whole(200, 599)),
        "retry-after": ("retry_after", parse_duration),
        "source": ("source", one_of("upstream", "gateway")),
    }

    code: int = 503
    retry_after: float | None = None
    source: str | None = None

    @property
    def ends(self) -> bool:
        return True

    def amend(self, reply: Reply, blame: str) -> Reply:
        headers: Headers = JSON
        if self.retry_after is not None:
            headers += retry_headers(self.retry_after)
        if (self.source or blame) == "gateway":
            return Reply(self.code, headers + no_retry(self.code), error_body(self.code), source="gateway")
        return Reply(self.code, headers, error_body(self.code))

    def strike(self, schedule: Schedule, reply: Reply, random: Random) -> Schedule:
        for step in schedule:
            yield step._replace(note=self.note) if step.action is Action.END else step
