"""Retry on 429

Does the client wait as long as it is told to, and retry as often as needed? A rule with `when={"first": 2}` refuses the
first two matching requests and lets the third one through. With `retry-after`, the reply says how long to wait, in the
headers `retry-after-ms` and `retry-after`. The journal shows when each attempt arrived.
"""

import time
from itertools import pairwise


def ask_with_retries(client, question, tries=5):
    """The client under test."""
    for _ in range(tries):
        response = client.execute("openai", "POST", "/v1/chat/completions", json=question)
        if response.status != 429:
            return response.json()
        response.close()
        time.sleep(int(response.headers["retry-after-ms"]) / 1000)
    raise TimeoutError("refused too often")


def test_two_refusals_then_an_answer(oagw, oagw_client):
    oagw.add_rule(match={"alias": "openai"}, when={"first": 2}, fault="status;code=429;retry-after=150ms")

    answer = ask_with_retries(oagw_client, {"messages": [{"role": "user", "content": "hello"}]})

    assert answer["choices"][0]["message"]["content"] == "Hello! How can I assist you today?"
    requests = oagw.assert_requested(alias="openai", path="/v1/chat/completions", count=3)
    assert [request["status"] for request in requests] == [200, 429, 429]  # the newest first
    waits = [later["time"] - earlier["time"] for later, earlier in pairwise(requests)]
    assert min(waits) >= 0.150
