"""A slow first token

Models take time before they answer. Late headers, a late first event and pauses between events are different things to
a client, and each has a knob: `header_delay`, `time_to_first_token`, `inter_token_latency`. Each can be a distribution,
such as `lognormal(300ms,0.4)`. The journal shows what was planned and what happened.
"""

import time

import pytest


@pytest.mark.oagw(header_delay="50ms", time_to_first_token="400ms", inter_token_latency="1ms")
def test_client_shows_that_it_waits(oagw, oagw_client):
    question = {"stream": True, "messages": [{"role": "user", "content": "think hard"}]}

    started = time.monotonic()
    with oagw_client.execute("openai", "POST", "/v1/chat/completions", json=question) as response:
        headers_after = time.monotonic() - started  # now the client can show that it waits
        events = response.iter_events()
        next(events)
        first_event_after = time.monotonic() - started
        assert sum(1 for _ in events) > 3

    assert 0.050 <= headers_after < first_event_after
    assert first_event_after >= 0.400
    (request,) = oagw.assert_requested(alias="openai", count=1)
    planned = oagw.request(request["id"])["events"]["planned"]
    assert planned[0] == pytest.approx(0.400)
    assert planned[1] == pytest.approx(0.401)
