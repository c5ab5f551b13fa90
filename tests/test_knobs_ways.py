"""Each knob by each of its ways in, and what holds when they meet. What holds is what the journal says of the request;
that each knob does what it says is shown by `test_plan`, `test_faults_wire` and the tests of the services."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from raw_http import CHAT, RawReply, chat, request, talk

from oagw_tornado.config.config import config_as_json, read_config
from oagw_tornado.config.options import OPTIONS
from oagw_tornado.knobs.vocabulary import VOCABULARY
from oagw_tornado.testing import SimulatorProcess, SimulatorThread

#: A value of each knob that is not its default, and how it is shown; none of them holds a reply up.
VALUES: dict[str, tuple[str, Any]] = {
    "latency": ("uniform(1ms,2ms)", "uniform(1ms,2ms)"),
    "header-delay": ("750us", "750us"),
    "time-to-first-token": ("normal(2ms,1ms)", "normal(2ms,1ms)"),
    "ttft": ("1.5ms", "1.5ms"),
    "inter-token-latency": ("lognormal(1ms,0.4)", "lognormal(1ms,0.4)"),
    "itl": ("trace(0,1ms,3ms)", "trace(0,1ms,3ms)"),
    "tokens-per-second": ("2000", "500us"),
    "event-interval": ("exponential(1ms)", "exponential(1ms)"),
    "output-tokens": ("7", 7),
    "tokens-per-event": ("2", 2),
    "events-per-write": ("3", 3),
    "seed": ("42", 42),
    "time-factor-under-load": ("2.5", 2.5),
    "max-concurrency": ("8", 8),
    "filler": ("yes", True),
    "max-model-len": ("8192", 8192),
    "max-num-seqs": ("5", 5),
    "max-waiting-queue-length": ("6", 6),
    "queue-full-status": ("503", 503),
    "fault": ("split;bytes=9,duplicate-event;at-event=1", "split;bytes=9,duplicate-event;at-event=1"),
    "rate-limit": ("6000/min;burst=9;tokens=100000/s", "6000/min;burst=9;tokens=100000/s"),
    "outage": ("every 1m for 5s;code=502", "every 60s for 5s;code=502"),
    "token-lifetime": ("90s", "90s"),
    "gate": ("open-door", "open-door"),
    "line-ending": ("crlf", "crlf"),
    "opening": ("with-first-token", "with-first-token"),
    "keep-alive": ("15s;form=event", "15s;form=event"),
    "replay-speed": ("2.5", 2.5),
}


def shown_as(name: str) -> str:
    """The name under which a knob's value is shown."""
    return VOCABULARY[name].form_of or name


def test_there_is_a_value_for_each_knob() -> None:
    assert VALUES.keys() == VOCABULARY.keys()


# The server's own.


@pytest.mark.parametrize("name", VALUES)
def test_by_option_environment_and_file(name: str) -> None:
    text, value = VALUES[name]
    variable = "OAGW_SIM_" + name.upper().replace("-", "_")
    file = json.dumps({name: text})
    switches = [[f"--{name}"]] if OPTIONS[name].is_flag else [[f"--{name}", text], [f"--{name}={text}"]]
    ways: list[tuple[list[str], dict[str, str]]] = [
        *((switch, {}) for switch in switches),
        ([], {variable: text}),
        (["--config", "sim.yaml"], {}),
    ]
    for arguments, environ in ways:
        config = read_config(arguments, environ, lambda path: file)
        assert config_as_json(config)[shown_as(name)] == value


def test_option_over_environment_over_file() -> None:
    def latency(arguments: list[str], environ: dict[str, str]) -> Any:
        config = read_config(["--config=f", *arguments], environ, lambda path: "latency: 1s\nseed: 1\n")
        return config_as_json(config)["latency"], config_as_json(config)["seed"]

    assert latency([], {}) == ("1s", 1)
    assert latency([], {"OAGW_SIM_LATENCY": "2s"}) == ("2s", 1)
    assert latency(["--latency=3s"], {"OAGW_SIM_LATENCY": "2s"}) == ("3s", 1)


def test_a_running_server_has_them(tmp_path: Path) -> None:
    (tmp_path / "offsets.txt").write_text("0\n1ms\n3ms\n")
    (tmp_path / "sim.yaml").write_text("itl: trace(@offsets.txt)\nseed: 7\nrules:\n  - {name: slow, latency: 1ms}\n")
    with SimulatorProcess(config=str(tmp_path / "sim.yaml"), ttft="1ms") as oagw:
        talk(oagw.port, request(CHAT, chat()))
        knobs = oagw.control.requests()[0]["knobs"]
        assert (knobs["time-to-first-token"], knobs["inter-token-latency"]) == ("1ms", "trace(0,1ms,3ms)")
        assert (knobs["seed"], knobs["latency"]) == (7, "1ms")
        assert oagw.control.requests()[0]["rule"] == "slow"


