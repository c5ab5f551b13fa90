"""Assertions on what arrived: what fits, and a failure that says what is wrong with the nearest request."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from oagw_tornado.testing import Oagw, Request, SimulatorThread
from oagw_tornado.testing.expectation import COMPARED, contains

CHAT = {"model": "gpt-4", "temperature": 0.5, "messages": [{"role": "user", "content": "What is the time?"}]}


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorThread]:
    with SimulatorThread(inter_token_latency="0", unmasked="X-Team") as running:
        yield running


@pytest.fixture
def gateway(server: SimulatorThread) -> Oagw:
    fixture = Oagw(server)
    fixture.reset()
    return fixture


def ask(gateway: Oagw, path: str = "openai/v1/chat/completions", body: Any = None, **headers: str) -> None:
    url = f"{gateway.base_url}/api/oagw/v1/proxy/{path}"
    httpx.post(url, json=body, headers={"Authorization": f"Bearer {gateway.token}", **headers})


@pytest.mark.parametrize(
    ("document", "expected", "fits"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": {"b": [1, {"c": 2, "d": 3}]}}, {"a": {"b": [1, {"c": 2}]}}, True),
        ([1, 2], [1], False),
        ([1, 2], (1, 2), True),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": True}, {"a": 1}, False),
        ({"a": None}, {"a": None}, True),
        ({}, {"a": None}, False),
        ("text", "text", True),
        ([], {}, False),
    ],
)
def test_objects_may_have_more_members(document: Any, expected: Any, fits: bool) -> None:
    assert contains(document, expected) == fits


@pytest.mark.parametrize(
    "wanted",
    [
        {"json": {"model": "gpt-4"}},
        {"json": CHAT},
        {"json": {"messages": [{"content": "What is the time?"}]}},
        {"model": "gpt-*"},
        {"header": {"x-team": "blue"}},
        {"header": {"X-Team": "b*", "content-type": "*json"}},
        {"header": {"authorization": "*"}},
        {"body_contains": "the time"},
        {"path": "v1/chat/*", "method": "post", "status": 200, "outcome": "complete", "alias": "openai", "count": 1},
        {"outcome": "comp*"},
    ],
)
def test_what_fits(gateway: Oagw, wanted: dict[str, Any]) -> None:
    ask(gateway, body=CHAT, **{"X-Team": "blue"})
    (found,) = gateway.assert_requested(**wanted)
    assert isinstance(found, Request)
    assert (found.model, found.json, found.header("x-TEAM"), found.status) == ("gpt-4", CHAT, "blue", 200)
    assert found.service_path == "/v1/chat/completions"
    assert found["status"] == found.status


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"model": "gpt-5"}, ["model: expected gpt-5, found gpt-4"]),
        ({"header": {"X-Team": "red"}}, ['header: expected {"X-Team": "red"}, found {"X-Team": "blue"}']),
        ({"header": {"X-Other": "*"}}, ['found {"X-Other": "(not there)"}']),
        ({"body_contains": "the place"}, ["body_contains: expected 'the place', found '{"]),
        (
            {"json": {"model": "gpt-5", "messages": [{"content": "What is the time?"}]}},
            ["json: - expected, + found", '- "model": "gpt-5"', '+ "model": "gpt-4"', '"content": "What is the time?"'],
        ),
        ({"json": {"temperature": 0.7}}, ['- "temperature": 0.7', '+ "temperature": 0.5']),
        ({"status": 429, "outcome": "complete"}, ["status: expected 429, found 200"]),
        ({"path": "/v1/embeddings"}, ["path: expected /v1/embeddings, found /v1/chat/completions"]),
    ],
)
def test_a_failure_says_how_the_nearest_differs(gateway: Oagw, wanted: dict[str, Any], said: list[str]) -> None:
    ask(gateway, body=CHAT, **{"X-Team": "blue"})
    ask(gateway, "weather/current", body={"unlike": "all"})
    with pytest.raises(AssertionError) as caught:
        gateway.assert_requested(alias="openai", **wanted)
    text = re.sub(" +", " ", str(caught.value))
    assert "but 0 of the 2 that arrived fit" in text
    assert "the nearest one, POST openai /v1/chat/completions -> 200 from upstream, complete, differs:" in text
    for line in said:
        assert line in text
    assert "temperature" not in text or "temperature" in str(wanted) or "body_contains" in wanted


def test_the_nearest_is_the_one_whose_json_is(gateway: Oagw) -> None:
    for word in ("one", "two", "three"):
        ask(gateway, body={"model": word, "messages": [{"role": "user", "content": f"Count to {word}"}]})
    with pytest.raises(AssertionError) as caught:
        gateway.assert_requested(json={"model": "two", "messages": [{"role": "system", "content": "Count to two"}]})
    text = str(caught.value)
    assert '- "role": "system"' in re.sub(" +", " ", text)
    assert '"one"' not in text.partition("the nearest one")[2]


def test_too_many_are_told_from_too_few(gateway: Oagw) -> None:
    for _ in range(3):
        ask(gateway, body=CHAT)
    with pytest.raises(AssertionError, match="expected 2 requests with model gpt-4, but 3 of the 3 that arrived fit"):
        gateway.assert_requested(model="gpt-4", count=2)


def test_a_failure_is_short_whatever_arrived(gateway: Oagw) -> None:
    ask(gateway, "weather/current", body={"list": list(range(5000))})
    with pytest.raises(AssertionError) as caught:
        gateway.assert_requested(json={"list": list(range(1, 5001))}, body_contains="x" * 5000)
    assert len(str(caught.value).splitlines()) < COMPARED + 10
    assert len(str(caught.value)) < 10_000


def test_a_body_that_is_no_json_is_said_to_be_none(gateway: Oagw) -> None:
    headers = {"Authorization": f"Bearer {gateway.token}"}
    httpx.post(f"{gateway.base_url}/api/oagw/v1/proxy/weather/current", content=b"plain", headers=headers)
    with pytest.raises(AssertionError, match="the body is not JSON: plain"):
        gateway.assert_requested(json={})
    (found,) = gateway.requests()
    assert found.model is None
    with pytest.raises(ValueError, match="Expecting value"):
        _ = found.json


def test_lists_have_events_if_asked_for(gateway: Oagw) -> None:
    ask(gateway, body={**CHAT, "stream": True})
    (found,) = gateway.requests(events=True, header={"content-type": "*json"}, model="gpt-4", status="2xx")
    assert len(found.planned) == len(found.actual) == found.events_sent
    assert found.first_event == found.actual[0]
    assert found.ended is not None
    assert found == gateway.request(found.id)
    assert gateway.requests(header="x-none") == []
