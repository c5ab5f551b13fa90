"""Replay recorded traffic in CI

Record the real service once, on a machine that has its key (`oagw-tornado --config real.yaml --record recordings`), and
commit the directory `recordings`: it holds no credentials. In CI the same requests get the same replies, at the same
instants, without a key and without a network. A request that nobody recorded fails, and says which recording comes
nearest and where it differs. Here the test writes the recording itself, so that you see what is in one.
"""

import json

import httpx
import pytest

QUESTION = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "Say hi"}]}
RECORDING = [
    {
        "recording": 1, "ended": "complete", "alias": "openai", "at": "2026-01-01T00:00:00.000000Z",
        "request": {"method": "POST", "path": "v1/chat/completions", "body": json.dumps(QUESTION)},
        "reply": {"status": 200, "headers": [["Content-Type", "text/event-stream"]]}, "first_byte_us": 20000,
    },
    {"at": 21000, "text": 'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'},
    {"at": 26000, "text": 'data: {"choices":[{"index":0,"delta":{"content":" there"}}]}\n\n'},
    {"at": 31000, "text": "data: [DONE]\n\n"},
    {"at": 31000, "ended": "complete"},
]  # fmt: skip


@pytest.fixture
def recordings(tmp_path, oagw):
    (tmp_path / "openai").mkdir()
    (tmp_path / "openai" / "hi.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in RECORDING))
    # A directory beside your tests: @pytest.mark.oagw_replay("recordings"). For all tests, in pytest.ini:
    # oagw_options = replay = tests/recordings
    oagw.replay(tmp_path, ignore=["user"])


def ask(oagw, text):
    """The client under test. Its `user` differs from run to run."""
    question = {**QUESTION, "messages": [{"role": "user", "content": text}], "user": "run-17"}
    headers = {"Authorization": f"Bearer {oagw.token}"}
    return httpx.post(f"{oagw.openai_base_url}/chat/completions", json=question, headers=headers)


def test_the_recorded_stream_comes_back(oagw, recordings):
    assert ask(oagw, "Say hi").text.count("data: ") == 3

    (replayed,) = oagw.replays()["latest"]
    assert replayed["recording"] == "openai/hi.jsonl"
    assert replayed["error_ms"]["earliest"] >= 0  # no event left before its recorded instant


def test_what_nobody_recorded_is_named(oagw, recordings):
    reply = ask(oagw, "Say ho")

    assert reply.status_code == 504
    difference = reply.json()["nearest"]["difference"]
    assert difference == {"at": "$.messages[0].content", "recorded": "Say hi", "requested": "Say ho"}
    oagw.reset()  # this 504 is what the test is about: the plugin need not report it
