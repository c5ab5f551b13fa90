"""How faults are written: read back, refused by name, in any mixture within the rules of a schedule, and documented."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from test_faults import DONE, ENDINGS, event, planned, said, shown, struck

from oagw_tornado.faults import FAULTS, MOST_FAULTS, parse_faults
from oagw_tornado.knobs.vocabulary import Knobs, resolve
from oagw_tornado.playback.amending import amend
from oagw_tornado.playback.plan import plan
from oagw_tornado.reply.reply import EVENT_STREAM, Reply, json_reply
from oagw_tornado.reply.schedule import Action, Frame
from oagw_tornado.reply.shaping import single_steps
from oagw_tornado.units.knob_errors import InapplicableKnob

# Their grammar.


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("rest", "'rest' is not one of the faults none, status, reset"),
        ("", "is not one of the faults"),
        ("reset;at=1", "fault 'reset' has no parameter 'at'; expected at-event, after"),
        ("empty;at-event=2", "no parameter 'at-event'; expected after"),
        ("reset;at-event=-1", "parameter 'at-event'"),
        ("reset;at-event=1;at-event=2", "given twice"),
        ("reset;at-event=1;after=1s", "not both"),
        ("reset;after=5", "duration"),
        ("slow-body", "needs the parameter 'bytes-per-second'"),
        ("slow-body;bytes-per-second=0", "whole number from 1"),
        ("status;code=99", "whole number from 200"),
        ("status;source=me", "one of upstream, gateway"),
        (",".join(["split"] * (MOST_FAULTS + 1)), "at most"),
    ],
)
def test_what_is_no_fault_is_refused_by_name(text: str, hint: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_faults(text)
    assert hint in str(caught.value)


points = st.one_of(
    st.just(""), st.integers(0, 6).map(";at-event={}".format), st.integers(0, 300).map(";after={}ms".format)
).map(lambda point: point.replace("after=0ms", "after=0"))
single_faults = st.one_of(
    st.builds("{}{}".format, st.sampled_from(["reset", "close", "malformed-chunk", "error-event"]), points),
    st.builds("{}{}".format, st.sampled_from(["malformed-event", "duplicate-event"]), points),
    st.builds("stall{};for={}ms".format, points, st.integers(1, 500)),
    st.builds("stall{}".format, points),
    st.builds("hold-open;for={}ms".format, st.integers(1, 500)),
    st.builds("split{};bytes={}".format, points, st.integers(1, 40)),
    st.builds("slow-body{};bytes-per-second={}".format, points, st.integers(10, 10_000)),
    st.builds("garbage{};bytes={}".format, points, st.integers(1, 40)),
    st.builds("truncate{};bytes={}".format, points, st.integers(0, 200)),
    st.sampled_from(["none", "empty", "empty;after=30ms"]),
)
faults = st.lists(single_faults, min_size=1, max_size=4).map(",".join)


@given(faults)
def test_what_is_written_is_read_back(text: str) -> None:
    parsed = parse_faults(text)
    assert parse_faults(str(parsed)) == parsed


@given(faults, st.integers(1, 3), st.sampled_from(["", "40ms"]))
@example("stall;at-event=1;for=1ms,stall;at-event=1;for=1ms", 2, "40ms")
def test_whatever_strikes_the_rules_of_a_schedule_hold(text: str, joined: int, keep_alive: str) -> None:
    steps = planned(text, **{"events-per-write": str(joined), "keep-alive": keep_alive})  # type: ignore[arg-type]
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    assert [step.action for step in steps].count(Action.HEAD) <= 1
    assert all(step.action not in ENDINGS for step in steps[:-1])
    first = shown(steps)[0]
    assert first.action in (Action.HEAD, Action.CLOSE, Action.RESET, Action.STALL, Action.RAW)
    assert not any(step.outcome for step in steps[:-1])
    ended_by = steps[-1].outcome.removeprefix("fault:")
    assert ended_by in ("", *struck(steps))
    assert set(struck(steps)) <= {part.partition(";")[0] for part in text.split(",")}


@given(
    st.sampled_from(["split", "duplicate-event", "malformed-event", "stall;for=1s", "slow-body;bytes-per-second=9999"])
)
def test_no_fault_reads_further_ahead_than_it_plays(fault: str) -> None:
    taken: list[int] = []

    def frames() -> Iterator[Frame]:
        for number in count():
            taken.append(number)
            yield Frame(event(number))

    knobs = resolve(Knobs(), {"fault": fault})
    reply, knobs = amend(Reply(headers=EVENT_STREAM, frames=frames()), knobs)
    assert len(list(islice(single_steps(plan(reply, knobs, Random(1))), 50))) == 50
    assert len(taken) <= 52


# The documentation.


def test_the_documentation_names_every_fault_and_parameter() -> None:
    text = (Path(__file__).parent.parent / "docs" / "faults.md").read_text()
    for kind in FAULTS.values():
        assert f"`{kind.type}" in text
        for parameter in kind.parameters:
            assert parameter in text


def test_the_fault_that_the_documentation_adds_works(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parent.parent / "docs" / "faults.md").read_text()
    (code,) = re.findall(r"```python\n(# oagw_tornado/faults/shout\.py\n.*?)```", text, re.DOTALL)
    namespace: dict[str, object] = {"__name__": "shout"}
    exec(compile(code, "docs/faults.md", "exec", dont_inherit=True), namespace)
    monkeypatch.setitem(FAULTS, "shout", namespace["Shout"])
    steps = planned("shout;at-event=2")
    assert said(steps) == event(0) + event(1) + event(2).upper() + event(3).upper() + DONE.upper()
    assert str(parse_faults("shout;at-event=2")) == "shout;at-event=2"


# Whole replies.


@pytest.mark.parametrize(
    "kind", ["malformed-chunk", "malformed-event", "error-event", "duplicate-event", "reset;at-event=1"]
)
def test_a_fault_without_a_meaning_for_a_whole_reply_is_refused(kind: str) -> None:
    with pytest.raises(InapplicableKnob, match=kind.partition(";")[0]):
        planned(kind, json_reply({"a": 1}))


def test_none_undoes() -> None:
    assert parse_faults("none") == ()
    assert str(parse_faults("none")) == "none"
