"""What load generators ask of an inference server: its pages, and exactly as many tokens as asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire import PROXY, Client, VisibleServer, WireReply, post, serving

from oagw_tornado.services import vocabulary
from oagw_tornado.services.filler import WORDS
from oagw_tornado.services.vocabulary import UNKNOWN, Vocabulary

OPENAI = f"{PROXY}/openai"
MESSAGES = [{"role": "user", "content": "one two three"}]
NOW = "X-Sim-Itl: 0"


@pytest.fixture(scope="module")
def shared(wire: str) -> Iterator[VisibleServer]:
    with serving(wire, models=["llama", "qwen", "claude-mine"]) as server:
        yield server


@pytest.fixture
def server(shared: VisibleServer) -> VisibleServer:
    shared.control.reset()
    return shared


def bare(path: str, method: str = "GET", *lines: str) -> bytes:
    """A request without a credential."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: test", *lines, "", ""]).encode()


def ask(server: VisibleServer, path: str, body: Any, *lines: str) -> WireReply:
    with Client(server.port) as client:
        return client.send(post(f"{OPENAI}/{path}" if "/proxy/" not in path else path, body, NOW, *lines)).reply()


def documents(reply: WireReply) -> list[dict[str, Any]]:
    lines = reply.body.decode().split("\n")
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


# Pages.


@pytest.mark.parametrize("path", ["health", "ping", "version", "metrics"])
def test_probes_and_scrapers_need_no_bearer(server: VisibleServer, path: str) -> None:
    with Client(server.port) as client:
        for _ in range(2):  # the second time from memory
            assert client.send(bare(f"{OPENAI}/{path}")).reply().status == 200
        assert client.send(bare(f"{OPENAI}/{path}", "HEAD")).reply("HEAD").status == 200
        assert client.send(bare(f"{OPENAI}/{path}", "GET", "Authorization: Bearer wrong")).reply().status == 403
        assert client.send(bare(f"{OPENAI}/v1/models")).reply().status == 401
        assert client.send(bare(f"{PROXY}/nothing/{path}")).reply().status == 401


def test_health_says_what_the_health_of_all_says(server: VisibleServer) -> None:
    server.control.call("POST", "/_sim/health", body={"status": 503})
    with Client(server.port) as client:
        assert client.send(bare(f"{OPENAI}/health")).reply().status == 503


def test_the_models_that_are_configured(server: VisibleServer) -> None:
    def listed(path: str, *lines: str) -> list[Any]:
        with Client(server.port) as client:
            return client.send(post(path, b"", *lines)).reply().json["data"]

    models = listed(f"{OPENAI}/v1/models")
    assert [model["id"] for model in models] == ["llama", "qwen"]
    assert "max_model_len" not in models[0]
    assert listed(f"{OPENAI}/v1/models", "X-Sim-Max-Model-Len: 4096")[0]["max_model_len"] == 4096
    assert [model["id"] for model in listed(f"{PROXY}/anthropic/v1/models")] == ["claude-mine"]
    assert ask(server, "v1/models/qwen", b"").json["id"] == "qwen"
    assert ask(server, "v1/models/gpt-4", b"").status == 404


def test_the_tokenizer_counts_as_the_usage_does(server: VisibleServer) -> None:
    text = "  Say something\nnew about   water, please \n"
    told = ask(server, "tokenize", {"prompt": text, "return_token_strs": True}).json
    assert told["count"] == len(told["tokens"]) == len(told["token_strs"]) == 6
    assert told["max_model_len"] is None
    assert ask(server, "detokenize", {"tokens": told["tokens"]}).json["prompt"] == text
    body = {"messages": [{"role": "user", "content": text}], "max_tokens": 1}
    assert ask(server, "v1/chat/completions", body).json["usage"]["prompt_tokens"] == 6
    assert ask(server, "tokenize", {"messages": body["messages"]}, "X-Sim-Max-Model-Len: 8").json["max_model_len"] == 8
    assert ask(server, "tokenize", {}).json["error"]["param"] == "prompt"
    assert ask(server, "detokenize", {"tokens": ["x"]}).json["error"]["param"] == "tokens[0]"
    assert ask(server, "detokenize", {"tokens": [-1, 10**12]}).json["prompt"] == "\ufffd\ufffd"


