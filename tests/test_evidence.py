"""Evidence says what happened and nothing else: what left, what struck, how it ended, and since when it is counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from prometheus_client.parser import text_string_to_metric_families
from wire import CHAT, EVENTS, WEATHER, Client, VisibleServer, chat, get, post, serving

from oagw_tornado.simulator import Simulator


@pytest.fixture(scope="module")
def server(wire: str) -> Iterator[VisibleServer]:
    with serving(wire) as server:
        yield server


@pytest.fixture(autouse=True)
def from_nothing(server: VisibleServer) -> None:
    server.wait_until(lambda simulator: not simulator.responder.playing)
    server.control.reset()


def metrics(server: VisibleServer) -> dict[str, float]:
    """Every sample, by name and the values of its labels."""
    with Client(server.port) as client:
        text = client.send(get("/metrics")).reply().body.decode()
    return {
        " ".join((sample.name, *sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def over(server: VisibleServer) -> dict[str, object]:
    """The one exchange of the journal, when it is over."""
    server.wait_until(lambda simulator: not simulator.responder.playing and not simulator.responder.ledger.running)
    (exchange,) = server.control.requests()
    return exchange


def play_all(simulator: Simulator) -> None:
    for playback in list(simulator.responder.playing):
        playback.play()


@pytest.mark.parametrize("target", [f"{EVENTS}?interval=20s", f"{EVENTS}?interval=20s&sim-fault=stall;after=90s"])
def test_an_event_whose_write_failed_has_not_left(server: VisibleServer, target: str) -> None:
    client = Client(server.port).send(get(target))
    client.head()
    client.chunk()

    def leave_and_play(simulator: Simulator) -> None:
        # Within one turn of the loop: the client has gone, and the server cannot know before it writes.
        client.reset()
        play_all(simulator)

    server.inside(leave_and_play)
    exchange = over(server)
    assert (exchange["outcome"], exchange["events_sent"], exchange["events_blocked"]) == ("client-left", 1, 0)
    samples = metrics(server)
    assert samples["oagw_events_total"] == 1
    assert samples["oagw_events_blocked_by_client_total"] == 0
    assert samples["oagw_event_lateness_seconds_count"] == 1
    assert samples["oagw_clients_left_total stream-test"] == 1


@pytest.mark.parametrize("fault", ["close", "reset", "garbage", "malformed-chunk", "truncate", "error-event"])
def test_a_fault_that_comes_after_the_client_has_gone_does_not_strike(server: VisibleServer, fault: str) -> None:
    client = Client(server.port).send(get(f"{EVENTS}?interval=20s", f"X-Sim-Fault: {fault};after=10s"))
    client.head()
    client.chunk()

    def leave_and_play(simulator: Simulator) -> None:
        client.reset()
        play_all(simulator)

    server.inside(leave_and_play)
    exchange = over(server)
    if fault in ("close", "reset"):
        # Nothing is written, so nothing tells that the client has gone.
        assert exchange["outcome"] in ("client-left", f"fault:{fault}")
    else:
        assert (exchange["outcome"], exchange["faults"]) == ("client-left", [])


def test_what_never_left_the_process_was_not_sent(server: VisibleServer) -> None:
    client = Client(server.port).send(get(f"{EVENTS}?count=400&size=50000&interval=0"))
    server.wait_until(lambda simulator: simulator.responder.timing.blocked_by_client > 0)
    server.inside(lambda simulator: simulator.responder.settle())
    sent = server.control.requests()[0]["events_sent"]
    client.reset()
    exchange = over(server)
    assert (exchange["outcome"], exchange["events_sent"], exchange["events_blocked"]) == ("client-left", sent, 1)
    assert exchange["bytes_sent"] < (sent + 1) * 50_100


@pytest.mark.parametrize(
    ("fault", "struck", "outcome"),
    [
        ("duplicate-event;at-event=100", [], "complete"),
        ("split;bytes=100000", [], "complete"),
        ("reset;after=30s", [], "complete"),
        ("truncate;bytes=100000", [], "complete"),
        ("duplicate-event, malformed-event;at-event=2", ["duplicate-event", "malformed-event"], "complete"),
        ("duplicate-event, duplicate-event;at-event=2", ["duplicate-event"], "complete"),
        ("split;bytes=5, reset;at-event=2", ["split", "reset"], "fault:reset"),
        ("truncate;bytes=9", ["truncate"], "fault:truncate"),
        ("stall;at-event=1;for=1ms", ["stall"], "complete"),
        ("error-event;at-event=2", ["error-event"], "fault:error-event"),
        ("status;code=503", ["status"], "fault:status"),
        ("empty, status", ["empty"], "fault:empty"),
    ],
)
def test_what_struck_is_what_is_counted(server: VisibleServer, fault: str, struck: list[str], outcome: str) -> None:
    with Client(server.port) as client, suppress(ConnectionResetError):
        client.send(get(f"{EVENTS}?interval=1ms", f"X-Sim-Fault: {fault}", "Connection: close")).rest()
    exchange = over(server)
    assert (exchange["faults"], exchange["outcome"]) == (struck, outcome)
    counted = {name.split()[1]: count for name, count in metrics(server).items() if "faults_injected_total" in name}
    assert counted.keys() == set(struck)
    assert sum(counted.values()) == (2 if fault.count("duplicate-event") == 2 else len(struck))


@pytest.mark.parametrize(("size", "struck"), [(3, ["truncate"]), (100_000, [])])
def test_a_whole_body_that_is_not_shortened_was_not_truncated(
    server: VisibleServer, size: int, struck: list[str]
) -> None:
    with Client(server.port) as client:
        client.send(get(WEATHER, f"X-Sim-Fault: truncate;bytes={size}")).reply()
    exchange = over(server)
    assert (exchange["faults"], exchange["outcome"]) == (struck, "fault:truncate" if struck else "complete")


@pytest.mark.parametrize("fault", ["stall;at-event=1", "stall;after=0", "stall;at-event=1;for=30s"])
def test_who_hangs_up_in_a_stall_has_left(server: VisibleServer, fault: str) -> None:
    client = Client(server.port).send(get(EVENTS, f"X-Sim-Fault: {fault}"))
    server.wait_until(lambda simulator: any(playback.exchange.faults for playback in simulator.responder.playing))
    client.reset()
    exchange = over(server)
    assert (exchange["outcome"], exchange["faults"]) == ("client-left", ["stall"])
    samples = metrics(server)
    assert samples["oagw_clients_left_total stream-test"] == 1
    assert samples["oagw_faults_injected_total stall"] == 1


@pytest.mark.parametrize("path", ["/_simfoo", "/nofoo", "/_sim.txt", "/metricsfoo", "/_Sim/requests", "/api/_sim"])
def test_an_unknown_url_leaves_evidence_whatever_it_begins_with(server: VisibleServer, path: str) -> None:
    with Client(server.port) as client:
        assert client.send(get(path)).reply().status == 404
        # Who asks for evidence leaves none.
        for target in ("/_sim/timing", "/_sim/none", "/_sim", "/metrics", "/metrics?x=1"):
            client.send(get(target)).reply()
    exchange = over(server)
    assert (exchange["target"], exchange["status"]) == (path, 404)


def test_a_reset_while_streams_run_leaves_nothing_of_what_was_before(server: VisibleServer) -> None:
    with Client(server.port) as first, Client(server.port) as second:
        # Events of a run, and events one by one.
        first.send(post(CHAT, chat(), "X-Sim-Itl: 30s"))
        second.send(get(f"{EVENTS}?interval=30s&size=9&count=9", "X-Sim-Keep-Alive: 20s"))
        for client in (first, second):
            client.head()
            client.chunk()
        server.inside(play_all)
        for client in (first, second):
            client.chunk()
        server.control.reset()
        samples = metrics(server)
        assert samples["oagw_streams_open"] == 2
        assert samples["oagw_events_total"] == samples["oagw_event_lateness_seconds_count"] == 0
        assert samples["oagw_first_event_seconds_count"] == 0
        server.inside(play_all)
        for client in (first, second):
            client.chunk()
    server.wait_until(lambda simulator: not simulator.responder.playing)
    samples = metrics(server)
    assert samples["oagw_events_total"] == samples["oagw_event_lateness_seconds_count"] == 2
    assert samples["oagw_first_event_seconds_count"] == 0
    assert samples["oagw_clients_left_total openai"] == samples["oagw_clients_left_total stream-test"] == 1
    assert server.control.requests() == []
