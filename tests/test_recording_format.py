"""The file of a recording: what is written is read, and what is none is refused by a line that names the key."""

from __future__ import annotations

from base64 import b64encode

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.recordings.format import (
    ENDED_AT,
    ENDED_WIDTH,
    End,
    Line,
    Read,
    RecordedReply,
    RecordedRequest,
    RecordingError,
    RecordingHead,
    decode_line,
    encode_end,
    encode_ended,
    encode_head,
    encode_read,
)
from oagw_tornado.recordings.request_key import canonical_body, canonical_query, request_key

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
fields = st.lists(st.tuples(texts, texts), max_size=3).map(tuple)
times = st.integers(0, 2**53)
bodies = st.none() | st.binary(max_size=30)
requests = st.builds(RecordedRequest, texts, texts, texts, fields, bodies, texts, times)
replies = st.builds(RecordedReply, st.integers(100, 999), texts, fields)
heads = st.builds(
    RecordingHead, texts, texts, requests, st.none() | replies, st.none() | times, st.sampled_from(["reset", None])
)
reads = st.builds(Read, times, st.binary(max_size=30) | texts.map(str.encode))
ends = st.builds(End, times, texts, texts, fields)


def written(line: Line) -> bytes:
    if isinstance(line, RecordingHead):
        return encode_head(line)
    return encode_read(line) if isinstance(line, Read) else encode_end(line)


@given(heads | reads | ends)
def test_what_is_written_is_read(line: Line) -> None:
    text = written(line)
    assert text.endswith(b"\n")
    assert text.count(b"\n") == 1
    assert decode_line(text) == line


@given(heads, st.sampled_from(["complete", "x" * (ENDED_WIDTH - 2)]))
def test_the_end_is_written_over_the_head_in_place(head: RecordingHead, ended: str) -> None:
    text = encode_head(head._replace(ended=None))
    over = text[:ENDED_AT] + encode_ended(ended) + text[ENDED_AT + ENDED_WIDTH :]
    assert decode_line(over) == head._replace(ended=ended)


def test_an_end_that_has_no_place_in_the_head_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than 30 bytes"):
        encode_ended("x" * (ENDED_WIDTH - 1))


HEAD = orjson.loads(encode_head(RecordingHead("a", "t", RecordedRequest("GET", "b"), RecordedReply(200))))
REQUEST = HEAD["request"]


@pytest.mark.parametrize(
    ("document", "error"),
    [
        (b'{"at": 1, "te', "not a JSON document"),
        (b"[" * 200 + b"]" * 200, "nested too deeply"),
        ([], "expected an object, not"),
        ({}, "at: expected a whole number from 0, not 'None'"),
        ({"at": -1, "text": ""}, "at: expected a whole number"),
        ({"at": 1.5, "text": ""}, "at: expected a whole number"),
        ({"at": True, "text": ""}, "at: expected a whole number"),
        ({"at": 1}, "text: expected a text here or in base64"),
        ({"at": 1, "text": 5}, "text: expected a text here or in base64"),
        ({"at": 1, "base64": "%"}, "base64: not base64: '%'"),
        ({"at": 1, "ended": None}, "ended: expected a text"),
        ({"at": 1, "ended": "reset", "trailers": [["a"]]}, "trailers: expected a list of"),
        ({**HEAD, "recording": 2}, "recording: expected version 1, not '2'"),
        ({**HEAD, "ended": 1}, "ended: expected a text or null"),
        ({**HEAD, "alias": None}, "alias: expected a text"),
        ({**HEAD, "request": None}, "request: expected an object"),
        ({**HEAD, "request": {**REQUEST, "method": 1}}, "request.method: expected a text"),
        ({**HEAD, "request": {**REQUEST, "body": 1}}, "request.body: expected an object"),
        ({**HEAD, "request": {**REQUEST, "body": {}}}, "request.body.text: expected a text here or in base64"),
        ({**HEAD, "request": {**REQUEST, "headers": {}}}, "request.headers: expected a list of"),
        ({**HEAD, "request": {**REQUEST, "body_bytes": "5"}}, "request.body_bytes: expected a whole number"),
        ({**HEAD, "reply": {"status": "200"}}, "reply.status: expected a whole number"),
        ({**HEAD, "reply": {"status": 20}}, "reply.status: expected three digits"),
        ({**HEAD, "reply": 5}, "reply: expected an object"),
    ],
)
def test_a_line_that_is_none_is_refused(document: object, error: str) -> None:
    line = document if isinstance(document, bytes) else orjson.dumps(document)
    with pytest.raises(RecordingError, match=error):
        decode_line(line)


@given(st.binary(max_size=40) | st.dictionaries(texts, times | texts | st.none()).map(orjson.dumps))
def test_any_line_is_read_or_refused(line: bytes) -> None:
    try:
        decode_line(line)
    except RecordingError as error:
        assert str(error)


def test_bytes_that_are_no_text_are_kept_as_they_are() -> None:
    assert encode_read(Read(5, b"\xff")) == b'{"at":5,"base64":"%b"}\n' % b64encode(b"\xff")
    assert encode_read(Read(5, "data: ü\n\n".encode())) == '{"at":5,"text":"data: ü\\n\\n"}\n'.encode()


def test_a_request_is_known_by_what_it_says() -> None:
    key = request_key("POST", "v1/chat", "a=1&b=2", b'{"x": [1, 2.0], "y": {"c": null, "b": 1e2}}')
    assert key == request_key("POST", "v1/chat", "b=2&a=1", b'{"y":{"b":100,"c":null},"x":[1.0,2]}')
    others = [
        request_key("PUT", "v1/chat", "a=1&b=2", b"{}"),
        request_key("POST", "v1/chat", "a=1&b=2", b'{"x":[2,1]}'),
        request_key("POST", "v1/chat", "a=2&b=1", b"{}"),
        request_key("POST", "v1/cha", "ta=1&b=2", b"{}"),
    ]
    assert len({key, *others}) == 5


@pytest.mark.parametrize("body", [b"", b"text", b"{not json", b"[" * 5000, b"\xff{}", b"5"])
def test_a_body_that_is_no_document_counts_as_it_is(body: bytes) -> None:
    assert canonical_body(body) == body


@pytest.mark.parametrize(("query", "ordered"), [("", ""), ("b", "b"), ("b=2&a=1", "a=1&b=2"), ("a=2&a=1", "a=2&a=1")])
def test_parameters_of_one_name_keep_their_order(query: str, ordered: str) -> None:
    assert canonical_query(query) == ordered
