"""A load that is random and the same each time

With a seed, each request has its own random generator, derived from the seed and the request. A run can therefore be
repeated even if the requests come in a different order or all at once: what a request gets depends only on the seed and
on the request itself.
"""

import asyncio
import random

import pytest

from oagw_tornado.client import AsyncOagwClient

KNOBS = {"X-Sim-Seed": "7", "X-Sim-Itl": "lognormal(2ms,0.5)", "X-Sim-Output-Tokens": "5"}


async def run(oagw, numbers):
    """Ask all at once; gives the planned instants of each request's events."""
    async with AsyncOagwClient(oagw.base_url, oagw.token) as client:

        async def ask(number):
            question = {"stream": True, "messages": [{"role": "user", "content": f"question {number}"}]}
            headers = {**KNOBS, "X-Request-Id": f"q{number}"}
            path = "/v1/chat/completions"
            async with await client.execute("openai", "POST", path, json=question, headers=headers) as response:
                assert [event async for event in response.iter_events()][-1].data == "[DONE]"

        await asyncio.gather(*map(ask, numbers))
    return {number: oagw.request(f"q{number}")["events"]["planned"] for number in numbers}


def test_same_schedules_in_any_order(oagw):
    numbers = list(range(50))
    first = asyncio.run(run(oagw, numbers))
    random.shuffle(numbers)
    second = asyncio.run(run(oagw, numbers))

    assert first == second
    assert len({tuple(planned) for planned in first.values()}) == 50  # and no two requests have the same one


@pytest.mark.oagw(seed=7, event_interval="exponential(3ms)")
def test_the_seed_may_be_the_servers(oagw, oagw_client):
    for path in ("/events", "/events?count=5", "/events"):
        assert list(oagw_client.execute("stream-test", "GET", path).iter_events())

    again, other, first = (oagw.request(request["id"])["events"]["planned"] for request in oagw.requests())
    assert again == first
    assert other[:4] != first
