"""Counters and what Prometheus reads of them."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tornado.httputil import HTTPHeaders

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.ledger import Ledger
from oagw_tornado.evidence.metrics import Collector, Gauges, render


def over(
    ledger: Ledger, outcome: str, events: list[float] | None = None, faults: tuple[str, ...] = (), late: float = 0.0
) -> None:
    """One request from begin to end."""
    exchange = Exchange("1", "GET", "/", "/", HTTPHeaders())
    exchange.alias = "openai"
    ledger.opened(exchange)
    ledger.replied(exchange, 200, "upstream")
    if events is not None:
        ledger.streams(exchange)
    for offset in events or ():
        ledger.sent(exchange, 1, 10, offset, offset)
        ledger.late(late, 1)
    ledger.struck(exchange, faults)
    ledger.ended(exchange, outcome, 3.0)


def read(ledger: Ledger, gauges: Gauges | None = None) -> dict[str, float]:
    """Every sample, by name and labels."""
    text = render(Collector(ledger.counters, ledger.timing, lambda: gauges or Gauges(0, 0))).decode()
    return {
        sample.name + "".join(f"{{{key}={value}}}" for key, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.startswith("process_")
    }


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no /proc")
def test_the_process_is_told_of_as_every_exporter_does() -> None:
    ledger = Ledger()
    text = render(Collector(ledger.counters, ledger.timing, lambda: Gauges(0, 0))).decode()
    for name in ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"):
        assert float(re.findall(rf"^{name} (\S+)$", text, re.MULTILINE)[0]) > 0


def test_requests_by_alias_status_and_source() -> None:
    ledger = Ledger()
    over(ledger, "complete")
    over(ledger, "complete")
    refused = Exchange("2", "GET", "/x", "/x", HTTPHeaders())
    ledger.opened(refused)
    ledger.replied(refused, 404, None)
    ledger.ended(refused, "complete", 0.0)
    samples = read(ledger)
    assert samples["oagw_requests_total{alias=openai}{source=upstream}{status=200}"] == 2
    assert samples["oagw_requests_total{alias=}{source=}{status=404}"] == 1
    assert ledger.running == 0


def test_who_left_and_what_went_wrong() -> None:
    ledger = Ledger()
    over(ledger, "client-left")
    over(ledger, "fault:reset", faults=("reset",))
    over(ledger, "complete", faults=("split",))
    over(ledger, "client-left", faults=("stall",))
    over(ledger, "complete", faults=("stall", "duplicate-event", "duplicate-event"))
    samples = read(ledger)
    # Who leaves in a stall has left, and the stall has struck: two facts.
    assert samples["oagw_clients_left_total{alias=openai}"] == 2
    assert samples["oagw_faults_injected_total{type=reset}"] == 1
    assert samples["oagw_faults_injected_total{type=split}"] == 1
    assert samples["oagw_faults_injected_total{type=stall}"] == 2
    assert samples["oagw_faults_injected_total{type=duplicate-event}"] == 2


def test_events_and_the_first_of_each_stream() -> None:
    ledger = Ledger()
    over(ledger, "complete", [0.03, 0.08, 0.13])
    over(ledger, "complete", [2.0])
    over(ledger, "complete", [])
    samples = read(ledger, Gauges(5, 4))
    assert samples["oagw_events_total"] == 4
    assert samples["oagw_requests_in_flight"] == 5
    assert samples["oagw_streams_open"] == 4
    assert samples["oagw_first_event_seconds_count"] == 2
    assert samples["oagw_first_event_seconds_sum"] == pytest.approx(2.03)
    assert samples["oagw_first_event_seconds_bucket{le=0.025}"] == 0
    assert samples["oagw_first_event_seconds_bucket{le=0.05}"] == 1
    assert samples["oagw_first_event_seconds_bucket{le=2.5}"] == 2


def test_lateness() -> None:
    ledger = Ledger()
    for late in (0.0001, 0.0004, 0.004, 0.3, 5.0):
        over(ledger, "complete", [1.0], late=late)
    samples = read(ledger)
    buckets = [
        samples[f"oagw_event_lateness_seconds_bucket{{le={bound}}}"]
        for bound in (0.00025, 0.0005, 0.005, 0.5, 2.0, "+Inf")
    ]
    assert buckets == [1, 2, 3, 4, 4, 5]


def test_every_histogram_has_its_sum_and_its_count() -> None:
    ledger = Ledger()
    for late in (0.25, 0.5, 4.0):
        over(ledger, "complete", [1.0, 2.0], late=late)
    text = render(Collector(ledger.counters, ledger.timing, lambda: Gauges(0, 0))).decode()
    histograms = [family for family in text_string_to_metric_families(text) if family.type == "histogram"]
    assert len(histograms) >= 3
    for family in histograms:
        samples = {sample.name: sample.value for sample in family.samples}
        last = [sample.value for sample in family.samples if sample.name.endswith("_bucket")][-1]
        assert samples[f"{family.name}_count"] == last
        assert f"{family.name}_sum" in samples
    samples = read(ledger)
    assert samples["oagw_event_lateness_seconds_sum"] == pytest.approx(9.5)
    assert samples["oagw_event_lateness_seconds_count"] == 6


def test_lateness_that_is_yet_to_be_counted_is_counted() -> None:
    ledger = Ledger()
    ledger.count_late(0.0001)
    assert read(ledger)["oagw_event_lateness_seconds_bucket{le=+Inf}"] == 1


def test_a_reset_leaves_nothing_of_what_was_before_it_and_what_runs_goes_on() -> None:
    ledger = Ledger()
    over(ledger, "client-left", [0.1], faults=("stall",))
    running = Exchange("2", "GET", "/", "/", HTTPHeaders())
    running.alias = "openai"
    ledger.opened(running)
    ledger.streams(running)
    ledger.struck(running, ("split",))
    ledger.sent(running, 5, 50, 0.0, 0.1)
    ledger.sent_run(running, 7, 70)
    ledger.blocked(running, 1)
    ledger.reset()
    assert read(ledger) == read(Ledger())
    assert ledger.running == 1
    ledger.sent_run(running, 2, 20)
    ledger.ended(running, "complete", 1.0)
    samples = read(ledger)
    assert samples["oagw_events_total"] == 2
    assert samples["oagw_first_event_seconds_count"] == 0
    assert "oagw_faults_injected_total{type=split}" not in samples
    assert running.events == 14


def test_the_client_of_prometheus_is_not_loaded_before_it_is_needed() -> None:
    code = "import sys, oagw_tornado.simulator; print('prometheus_client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