# A request's.


@pytest.fixture(scope="module")
def oagw() -> Iterator[SimulatorThread]:
    with SimulatorThread(inter_token_latency="1ms") as server:
        server.control.release("open-door", "all")
        yield server


def settled(oagw: SimulatorThread) -> dict[str, Any]:
    latest: dict[str, Any] = oagw.control.requests(limit=1)[0]
    return latest


def send(oagw: SimulatorThread, way: str, given: dict[str, str]) -> RawReply:
    """A request with knobs `given` in this way."""
    if way == "header":
        names = {"X-Sim-" + "-".join(map(str.capitalize, name.split("-"))): text for name, text in given.items()}
        return talk(oagw.port, request(CHAT, chat(), names))
    query = "&".join(f"sim-{name}={quote(text, safe='')}" for name, text in given.items())
    return talk(oagw.port, request(f"{CHAT}?{query}", chat()))


@pytest.mark.parametrize("way", ["header", "query"])
@pytest.mark.parametrize("name", VALUES)
def test_by_header_and_query(oagw: SimulatorThread, name: str, way: str) -> None:
    text, value = VALUES[name]
    assert send(oagw, way, {name: text}).status == 200
    assert settled(oagw)["knobs"][shown_as(name)] == value


@pytest.mark.parametrize("name", VALUES)
def test_by_rule(oagw: SimulatorThread, name: str) -> None:
    text, value = VALUES[name]
    oagw.control.add_rule({"name": "mine", "match": {"alias": "openai"}, name: text})
    try:
        assert talk(oagw.port, request(CHAT, chat())).status == 200
        assert (settled(oagw)["rule"], settled(oagw)["knobs"][shown_as(name)]) == ("mine", value)
    finally:
        oagw.control.call("DELETE", "/_sim/rules/mine")


@pytest.mark.parametrize("name", VALUES)
def test_by_a_change_while_the_server_runs(oagw: SimulatorThread, name: str) -> None:
    text, value = VALUES[name]
    oagw.control.configure(**{name: text})
    try:
        talk(oagw.port, request(CHAT, chat()))
        assert settled(oagw)["knobs"][shown_as(name)] == value
    finally:
        oagw.control.configure(**{shown_as(name): None, "inter-token-latency": "1ms"})


def test_header_over_query_over_rule_over_server(oagw: SimulatorThread) -> None:
    oagw.control.configure(seed=1, time_to_first_token="1ms", tokens_per_event=1)
    oagw.control.add_rule({"name": "mine", "seed": 2, "ttft": "2ms"})
    talk(oagw.port, request(f"{CHAT}?sim-seed=3", chat(), {"X-Sim-Seed": "4"}))
    assert settled(oagw)["knobs"]["seed"] == 4
    talk(oagw.port, request(f"{CHAT}?sim-seed=3", chat()))
    assert settled(oagw)["knobs"]["seed"] == 3
    talk(oagw.port, request(CHAT, chat()))
    assert (settled(oagw)["knobs"]["seed"], settled(oagw)["knobs"]["time-to-first-token"]) == (2, "2ms")
    talk(oagw.port, request(CHAT, chat(), {"X-Sim-Ttft": "0"}))
    assert (settled(oagw)["knobs"]["seed"], settled(oagw)["knobs"]["time-to-first-token"]) == (2, "0")
    oagw.control.call("DELETE", "/_sim/rules/mine")
    oagw.control.configure(seed=None, time_to_first_token=None)


@pytest.mark.parametrize("way", ["header", "query"])
@pytest.mark.parametrize(
    ("name", "text"), [("latency", "50"), ("fault", "rest"), ("itl", "uniform(1ms)"), ("fautl", "reset"), ("seed", "x")]
)
def test_a_malformed_knob_is_named(oagw: SimulatorThread, name: str, text: str, way: str) -> None:
    reply = send(oagw, way, {name: text})
    assert (reply.status, reply.header("X-OAGW-Error-Source")) == (400, "gateway")
    assert json.loads(reply.body)["error"].startswith(f"Bad knob {name}: ")
    assert reply.header("X-Should-Retry") == "false"


def test_two_forms_of_one_knob_are_refused(oagw: SimulatorThread) -> None:
    assert send(oagw, "header", {"itl": "1ms", "tokens-per-second": "5"}).status == 400


