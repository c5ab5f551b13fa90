"""Replay at ten times the speed, with a reset at event 5

A long recording need not make a long test: `replay-speed` divides its times, for the server, a rule or one request.
Faults come on top of it. Here a rule resets the connection after the fifth event of the first try, and the second try
gets the whole stream; the client under test has to ask again.
"""

import json

import httpx
import pytest

QUESTION = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "Count"}]}


@pytest.fixture
def recordings(tmp_path, oagw):
    """A stream of two seconds: twenty events, 100 ms apart."""
    request = {"method": "POST", "path": "v1/chat/completions", "body": json.dumps(QUESTION)}
    reply = {"status": 200, "headers": [["Content-Type", "text/event-stream"]]}
    head = {"recording": 1, "alias": "openai", "at": "2026-01-01T00:00:00.000000Z", "request": request, "reply": reply}
    events = [{"at": 100_000 * number, "text": "data: {}\n\n"} for number in range(1, 21)]
    lines = [{**head, "first_byte_us": 90_000}, *events, {"at": 2_000_000, "ended": "complete"}]
    (tmp_path / "openai").mkdir()
    (tmp_path / "openai" / "count.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    oagw.replay(tmp_path, speed=10)


def events_of(oagw):
    """The client under test: it asks once more if the stream breaks."""
    headers = {"Authorization": f"Bearer {oagw.token}"}
    for _ in range(2):
        try:
            with httpx.stream(
                "POST", f"{oagw.openai_base_url}/chat/completions", json=QUESTION, headers=headers
            ) as reply:
                return len([line for line in reply.iter_lines() if line])
        except (httpx.ReadError, httpx.RemoteProtocolError):
            continue
    return 0


def test_client_asks_again(oagw, recordings):
    oagw.add_rule(when={"first": 1}, fault="reset;at-event=5")

    assert events_of(oagw) == 20

    second, first = oagw.requests(alias="openai")
    assert (first.outcome, first.events_sent) == ("fault:reset", 5)
    assert second.outcome == "complete"
    assert second.ended >= 0.2  # never early, and a tenth of what was recorded
