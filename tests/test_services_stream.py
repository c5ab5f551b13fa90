"""The streams of stream-test, as values; and signs of life, as a function from schedule to schedule."""

from __future__ import annotations

import json
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.reply.schedule import Action, Frame, Step
from oagw_tornado.reply.shaping import single_steps, streamed, with_keep_alive
from oagw_tornado.reply.sse import decode
from oagw_tornado.services.stream_test import Wanted, bytes_reply, event_reply, read_wanted
from oagw_tornado.units.latency import Fixed


def body(reply):
    return b"".join(frame.data for frame in reply.frames)


def test_the_four_events_to_the_letter():
    reply = event_reply(Wanted(), None)
    assert reply.frames is not None
    assert [tuple(frame[:2]) for frame in reply.frames] == [
        (b"id: 1\nevent: message\ndata: First event\n\n", True),
        (b"id: 2\nevent: update\ndata: Second event\n\n", True),
        (b"id: 3\nevent: message\ndata: Third event with\ndata: multiple lines\n\n", True),
        (b"id: 4\nevent: complete\ndata: Final event\n\n", True),
    ]


@pytest.mark.parametrize(
    ("last", "ids"),
    [
        (None, "1234"),
        ("0", "1234"),
        ("1", "234"),
        ("3", "4"),
        ("", "1234"),
        ("x", "1234"),
        ("-1", "1234"),
        ("٣", "1234"),
    ],
)
def test_a_client_that_comes_back_gets_what_it_has_missed(last, ids):
    assert "".join(event.id for event in decode(body(event_reply(Wanted(), last)))) == ids


@pytest.mark.parametrize("last", ["4", "5", "999999"])
def test_nothing_left_ends_the_reconnecting(last):
    reply = event_reply(Wanted(), last)
    assert (reply.status, reply.frames, reply.body) == (204, None, b"")


@given(st.integers(0, 30), st.integers(0, 40), st.integers(0, 30))
def test_as_many_events_of_the_size_that_is_wanted(count, size, seen):
    reply = event_reply(Wanted(count=count, size=size), str(seen))
    if seen >= count:
        assert reply.status == 204
        return
    events = decode(body(reply))
    assert [int(event.id) for event in events] == list(range(seen + 1, count + 1))
    assert {len(event.data) for event in events} == {size}


def test_events_without_end():
    reply = event_reply(read_wanted({"count": [b"inf"]}), "1000000")
    assert reply.frames is not None
    first = decode(b"".join(frame.data for frame in islice(reply.frames, 3)))
    assert [event.id for event in first] == ["1000001", "1000002", "1000003"]
    assert first[0].data == "Event 1000001"


def test_what_trips_a_parser_is_there_on_demand():
    wanted = read_wanted({"count": [b"2"], "retry": [b"1.5s"], "comment": [b"hey"], "bom": [b"1"], "event": [b"tick"]})
    assert body(event_reply(wanted, None)) == (
        b"\xef\xbb\xbf: hey\nid: 1\nevent: tick\nretry: 1500\ndata: Event 1\n\n"
        b": hey\nid: 2\nevent: tick\ndata: Event 2\n\n"
    )


def test_the_same_events_as_lines_of_json():
    reply = event_reply(Wanted(), "2", ndjson=True)
    assert reply.headers[0] == ("Content-Type", "application/x-ndjson")
    assert [json.loads(line) for line in body(reply).splitlines()] == [
        {"id": "3", "event": "message", "data": "Third event with\nmultiple lines"},
        {"id": "4", "event": "complete", "data": "Final event"},
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("count", b"-1"),
        ("count", b"1.5"),
        ("count", b"9" * 30),
        ("interval", b"5"),
        ("size", b"17MiB"),
        ("event", b"a\nb"),
        ("comment", b"a\rdata: b"),
        ("retry", b"soon"),
    ],
)
def test_a_bad_parameter_is_named(name, value):
    with pytest.raises(ValueError, match=rf"^{name}: "):
        read_wanted({name: [value]})


@given(st.integers(0, 300_000), st.none() | st.integers(1, 10**9))
def test_bytes_are_as_many_as_asked_for_at_the_rate_asked_for(size, rate):
    reply, interval = bytes_reply(size, rate)
    assert reply.frames is not None
    sizes = [len(frame.data) for frame in reply.frames]
    assert sum(sizes) == size
    assert isinstance(interval, Fixed)
    if rate is not None and len(sizes) > 1:
        assert sizes[0] / interval.seconds == pytest.approx(rate)


# Signs of life


def test_no_sign_where_something_is_said_in_time():
    steps = [Step(0, action=Action.HEAD), Step(1, b"a"), Step(2, b"b", Action.END)]
    assert list(with_keep_alive(iter(steps), 1, b"!")) == steps


def test_signs_from_the_head_on_while_nothing_is_said():
    steps = single_steps(streamed([Frame(b"a"), Frame(b"b")], head_at=1, first_at=4.5, gaps=iter([2.5])))
    played = [(step.at, step.data) for step in single_steps(with_keep_alive(steps, 1, b"!"))]
    assert played == [
        (1, b""),
        (2, b"!"),
        (3, b"!"),
        (4, b"!"),
        (4.5, b"a"),
        (5.5, b"!"),
        (6.5, b"!"),
        (7.0, b"b"),
        (7.0, b""),
    ]


def test_no_sign_before_the_head_and_none_counts_as_an_event():
    steps = list(
        single_steps(with_keep_alive(streamed([Frame(b"a")], head_at=9, first_at=9.5, gaps=iter([])), 0.2, b"!"))
    )
    assert steps[0].action is Action.HEAD
    assert sum(step.events for step in steps) == 1


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.integers(1, 20))
def test_silence_is_never_longer_than_the_interval(gaps, interval):
    frames = [Frame(b"x")] * (len(gaps) + 1)
    steps = list(single_steps(with_keep_alive(streamed(frames, 0, 0, iter(map(float, gaps))), interval, b"!")))
    times = [step.at for step in steps]
    assert times == sorted(times)
    assert all(later - earlier <= interval for earlier, later in pairwise(times))
    assert b"".join(step.data for step in steps).count(b"x") == len(frames)
