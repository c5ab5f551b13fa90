"""Counters of one simulator, and their rendering for Prometheus.

Counting is plain arithmetic at the end of an exchange, never on the path of an event. Only ``GET /metrics`` needs
prometheus_client, which is not imported before the first such request.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.timing import BINS_PER_SECOND, Timing, Waits

if TYPE_CHECKING:
    from prometheus_client import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

#: Upper bounds, in seconds.
FIRST_EVENT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
QUEUE_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
WAIT_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
LATENESS_BUCKETS = (0.00025, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


class Counters:
    """What is counted. `ledger.Ledger` counts the events and the faults."""

    def __init__(self) -> None:
        # The times of first events one by one, while the live page collects them; else None.
        self.first_event_times: list[float] | None = None
        self.reset()

    def reset(self) -> None:
        """Begin at zero."""
        self.requests: Counter[tuple[str, int, str | None]] = Counter()  # by alias, status, source
        self.clients_left: Counter[str] = Counter()  # by alias
        self.faults: Counter[str] = Counter()  # by type
        self.events = 0
        self.first_events = [0] * (len(FIRST_EVENT_BUCKETS) + 1)
        self.first_event_seconds = 0.0
        self.queued = [0] * (len(QUEUE_BUCKETS) + 1)
        self.queued_seconds = 0.0

    def count(self, exchange: Exchange) -> None:
        """An exchange is over."""
        self.requests[exchange.alias, exchange.status, exchange.source] += 1
        if exchange.outcome == "client-left":
            self.clients_left[exchange.alias] += 1
        if exchange.queued is not None:
            self.queued[bisect_left(QUEUE_BUCKETS, exchange.queued)] += 1
            self.queued_seconds += exchange.queued

    def count_first_event(self, seconds: float) -> None:
        """The first event of a stream left so long after admission."""
        self.first_events[bisect_left(FIRST_EVENT_BUCKETS, seconds)] += 1
        self.first_event_seconds += seconds
        if self.first_event_times is not None:
            self.first_event_times.append(seconds)


class Gauges:
    """What is so right now; `waiting` are the requests that wait for their turn, by alias."""

    def __init__(self, in_flight: int, streams_open: int, waiting: Mapping[str, int] | None = None) -> None:
        self.in_flight = in_flight
        self.streams_open = streams_open
        self.waiting = waiting or {}


class Collects(Protocol):
    """A collector as prometheus_client wants it."""

    def collect(self) -> Iterable[Metric]:
        """The metrics as they are now."""


class Collector:
    """A collector as prometheus_client wants it."""

    def __init__(self, counters: Counters, timing: Timing, gauges: Callable[[], Gauges]) -> None:
        self.counters = counters
        self._timing = timing
        self._gauges = gauges

    def collect(self) -> Iterable[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        counters, timing, now = self.counters, self._timing, self._gauges()
        timing.settle()
        requests = CounterMetricFamily("oagw_requests", "Requests answered.", labels=("alias", "status", "source"))
        for (alias, status, source), count in counters.requests.items():
            requests.add_metric((alias, str(status), source or ""), count)
        yield requests
        yield GaugeMetricFamily("oagw_requests_in_flight", "Requests being answered.", now.in_flight)
        yield GaugeMetricFamily("oagw_streams_open", "Streams being sent.", now.streams_open)
        waiting = GaugeMetricFamily("oagw_requests_waiting", "Requests that wait for their turn.", labels=("alias",))
        for alias, count in now.waiting.items():
            waiting.add_metric((alias,), count)
        yield waiting
        yield CounterMetricFamily("oagw_events", "Events sent in streams.", counters.events)
        yield CounterMetricFamily(
            "oagw_events_blocked_by_client", "Events that waited for their client to read.", timing.blocked_by_client
        )
        lateness = HistogramMetricFamily("oagw_event_lateness_seconds", "Actual minus planned instant of events.")
        lateness.add_metric((), _lateness(timing), timing.seconds)
        yield lateness
        waits = HistogramMetricFamily(
            "oagw_admission_wait_seconds", "From the arrival of a request's last byte to its admission, at most."
        )
        waits.add_metric((), _waits(timing.waits), timing.waits.seconds)
        yield waits
        first = HistogramMetricFamily("oagw_first_event_seconds", "From admission to the first event of a stream.")
        bounds = [*map(str, FIRST_EVENT_BUCKETS), "+Inf"]
        first.add_metric(
            (), list(zip(bounds, _cumulative(counters.first_events), strict=True)), counters.first_event_seconds
        )
        yield first
        queued = HistogramMetricFamily("oagw_queue_wait_seconds", "From admission to the turn, under max-num-seqs.")
        bounds = [*map(str, QUEUE_BUCKETS), "+Inf"]
        queued.add_metric((), list(zip(bounds, _cumulative(counters.queued), strict=True)), counters.queued_seconds)
        yield queued
        faults = CounterMetricFamily("oagw_faults_injected", "Faults that struck.", labels=("type",))
        for kind, count in counters.faults.items():
            faults.add_metric((kind,), count)
        yield faults
        left = CounterMetricFamily(
            "oagw_clients_left", "Clients that left before their reply ended.", labels=("alias",)
        )
        for alias, count in counters.clients_left.items():
            left.add_metric((alias,), count)
        yield left
        yield from _process()


def _process() -> Iterable[Metric]:
    """``process_*``, as every exporter has them, where the system tells (/proc)."""
    from prometheus_client import ProcessCollector

    return ProcessCollector(registry=None).collect()


def render(collector: Collects) -> bytes:
    """The Prometheus text format, version 0.0.4."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry)


def _lateness(timing: Timing) -> list[tuple[str, float]]:
    edges = [round(bound * BINS_PER_SECOND) for bound in LATENESS_BUCKETS]
    counts, start = [], 0
    for edge in edges:
        counts.append(sum(timing.late[start:edge]))
        start = edge
    counts.append(timing.later)
    return list(zip([*map(str, LATENESS_BUCKETS), "+Inf"], _cumulative(counts), strict=True))


def _waits(waits: Waits) -> list[tuple[str, float]]:
    waits.settle()
    counts = [0] * (len(WAIT_BUCKETS) + 1)
    for index, count in waits.bins.items():
        counts[bisect_left(WAIT_BUCKETS, round((index + 1) / BINS_PER_SECOND, 9))] += count
    return list(zip([*map(str, WAIT_BUCKETS), "+Inf"], _cumulative(counts), strict=True))


def _cumulative(counts: Iterable[int]) -> list[int]:
    total, sums = 0, []
    for count in counts:
        total += count
        sums.append(total)
    return sums
