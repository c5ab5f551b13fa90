"""Errors in the middle of a stream, in each stream's own form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from test_error_forms import HELLO, MESSAGES, RESPONSES, with_fault
from wire import CHAT, EVENTS, Client, chat, get, post, serving

from oagw_tornado.faults import parse_faults
from oagw_tornado.reply.sse import decode


@pytest.fixture(scope="module")
def server(wire: str):
    with serving(wire, inter_token_latency="0", event_interval="0") as server:
        yield server


@pytest.fixture
def client(server):
    with Client(server.port) as client:
        yield client


# In the middle of a stream.


def events_of(client: Client, request: bytes, fault: str) -> list[Any]:
    return decode(client.send(with_fault(request, fault)).reply().body)


RESPONSE = post(RESPONSES, {"model": "m", "input": "tell me", "stream": True})


@pytest.mark.parametrize("form", ["error", "failed", "incomplete"])
def test_the_numbers_of_a_response_go_on(client: Client, form: str) -> None:
    ends = [f"error-event;at-event={number};form={form}" for number in (0, 1, 3)]
    for fault in (*ends, f"duplicate-event;at-event=1,{ends[2]}"):
        events = events_of(client, RESPONSE, fault)
        numbers = list(dict.fromkeys(json.loads(event.data)["sequence_number"] for event in events))
        assert numbers == list(range(len(numbers)))
        assert events[-1].event == ("error" if form == "error" else f"response.{form}")
        assert json.loads(events[-1].data)["type"] == events[-1].event


def test_a_response_that_failed_says_why(client: Client) -> None:
    failed = json.loads(events_of(client, RESPONSE, "error-event;at-event=2;form=failed")[-1].data)["response"]
    assert (failed["status"], failed["error"]["code"]) == ("failed", "server_error")
    fault = "error-event;at-event=2;form=failed;error=rate_limit_exceeded;message=slow"
    failed = json.loads(events_of(client, RESPONSE, fault)[-1].data)["response"]
    assert failed["error"] == {"code": "rate_limit_exceeded", "message": "slow"}


def test_a_response_that_is_incomplete_has_what_was_said(client: Client) -> None:
    last = json.loads(events_of(client, RESPONSE, "error-event;at-event=3;form=incomplete")[-1].data)["response"]
    assert (last["status"], last["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert last["output"][0]["content"][0]["text"] == "I received your"
    assert (last["output"][0]["status"], last["usage"]["output_tokens"]) == ("incomplete", 3)
    fault = "error-event;at-event=3;form=incomplete;error=content_filter"
    last = json.loads(events_of(client, RESPONSE, fault)[-1].data)["response"]
    assert last["incomplete_details"] == {"reason": "content_filter"}


def test_a_form_that_a_stream_has_not_is_refused(client: Client) -> None:
    for request in (post(CHAT, chat()), post(MESSAGES, {**HELLO, "stream": True}), get(EVENTS)):
        reply = client.send(with_fault(request, "error-event;form=failed")).reply()
        assert reply.status == 400
        assert "form=failed" in reply.json["error"]
    with pytest.raises(ValueError, match="form=incomplete"):
        parse_faults("error-event;form=incomplete;message=x")


def test_anthropics_error_in_a_stream_has_the_id_of_the_request(client: Client) -> None:
    reply = client.send(with_fault(post(MESSAGES, {**HELLO, "stream": True}), "error-event;at-event=1")).reply()
    last = decode(reply.body)[-1]
    error = json.loads(last.data)
    assert (last.event, error["type"], error["error"]["type"]) == ("error", "error", "overloaded_error")
    assert error["request_id"] == reply.headers["request-id"]
    fault = "error-event;at-event=1;error=rate_limit_error;message=slow"
    last = events_of(client, post(MESSAGES, {**HELLO, "stream": True}), fault)[-1]
    assert json.loads(last.data)["error"] == {"type": "rate_limit_error", "message": "slow"}


def test_other_streams_say_it_their_way(client: Client) -> None:
    last = events_of(client, post(CHAT, chat()), "error-event;at-event=1;error=server_error;message=gone")[-1]
    assert json.loads(last.data)["error"]["message"] == "gone"
    assert json.loads(events_of(client, get(EVENTS), "error-event;message=gone")[-1].data) == {"error": "gone"}
    lines = client.send(with_fault(get(EVENTS, "Accept: application/x-ndjson"), "error-event;at-event=1")).reply().body
    assert json.loads(lines.splitlines()[-1]) == {"error": "Server error"}
