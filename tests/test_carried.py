"""What members of a state tell each other of a request is what its own journal shows."""

from __future__ import annotations

from array import array

from tornado.httputil import HTTPHeaders

from oagw_tornado.evidence.carried import carried, received
from oagw_tornado.evidence.exchange import Exchange, PlannedOffsets


def test_a_plan_arrives_whole() -> None:
    exchange = Exchange("1", "GET", "/x", "/x", HTTPHeaders({"X-Team": "blue"}))
    exchange.planned = PlannedOffsets()
    exchange.planned.append(0.5)
    exchange.planned.add_line(1.0, 0.25, range(4))
    (there,) = received(carried([exchange]))
    assert there.planned is not None
    assert list(there.planned) == list(exchange.planned) == [0.5, 1.0, 1.25, 1.5, 1.75]
    assert isinstance(there.planned, array)
    assert there.headers.get("x-team") == "blue"
