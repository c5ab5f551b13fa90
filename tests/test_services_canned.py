"""What the canned model says: sizes, limits and stop sequences, as values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.reply.conversation import Call, Conversation, Message, OfferedTool, Result
from oagw_tornado.reply.parts import Text, ToolCall, finish_reason
from oagw_tornado.reply.tokens import json_tokens, pieces, words_of
from oagw_tornado.services import canned

TEXTS = st.text(max_size=60)


def said(text, *, limit=None, stop=(), output_tokens=None, **asked):
    """What is said, and why it ends."""
    conversation = Conversation("openai-chat", "gpt-4", (), (text,), limit=limit, stop=tuple(stop), **asked)
    parts = canned.say(text, conversation, output_tokens)
    return parts[0].tokens, finish_reason(parts)


def test_the_reply_greets_whoever_says_hello():
    assert canned.reply_to("well, HELLO!") == "Hello! How can I assist you today?"
    assert canned.reply_to("x") == "I received your message: 'x'. This is a mock response from the Python test server."


@given(TEXTS)
def test_tokens_are_the_words_of_the_text(text):
    tokens, _ = said(text)
    assert tokens.text() == text
    assert "".join(tokens.tokens()) == " ".join(text.split())
    assert "".join(tokens.tokens(space_after=True)) == "".join(word + " " for word in text.split())
    assert len(list(tokens.tokens())) == tokens.count == len(text.split())


@given(TEXTS.filter(lambda text: bool(text.split())), st.integers(0, 200), st.integers(1, 9))
def test_output_tokens_sets_the_size_exactly(text, count, per_event):
    tokens, finish = said(text, output_tokens=count)
    assert len(list(tokens.tokens())) == count
    assert len(list(tokens.tokens(per_event))) == tokens.events(per_event) == -(-count // per_event)
    assert "".join(tokens.tokens(per_event)) == "".join(tokens.tokens())
    assert len(tokens.text().split()) == count
    assert finish.reason == "stop"


@given(TEXTS, st.integers(1, 80), st.none() | st.integers(0, 80))
def test_a_limit_cuts_and_says_so(text, limit, count):
    tokens, finish = said(text, limit=limit, output_tokens=count)
    asked = len(text.split()) if count is None or not text.split() else count
    assert tokens.count == min(limit, asked)
    assert finish.reason == ("length" if asked > limit else "stop")
    assert len(tokens.text().split()) == tokens.count


def test_the_first_of_the_stop_sequences_to_come_ends_the_text():
    tokens, finish = said("one two three four", stop=["four", "three"])
    assert (tokens.text(), finish.stop, finish.reason) == ("one two ", "three", "stop")
    assert said("one two", stop=["one"])[0].text() == ""
    assert list(said("one two", stop=["one"])[0].tokens()) == []


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner) | st.lists(inner)
    )
)
def test_json_is_cut_into_tokens_and_nothing_is_lost(value):
    (part,) = canned.say_json(value)
    assert "".join(part.tokens.tokens()) == part.tokens.text()
    assert part.tokens.count == len(list(part.tokens.tokens()))


def test_json_that_a_limit_cuts_off_is_no_json_any_more():
    parts = canned.say_json({"name": "a longer value"}, limit=2)
    assert (parts[0].tokens.text(), finish_reason(parts).reason) == ('{"name":"a longe', "length")


def test_a_call_has_arguments_that_fit():
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}}}
    (call,) = canned.call(OfferedTool("f", schema))
    assert isinstance(call, ToolCall)
    assert (call.arguments.text(), finish_reason([call]).reason) == ('{"n":3}', "tool_calls")
    (custom,) = canned.call(OfferedTool("f", None))
    assert isinstance(custom, ToolCall)
    assert (custom.tokens.text(), custom.is_custom) == ("input", True)


TOOLS = (OfferedTool("first", {}), OfferedTool("second", {}))
ASKED = Message("user", "go")
FIRST = (Message("assistant", "", (Call("1", "first", "{}"),)), Message("tool", "x", (), (Result("1", "first", "x"),)))
SECOND = (
    Message("assistant", "", (Call("2", "second", "{}"),)),
    Message("tool", "y", (), (Result("2", "second", ""),)),
)


@pytest.mark.parametrize(
    ("choice", "callable", "history", "expected"),
    [
        ("auto", None, (), "first"),
        ("auto", None, FIRST, None),
        ("auto", None, (*FIRST, ASKED), "first"),
        ("none", None, (), None),
        ("required", None, (), "first"),
        ("required", None, FIRST, "second"),
        ("required", None, (*FIRST, *SECOND), "second"),
        ("required", ("second",), (), "second"),
        ("required", ("second",), SECOND, "second"),
        ("auto", ("second",), (), "second"),
    ],
)
def test_the_tool_that_is_called(choice, callable, history, expected):
    conversation = Conversation(
        "openai-chat", "m", (ASKED, *history), (), tools=TOOLS, callable=callable, tool_choice=choice
    )
    tool = canned.tool_to_call(conversation)
    assert (tool and tool.name) == expected


@given(TEXTS)
def test_the_words_of_a_script_keep_their_white_space(text):
    tokens = words_of(text)
    assert "".join(tokens.tokens()) == "".join(tokens.tokens(3)) == tokens.text() == text
    assert len(list(tokens.tokens())) == tokens.count


@given(st.lists(TEXTS), st.integers(1, 4))
def test_pieces_are_sent_as_they_were_cut(texts, per_event):
    tokens = pieces(texts)
    assert list(tokens.tokens(per_event)) == texts
    assert tokens.events(per_event) == len(texts)
    assert Text(tokens).tokens.text() == "".join(texts)


@given(TEXTS)
def test_json_of_a_script_goes_out_as_it_is(text):
    assert "".join(json_tokens(text).tokens()) == text


@given(TEXTS.filter(lambda text: bool(text.split())), st.integers(1, 80), st.booleans(), st.integers(0, 90))
def test_who_ignores_the_end_has_as_many_tokens_as_the_limit(text, limit, ignore_eos, least):
    tokens, finish = said(text, limit=limit, ignore_eos=ignore_eos, min_tokens=least)
    wanted = limit if ignore_eos else max(least, len(text.split()))
    assert tokens.count == min(limit, max(wanted, least))
    assert (finish.reason == "length") == (ignore_eos or wanted > limit)
