"""Responses are stored, within bounds: others build on them, and they can be retrieved, listed and deleted."""

from __future__ import annotations

import json

import httpx
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oagw_tornado.services.context import Context
from oagw_tornado.services.dialect import Asked
from oagw_tornado.services.openai.errors import InvalidRequest
from oagw_tornado.services.openai.responses import store as stores
from oagw_tornado.services.openai.responses.keeping import reply_to_response
from oagw_tornado.services.openai.responses.store import ResponseStore
from oagw_tornado.testing import SimulatorThread

TOOL = {
    "type": "function",
    "name": "look",
    "strict": True,
    "parameters": {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
}


@pytest.fixture(scope="module")
def simulator():
    with SimulatorThread(openai_profile="openai", inter_token_latency="0") as server:
        yield server


@pytest.fixture
def client(simulator):
    url = f"{simulator.base_url}/api/oagw/v1/proxy/openai/v1"
    with openai.OpenAI(base_url=url, api_key="test-integration-token", max_retries=0) as client:
        yield client


def create(client, input, **more):
    return client.responses.create(model="gpt-4", input=input, **more)


def test_a_response_can_be_retrieved_until_it_is_deleted(client):
    made = create(client, "hello", metadata={"a": "b"})
    found = client.responses.retrieve(made.id)
    assert found.to_dict() == made.to_dict()
    client.responses.delete(made.id)
    # https://github.com/vllm-project/vllm/pull/22137 has the words
    with pytest.raises(openai.NotFoundError, match=f"Response with id '{made.id}' not found."):
        client.responses.retrieve(made.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.delete(made.id)


def test_a_streamed_response_is_stored_as_it_ended(client):
    with client.responses.create(model="gpt-4", input="hello", stream=True) as stream:
        *_, last = stream
    assert last.type == "response.completed"
    assert client.responses.retrieve(last.response.id).to_dict() == last.response.to_dict()


def test_one_builds_on_another(client):
    first = create(client, "one")
    second = create(client, "two", previous_response_id=first.id)
    third = create(client, "three", previous_response_id=second.id)
    assert third.previous_response_id == second.id
    assert first.usage.input_tokens == 1
    assert second.usage.input_tokens == 1 + first.usage.output_tokens + 1
    assert third.usage.input_tokens == second.usage.input_tokens + second.usage.output_tokens + 1
    assert "three" in third.output_text


def test_a_call_is_answered_over_two_responses(client):
    first = create(client, "look", tools=[TOOL])
    called = first.output[0]
    assert called.type == "function_call"
    answer = {"type": "function_call_output", "call_id": called.call_id, "output": "found"}
    second = create(client, [answer], tools=[TOOL], previous_response_id=first.id)
    assert "found" in second.output_text


# https://github.com/openai/openai-agents-python/issues/673
def test_a_call_that_is_not_answered_in_the_next_response_is_refused(client):
    first = create(client, "look", tools=[TOOL])
    with pytest.raises(openai.BadRequestError) as refused:
        create(client, "well?", previous_response_id=first.id)
    assert refused.value.param == "input"
    assert f"No tool output found for function call {first.output[0].call_id}." in refused.value.message


# https://github.com/maximhq/bifrost/issues/2441, https://github.com/bigduu/Bamboo-agent/pull/513
def test_what_is_not_there_cannot_be_built_on(client):
    unstored = create(client, "hello", store=False)
    assert unstored.store is False
    deleted = create(client, "hello")
    client.responses.delete(deleted.id)
    for id in ("resp_0", unstored.id, deleted.id):
        with pytest.raises(openai.BadRequestError) as refused:
            create(client, "more", previous_response_id=id)
        assert f"Previous response with id '{id}' not found." in refused.value.message
        assert (refused.value.param, refused.value.code) == ("previous_response_id", "previous_response_not_found")
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(unstored.id)


def test_what_is_built_on_a_deleted_response_stays(client):
    first = create(client, "one")
    second = create(client, "two", previous_response_id=first.id)
    client.responses.delete(first.id)
    third = create(client, "three", previous_response_id=second.id)
    assert third.usage.input_tokens == second.usage.input_tokens + second.usage.output_tokens + 1


def test_its_input_items_are_listed_page_by_page(client):
    items = [{"role": "user", "content": f"text {number}"} for number in range(5)]
    made = create(client, items)
    first = client.responses.input_items.list(made.id, limit=2, order="asc")
    assert [item.content[0].text for item in first.data] == ["text 0", "text 1"]
    assert first.has_more
    everything = [item.content[0].text for item in client.responses.input_items.list(made.id, limit=2)]
    assert everything == [f"text {number}" for number in reversed(range(5))]
    single = client.responses.input_items.list(create(client, "hello").id)
    assert [(item.role, item.content[0].type, item.content[0].text) for item in single] == [
        ("user", "input_text", "hello")
    ]
    for bad in ({"limit": 0}, {"limit": 101}, {"extra_query": {"order": "up"}}):
        with pytest.raises(openai.BadRequestError):
            client.responses.input_items.list(made.id, **bad)
    with pytest.raises(openai.NotFoundError):
        client.responses.input_items.list(made.id, after="msg_0")
    with pytest.raises(openai.NotFoundError):
        client.responses.input_items.list("resp_0")


def test_rules_see_what_was_said_before(simulator, client):
    rule = {
        "name": "second",
        "match": {"alias": "openai", "turn": 2},
        "reply": {"text": "This is the second turn."},
    }
    simulator.control.add_rule(rule)
    try:
        first = create(client, "one")
        assert create(client, "two", previous_response_id=first.id).output_text == "This is the second turn."
        assert "second turn" not in create(client, "two").output_text
    finally:
        simulator.control.reset()


def test_a_reset_forgets_them(simulator, client):
    made = create(client, "hello")
    simulator.control.reset()
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("error-event;form=incomplete;at-event=2", "incomplete"),
        ("error-event;form=failed;at-event=2", "failed"),
        ("error-event;at-event=2", "failed"),
        ("close;at-event=2", "in_progress"),
    ],
)
def test_a_response_that_does_not_end_in_order_is_stored_as_it_was(client, fault, status):
    seen = []
    try:
        with client.responses.create(
            model="gpt-4", input="hello", stream=True, extra_headers={"X-Sim-Fault": fault}
        ) as stream:
            for event in stream:
                seen.append(event)  # noqa: PERF402  # what comes before the error counts
    except (openai.APIError, httpx.RemoteProtocolError):
        pass
    id = seen[0].response.id
    assert client.responses.retrieve(id).status == status
    if status == "in_progress":
        with pytest.raises(openai.BadRequestError, match="not found"):
            create(client, "more", previous_response_id=id)


