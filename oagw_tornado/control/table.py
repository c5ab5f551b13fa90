"""The routes of the control plane, all on one screen."""

from __future__ import annotations

from oagw_tornado.control import (
    conduct_handlers,
    gate_handlers,
    handlers,
    journal_handlers,
    page_handlers,
    report_handlers,
    script_handlers,
    timing_handlers,
)
from oagw_tornado.control.health import HealthChecks
from oagw_tornado.control.live import Live
from oagw_tornado.control.replays import ReplayList

ROUTES: tuple[tuple[str, type[handlers.ControlHandler]], ...] = (
    ("/", page_handlers.Root),
    ("/_sim", page_handlers.ToThePage),
    ("/_sim/", page_handlers.Page),
    ("/_sim/assets/{name}", page_handlers.PageFile),
    ("/_sim/live", Live),
    ("/_sim/vocabulary", page_handlers.Vocabulary),
    ("/_sim/requests", journal_handlers.Requests),
    ("/_sim/requests/{id}", journal_handlers.JournalEntry),
    ("/_sim/timing", timing_handlers.Timing),
    ("/_sim/verdict", handlers.Verdict),
    ("/_sim/conduct", conduct_handlers.Conduct),
    ("/_sim/report", report_handlers.Report),
    ("/_sim/marks", conduct_handlers.MarkList),
    ("/_sim/marks/{name}", conduct_handlers.OneMark),
    ("/_sim/config", handlers.Configuration),
    ("/_sim/rules", handlers.RuleList),
    ("/_sim/rules/explain", script_handlers.Explain),
    ("/_sim/rules/{name}", handlers.OneRule),
    ("/_sim/upstreams", script_handlers.UpstreamList),
    ("/_sim/upstreams/{alias}", script_handlers.OneUpstream),
    ("/_sim/gates", gate_handlers.GateList),
    ("/_sim/gates/{name}/release", gate_handlers.Release),
    ("/_sim/replays", ReplayList),
    ("/_sim/health", HealthChecks),
    ("/_sim/reset", handlers.Reset),
    ("/_sim/openapi.json", handlers.OpenApi),
    ("/metrics", handlers.Metrics),
)
