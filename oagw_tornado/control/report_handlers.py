"""``/_sim/report``: a report on a run, as one HTML file or as its data."""

from __future__ import annotations

from oagw_tornado.control.control import ControlPlane
from oagw_tornado.control.handlers import BadRequest, ControlHandler, duration
from oagw_tornado.control.report_data import report_data
from oagw_tornado.evidence.verdict import DEFAULT_BUDGET
from oagw_tornado.reply.reply import Reply

#: Characters of a label.
LONGEST_LABEL = 500


class Report(ControlHandler):
    """``/_sim/report?label=…&late-p99=2ms&format=html|json``."""

    of_all = ("journal", "timing", "seconds", "counters", "gauges", "rules")

    async def get(self, control: ControlPlane) -> None:
        with self.refusing():
            given = self.parameters("label", "late-p99", "format")
            label, form = given.get("label", ""), given.get("format", "html")
            if len(label) > LONGEST_LABEL:
                raise BadRequest(f"label: expected at most {LONGEST_LABEL} characters, not {len(label)}")
            if form not in ("html", "json"):
                raise BadRequest(f"format: expected html or json, not {form[:80]!r}")
            budget = duration("late-p99", given.get("late-p99"), DEFAULT_BUDGET)
            data = await report_data(control, label, budget)
            if form == "json":
                self.say(data)
                return
            from oagw_tornado.page.report import document, policy

            headers = (
                ("Content-Type", "text/html; charset=utf-8"),
                ("Content-Security-Policy", f"{policy()}; frame-ancestors 'none'"),
                ("X-Content-Type-Options", "nosniff"),
                ("Content-Disposition", 'inline; filename="report.html"'),
            )
            self.respond(Reply(200, headers, document("oagw-tornado: report of a run", [data]), source=None))

    async def head(self, control: ControlPlane) -> None:
        self.say({})
