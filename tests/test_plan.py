"""From reply and knobs to schedule: times, load, joined writes, gates, signs of life, seeds."""

from __future__ import annotations

from itertools import islice
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.knobs.seed import request_seed
from oagw_tornado.knobs.vocabulary import Knobs, resolve
from oagw_tornado.playback.amending import amend
from oagw_tornado.playback.plan import load_factor, plan
from oagw_tornado.reply.reply import EVENT_STREAM, Reply, json_reply
from oagw_tornado.reply.schedule import Action, Frame, Step
from oagw_tornado.reply.shaping import single_steps
from oagw_tornado.reply.sse import decode


def stream(events: int = 4, pace: str = "inter-token-latency") -> Reply:
    frames = [*(Frame(b"data: %d\n\n" % number) for number in range(events)), Frame(b"data: [DONE]\n\n", False)]
    return Reply(headers=EVENT_STREAM, frames=frames, pace=pace, error_event=lambda problem, events: b"data: error\n\n")  # type: ignore[arg-type]


def planned(reply: Reply, seed: int = 1, running: int = 1, **given: Any) -> list[Step]:
    knobs = resolve(Knobs(), {name.replace("_", "-"): value for name, value in given.items()})
    return list(single_steps(plan(*amend(reply, knobs), Random(seed), running)))


def instants(steps: list[Step]) -> list[float]:
    return [round(step.at, 9) for step in steps]


def test_each_time_has_its_knob() -> None:
    given: dict[str, Any] = {"latency": "9s", "header_delay": "10ms", "time_to_first_token": "30ms"}
    assert instants(planned(stream(2), **given, itl="5ms")) == [0.01, 0.03, 0.035, 0.04]
    assert instants(planned(stream(2, "event-interval"), **given, event_interval="7ms")) == [0.01, 0.03, 0.037, 0.044]
    assert instants(planned(json_reply({}), **given)) == [9.0, 9.0]


def test_tokens_per_second_is_the_other_form_of_inter_token_latency() -> None:
    assert instants(planned(stream(3), tokens_per_second="200")) == instants(planned(stream(3), itl="5ms"))


def test_a_trace_is_replayed() -> None:
    steps = planned(stream(4), ttft="100ms", itl="trace(0ms,48ms,51ms,60ms)")
    assert instants(steps)[1:] == [0.1, 0.148, 0.151, 0.16, 0.208]


@pytest.mark.parametrize(
    ("running", "factor"), [(1, 1.0), (2, 1.0 + 2 / 9), (10, 3.0), (1000, 3.0)], ids=["alone", "two", "full", "beyond"]
)
def test_load_slows_all_times(running: int, factor: float) -> None:
    knobs = resolve(Knobs(), {"time-factor-under-load": "3", "max-concurrency": "10"})
    assert load_factor(knobs, running) == pytest.approx(factor)
    given: dict[str, Any] = {"header_delay": "10ms", "ttft": "20ms", "itl": "5ms", "latency": "1s"}
    load: dict[str, Any] = {"time_factor_under_load": "3", "max_concurrency": "10"}
    for reply in (stream(3), json_reply({})):
        alone = planned(reply, **given)
        assert instants(planned(reply, running=running, **given, **load)) == pytest.approx(
            [step.at * factor for step in alone]
        )


def test_load_without_a_factor_changes_nothing() -> None:
    assert load_factor(Knobs(), 1_000_000) == 1.0
    assert load_factor(resolve(Knobs(), {"time-factor-under-load": "2", "max-concurrency": "1"}), 2) == 2.0


def test_joined_events_leave_when_the_last_of_them_is_due() -> None:
    steps = planned(stream(5), itl="10ms", events_per_write="2")
    assert [(round(step.at, 3), step.events, step.content) for step in steps] == [
        (0, 0, 0),
        (0.01, 2, 2),
        (0.03, 2, 2),
        (0.05, 2, 1),
    ]
    assert steps[-1].action is Action.END


@given(st.integers(1, 20), st.integers(0, 12))
def test_joining_loses_nothing_and_sends_nothing_early(joined: int, events: int) -> None:
    whole = planned(stream(events), itl="10ms")
    steps = planned(stream(events), itl="10ms", events_per_write=str(joined))
    assert b"".join(step.data for step in steps) == b"".join(step.data for step in whole)
    assert all(step.events <= joined for step in steps)
    due = {step.data: step.at for step in whole if step.events}
    for step in steps:
        parts = [part + b"\n\n" for part in step.data.split(b"\n\n") if part]
        assert all(step.at >= due[part] for part in parts)


