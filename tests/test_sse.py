"""Server-sent events: what is encoded is decoded, wherever the bytes are cut; and the examples of the format's text."""

from __future__ import annotations

import re
import time
import tracemalloc
from collections import deque
from collections.abc import Iterator
from itertools import pairwise, repeat

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oagw_tornado.reply import sse
from oagw_tornado.reply.sse import Event, EventDecoder, EventTooLarge, decode, encode

LINE_ENDINGS = sorted(sse.LINE_ENDINGS.values())

texts = st.text(st.characters(codec="utf-8")) | st.text("a :\r\n\0\u2028\x85\ufeffé😀", max_size=20)
one_line = texts.map(lambda text: re.sub("[\r\n]", "", text))
events = st.fixed_dictionaries(
    {"data": texts},
    optional={
        "event": one_line,
        "id": one_line.map(lambda text: text.replace("\0", "")),
        "retry": st.integers(0, 10**15),
        "comment": texts,
    },
)


def in_pieces(decoder: EventDecoder, stream: bytes, cuts: list[int]) -> Iterator[Event]:
    bounds = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    for start, end in pairwise(bounds):
        yield from decoder.feed(stream[start:end])


def as_decoded(fields: list[dict]) -> list[Event]:
    """What a client has to see of these encoded events."""
    seen, last_id = [], ""
    for each in fields:
        last_id = each.get("id", last_id)
        data = re.sub("\r\n|\r", "\n", each["data"])
        seen.append(Event(data, each.get("event") or "message", last_id, each.get("retry")))
    return seen


@given(st.lists(events, max_size=5), st.sampled_from(LINE_ENDINGS), st.lists(st.integers(0, 10_000)), st.booleans())
def test_what_is_encoded_is_decoded_wherever_it_is_cut(fields, line_ending, cuts, with_bom):
    stream = b"".join(encode(**each, line_ending=line_ending) for each in fields)
    if with_bom:
        stream = sse.BOM + stream
    assert list(in_pieces(EventDecoder(), stream, cuts)) == as_decoded(fields)


@given(st.lists(events, max_size=3), st.sampled_from(LINE_ENDINGS))
def test_every_event_is_there_with_the_first_byte_of_its_blank_line(fields, line_ending):
    decoder = EventDecoder()
    for each, expected in zip(fields, as_decoded(fields), strict=True):
        encoded = encode(**each, line_ending=line_ending)
        until = len(encoded) - (len(line_ending) - 1)
        one_by_one = [decoder.feed(encoded[i : i + 1]) for i in range(until)]
        assert one_by_one[-1] == [expected]
        assert not any(one_by_one[:-1])
        assert decoder.feed(encoded[until:]) == []


@given(st.lists(events, max_size=5), st.sampled_from(LINE_ENDINGS))
def test_the_line_ending_of_encoded_events_can_be_changed(fields, line_ending):
    with_lf = b"".join(encode(**each) for each in fields)
    assert sse.with_line_ending(with_lf, line_ending) == b"".join(
        encode(**each, line_ending=line_ending) for each in fields
    )


FRAGMENTS = b"data|id|event|retry|:| |\r|\n|\r\n|1|\xc3|\xef\xbb\xbf|\0".split(b"|")


@given(
    st.binary() | st.lists(st.sampled_from(FRAGMENTS)).map(b"".join),
    st.lists(st.integers(0, 10_000)),
)
@example(b"\xef\xbb\xbf\xef\xbb\xbfdata: x\n\n", [1, 2])
@example(b"retry: " + b"9" * 5000 + b"\n\n", [])
def test_any_bytes_are_decoded_alike_wherever_they_are_cut(stream, cuts):
    whole = EventDecoder()
    expected = whole.feed(stream)
    for each in (cuts, list(range(len(stream)))):
        decoder = EventDecoder()
        assert list(in_pieces(decoder, stream, each)) == expected
        assert decoder.last_event_id == whole.last_event_id
        assert decoder.retry == whole.retry


# The examples of https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
# and of the section before it.
WHATWG = [
    (
        "one event of three lines",
        "data: YHOO\ndata: +2\ndata: 10\n\n",
        [Event("YHOO\n+2\n10")],
    ),
    (
        "a comment, an id, an id taken back, and an event that the end cuts off",
        ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n",
        [Event("first event", id="1"), Event("second event", id="")],
    ),
    (
        "the third event with its blank line: the second space is data",
        ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
        [Event("first event", id="1"), Event("second event"), Event(" third event")],
    ),
    (
        "fields without a colon: empty data, a lone newline, and a last block that is dropped",
        "data\n\ndata\ndata\n\ndata:",
        [Event(""), Event("\n")],
    ),
    (
        "the space after the colon is ignored",
        "data:test\n\ndata: test\n\n",
        [Event("test"), Event("test")],
    ),
    (
        "named events",
        "event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: 113411\n\n",
        [Event("73857293", "add"), Event("2153", "remove"), Event("113411", "add")],
    ),
]


@pytest.mark.parametrize("line_ending", LINE_ENDINGS, ids=repr)
@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in WHATWG], ids=[row[0] for row in WHATWG])
def test_examples_of_the_format(text, expected, line_ending):
    assert decode(text.replace("\n", line_ending).encode()) == expected


