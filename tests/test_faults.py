"""Faults as functions from schedule to schedule: what each does, what it must leave alone, and how they compose."""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.faults.events import spoiled
from oagw_tornado.knobs.vocabulary import Knobs, resolve
from oagw_tornado.playback.amending import amend
from oagw_tornado.playback.plan import plan
from oagw_tornado.reply.errors import Errors
from oagw_tornado.reply.reply import EVENT_STREAM, Reply, json_reply
from oagw_tornado.reply.schedule import Action, Frame, Run, Step, Stream
from oagw_tornado.reply.shaping import single_steps
from oagw_tornado.services.openai.errors import ERRORS as OPENAI

DONE = b"data: [DONE]\n\n"
ERROR = b'data: {"error":{}}\n\n'
ENDINGS = (Action.END, Action.CLOSE, Action.RESET, Action.STALL)


def event(number: int) -> bytes:
    return b'data: {"n":"%d\xc3\xa9"}\n\n' % number


def stream(events: int = 4) -> Reply:
    frames = [*(Frame(event(number)) for number in range(events)), Frame(DONE, False)]
    return Reply(headers=EVENT_STREAM, frames=frames, error_event=lambda problem, events: ERROR)


def planned(fault: str, reply: Reply | None = None, **knobs: str) -> list[Step]:
    """The schedule of four events, 50 ms apart, with this fault."""
    settled = replace(resolve(Knobs(), {"fault": fault, **knobs}), own_fault=True)
    return list(single_steps(plan(*amend(reply or stream(), settled), Random(1))))


def said(steps: list[Step]) -> bytes:
    return b"".join(step.data for step in steps)


def struck(steps: list[Step]) -> list[str]:
    return [fault for step in steps for fault in step.faults]


def shown(steps: list[Step]) -> list[Step]:
    """Without what says only that a fault strikes."""
    return [step._replace(faults=()) for step in steps if step.action is not Action.STRIKE]


def ending(fault: str, **knobs: str) -> tuple[float, str, str]:
    last = planned(fault, **knobs)[-1]  # type: ignore[arg-type]
    return round(last.at, 6), last.action.name, last.outcome


UNTOUCHED = planned("none")


# What ends a reply.


@pytest.mark.parametrize(
    ("fault", "at", "action", "said_before"),
    [
        ("reset", 0.0, "RESET", b""),
        ("reset;at-event=2", 0.05, "RESET", event(0) + event(1)),
        ("reset;after=120ms", 0.12, "RESET", event(0) + event(1) + event(2)),
        ("close;at-event=1", 0.0, "CLOSE", event(0)),
        ("truncate;at-event=3", 0.1, "END", event(0) + event(1) + event(2)),
        ("truncate;bytes=7", 0.0, "END", event(0)[:7]),
        ("stall;at-event=2", 0.05, "STALL", event(0) + event(1)),
        ("empty", 0.0, "CLOSE", b""),
        ("error-event;at-event=2", 0.05, "END", event(0) + event(1) + ERROR),
    ],
)
def test_a_fault_ends_a_stream_where_it_strikes(fault: str, at: float, action: str, said_before: bytes) -> None:
    steps = planned(fault)
    assert said(steps) == said_before
    kind = fault.partition(";")[0]
    # A stall does not end its reply: it is the client who leaves, or the server.
    assert ending(fault) == (at, action, f"fault:{kind}" if kind != "stall" else "")
    assert struck(steps) == [kind]


def test_the_head_leaves_before_an_event_is_counted_and_not_before_a_clock_that_runs_out_first() -> None:
    assert [step.action.name for step in planned("reset")] == ["HEAD", "RESET"]
    assert [step.action.name for step in planned("reset;after=0")] == ["RESET"]
    assert [step.action.name for step in planned("reset;after=10ms", **{"header-delay": "1s"})] == ["RESET"]  # type: ignore[arg-type]
    assert [step.action.name for step in planned("empty")] == ["CLOSE"]


def test_after_the_last_event_is_before_the_end_of_the_body() -> None:
    reply = Reply(headers=EVENT_STREAM, frames=[Frame(event(0)), Frame(event(1))])
    steps = planned("close;at-event=2", reply)
    assert [(step.action.name, step.data) for step in steps[1:]] == [
        ("WRITE", event(0)),
        ("WRITE", event(1)),
        ("CLOSE", b""),
    ]


@pytest.mark.parametrize("fault", ["reset;at-event=5", "stall;after=1s", "malformed-event;at-event=4"])
def test_a_fault_that_is_never_reached_changes_nothing(fault: str) -> None:
    assert planned(fault) == UNTOUCHED


@pytest.mark.parametrize(("fault", "ends"), [("hold-open", ("STALL", 0.2)), ("hold-open;for=1s", ("END", 1.2))])
def test_a_stream_that_is_held_open_says_all_and_does_not_end(fault: str, ends: tuple[str, float]) -> None:
    steps = planned(fault)
    assert said(steps) == said(UNTOUCHED)
    assert ending(fault) == (ends[1], ends[0], "")
    assert struck(steps) == ["hold-open"]


