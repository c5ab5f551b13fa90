"""Scripted replies on the wire: rules that see the conversation, upstreams without code, misses that are explained."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import scripted_simulator

from oagw_tornado.testing import (
    ControlError,
    Error,
    Finish,
    Raw,
    Reasoning,
    Refusal,
    SimulatorThread,
    Text,
    ToolCall,
    Usage,
)

simulator = scripted_simulator.simulator
control = scripted_simulator.control
http = scripted_simulator.http


def chat(*texts: str, **fields: Any) -> dict[str, Any]:
    roles = ("user", "assistant")
    messages = [{"role": roles[number % 2], "content": text} for number, text in enumerate(texts)]
    return {"model": "m", "messages": messages, **fields}


def said(http: httpx.Client, body: dict[str, Any], **more: Any) -> str:
    reply = http.post("/openai/v1/chat/completions", json=body, **more)
    return str(reply.json()["choices"][0]["message"]["content"]) if reply.status_code == 200 else str(reply.status_code)


def test_a_rule_sees_the_query(control: Any, http: httpx.Client) -> None:
    control.reply("scripted", match={"query": {"version": "2.*"}})
    assert said(http, chat("hi"), params={"version": "2.1", "other": "x"}) == "scripted"
    assert said(http, chat("hi"), params=[("version", "1"), ("version", "2.0")]) == "scripted"
    assert said(http, chat("hi"), params={"version": "1.2."}) != "scripted"
    nearest = {"rule": "rule-1", "predicate": "query.version", "wanted": "2.*", "saw": "1.2."}
    assert control.requests(limit=1)[0]["nearest"] == [nearest]
    assert said(http, chat("hi")) != "scripted"
    assert control.requests(limit=1)[0]["nearest"] == [{**nearest, "saw": None}]


def test_broken_arguments_in_a_whole_message_are_a_text(control: Any, http: httpx.Client) -> None:
    control.reply(ToolCall("f", '{"a": '))
    message = http.post("/anthropic/v1/messages", json=chat("hi", max_tokens=9)).json()
    assert (message["content"][0]["input"], message["stop_reason"]) == ('{"a": ', "tool_use")


def test_what_is_counted_is_counted_for_each_session(control: Any, http: httpx.Client) -> None:
    control.reply(Error(429, code="insufficient_quota"), when={"first": 1, "per": "header:x-test-id"})
    control.reply("fine")
    for session in ("a", "b"):
        headers = {"x-test-id": session}
        assert [said(http, chat("again"), headers=headers) for _ in range(3)] == ["429", "fine", "fine"]
    control.reset()
    control.reply("first", when={"first": 1, "per": "json:user"})
    assert [said(http, chat("x", user=user))[:5] for user in "aabb"] == ["first", "I rec", "first", "I rec"]


def test_a_request_tells_which_rules_came_near(control: Any, http: httpx.Client) -> None:
    control.reply("x", name="far", match={"alias": "github"})
    control.reply("x", name="near", match={"alias": "openai", "header": {"x-api-key": "k"}, "turn": 2})
    control.reply("x", name="nearer", match={"model": "m", "last-message": "*bye*"})
    assert said(http, chat("hello")).startswith("Hello!")
    entry = control.requests(limit=1)[0]
    assert entry["rule"] is None
    assert entry["nearest"] == [
        {"rule": "nearer", "predicate": "last-message", "wanted": "*bye*", "saw": "hello"},
        {"rule": "near", "predicate": "header.x-api-key", "wanted": "k", "saw": None},
        {"rule": "far", "predicate": "alias", "wanted": "github", "saw": "openai"},
    ]
    described = {"alias": "openai", "path": "/v1/chat/completions", "body": chat("good bye")}
    assert control.explain(**described)["rule"] == "nearer"
    explained = control.explain(**{**described, "body": chat("hello"), "headers": {"X-Api-Key": "secret"}})
    assert explained["rule"] is None
    assert "secret" not in json.dumps(explained)
    assert [rule["fitted"] for rule in control.rules()] == [0, 0, 0]
    with pytest.raises(ControlError, match="alias: expected"):
        control.explain(path="x")


def test_strict_refuses_what_no_rule_answers(control: Any, http: httpx.Client) -> None:
    control.configure(strict=True)
    control.reply("yes", name="greets", match={"last-message": "hi"})
    assert said(http, chat("hi")) == "yes"
    reply = http.post("/openai/v1/chat/completions", json=chat("bye"))
    assert (reply.status_code, reply.headers["X-OAGW-Error-Source"]) == (503, "gateway")
    assert reply.json()["error"] == "no rule answers this request"
    assert "greets" in reply.json()["hint"]
    assert reply.json()["nearest"][0]["saw"] == "bye"
    assert http.get("/weather/current").status_code == 503


def test_any_upstream_can_be_answered_for(control: Any, http: httpx.Client) -> None:
    control.add_upstream("shop")
    control.reply({"status": 201, "headers": {"X-Mine": "yes"}, "json": {"id": 1}}, match={"path": "items/*"})
    control.reply({"events": [{"id": "1", "data": "a"}, "b"]}, match={"alias": "shop", "path": "events"})
    control.reply("plain", match={"alias": "github", "path": "text"})
    reply = http.post("/shop/items/7")
    assert (reply.status_code, reply.headers["X-Mine"], reply.json()) == (201, "yes", {"id": 1})
    assert http.patch("/shop/items/7").status_code == 201
    assert http.head("/shop/items/7").headers["Content-Length"] == "8"
    assert http.get("/shop/events").text == "id: 1\ndata: a\n\ndata: b\n\n"
    assert http.get("/github/text").text == "plain"
    assert http.get("/shop/other").status_code == 404
    status = httpx.get(f"{str(http.base_url).partition('/proxy')[0]}/status").json()
    assert status["registered_aliases"][-1] == "shop"
    control.call("DELETE", "/_sim/upstreams/shop")
    assert http.get("/shop/items/7").json()["error"].startswith("Unknown alias")


def test_another_instance_has_knobs_and_tokens_of_its_own(control: Any, simulator: SimulatorThread) -> None:
    control.add_upstream("slow-openai", service="openai", latency="40ms", token=["team-a"])
    url = f"{simulator.base_url}/api/oagw/v1/proxy/slow-openai/v1/chat/completions"
    assert httpx.post(url, json=chat("x"), headers={"Authorization": f"Bearer {simulator.token}"}).status_code == 403
    assert httpx.post(url, json=chat("x"), headers={"Authorization": "Bearer team-a"}).status_code == 200
    assert control.requests(limit=1)[0]["knobs"]["latency"] == "40ms"
    assert control.requests(limit=1)[0]["ended"] >= 0.04
    assert control.call("GET", "/_sim/upstreams")["upstreams"]["slow-openai"]["token"] == ["***"]
    for described, problem in (
        ({"service": "opnai"}, "did you mean openai"),
        ({"latnecy": "1s"}, "did you mean latency"),
        ({"latency": "soon"}, "is not a duration"),
    ):
        with pytest.raises(ControlError, match=problem):
            control.add_upstream("x", **described)
    with pytest.raises(ControlError, match="is already the alias of a service"):
        control.add_upstream("openai")


def test_waits_of_parts_are_in_the_journal_and_kept(control: Any, http: httpx.Client) -> None:
    control.reply(
        [Reasoning("One two", after="60ms", gap="20ms"), Text("a", "b", after="40ms", gap="10ms"), Finish("length")],
        time_to_first_token="1s",
    )
    for alias, path, body in (
        ("openai", "v1/chat/completions", chat("x", stream=True)),
        ("openai", "v1/responses", {"model": "m", "input": "x", "stream": True}),
        ("anthropic", "v1/messages", chat("x", stream=True, max_tokens=9)),
    ):
        http.post(f"/{alias}/{path}", json=body)
        entry = control.request(control.requests(limit=1)[0]["id"])
        planned, actual = entry["events"]["planned"], entry["events"]["actual"]
        assert [at for at in (0.06, 0.08, 0.12, 0.13) if not any(abs(at - each) < 1e-6 for each in planned)] == []
        assert all(0 <= left - due < 0.2 for due, left in zip(planned, actual, strict=True))


def test_a_reply_that_is_sent_whole_waits_for_its_parts(control: Any, http: httpx.Client) -> None:
    control.reply([Text("a", after="30ms"), Text("b", after="30ms")])
    assert said(http, chat("x")) == "ab"
    assert control.requests(limit=1)[0]["ended"] >= 0.06


def test_drawn_waits_are_the_same_for_the_same_seed(control: Any, http: httpx.Client) -> None:
    control.reply(Text("a", "b", "c", gap="uniform(1ms,9ms)"), seed=7)
    plans = []
    for _ in range(2):
        http.post("/openai/v1/chat/completions", json=chat("x", stream=True))
        plans.append(control.request(control.requests(limit=1)[0]["id"])["events"]["planned"])
    assert plans[0] == plans[1]
    assert plans[0][1] - plans[0][0] >= 0.001


def test_faults_and_gates_hold_for_a_script(control: Any, http: httpx.Client) -> None:
    control.reply([Reasoning("One"), ToolCall("f", x=1), "end"], fault="reset;at-event=2")
    with pytest.raises(httpx.TransportError):
        http.post("/openai/v1/chat/completions", json=chat("x", stream=True))
    assert control.requests(limit=1)[0]["outcome"] == "fault:reset"


@pytest.mark.parametrize(
    ("model", "knobs"),
    [
        ("gpt-4.sim.latency-5ms.output-tokens-3", {"latency": "5ms", "output-tokens": 3}),
        ("m.sim.itl-uniform-1ms-2.5ms", {"inter-token-latency": "uniform(1ms,2.5ms)"}),
        ("m.sim.fault-status.code-418.seed-3", {"fault": "status;code=418", "seed": 3}),
    ],
)
def test_knobs_in_the_name_of_a_model(control: Any, http: httpx.Client, model: str, knobs: dict[str, Any]) -> None:
    reply = http.post("/openai/v1/chat/completions", json={**chat("x"), "model": model})
    held = control.requests(limit=1)[0]["knobs"]
    assert {name: held[name] for name in knobs} == knobs
    if reply.status_code == 200:
        assert reply.json()["model"] == model
    # A header is the nearer one to say it.
    http.post("/openai/v1/chat/completions", json={**chat("x"), "model": model}, headers={"X-Sim-Seed": "9"})
    assert control.requests(limit=1)[0]["knobs"]["seed"] == 9
    control.configure(model_name_knobs=False)
    assert http.post("/openai/v1/chat/completions", json={**chat("x"), "model": model}).status_code == 200
    assert control.requests(limit=1)[0]["knobs"]["seed"] is None


def test_a_model_with_what_is_no_knob_is_refused(control: Any, http: httpx.Client) -> None:
    reply = http.post("/openai/v1/chat/completions", json={**chat("x"), "model": "m.sim.latnecy-5ms"})
    assert reply.status_code == 400
    assert "latnecy-5ms" in reply.json()["error"]


@pytest.mark.parametrize(
    "rule",
    [
        {"reply": [{"txet": "x"}]},
        {"reply": {"file": "x"}},
        {"reply": "x" * 2**20 * 3},
        {"reply": ["x"] * 50_000},
        {"reply": [{"text": ["x"] * 50_000}]},
        {"match": {"json": {"a[": 1}}},
        {"match": {"turn": "x"}},
        {"match": {"stream": 1}},
        {"when": {"per": "cookie"}},
    ],
)
def test_a_bad_script_is_one_clear_error_and_changes_nothing(control: Any, rule: dict[str, Any]) -> None:
    control.reply("as before", name="good")
    with pytest.raises(ControlError) as caught:
        control.call("PUT", "/_sim/rules", body=[{"name": "good"}, {"name": "bad", **rule}])
    assert caught.value.status == 400
    assert str(caught.value).startswith("bad: ")
    assert "\n" not in str(caught.value)
    assert [rule["name"] for rule in control.rules()] == ["good"]


@pytest.mark.parametrize("reply", ["x" * 10 * 2**20, ["x"] * 10**6], ids=["10 MB of text", "a million parts"])
def test_a_script_that_is_far_too_large_changes_nothing(control: Any, http: httpx.Client, reply: Any) -> None:
    control.reply("as before", name="good")
    with pytest.raises(ControlError) as caught:
        control.call("POST", "/_sim/rules", body={"name": "bad", "reply": reply})
    assert 400 <= (caught.value.status or 0) < 500
    assert len(str(caught.value)) < 300
    assert str(caught.value).startswith("reply: expected ")
    with pytest.raises(ControlError) as caught:
        control.call("PUT", "/_sim/rules", body={"rules": [{"name": "small"}, {"name": "bad", "reply": reply}]})
    assert str(caught.value).startswith("bad: reply: expected ")
    assert [rule["name"] for rule in control.rules()] == ["good"]
    assert said(http, chat("x")) == "as before"


@pytest.mark.alone
def test_events_leave_when_their_parts_say(control: Any, http: httpx.Client) -> None:
    control.reply([Reasoning("One two", after="60ms", gap="20ms"), Text("a", "b", after="40ms", gap="10ms")])
    late = []
    for _ in range(20):
        http.post("/openai/v1/chat/completions", json=chat("x", stream=True))
        events = control.request(control.requests(limit=1)[0]["id"])["events"]
        late += [left - due for due, left in zip(events["planned"], events["actual"], strict=True)]
    assert min(late) >= 0
    assert sorted(late)[len(late) // 2] < 0.002


def test_parts_are_what_a_rule_has() -> None:
    assert Raw(b"\x00").document == {"raw": {"base64": "AA=="}}
    assert Raw(event="x", json={"a": 1}).document == {"raw": {"event": "x", "data": {"a": 1}}}
    assert Refusal("no", after="1s").document == {"refusal": "no", "after": "1s"}
    assert ToolCall("f", "{broken", id="c").document == {"tool": {"name": "f", "arguments": "{broken", "id": "c"}}
    assert Usage(1, cache_write=2).document == {"usage": {"input": 1, "cache-write": 2}}
    with pytest.raises(TypeError, match="not both"):
        ToolCall("f", "{}", x=1)