@pytest.mark.parametrize(
    ("sentence", "stream", "expected"),
    [
        ("one BOM is dropped", b"\xef\xbb\xbfdata: a\n\n", [Event("a")]),
        ("a second BOM is not", b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [Event("b")]),
        ("a BOM later is not", b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [Event("a")]),
        ("a block without data is not dispatched", b"event: a\nid: 7\n\ndata: b\n\n", [Event("b", id="7")]),
        ("the event name ends with its block", b"event: a\n\ndata: b\n\n", [Event("b")]),
        ("an empty event name is message", b"event:\ndata: b\n\n", [Event("b", "message")]),
        ("the last event name holds", b"event: a\nevent: b\ndata: c\n\n", [Event("c", "b")]),
        ("an id with NUL is ignored", b"id: 1\nid: 2\0\ndata: a\n\n", [Event("a", id="1")]),
        ("an id stays until the next", b"id: 1\ndata: a\n\ndata: b\n\n", [Event("a", id="1"), Event("b", id="1")]),
        ("retry takes digits", b"retry: 2500\ndata: a\n\n", [Event("a", retry=2500)]),
        ("and nothing else", b"retry: 2.5\nretry: -1\nretry: 1e3\nretry: \xd9\xa1\nretry:\ndata: a\n\n", [Event("a")]),
        ("unknown fields are ignored", b"Data: x\ndatax: y\n data: z\ndata: a\n\n", [Event("a")]),
        ("comments are ignored", b":data: x\ndata: a\n: y\n:\n\n", [Event("a")]),
        ("a colon in data is data", b'data: {"a": "b:c"}\n\n', [Event('{"a": "b:c"}')]),
        ("U+2028, NEL, form feed end no line", "data: a\u2028\x85\x0cb\n\n".encode(), [Event("a\u2028\x85\x0cb")]),
        ("line endings may be mixed", b"data: a\rdata: b\r\ndata: c\n\r", [Event("a\nb\nc")]),
        ("a broken character is replaced", b"data: a\xc3\ndata: b\n\n", [Event("a\ufffd\nb")]),
        ("an empty stream has no events", b"", []),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_rules_of_decoding(sentence, stream, expected):
    assert decode(stream) == expected


def test_id_and_retry_of_a_block_without_data_hold_and_those_of_a_cut_block_do_not():
    decoder = EventDecoder()
    decoder.feed(b"id: 3\nretry: 10\n\n")
    assert (decoder.last_event_id, decoder.retry) == ("3", 10)
    decoder.feed(b"id: 4\n")
    assert decoder.last_event_id == "3"


@pytest.mark.parametrize(
    ("encoded", "expected"),
    [
        (encode("a"), b"data: a\n\n"),
        (encode(""), b"data: \n\n"),
        (encode("a\n"), b"data: a\ndata: \n\n"),
        (encode("a\r\nb\rc"), b"data: a\ndata: b\ndata: c\n\n"),
        (encode("First event", id="1", event="message"), b"id: 1\nevent: message\ndata: First event\n\n"),
        (encode("x", id="", retry=0), b"id: \nretry: 0\ndata: x\n\n"),
        (encode(None, retry=3000), b"retry: 3000\n\n"),
        (encode("a\nb", comment="c\nd", line_ending="\r\n"), b": c\r\n: d\r\ndata: a\r\ndata: b\r\n\r\n"),
        (encode("a", line_ending="\r"), b"data: a\r\r"),
        (sse.encode_comment(), b": \n\n"),
        (sse.keep_alive(), b": keep-alive\n\n"),
        (sse.keep_alive("event"), b"event: keep-alive\ndata: {}\n\n"),
        (sse.keep_alive(line_ending="\r\n"), b": keep-alive\r\n\r\n"),
    ],
)
def test_bytes_of_an_encoded_event(encoded, expected):
    assert encoded == expected


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"id": "a\nb"}, "id"),
        ({"id": "a\rb"}, "id"),
        ({"id": "a\0b"}, "id"),
        ({"event": "a\nb"}, "event name"),
        ({"event": "a\r"}, "event name"),
        ({"retry": -1}, "reconnection time"),
        ({"line_ending": "\n\n"}, "LF, CR or CRLF"),
        ({"data": "\ud800"}, "surrogates"),
    ],
)
def test_what_the_format_cannot_carry_is_refused(fields, named):
    with pytest.raises(ValueError, match=named):
        encode(**{"data": "x", **fields})


def test_unknown_form_of_keep_alive_is_refused():
    with pytest.raises(ValueError, match="comment or event"):
        sse.keep_alive("ping")


@given(st.lists(st.integers(0, 10_000)), st.sampled_from([b"data: 123456\n", b"data:1\ndata:2\n", b": 23456789012\n"]))
def test_an_event_over_the_limit_is_an_error_that_keeps_those_before_it(cuts, too_large):
    decoder = EventDecoder(max_event_size=11)
    stream = b"data: 1\n\ndata: 2\n\n" + too_large + b"\ndata: 3\n\n"
    events: list[Event] = []
    with pytest.raises(EventTooLarge, match="larger than 11 bytes") as caught:
        events.extend(in_pieces(decoder, stream, cuts))
    assert events + caught.value.events == [Event("1"), Event("2")]


def test_the_limit_is_on_one_event_not_on_the_stream():
    assert len(EventDecoder(max_event_size=11).feed(b"data: 1234\n\n" * 100)) == 100


def test_a_line_without_end_costs_linear_time_and_no_more_memory_than_the_limit():
    limit = 4_000_000
    decoder = EventDecoder(max_event_size=limit)
    tracemalloc.start()
    started = time.process_time()
    try:
        with pytest.raises(EventTooLarge):
            # 200,000 pieces: quadratic joining would move 400 GB.
            deque(map(decoder.feed, repeat(b"data: 67890123456789")), maxlen=0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < 20
    assert peak < 3 * limit


def test_many_short_data_lines_cost_linear_time():
    stream = b"data:x\n" * 300_000 + b"\n"
    decoder = EventDecoder()
    started = time.process_time()
    events = [event for start in range(0, len(stream), 7) for event in decoder.feed(stream[start : start + 7])]
    assert time.process_time() - started < 20
    assert [len(event.data) for event in events] == [599_999]
