"""Assert that the fixture was on time

A simulator that is late under load looks like a slow client in your results. This one records how late each event left,
and `timing()` summarises it since the last reset, so a load test can first assert that its measurement is valid, and
then assert what it measured.
"""

import asyncio
import time

import pytest

from oagw_tornado.client import AsyncOagwClient

STREAMS = 50


@pytest.mark.oagw(time_to_first_token="100ms", inter_token_latency="20ms", output_tokens=10)
def test_streams_at_once(oagw):
    async def first_event(client):
        question = {"stream": True, "messages": [{"role": "user", "content": "go"}]}
        started = time.perf_counter()
        async with await client.execute("openai", "POST", "/v1/chat/completions", json=question) as response:
            events = response.iter_events()
            await anext(events)
            first = time.perf_counter() - started
            return first, 1 + len([event async for event in events])

    async def load():
        async with AsyncOagwClient(oagw.base_url, oagw.token) as client:
            return await asyncio.gather(*(first_event(client) for _ in range(STREAMS)))

    results = asyncio.run(load())

    timing = oagw.timing()
    assert timing["events"] == sum(events for _, events in results)
    assert timing["earliest_ms"] >= 0  # no event leaves before it is due
    assert timing["late_ms"]["p50"] < 50  # the fixture was on time: what follows is about the client
    assert min(first for first, _ in results) >= 0.100
