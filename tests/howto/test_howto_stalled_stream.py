"""Time out on a stalled stream

A stream that stays open but falls silent is the failure that clients forget. The fault `stall` causes one after a
number of events, after a time (`stall;after=1s`), or for a while (`stall;for=10s`). A client needs a limit on the
silence between two events, not only on the whole request.
"""

import httpx
import pytest


def words_of(url, token, question, patience):
    """The client under test: it gives up if nothing comes for `patience` seconds."""
    headers = {"Authorization": f"Bearer {token}"}
    timeout = httpx.Timeout(10, read=patience)
    with httpx.stream("POST", url, json=question, headers=headers, timeout=timeout) as reply:
        for line in reply.iter_lines():
            if line.startswith("data: {"):
                yield line


@pytest.mark.oagw(inter_token_latency="1ms", fault="stall;at-event=3")
def test_client_gives_up(oagw, oagw_openai_url):
    question = {"stream": True, "messages": [{"role": "user", "content": "one two three four"}]}
    words = words_of(f"{oagw_openai_url}/chat/completions", oagw.token, question, patience=0.3)

    assert len([next(words) for _ in range(3)]) == 3  # what came before the stall is not lost
    with pytest.raises(httpx.ReadTimeout):
        next(words)

    (request,) = oagw.assert_requested(alias="openai", outcome="client-left", within=5)
    assert request["faults"] == ["stall"]
    assert request["events_sent"] == 3