@pytest.mark.parametrize("size", [1, 200])
def test_knobs_that_come_again_are_those_that_hold_now(oagw: SimulatorThread, size: int) -> None:
    """What a request asks for is remembered from the second time on, unless it is long; the server's own knobs may
    change in between."""
    trace = f"trace({','.join(['0', *(f'{number}ms' for number in range(1, size + 1))])})"
    for time in ("1ms", "2ms"):
        oagw.control.configure(time_to_first_token=time)
        for _ in range(3):
            assert send(oagw, "header", {"itl": trace, "output-tokens": "2"}).status == 200
            knobs = settled(oagw)["knobs"]
            assert (knobs["inter-token-latency"][:6], knobs["time-to-first-token"]) == ("trace(", time)
    oagw.control.configure(time_to_first_token=None)


def test_a_repeated_header_is_a_list_of_faults(oagw: SimulatorThread) -> None:
    data = request(CHAT, chat()).replace(
        b"Host: localhost\r\n", b"Host: localhost\r\nX-Sim-Fault: split\r\nX-Sim-Fault: reset;at-event=1\r\n"
    )
    assert talk(oagw.port, data).end == "reset"
    assert settled(oagw)["knobs"]["fault"] == "split,reset;at-event=1"


def test_the_service_sees_the_rest_of_the_query(oagw: SimulatorThread) -> None:
    target = "/api/oagw/v1/proxy/weather/current?sim-latency=1ms&city=S%C3%A3o+Paulo&sim-seed=1"
    assert json.loads(talk(oagw.port, request(target)).body)["location"] == "São Paulo"


@pytest.mark.parametrize("target", ["/health", "/api/oagw/v1/status", "/api/oagw/v1/proxy/nobody/x"])
def test_knobs_are_for_services(oagw: SimulatorThread, target: str) -> None:
    plain, knobbed = (
        talk(oagw.port, request(target)),
        talk(oagw.port, request(target, headers={"X-Sim-Fault": "reset"})),
    )
    assert knobbed.status == plain.status


def test_server_timing_states_the_plan(oagw: SimulatorThread) -> None:
    reply = send(oagw, "header", {"ttft": "20ms", "itl": "uniform(1ms,3ms)"})
    assert reply.header("Server-Timing") == 'ttft;dur=20, itl;dur=2;desc="uniform(1ms,3ms)", interval;dur=100'
    assert talk(oagw.port, request("/health")).header("Server-Timing") == "ttft;dur=0, itl;dur=0"


# Knobs that change what is said, and in how many writes.


def content(reply: RawReply) -> list[str]:
    events = b"".join(reply.chunks).split(b"\n\n")
    documents = [json.loads(event[6:]) for event in events if event.startswith(b"data: {")]
    return [word for document in documents if (word := document["choices"][0]["delta"].get("content"))]


def test_a_load_test_sets_the_size_of_its_completions(oagw: SimulatorThread) -> None:
    assert len(content(send(oagw, "header", {"output-tokens": "37", "itl": "0"}))) == 37
    reply = talk(oagw.port, request(CHAT + "?sim-output-tokens=37", {**chat(), "stream": False}))
    assert len(json.loads(reply.body)["choices"][0]["message"]["content"].split()) == 37


def test_several_tokens_in_an_event(oagw: SimulatorThread) -> None:
    one = content(send(oagw, "header", {"output-tokens": "10"}))
    four = content(send(oagw, "header", {"output-tokens": "10", "tokens-per-event": "4"}))
    assert len(four) == 3
    assert "".join(four) == "".join(one)


def test_several_events_in_a_write(oagw: SimulatorThread) -> None:
    reply = send(oagw, "header", {"output-tokens": "10", "events-per-write": "4"})
    assert [chunk.count(b"\n\n") for chunk in reply.chunks] == [4, 4, 4, 0]
    assert settled(oagw)["events_sent"] == 12


def test_the_time_of_each_kind(oagw: SimulatorThread) -> None:
    send(oagw, "header", {"header-delay": "10ms", "ttft": "20ms", "itl": "5ms", "output-tokens": "3"})
    planned = oagw.control.request(settled(oagw)["id"])["events"]["planned"]
    assert planned == pytest.approx([0.02, 0.025, 0.03, 0.035, 0.035])
    talk(oagw.port, request("/api/oagw/v1/proxy/stream-test/events?sim-event-interval=3ms&sim-itl=1h"))
    planned = oagw.control.request(settled(oagw)["id"])["events"]["planned"]
    assert planned == pytest.approx([0.0, 0.003, 0.006, 0.009])


def test_signs_of_life_and_line_ends(oagw: SimulatorThread) -> None:
    reply = send(oagw, "header", {"ttft": "30ms", "keep-alive": "10ms", "line-ending": "crlf"})
    text = b"".join(reply.chunks)
    assert text.startswith(b": keep-alive\r\n\r\n: keep-alive\r\n\r\ndata: {")
    assert text.count(b"\n") == text.count(b"\r\n")
    assert settled(oagw)["events_sent"] == 8