def test_other_methods_are_refused(simulator, client):
    made = create(client, "hello")
    with pytest.raises(openai.APIStatusError) as refused:
        client.put(f"/responses/{made.id}", cast_to=object)
    assert refused.value.status_code == 405


CONTEXT = Context("r1", 1_700_000_000, is_exact=True, is_strict=True)


def ask(store, number, **fields):
    body = json.dumps({"model": "gpt-4", "input": "hello", **fields}).encode()
    return reply_to_response(Asked(body, CONTEXT._replace(request_id=f"{number}")), store)


def test_the_number_of_stored_responses_is_bounded(monkeypatch):
    monkeypatch.setattr(stores, "MOST_STORED", 3)
    store = ResponseStore()
    for number in range(5):
        ask(store, number)
    assert len(store) == 3
    assert store.get("resp_1") is None
    assert store.get("resp_2") is not None


def test_the_bytes_of_stored_responses_are_bounded(monkeypatch):
    monkeypatch.setattr(stores, "MOST_STORED_BYTES", 100_000)
    store = ResponseStore()
    for number in range(50):
        ask(store, number, input="x" * 5000)
        assert store.size <= 100_000
    assert 0 < len(store) < 20
    ask(store, "large", input="x" * 200_000)
    assert store.get("resp_large") is None


def test_a_chain_of_responses_is_bounded_in_bytes(monkeypatch):
    monkeypatch.setattr(stores, "MOST_STORED_BYTES", 100_000)
    store = ResponseStore()
    ask(store, 0)
    refused = None
    for number in range(1, 200):
        try:
            ask(store, number, previous_response_id=f"resp_{number - 1}")
        except InvalidRequest as error:
            refused = error
            break
        assert store.size <= 100_000
    assert refused is not None
    assert refused.code == "previous_response_not_found"


def test_the_size_is_that_of_those_that_are_there():
    store = ResponseStore()
    for number in range(5):
        ask(store, number)
        list(ask(store, f"s{number}", stream=True).frames or ())
        assert store.recall(f"resp_s{number}")
    for number in range(5):
        store.forget(f"resp_{number}")
        store.forget(f"resp_s{number}")
    assert (len(store), store.size) == (0, 0)


ids = st.sampled_from(["resp_0", "resp_1", "resp_2", "resp_9", "", "x"]) | st.none()
items = st.sampled_from(
    [
        {"role": "user", "content": "hello"},
        {"type": "function_call", "call_id": "a", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "found"},
        {"type": "reasoning", "summary": []},
        {"role": "user", "content": [{"type": "input_image", "image_url": "data:,"}]},
    ]
)
asked = st.fixed_dictionaries(
    {},
    optional={
        "input": st.text(max_size=5) | st.lists(items, max_size=3) | st.none(),
        "previous_response_id": ids,
        "store": st.booleans() | st.none(),
        "stream": st.booleans(),
        "tools": st.just([TOOL]),
    },
)


@given(st.lists(st.tuples(asked, st.booleans()), max_size=6))
@settings(max_examples=100, deadline=None)
def test_any_run_of_requests_is_answered_or_refused(requests):
    store = ResponseStore()
    for number, (fields, is_strict) in enumerate(requests):
        body = json.dumps({"model": "gpt-4", **fields}).encode()
        context = CONTEXT._replace(request_id=f"{number % 3}", is_strict=is_strict)
        try:
            reply = reply_to_response(Asked(body, context), store)
        except InvalidRequest:
            continue
        if reply.frames is not None and number % 2:
            list(reply.frames or ())
    assert store.size == sum(response.size for response in store._stored.values())
