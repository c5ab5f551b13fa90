"""A request may arrive in any pieces; whoever takes a message early still gets its body."""

from __future__ import annotations

import pytest

from oagw_tornado.wire.reader import RequestReader

REQUEST = b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"


@pytest.mark.parametrize("request_bytes", [REQUEST, CHUNKED], ids=["length", "chunked"])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_body_reaches_a_message_that_was_taken_when_its_head_was_there(request_bytes: bytes, size: int) -> None:
    reader = RequestReader(max_header_size=4096)
    stream = request_bytes * 3
    taken = []
    for at in range(0, len(stream), size):
        reader.feed(stream[at : at + size])
        while reader.messages:
            taken.append(reader.messages.popleft())
    assert [b"".join(message.chunks) for message in taken] == [b"hello"] * 3
    assert all(message.complete for message in taken)
    assert reader.is_clean
    assert reader.fault is None
