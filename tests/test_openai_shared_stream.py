"""A stream that is shared is, byte for byte, the stream that would have been written for its client."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.services.context import Context
from oagw_tornado.services.dialect import canned_parts
from oagw_tornado.services.openai.chat.dialect import CHAT
from oagw_tornado.services.openai.chat.reply import LONGEST_KEPT, chat_reply
from oagw_tornado.services.openai.chat.shared_stream import is_shared, perform, shared_stream

CONTEXTS = st.builds(
    Context,
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40),
    st.integers(0, 2**33),
    st.booleans(),
    st.none() | st.integers(1, 5000),
    st.integers(1, 4),
    filler=st.booleans(),
    max_model_len=st.none(),
)
REQUESTS = st.fixed_dictionaries(
    {
        "model": st.sampled_from(["gpt-4", 'a "quoted" model']),
        "stream": st.just(True),
        "messages": st.text(max_size=60).map(lambda text: [{"role": "user", "content": text}]),
    },
    optional={
        "stream_options": st.just({"include_usage": True}),
        "seed": st.just(7),
        "max_tokens": st.integers(1, 5),
        "logprobs": st.booleans(),
        "n": st.integers(1, 3),
    },
)


def said(reply):
    return [(frame.data, frame.content) for frame in reply.frames]


@given(REQUESTS, CONTEXTS, CONTEXTS)
def test_what_is_shared_is_what_would_have_been_written(fields, first, context):
    body = json.dumps(fields).encode()
    conversation = CHAT.read(body, context)
    parts = canned_parts(CHAT, conversation, context)
    other = Context(first.request_id, first.created, *context[2:])  # made for another id and another time
    shared = shared_stream(conversation, parts, CHAT.write(conversation, parts, other), other)
    written = said(CHAT.write(conversation, parts, context))
    plain = fields.get("n", 1) == 1 and not fields.get("logprobs") and is_shared(parts[0].tokens)
    assert (shared is not None) == plain
    if shared is not None:
        assert said(perform(shared, context)) == written
        assert said(perform(shared, context)) == written  # it is not used up
    assert said(chat_reply(body, context)) == written
    assert said(chat_reply(body, context)) == written  # asked again, it is known


@pytest.mark.parametrize("words", [10, LONGEST_KEPT], ids=["known again", "too long to be known again"])
def test_the_same_question_under_other_knobs_has_another_answer(words):
    message = {"role": "user", "content": " ".join(["word"] * words)}
    body = json.dumps({"stream": True, "messages": [message]}).encode()
    short, long = (chat_reply(body, Context("a", 1, output_tokens=count)) for count in (2, 5))
    assert [sum(content for _, content in said(reply)) for reply in (short, long)] == [2, 5]