def test_a_malformed_chunk_is_no_chunk() -> None:
    *_, raw, close = planned("malformed-chunk;at-event=1")
    assert (raw.action, close.action) == (Action.RAW, Action.CLOSE)
    assert not re.match(rb"[0-9a-fA-F]+[\r;]", raw.data)


def test_garbage_is_drawn_from_the_requests_own_generator() -> None:
    first, second = planned("garbage;bytes=100"), planned("garbage;bytes=100")
    assert first == second
    raw = first[-2]
    assert raw.action is Action.RAW
    assert len(raw.data) == 100
    assert raw.data[0] >= 0x80


def test_a_stall_with_a_time_delays_what_follows_and_nothing_else() -> None:
    steps = shown(planned("stall;at-event=2;for=10s"))
    assert [step._replace(at=0.0) for step in steps] == [step._replace(at=0.0) for step in UNTOUCHED]
    late = [step.at - before.at for step, before in zip(steps, UNTOUCHED, strict=True)]
    assert late == pytest.approx([0, 0, 0, 10, 10, 10])


@pytest.mark.parametrize(
    ("fault", "reply"),
    [
        ("duplicate-event;at-event=100", None),
        ("malformed-event;at-event=4", None),
        ("reset;at-event=5", None),
        ("stall;at-event=9;for=1s", None),
        ("split;at-event=9", None),
        ("split;bytes=1000", None),
        ("slow-body;bytes-per-second=10;after=9s", None),
        ("truncate;bytes=100000", None),
        ("truncate;bytes=7", json_reply({"a": 1})),
        ("truncate;bytes=1000", json_reply({"a": 1})),
        ("split;bytes=7", json_reply({"a": 1})),
        ("close;after=9s", json_reply({"a": 1})),
        ("empty;after=0, status", json_reply({"a": 1})),
    ],
)
def test_what_does_not_strike_is_not_said_to(fault: str, reply: Reply | None) -> None:
    steps = planned(fault, reply)
    assert struck(steps) == (["empty"] if fault.startswith("empty") else [])
    assert steps[-1].outcome == ("fault:empty" if fault.startswith("empty") else "")


@pytest.mark.parametrize(
    ("fault", "at"),
    [
        ("malformed-event;at-event=1", 0.05),
        ("duplicate-event;at-event=3", 0.15),
        ("stall;at-event=2;for=1s", 0.05),
        ("stall;after=70ms;for=1s", 0.07),
        ("split;at-event=1", 0.05),
        ("slow-body;at-event=1;bytes-per-second=50", 0.05),
        ("garbage;at-event=1", 0.0),
        ("malformed-chunk;at-event=4", 0.15),
    ],
)
def test_a_fault_is_said_once_to_strike_when_it_does(fault: str, at: float) -> None:
    steps = planned(fault)
    assert struck(steps) == [fault.partition(";")[0]]
    assert [round(step.at, 6) for step in steps if step.faults] == [at]


def run_of(events: int) -> Reply:
    return Reply(
        headers=EVENT_STREAM,
        frames=Stream((), map(event, range(events)), (DONE,)),
        error_event=lambda problem, events: ERROR,
    )


@pytest.mark.parametrize("number", [1, 5, 99, 100])
@pytest.mark.parametrize(
    "kind", ["reset", "stall;for=1s", "malformed-event", "duplicate-event", "split", "error-event"]
)
def test_a_run_stays_one_up_to_the_event_at_which_a_fault_strikes(kind: str, number: int) -> None:
    """So it is played as cheaply as one without a fault until then."""
    fault = f"{kind};at-event={number}"
    knobs = resolve(Knobs(), {"fault": fault})
    schedule = plan(*amend(run_of(100), knobs), Random(1))
    assert next(schedule).action is Action.HEAD  # type: ignore[union-attr]
    run = next(schedule)
    assert isinstance(run, Run)
    assert len(list(run.steps())) == number
    # What follows is as if each of them had been a step.
    steps = shown([*single_steps(schedule)])
    frames = [*(Frame(event(each)) for each in range(100)), Frame(DONE, False)]
    one_by_one = shown(planned(fault, Reply(headers=EVENT_STREAM, frames=frames, error_event=lambda *_: ERROR)))
    assert [round(step.at, 6) for step in steps] == [round(step.at, 6) for step in one_by_one[1 + number :]]
    assert said(steps) == said(one_by_one[1 + number :])


# What goes wrong inside.


def test_a_malformed_event_is_no_json_and_the_others_are() -> None:
    events = said(planned("malformed-event;at-event=1")).split(b"\n\n")
    assert orjson.loads(events[0][6:]) == {"n": "0é"}
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(events[1][6:])
    assert orjson.loads(events[2][6:]) == {"n": "2é"}
    assert events[4] == b"data: [DONE]"


def test_the_next_event_is_sent_twice() -> None:
    steps = planned("duplicate-event;at-event=1")
    assert said(steps) == event(0) + event(1) + event(1) + event(2) + event(3) + DONE
    assert sum(step.events for step in steps) == 6


