"""What members of a state tell each other of a request is what its own journal shows."""

from __future__ import annotations

from array import array

import pytest
from tornado.httputil import HTTPHeaders

from oagw_tornado.evidence.carried import Bodies, carried, progress_of, progressed, received
from oagw_tornado.evidence.exchange import Exchange, PlannedOffsets
from oagw_tornado.evidence.replayed import Replayed
from oagw_tornado.evidence.view import exchange_as_json
from oagw_tornado.knobs.rule_index import NearMiss
from oagw_tornado.knobs.vocabulary import Knobs
from oagw_tornado.wire.headers import WireHeaders


def noted(id: str = "1") -> Exchange:
    exchange = Exchange(id, "GET", "/x?y", "/x", HTTPHeaders({"X-Team": "blue"}))
    exchange.wall, exchange.status, exchange.outcome, exchange.ended = 1.7e9, 200, "complete", 2.5
    return exchange


def over_there(*exchanges: Exchange) -> list[Exchange]:
    return [exchange for _, exchange in received(carried(enumerate(exchanges)))]


def test_a_plan_arrives_whole() -> None:
    exchange = noted()
    exchange.planned = PlannedOffsets()
    exchange.planned.append(0.5)
    exchange.planned.add_line(1.0, 0.25, range(4))
    exchange.planned.append(3.0)
    (there,) = over_there(exchange)
    assert there.planned is not None
    assert list(there.planned) == list(exchange.planned) == [0.5, 1.0, 1.25, 1.5, 1.75, 3.0]
    assert there.planned.between(2, 6) == [1.25, 1.5, 1.75, 3.0]
    assert isinstance(there.planned, array)
    assert there.headers.get("x-team") == "blue"


def test_all_that_is_shown_arrives() -> None:
    exchange = noted()
    exchange.headers = WireHeaders([b"Host: x", b"X-A: 1", b"X-A: \xe4"])
    exchange.knobs = Knobs()
    exchange.actual, exchange.arrived, exchange.unread = array("d", [1.0]), array("d", [0.5]), array("d", [1, 2, 3])
    exchange.nearest = (NearMiss("r", "alias", "openai", None),)
    exchange.replay = Replayed("tape", 1, 2, 1.0, array("d", [0.9]), 2.0, ("latency",))
    exchange.faults, exchange.rule, exchange.seed = ("stall",), "r", 7
    exchange.body_head, exchange.body_size, exchange.advice = b"\0\xff", 2, b"HTTP/1.1 429"
    there, twin = over_there(exchange, exchange)
    assert exchange_as_json(there, True) == exchange_as_json(twin, True) == exchange_as_json(exchange, True)
    assert (there.advice, there.unread, there.faults) == (exchange.advice, exchange.unread, exchange.faults)


@pytest.mark.parametrize("text", ["\ud800", "/\udcff?x"])
def test_what_is_no_unicode_is_carried_as_far_as_it_can_be(text: str) -> None:
    exchange = noted()
    exchange.target, exchange.seed, exchange.actual = text, 2**70, array("d", [1.0])
    there, other = over_there(exchange, noted("2"))
    assert "?" in there.target
    assert (other.id, there.actual) == ("2", exchange.actual)


def test_bodies_have_so_much_room() -> None:
    many = [noted(str(number)) for number in range(3)]
    for exchange in many:
        exchange.body_head, exchange.body_size = b"x" * 100, 100
    bodies = Bodies(150, 10)
    there = [exchange for _, exchange in received(carried(enumerate(many), bodies))]
    assert [(len(each.body_head), each.body_size) for each in there] == [(100, 100), (10, 100), (10, 100)]


def test_who_was_killed_had_come_that_far() -> None:
    running = noted()
    running.outcome, running.ended, running.status = "", None, 0
    (there,) = over_there(running)
    running.status, running.events, running.faults = 200, 17, ("stall",)
    _, progress, age = progress_of(1, running, 1.5)
    progressed(there, progress, age)
    assert (there.status, there.events, there.faults, there.outcome, there.ended) == (
        200,
        17,
        ("stall",),
        "killed",
        1.5,
    )
