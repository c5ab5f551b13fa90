"""Reads of a stream, cut anywhere: how many events end with each, and the events whole."""

from __future__ import annotations

import io
import json
from array import array
from collections.abc import Callable
from itertools import repeat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded import write_recording

from oagw_tornado.knobs.vocabulary import Knobs
from oagw_tornado.recordings.events import as_read, pieces_of
from oagw_tornado.recordings.format import End, RecordingError, encode_end
from oagw_tornado.recordings.recording import bounded_lines, read_head, read_recording
from oagw_tornado.replaying.playable_reply import PlayableReply
from oagw_tornado.reply.shaping import single_steps, streamed
from oagw_tornado.wire.head_lines import status_and_fields

SSE = "text/event-stream; charset=utf-8"

BLOCKS = st.sampled_from(
    [b"data: a\n\n", b": c\r\n\r\n", b"event: x\rdata: y\r\r", b"id: 1\n\n", b"data: 1\ndata: 2\r\n\n", b"data\n\n"]
)


@given(st.lists(BLOCKS, max_size=8), st.data())
def test_events_are_found_however_the_bytes_are_cut(blocks: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(blocks)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    reads = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True) if end > start]
    offsets = range(len(reads))
    count = sum(b"data" in block for block in blocks)
    read, single = as_read(SSE, reads, offsets), pieces_of(SSE, reads, offsets)
    assert list(read.contents) == reads
    assert b"".join(single.contents) == whole
    assert sum(read.events) == sum(single.events) == count
    assert set(single.events) <= {0, 1}
    assert list(single.offsets) == sorted(single.offsets)


def test_an_event_is_there_when_its_last_byte_is() -> None:
    single = pieces_of(SSE, [b"data: a\n\ndata: b", b"\n", b"\ndata: c\n\n: x"], [10, 20, 30])
    assert list(zip(single.contents, single.offsets, single.events, strict=True)) == [
        (b"data: a\n\n", 10, 1),
        (b"data: b\n\n", 30, 1),
        (b"data: c\n\n", 30, 1),
        (b": x", 30, 0),
    ]


def test_a_recording_is_read_up_to_where_it_was_cut(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a.jsonl", {"a": 1}, [(5, b"data: a\n\n"), (9, b"data: b\n\n")], ended=None)
    whole = path.read_bytes()
    second = whole.rindex(b"{")
    for cut in (len(whole), len(whole) - 1, second + 3, second):
        recording = read_recording(bounded_lines(io.BytesIO(whole[:cut])))
        assert recording.offsets == array("q", [5, 9] if cut == len(whole) else [5])
        assert (recording.ended, recording.is_torn) == (None, cut not in (len(whole), second))
    assert read_head(io.BytesIO(whole)).request.body == b'{"a": 1}'


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: [], "line 1: expected the head of a recording, and there is no whole line"),
        (lambda lines: lines[1:], "line 1: expected the head of a recording first"),
        (lambda lines: [lines[0], lines[0]], "line 2: a second head"),
        (lambda lines: [lines[0], lines[2], lines[1]], "line 3: at: 5 is before the line above it"),
        (lambda lines: [*lines, encode_end(End(9, "complete")), lines[2]], "line 5: expected nothing behind the end"),
        (lambda lines: [lines[0], b"[1]\n"], "line 2: expected an object, not '[1]'"),
        (lambda lines: [lines[0], b"\xff\n"], "line 2: is not a JSON document"),
        (lambda lines: [lines[0], b'{"at": 1e99, "text": ""}\n'], "line 2: at: expected a whole number from 0"),
        (lambda lines: [lines[0], b'{"at": 9, "base64": "?"}\n'], "line 2: base64: not base64: '?'"),
        (lambda lines: [b"[" * 5000 + b"\n"], "line 1: is not a JSON document: nested too deeply"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(
    tmp_path: Path, change: Callable[[list[bytes]], list[bytes]], said: str
) -> None:
    path = write_recording(tmp_path / "a.jsonl", {"a": 1}, [(5, b"data: a\n\n"), (9, b"data: b\n\n")], ended=None)
    lines = change(path.read_bytes().splitlines(keepends=True))
    with pytest.raises(RecordingError) as error:
        read_recording(lines)
    assert str(error.value).startswith(said)


LINES = st.one_of(
    st.binary(max_size=60),
    st.fixed_dictionaries(
        {},
        optional={
            "recording": st.sampled_from([1, 2, "1", None]),
            "alias": st.sampled_from(["a", "", 5, "../x"]),
            "at": st.sampled_from(["2026", 5, -1, 1.5, 2**70, True, None]),
            "text": st.sampled_from(["data: x\n\n", "", 5]),
            "base64": st.sampled_from(["AA==", "?", 5]),
            "ended": st.sampled_from(["complete", "reset", None, 5, {}]),
            "first_byte_us": st.sampled_from([0, 7, -1, "x"]),
            "request": st.sampled_from(
                [
                    {"method": "GET", "path": "x"},
                    {"method": 1},
                    [],
                    {"method": "G", "path": "", "body": {"base64": "?"}},
                ]
            ),
            "reply": st.sampled_from(
                [
                    None,
                    {"status": 200},
                    {"status": 99},
                    {"status": 200, "headers": [["A b", "c"]]},
                    {"status": 200, "headers": [["A", "b\r\nc: d"]]},
                    {"status": 200, "headers": [["Content-Length", "9" * 30], ["Content-Type", "text/event-stream"]]},
                    {"status": 200, "headers": {"a": "b"}},
                ]
            ),
        },
    ).map(lambda line: json.dumps(line).encode()),
)


@given(st.lists(LINES, min_size=1, max_size=5), st.booleans())
def test_whatever_is_in_a_file_is_read_or_refused_in_words(lines: list[bytes], is_whole: bool) -> None:
    data = b"\n".join(lines) + (b"\n" if is_whole else b"")
    try:
        recording = read_recording(bounded_lines(io.BytesIO(data)))
        planned = PlayableReply(recording).planned(Knobs(), ())
    except RecordingError as error:
        assert str(error).startswith("line ")
        return
    reply = planned.reply
    steps = list(single_steps(streamed(reply.frames, 0, 0, repeat(0)))) if reply.frames is not None else []
    if recording.head.reply is not None:
        assert len(b"".join(step.data for step in steps) or reply.body) == recording.body_bytes
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    status_and_fields(reply.status, reply.headers, None, reply.reason)
