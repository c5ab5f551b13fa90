"""The decoder of server-sent events: any bytes, cut anywhere."""

from __future__ import annotations

from fuzz_budget import budget
from hypothesis import example, given
from hypothesis import strategies as st

from oagw_tornado.reply.sse import EventDecoder, EventTooLarge, decode, encode

LINES = [
    b"data: ",
    b"data:",
    b"data",
    b"id: 1",
    b"id: \x00",
    b"event: e",
    b"retry: 5",
    b"retry: x",
    b":",
    b": c",
    b"f: y",
]
ENDS = [b"\n", b"\r", b"\r\n", b"\n\n"]
PARTS = [b"\xef\xbb\xbf", b"\xff", b"\xe2\x82", b"\xac", b" ", b"x", b"\x00"]
pieces = st.sampled_from([*LINES, *ENDS, *PARTS])
streams = st.lists(pieces | st.binary(max_size=4), max_size=40).map(b"".join)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)


@budget
@given(streams, st.lists(st.integers(0, 60), max_size=6))
@example(b"\xef\xbb\xbfdata: a\r", [3, 9])
@example(b"data: a\r\rdata: b\r\n\r\n", [8, 9, 18])
def test_a_stream_is_the_same_however_it_is_cut(stream: bytes, cuts: list[int]) -> None:
    decoder = EventDecoder()
    events, start = [], 0
    for cut in [*sorted(cut for cut in cuts if cut < len(stream)), len(stream)]:
        events += decoder.feed(stream[start:cut])
        start = cut
    assert events == decode(stream)


@budget
@given(streams, st.integers(1, 30))
def test_no_event_is_larger_than_the_limit_and_those_before_it_are_there(stream: bytes, limit: int) -> None:
    whole = decode(stream)
    try:
        events = EventDecoder(limit).feed(stream)
    except EventTooLarge as error:
        assert error.events == whole[: len(error.events)]
    else:
        assert events == whole


@budget
@given(texts, st.none() | texts, st.none() | texts, st.sampled_from(["\n", "\r", "\r\n"]))
def test_what_is_encoded_is_decoded(data: str, event: str | None, id: str | None, ending: str) -> None:
    try:
        encoded = encode(data, event=event, id=id, line_ending=ending)
    except ValueError:
        assert any(end in (event or "") + (id or "") for end in "\r\n")
        return
    found = decode(encoded + ending.encode())
    expected = data.replace("\r\n", "\n").replace("\r", "\n")
    assert [one.data for one in found] == [expected]
    assert found[0].event == (event or "message")
