"""What our reader takes, other readers take too, and as the same; and it takes what real clients send."""

from __future__ import annotations

from random import Random

import pytest
from fuzz.client_requests import REQUESTS
from fuzz.other_readers import check, ours, stream
from hypothesis import given, settings
from hypothesis import strategies as st


@settings(max_examples=300)
@given(st.randoms(use_true_random=False))
def test_nobody_sees_another_request(random: Random) -> None:
    check(stream(random))


def test_requests_that_are_taken_are_compared() -> None:
    random = Random(1)
    assert sum(check(stream(random)) for _ in range(2000)) > 100


@pytest.mark.parametrize("data", REQUESTS.values(), ids=REQUESTS)
def test_what_real_clients_send_is_taken(data: bytes) -> None:
    assert check(data * 3) == 3, "three in a row, each seen as h11 and llhttp see it"
    assert all(message.is_whole for message, *_ in ours(data))


@pytest.mark.parametrize(
    "data",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;\r\nabc\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3 ;a\r\nabc\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a=\xff\r\nabc\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 20 + b"3\r\nabc\r\n0\r\n\r\n",
        b"GET x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET health HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET *x HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_others_read_in_two_ways_is_refused(data: bytes) -> None:
    assert not [message for message, *_ in ours(data) if message.is_whole]
