"""Resume after a reset

`stream-test/events` can be resumed: a client that returns with `Last-Event-ID` gets what it missed, and a 204 when
nothing is left. A rule resets the first connection after two events, with a TCP RST, as a crashed proxy would.
"""

from contextlib import suppress

from oagw_tornado.client import Event, OagwConnectionError


def all_events(client):
    """The client under test: it reconnects and says what it had last."""
    seen: list[Event] = []
    while True:
        headers = {"Last-Event-ID": seen[-1].id} if seen else {}
        response = client.execute("stream-test", "GET", "/events", headers=headers)
        if response.status == 204:
            return seen
        with suppress(OagwConnectionError):
            seen.extend(response.iter_events())


def test_no_event_is_lost_and_none_comes_twice(oagw, oagw_client):
    oagw.configure(event_interval="1ms")
    oagw.add_rule(match={"alias": "stream-test"}, when={"first": 1}, fault="reset;at-event=2")

    events = all_events(oagw_client)

    assert [event.id for event in events] == ["1", "2", "3", "4"]
    last, second, first = oagw.assert_requested(alias="stream-test", count=3)
    assert (first["outcome"], first["events_sent"]) == ("fault:reset", 2)
    assert second["headers"]["Last-Event-Id"] == "2"
    assert last["status"] == 204