@given(st.text(max_size=60))
def test_tokens_are_read_back(text: str) -> None:
    numbers = Vocabulary().encode(text)
    assert len(numbers) == len(text.split())
    if text.strip():
        one = Vocabulary()
        assert one.decode(one.encode(text)) == text


def test_a_vocabulary_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    words = Vocabulary()
    monkeypatch.setattr(vocabulary, "MOST_WORDS", len(words._texts))
    (last,) = words.encode("mine")
    assert last != UNKNOWN
    assert words.encode("yours") == [UNKNOWN]
    assert words.decode([last]) == "mine"
    assert words.encode("x" * 1000) == [UNKNOWN]


# Tokens.

CHAT, COMPLETION, RESPONSE, MESSAGE = (
    ("v1/chat/completions", {"messages": MESSAGES}, "max_tokens"),
    ("v1/completions", {"prompt": "one two three"}, "max_tokens"),
    ("v1/responses", {"input": "one two three"}, "max_output_tokens"),
    (f"{PROXY}/anthropic/v1/messages", {"model": "claude-mine", "messages": MESSAGES}, "max_tokens"),
)
ENDPOINTS = pytest.mark.parametrize(
    ("path", "body", "limit"), [CHAT, COMPLETION, RESPONSE, MESSAGE], ids=["chat", "completion", "response", "message"]
)


def said_in(reply: WireReply, is_stream: bool) -> tuple[list[str], int, str]:
    """The pieces of the text, the output tokens of the usage, and why it ended."""
    if not is_stream:
        return _whole(reply.json)
    pieces, tokens, reason = [], -1, ""
    for event in documents(reply):
        kind = event.get("type", "")
        if kind in ("response.completed", "response.incomplete"):
            _, tokens, reason = _whole(event["response"])
        elif kind.endswith("delta"):
            delta = event["delta"]
            pieces += [delta] if isinstance(delta, str) else [delta["text"]] if "text" in delta else []
            if "stop_reason" in (delta if isinstance(delta, dict) else {}):
                reason, tokens = delta["stop_reason"], event["usage"]["output_tokens"]
        for choice in event.get("choices", ()):
            text = choice["text"] if "text" in choice else choice["delta"].get("content")
            pieces += [text] if text else []
            reason = choice["finish_reason"] or reason
        if event.get("usage"):
            tokens = event["usage"].get("completion_tokens", tokens)
    return pieces, tokens, reason


def _whole(document: dict[str, Any]) -> tuple[list[str], int, str]:
    usage = document["usage"]
    tokens = usage.get("completion_tokens", usage.get("output_tokens"))
    if "choices" in document:
        (choice,) = document["choices"]
        return [choice.get("text") or choice["message"]["content"]], tokens, choice["finish_reason"]
    if "output" in document:
        reason = (document["incomplete_details"] or {}).get("reason") or "stop"
        return [document["output"][0]["content"][0]["text"]], tokens, reason
    return [document["content"][0]["text"]], tokens, document["stop_reason"]


@ENDPOINTS
@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("profile", ["prototype", "openai"])
@pytest.mark.parametrize("way", ["ignore_eos", "min_tokens", "filler"])
def test_thirty_tokens_asked_for_are_thirty_tokens(
    server: VisibleServer, path: str, body: dict[str, Any], limit: str, is_stream: bool, profile: str, way: str
) -> None:
    server.control.configure(openai_profile=profile, filler=way == "filler")
    asked = {"model": "llama", **body, limit: 30, "stream": is_stream}
    if way != "filler":
        asked[way] = True if way == "ignore_eos" else 30
    if is_stream and "messages" in body and "anthropic" not in path:
        asked["stream_options"] = {"include_usage": True}
    if is_stream and "prompt" in body:
        asked["stream_options"] = {"include_usage": True}
    reply = ask(server, path, asked)
    assert reply.status == 200, reply.body
    pieces, tokens, reason = said_in(reply, is_stream)
    assert tokens == 30
    text = "".join(pieces)
    assert len(text.split()) == 30
    if is_stream:
        assert len(pieces) == 30
    if way == "min_tokens":
        assert reason in ("stop", "end_turn")
    else:
        assert reason in ("length", "max_tokens", "max_output_tokens")
    if way == "filler":
        assert text == " ".join(islice(cycle(WORDS), 30))


