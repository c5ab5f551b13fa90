"""Counters and what Prometheus reads of them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tornado.httputil import HTTPHeaders

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.journal import begin_events
from oagw_tornado.evidence.metrics import Collector, Counters, Gauges, render
from oagw_tornado.evidence.timing import Timing
from oagw_tornado.knobs.vocabulary import Knobs, resolve


def over(outcome: str, events: list[float] | None = None, **given: str) -> Exchange:
    exchange = Exchange("1", "GET", "/", "/", HTTPHeaders())
    exchange.alias, exchange.status, exchange.source, exchange.outcome = "openai", 200, "upstream", outcome
    exchange.knobs = resolve(Knobs(), given)
    if events is not None:
        begin_events(exchange)
        assert exchange.actual is not None
        exchange.actual.extend(events)
        exchange.events = len(events)
    return exchange


def read(counters: Counters, timing: Timing | None = None, gauges: Gauges | None = None) -> dict[str, float]:
    """Every sample, by name and labels."""
    text = render(Collector(counters, timing or Timing(), lambda: gauges or Gauges(0, 0, 0))).decode()
    return {
        sample.name + "".join(f"{{{key}={value}}}" for key, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_by_alias_status_and_source() -> None:
    counters = Counters()
    counters.count(over("complete"))
    counters.count(over("complete"))
    refused = Exchange("2", "GET", "/", "/", HTTPHeaders())
    refused.status, refused.outcome = 404, "complete"
    counters.count(refused)
    samples = read(counters)
    assert samples["oagw_requests_total{alias=openai}{source=upstream}{status=200}"] == 2
    assert samples["oagw_requests_total{alias=}{source=}{status=404}"] == 1


def test_who_left_and_what_went_wrong() -> None:
    counters = Counters()
    counters.count(over("client-left"))
    counters.count(over("fault:reset", fault="reset;at-event=2"))
    counters.count(over("complete", fault="reset;at-event=99, split"))
    counters.count(over("fault:stall", fault="stall"))
    counters.count(over("complete", fault="stall;for=1s"))
    samples = read(counters)
    assert samples["oagw_clients_left_total{alias=openai}"] == 1
    # A fault whose point was never reached did not strike.
    assert samples["oagw_faults_injected_total{type=reset}"] == 1
    assert samples["oagw_faults_injected_total{type=split}"] == 1
    assert samples["oagw_faults_injected_total{type=stall}"] == 2


def test_events_and_the_first_of_each_stream() -> None:
    counters = Counters()
    counters.count(over("complete", [0.03, 0.08, 0.13]))
    counters.count(over("complete", [2.0]))
    counters.count(over("complete", []))
    samples = read(counters, gauges=Gauges(5, 4, 10))
    assert samples["oagw_events_total"] == 4 + 10
    assert samples["oagw_requests_in_flight"] == 5
    assert samples["oagw_streams_open"] == 4
    assert samples["oagw_first_event_seconds_count"] == 2
    assert samples["oagw_first_event_seconds_sum"] == pytest.approx(2.03)
    assert samples["oagw_first_event_seconds_bucket{le=0.025}"] == 0
    assert samples["oagw_first_event_seconds_bucket{le=0.05}"] == 1
    assert samples["oagw_first_event_seconds_bucket{le=2.5}"] == 2


def test_lateness() -> None:
    timing = Timing()
    for late in (0.0001, 0.0004, 0.004, 0.3, 5.0):
        timing.count(late, 1)
    samples = read(Counters(), timing)
    buckets = [
        samples[f"oagw_event_lateness_seconds_bucket{{le={bound}}}"]
        for bound in (0.00025, 0.0005, 0.005, 0.5, 2.0, "+Inf")
    ]
    assert buckets == [1, 2, 3, 4, 4, 5]


def test_lateness_that_is_yet_to_be_counted_is_counted() -> None:
    timing = Timing()
    timing.recent.append(0.0001)
    assert read(Counters(), timing)["oagw_event_lateness_seconds_bucket{le=+Inf}"] == 1


def test_reset() -> None:
    counters = Counters()
    counters.count(over("client-left", [0.1]))
    counters.reset()
    assert read(counters) == read(Counters())


def test_the_client_of_prometheus_is_not_loaded_before_it_is_needed() -> None:
    code = "import sys, oagw_tornado.simulator; print('prometheus_client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
