"""From what is said and the knobs that hold to a schedule: when each byte is to leave, and what goes wrong.

The order in which things are laid on one another::

    what is said → line ending → times → signs of life → faults in events → gate
                 → joined writes → faults in writes → faults by the clock

Everything is lazy, as a stream may have no end, and everything that is drawn comes from the one generator that belongs
to the request: the same reply, knobs, generator and load give the same schedule.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b
from itertools import repeat
from random import Random
from typing import TYPE_CHECKING, Any

from oagw_tornado.knobs.vocabulary import Knobs
from oagw_tornado.reply.keep_alive import with_keep_alive
from oagw_tornado.reply.problem import ErrorWriter
from oagw_tornado.reply.reply import Reply
from oagw_tornado.reply.schedule import LARGEST_WRITE, Action, Frame, Step, Steps, buffered, single_steps, streamed
from oagw_tornado.reply.sse import LINE_ENDINGS, keep_alive, with_line_ending
from oagw_tornado.units.knob_errors import InapplicableKnob

if TYPE_CHECKING:
    from oagw_tornado.faults import Fault


# Events that are made in one go where many of them are joined.
_LOOK = 64


def amend(reply: Reply, knobs: Knobs) -> Reply:
    """The reply that `knobs` make of what a service said, before any of it is planned.

    Raises `oagw_tornado.units.knob_errors.InapplicableKnob` if one of the faults can have no meaning for such a reply.
    """
    if knobs.line_ending != "lf" and reply.frames is not None and _is_event_stream(reply):
        ending = LINE_ENDINGS[knobs.line_ending]
        reply = replace(
            reply,
            frames=(Frame(with_line_ending(frame.data, ending), *frame[1:]) for frame in reply.frames),
            error_event=_ending(reply.error_event, ending),
            error_forms={name: _ending(write, ending) for name, write in (reply.error_forms or {}).items()},
        )
    for fault in knobs.fault or ():
        reply = fault.amend(reply, knobs.source or "upstream")
    return reply


def amend_where_it_fits(reply: Reply, knobs: Knobs) -> tuple[Reply, Knobs]:
    """As `amend`; but faults of a rule or of the server that can have no meaning for such a reply are passed over, and
    are no part of the knobs any more: they stand for replies of all kinds."""
    if knobs.own_fault or not knobs.fault:
        return amend(reply, knobs), knobs
    reply = amend(reply, replace(knobs, fault=None))
    fitting: list[Fault] = []
    for fault in knobs.fault:
        try:
            reply = fault.amend(reply, knobs.source or "upstream")
        except InapplicableKnob:
            continue
        fitting.append(fault)
    return reply, knobs if len(fitting) == len(knobs.fault) else replace(knobs, fault=type(knobs.fault)(fitting))


def _ending(write: ErrorWriter, line_ending: str) -> ErrorWriter:
    return lambda problem, events: with_line_ending(write(problem, events), line_ending)


def plan(reply: Reply, knobs: Knobs, random: Random, running: int = 1) -> Steps:
    """The schedule of `reply`, which went through `amend`, under `knobs`, with so many requests `running`.

    All draws come from `random`, which belongs to this request alone.
    """
    factor = load_factor(knobs, running)
    if reply.frames is None:
        latency = knobs.latency.draw(random) + sum(pause.draw(random) for pause in reply.pauses)
        schedule = buffered(reply.body, latency * factor, reply.faults, reply.pieces)
    else:
        schedule = _streamed(reply, knobs, random, factor)
    if knobs.plays_as_said:
        return schedule
    # In the order in which they were given, but by their turns: events, writes, clock.
    faults = sorted(knobs.fault or (), key=lambda fault: fault.turn)
    for fault in faults:
        if fault.turn == 0:
            schedule = _struck(schedule, fault, reply, random)
    if knobs.gate is not None:
        schedule = gated(schedule, reply)
    if knobs.events_per_write > 1:
        schedule = joined(schedule, knobs.events_per_write)
    for fault in faults:
        if fault.turn > 0:
            schedule = _struck(schedule, fault, reply, random)
    return schedule


def _struck(schedule: Steps, fault: Fault, reply: Reply, random: Random) -> Steps:
    seen: Any = schedule if fault.sees_runs else single_steps(schedule)
    return fault.strike(seen, reply, random)


def load_factor(knobs: Knobs, running: int) -> float:
    """1 + (F - 1) * (running - 1) / (max - 1), from 1 for a request alone to F at `max_concurrency` and above.

    F is `time_factor_under_load`.
    """
    factor = knobs.time_factor_under_load
    if factor == 1.0 or running <= 1:
        return 1.0
    most = knobs.max_concurrency
    return 1.0 + (factor - 1.0) * (min(running, most) - 1) / (most - 1) if most > 1 else factor


def request_seed(seed: int, alias: str, method: str, path: str, query: str, body: bytes) -> int:
    """The seed of one request's own draws. It is made of the request alone, so it does not depend on what else runs."""
    facts = "\0".join((str(seed), alias, method, path, query, "")).encode("utf-8", "surrogateescape")
    return int.from_bytes(blake2b(facts + body, digest_size=8).digest(), "big")


