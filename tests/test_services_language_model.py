"""What the simulated model says: sizes, limits and stop sequences, as values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.services import language_model as model

TEXTS = st.text(max_size=60)


def test_the_reply_greets_whoever_says_hello():
    assert model.reply_to("well, HELLO!") == "Hello! How can I assist you today?"
    assert model.reply_to("x") == "I received your message: 'x'. This is a mock response from the Python test server."


@given(TEXTS)
def test_tokens_are_the_words_of_the_text(text):
    answer = model.say(text)
    assert answer.text() == text
    assert "".join(answer.tokens()) == " ".join(text.split())
    assert "".join(answer.tokens(space_after=True)) == "".join(word + " " for word in text.split())
    assert len(list(answer.tokens())) == answer.count == len(text.split())


@given(TEXTS.filter(lambda text: bool(text.split())), st.integers(0, 200), st.integers(1, 9))
def test_output_tokens_sets_the_size_exactly(text, count, per_event):
    answer = model.say(text, output_tokens=count)
    assert len(list(answer.tokens())) == count
    assert len(list(answer.tokens(per_event))) == -(-count // per_event)
    assert "".join(answer.tokens(per_event)) == "".join(answer.tokens())
    assert len(answer.text().split()) == count
    assert answer.ends == "stop"


@given(TEXTS, st.integers(1, 80), st.none() | st.integers(0, 80))
def test_a_limit_cuts_and_says_so(text, limit, count):
    answer = model.say(text, limit=limit, output_tokens=count)
    asked = len(text.split()) if count is None or not text.split() else count
    assert answer.count == min(limit, asked)
    assert answer.ends == ("length" if asked > limit else "stop")
    assert len(answer.text().split()) == answer.count


def test_the_first_of_the_stop_sequences_to_come_ends_the_text():
    answer = model.say("one two three four", stop=["four", "three"])
    assert (answer.text(), answer.stop, answer.ends) == ("one two ", "three", "stop")
    assert model.say("one two", stop=["one"]).text() == ""
    assert list(model.say("one two", stop=["one"]).tokens()) == []


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner) | st.lists(inner)
    )
)
def test_json_is_cut_into_tokens_and_nothing_is_lost(value):
    answer = model.say_json(value)
    assert "".join(answer.tokens()) == answer.text()
    assert answer.count == len(list(answer.tokens()))


def test_json_that_a_limit_cuts_off_is_no_json_any_more():
    answer = model.say_json({"name": "a longer value"}, limit=2)
    assert (answer.text(), answer.ends) == ('{"name":"a longe', "length")


def test_a_call_has_arguments_that_fit():
    answer = model.call(model.Tool("f", {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}}}))
    assert (answer.text(), answer.ends) == ('{"n":3}', "tool")
    assert model.call(model.Tool("f", None)).text() == "input"