def test_a_gate_stands_before_each_event_and_is_what_spaces_them() -> None:
    steps = planned(stream(2), ttft="30ms", itl="10s", gate="door")
    names = [step.action.name for step in steps]
    assert names == ["HEAD", "GATE", "WRITE", "GATE", "WRITE", "GATE", "END"]
    assert {step.at for step in steps[1:]} == {0.03}
    assert {step.data for step in steps if step.action is Action.GATE} == {b"data: error\n\n"}


def test_a_gate_stands_before_the_head_of_a_whole_reply() -> None:
    assert [step.action.name for step in planned(json_reply({}), gate="door")] == ["GATE", "HEAD", "END"]


def test_a_cut_comes_before_the_gate_of_the_next_event() -> None:
    steps = planned(stream(3), gate="door", fault="reset;at-event=1")
    assert [step.action.name for step in steps] == ["HEAD", "GATE", "WRITE", "RESET"]


def test_signs_of_life_fill_the_silence_and_are_no_events() -> None:
    steps = planned(stream(1), ttft="35ms", itl="0", keep_alive="10ms")
    assert [round(step.at, 3) for step in steps] == [0, 0.01, 0.02, 0.03, 0.035, 0.035]
    assert [step.events for step in steps] == [0, 0, 0, 0, 1, 1]
    assert steps[1].data.startswith(b":")


def test_no_sign_of_life_in_what_is_no_event_stream() -> None:
    lines = Reply(headers=(("Content-Type", "application/x-ndjson"),), frames=[Frame(b"{}\n")])
    assert [step.data for step in planned(lines, ttft="35ms", keep_alive="10ms")] == [b"", b"{}\n", b""]


@pytest.mark.parametrize(("name", "ending"), [("cr", b"\r"), ("crlf", b"\r\n"), ("lf", b"\n")])
def test_line_ends_are_those_asked_for(name: str, ending: bytes) -> None:
    steps = planned(stream(2), line_ending=name, keep_alive="20ms", fault="error-event;at-event=2")
    text = b"".join(step.data for step in steps)
    assert text.endswith(b"data: error" + 2 * ending)
    assert text.replace(ending, b"\n").count(b"\r") == 0
    assert [event.data for event in decode(text)] == ["0", "1", "error"]


# Seeds.


def test_the_same_generator_gives_the_same_schedule() -> None:
    given: dict[str, Any] = {"ttft": "lognormal(200ms,0.5)", "itl": "uniform(1ms,90ms)", "fault": "garbage;at-event=3"}
    assert planned(stream(9), seed=5, **given) == planned(stream(9), seed=5, **given)
    assert planned(stream(9), seed=5, **given) != planned(stream(9), seed=6, **given)


facts = st.tuples(
    st.integers(0, 2**63 - 1),
    st.text(max_size=9),
    st.sampled_from(["GET", "POST"]),
    st.text(max_size=9),
    st.text(max_size=9),
)


@given(facts, st.binary(max_size=20), facts, st.binary(max_size=20))
def test_a_request_has_one_seed_of_its_own(
    one: tuple[int, str, str, str, str], body: bytes, other: tuple[int, str, str, str, str], other_body: bytes
) -> None:
    assert request_seed(*one, body) == request_seed(*one, body)
    if (one, body) != (other, other_body) and not any("\0" in text for text in (*one[1:], *other[1:])):
        assert request_seed(*one, body) != request_seed(*other, other_body)


def test_seeds_do_not_depend_on_the_process() -> None:
    # Pinned: whoever keeps a seed in a test wants the same schedule from the next release.
    path = "/api/oagw/v1/proxy/openai/v1/chat/completions"
    assert request_seed(42, "openai", "POST", path, "", b"{}") == 8785802054187143925


def test_gaps_are_drawn_when_they_are_played() -> None:
    class Counting(Random):
        calls = 0

        def random(self) -> float:
            self.calls += 1
            return super().random()

    random = Counting(1)
    knobs = resolve(Knobs(), {"itl": "uniform(1ms,2ms)"})
    assert len(list(islice(single_steps(plan(stream(1000), knobs, random)), 10))) == 10
    assert random.calls <= 10