def joined(schedule: Steps, events_per_write: int) -> Steps:
    """The same events, so many of them in one write, which leaves when the last of them is due.

    No more than `LARGEST_WRITE` bytes are joined: then the write leaves with fewer events.
    """
    held: list[Step] = []
    size = 0
    for step in single_steps(schedule):
        if step.action is Action.STRIKE:
            if held:  # behind them, and so with the write that they are part of
                held[-1] = held[-1]._replace(faults=held[-1].faults + step.faults)
            else:
                yield step
            continue
        if len(held) % _LOOK == _LOOK - 1:
            # Nothing leaves; who plays this sees whether others are due.
            yield Step(held[-1].at, b"", Action.STRIKE)
        if held and (not step.events or size + len(step.data) > LARGEST_WRITE):
            yield _one(held)
            held, size = [], 0
        if not step.events:
            yield step
            continue
        held.append(step)
        size += len(step.data)
        if len(held) == events_per_write or step.action is not Action.WRITE:
            yield _one(held)
            held, size = [], 0
    if held:
        yield _one(held)


def gated(schedule: Steps, reply: Reply) -> Steps:
    """A gate before each event; before the head of a reply that is sent whole."""
    if reply.frames is None:
        yield Step(0.0, b"", Action.GATE)
        yield from schedule
        return
    events = 0
    for step in single_steps(schedule):
        if step.events:
            yield Step(step.at, reply.error_event(None, events), Action.GATE)
            events += step.events
        yield step


def _streamed(reply: Reply, knobs: Knobs, random: Random, factor: float) -> Steps:
    assert reply.frames is not None
    pace = knobs.event_interval if reply.pace == "event-interval" else knobs.inter_token_latency
    head_at = knobs.header_delay.draw(random)
    first_at = knobs.time_to_first_token.draw(random)
    gaps = pace.gaps(random)
    if knobs.gate is not None:
        gaps = repeat(0.0)  # the gate is what spaces the events
    if factor != 1.0:
        head_at, first_at, gaps = head_at * factor, first_at * factor, map(factor.__mul__, gaps)
    own = 0.0 if knobs.gate is not None else factor
    schedule = streamed(reply.frames, head_at, first_at, gaps, random, own)
    if knobs.keep_alive is not None and _is_event_stream(reply):
        interval, form = knobs.keep_alive
        sign = keep_alive(form, line_ending=LINE_ENDINGS[knobs.line_ending])
        return with_keep_alive(schedule, interval, sign)
    return schedule


def _one(steps: list[Step]) -> Step:
    last = steps[-1]
    if len(steps) == 1:
        return last
    return last._replace(
        data=b"".join(step.data for step in steps),
        events=sum(step.events for step in steps),
        content=sum(step.content for step in steps),
        faults=tuple(fault for step in steps for fault in step.faults),
    )


def _is_event_stream(reply: Reply) -> bool:
    return any(name == "Content-Type" and value.startswith("text/event-stream") for name, value in reply.headers)