@given(st.recursive(st.none() | st.booleans() | st.text(max_size=9) | st.integers(-9, 9), st.lists, max_leaves=9))
def test_no_spoiled_document_is_json(document: object) -> None:
    text = orjson.dumps(document)
    for before, after in (
        (b"data: ", b"\n\n"),
        (b"event: x\r\ndata:", b"\r\n\r\n"),
        (b"id: 1\rdata: ", b"\r\r"),
        (b"", b"\n"),
    ):
        spoilt = spoiled(before + text + after)
        assert spoilt.startswith(before)
        assert spoilt.endswith(after)
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(spoilt[len(before) : len(spoilt) - len(after)])


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_split_cuts_every_write_and_loses_nothing(size: int) -> None:
    steps = planned(f"split;bytes={size}")
    assert said(steps) == said(UNTOUCHED)
    assert all(len(step.data) <= size for step in steps)
    assert [step.at for step in steps if step.events] == [step.at for step in UNTOUCHED if step.events]
    assert sum(step.content for step in steps) == 4
    if size == 1:  # inside UTF-8 sequences too
        assert any(step.data == b"\xc3" for step in steps)


def test_split_bounds_its_pieces() -> None:
    steps = planned("split", Reply(body=b"x" * 300_000))
    assert len(shown(steps)) <= 2 * (65_537 + 1)  # of each piece in which a large body leaves
    assert said(steps) == b"x" * 300_000


def test_a_slow_body_is_never_faster_than_its_rate() -> None:
    steps = planned("slow-body;bytes-per-second=1000")
    assert said(steps) == said(UNTOUCHED)
    sent = 0
    for step in steps:
        sent += len(step.data)
        assert sent <= step.at * 1000 + 1e-6
    assert [step.at for step in steps] == sorted(step.at for step in steps)


def test_faults_of_whole_replies() -> None:
    body = json_reply({"a": 1}).body

    def whole(fault: str) -> list[tuple[str, bytes]]:
        return [(step.action.name, step.data) for step in shown(planned(fault, json_reply({"a": 1})))]

    assert whole("none") == [("HEAD", b""), ("END", body)]
    assert whole("close") == [("HEAD", b""), ("CLOSE", b"")]
    assert whole("truncate;bytes=3") == [("HEAD", b""), ("END", body[:3])]
    assert whole("split;bytes=4") == [("HEAD", b""), ("WRITE", body[:4]), ("END", body[4:])]
    assert whole("stall;for=1s") == [("HEAD", b""), ("END", body)]
    assert planned("stall;for=1s", json_reply({}))[-1].at == 1.0


@pytest.mark.parametrize("reply", [json_reply({"a": 1}), stream()])
def test_a_status_takes_the_place_of_any_reply(reply: Reply) -> None:
    knobs = resolve(Knobs(), {"fault": "status;code=429;retry-after=1500ms"})
    amended, knobs = amend(replace(reply, errors=Errors(OPENAI)), knobs)
    assert amended.status == 429
    assert amended.frames is None
    assert amended.source == "upstream"
    assert dict(amended.headers).items() >= {
        ("Content-Type", "application/json"),
        ("Retry-After", "2"),
        ("Retry-After-Ms", "1500"),
        ("openai-version", "2020-10-01"),
    }
    assert orjson.loads(amended.body)["error"]["type"] == "rate_limit_error"
    last = list(single_steps(plan(amended, knobs, Random(1))))[-1]
    assert (last.outcome, last.faults) == ("fault:status", ("status",))


@pytest.mark.parametrize(
    ("code", "helps"), [(400, False), (403, False), (404, False), (408, True), (429, True), (503, True)]
)
def test_the_gateway_says_where_a_retry_cannot_help(code: int, helps: bool) -> None:
    amended, _ = amend(stream(), resolve(Knobs(), {"fault": f"status;code={code};source=gateway"}))
    assert amended.source == "gateway"
    assert ("X-Should-Retry", "false") in amended.headers or helps


# Several.


def test_faults_compose_in_the_order_given() -> None:
    steps = planned("duplicate-event, reset;at-event=2")
    assert said(steps) == event(0) + event(0)
    steps = planned("reset;at-event=2, split;bytes=5")
    assert said(steps) == event(0) + event(1)
    assert max(len(step.data) for step in steps) == 5
    assert steps[-1].action is Action.RESET


def test_the_clock_cuts_what_the_others_made_slow() -> None:
    steps = planned("reset;after=60ms, slow-body;bytes-per-second=200")
    assert steps[-1] == Step(0.06, b"", Action.RESET, outcome="fault:reset", faults=("reset",))
    assert said(steps) == event(0)[:10]


@pytest.mark.parametrize("late", ["malformed-chunk;after=0", "truncate;after=0", "error-event;after=0"])
def test_what_needs_a_head_does_not_strike_without_one(late: str) -> None:
    assert [step.action.name for step in planned(f"empty, {late}")] == ["CLOSE"]
    assert next(step.action.name for step in planned(late)) == "HEAD"
