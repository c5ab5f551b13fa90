"""What is remembered for speed changes no answer: asked again, or after anybody else, the same is said as at first.

The paths of the router are in test_gateway, the scripts of streams in test_openai_shared_stream.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from wire import CHAT, PROXY, Client, chat, post, serving

from oagw_tornado.services.openai.chat.reply import chat_reply
from oagw_tornado.services.openai.context import Context
from oagw_tornado.services.openai.errors import InvalidRequest
from oagw_tornado.units.caches import CachedFunction, RepeatCache
from oagw_tornado.wire.connection import status_and_fields

LATIN = st.text(st.characters(max_codepoint=255), max_size=12)
FIELDS = st.lists(st.tuples(LATIN, LATIN), max_size=3).map(tuple)
#: Functions that remember, and what they are asked.
REMEMBERING = {
    status_and_fields: st.tuples(
        st.integers(100, 599) | st.just(200),
        FIELDS,
        st.sampled_from(["upstream", "gateway", None]),
        st.sampled_from(["", "Fine"]) | LATIN,
    ),
}


def outcome(function: Any, arguments: tuple[Any, ...]) -> Any:
    try:
        return function(*arguments)
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("function", REMEMBERING, ids=lambda function: function.__name__)
@given(st.data())
def test_a_function_that_remembers_is_the_one_that_does_not(function: Any, data: st.DataObject) -> None:
    asked = data.draw(st.lists(REMEMBERING[function], min_size=1, max_size=6))
    for arguments in [*asked, *asked]:
        assert outcome(function, arguments) == outcome(function.__wrapped__, arguments)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 5) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["type", "role", "content"]), inner),
    max_leaves=6,
)
BODIES = st.binary(max_size=30) | st.fixed_dictionaries(
    {
        "messages": st.sampled_from(["hello", "an error", "tell me"]).map(
            lambda text: [{"role": "user", "content": text}]
        )
    },
    optional={
        "model": st.sampled_from(["m", ""]) | VALUES,
        "stream": st.booleans() | VALUES,
        "n": st.sampled_from([1, 2]) | VALUES,
        "tools": VALUES,
        "tool_choice": st.sampled_from(["none", "auto", "required"]) | VALUES,
        "response_format": VALUES,
        "stop": VALUES,
        "logprobs": VALUES,
    },
).map(lambda document: json.dumps(document).encode())
CONTEXTS = st.builds(
    Context, st.sampled_from(["a", "b"]), st.just(1), st.booleans(), st.sampled_from([None, 0, 1, 3]), st.integers(1, 2)
)


def said(body: bytes, context: Context) -> Any:
    try:
        reply = chat_reply(body, context)
    except InvalidRequest as error:
        return error.status, error.message, error.param, error.code
    return reply.status, reply.headers, list(reply.frames) if reply.frames is not None else reply.body


@given(BODIES, st.lists(CONTEXTS, min_size=1, max_size=4))
@example(b'{"messages":[{"role":"user","content":"an error"}]}', [Context("a", 1), Context("a", 1, is_exact=True)])
def test_a_chat_that_is_known_is_answered_as_one_that_is_new(body: bytes, contexts: list[Context]) -> None:
    first = [said(body, context) for context in contexts]
    # White space makes it another body with the same meaning, which nobody has asked before.
    new = [said(b" " * (number + 1) + body, context) for number, context in enumerate(contexts)]
    assert first == new
    assert [said(body, context) for context in reversed(contexts)] == first[::-1]


def test_whoever_asked_before(wire: str) -> None:
    """The same requests, in any order, on one server: a key that is none is refused before and after one that is."""
    path = f"{PROXY}/%61nthropic/v1/models"

    def lines(key: str) -> bytes:
        return f"GET {path} HTTP/1.1\r\nHost: x\r\n{key}\r\n\r\n".encode()

    right, bearer, wrong = (lines(each) for each in ("X-Api-Key: one", "Authorization: Bearer one", "X-Api-Key: no"))
    with serving(wire, token="one") as server, Client(server.port) as client:
        asked = [wrong, right, wrong, bearer, right, wrong, lines("X: y")]
        assert [client.send(each).reply().status for each in asked] == [403, 200, 403, 200, 200, 403, 401]


def test_a_rule_that_came_after_holds_for_what_is_known(wire: str) -> None:
    with serving(wire, inter_token_latency="0") as server, Client(server.port) as client:
        request = post(CHAT, chat())
        before = client.send(request).reply().text
        server.control.add_rule(name="short", output_tokens=2)
        assert client.send(request).reply().text == "Streaming response "
        server.control.call("DELETE", "/_sim/rules/short")
        server.control.configure(output_tokens=1)
        assert client.send(request).reply().text == "Streaming "
        server.control.configure(output_tokens=None)
        assert client.send(request).reply().text == before


def test_who_asks_for_much_pushes_out_nothing_that_is_used() -> None:
    """Each new one twice, and far more of them than are kept."""
    asked: list[int] = []

    def ask(number: int) -> int:
        asked.append(number)
        return number

    remembered = CachedFunction(ask, 128)
    for _ in range(3):
        remembered(-1)
    asked.clear()
    for number in range(3000):
        for _ in range(2):
            assert remembered(number) == number
        if number % 20 == 0:
            assert remembered(-1) == -1
    assert -1 not in asked
    assert len(remembered._known) == 128


def test_what_nobody_uses_any_more_goes() -> None:
    kept: RepeatCache[int, str] = RepeatCache(4)
    for number in range(4):
        for _ in range(2):
            kept.offer(number, "x")
        for _ in range(1000):
            kept.get(number)
    for number in range(100, 140):
        for _ in range(2):
            kept.offer(number, "y")
    assert all(number >= 100 for number in kept)


def test_what_is_asked_once_is_not_kept() -> None:
    kept: RepeatCache[int, str] = RepeatCache(4)
    for number in range(100):
        kept.offer(number, "x")
    assert len(kept) == 0
    kept.offer(97, "x")  # lately
    assert list(kept) == [97]