def test_a_stop_sequence_ends_what_goes_on(server: VisibleServer) -> None:
    body = {"prompt": "one two three", "max_tokens": 50, "ignore_eos": True, "stop": ["two"]}
    pieces, tokens, reason = said_in(ask(server, "v1/completions", body), False)
    assert (reason, tokens) == ("stop", len(pieces[0].split()))


def test_filler_without_a_limit_is_as_long_as_an_answer(server: VisibleServer) -> None:
    server.control.configure(filler=True)
    pieces, tokens, reason = said_in(ask(server, "v1/completions", {"prompt": "one"}), False)
    assert pieces[0].split() == list(WORDS[:tokens])
    assert (reason, tokens) == ("stop", 15)


@pytest.mark.parametrize("name", ["filler", "X-Sim-Filler"])
@pytest.mark.parametrize(("given", "status"), [("yes", 200), ("true", 200), ("no", 200), ("perhaps", 400)])
def test_filler_as_a_knob(server: VisibleServer, name: str, given: str, status: int) -> None:
    if name == "filler":
        reply = ask(server, f"{OPENAI}/v1/completions?sim-filler={given}", {"prompt": "one", "max_tokens": 9})
    else:
        reply = ask(server, "v1/completions", {"prompt": "one", "max_tokens": 9}, f"X-Sim-Filler: {given}")
    assert reply.status == status
    if status == 200:
        assert (reply.json["choices"][0]["text"] == " ".join(WORDS[:9])) == (given != "no")


# The context.


@ENDPOINTS
def test_what_is_longer_than_the_context_is_refused(
    server: VisibleServer, path: str, body: dict[str, Any], limit: str
) -> None:
    server.control.configure(max_model_len=10)
    assert ask(server, path, {**body, limit: 7}).status == 200
    reply = ask(server, path, {**body, limit: 8})
    assert reply.status == 400
    error = reply.json["error"]
    assert error["type"] == "invalid_request_error"
    if "anthropic" in path:
        assert error["message"].startswith("input length and `max_tokens` exceed context limit: 3 + 8 > 10")
    else:
        assert error["code"] == "context_length_exceeded"
        assert error["message"] == (
            "This model's maximum context length is 10 tokens. However, you requested 11 tokens (3 in the messages, 8 "
            "in the completion). Please reduce the length of the messages or completion."
        )


def test_a_prompt_that_fills_the_context(server: VisibleServer) -> None:
    server.control.configure(max_model_len=3)
    reply = ask(server, "v1/chat/completions", {"messages": MESSAGES})
    assert reply.json["error"]["message"] == (
        "This model's maximum context length is 3 tokens. However, your messages resulted in 3 tokens. Please reduce "
        "the length of the messages."
    )
    server.control.configure(max_model_len=5)
    # What is left of the context is the limit of a reply that has none.
    pieces, _, reason = said_in(ask(server, "v1/chat/completions", {"messages": MESSAGES}), False)
    assert (len(pieces[0].split()), reason) == (2, "length")


def test_the_tokenizer_is_bounded(server: VisibleServer) -> None:
    assert ask(server, "tokenize", {"prompt": "x" * 2**17}).status == 200
    assert ask(server, "tokenize", {"prompt": "x" * (2**17 + 1)}).json["error"]["code"] == "string_above_max_length"
    assert ask(server, "detokenize", {"tokens": [1] * 100_001}).status == 400
