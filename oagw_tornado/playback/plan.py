"""From a reply and the knobs in effect to a schedule: when each byte is to leave, and what goes wrong.

The order in which they are applied::

    reply → line ending → times → keep-alives → faults in events → gate
          → joined writes → faults in writes → faults with a time

Everything is lazy, because a stream may have no end, and all random draws come from the one generator that belongs
to the request: the same reply, knobs, generator and load give the same schedule.
"""

from __future__ import annotations

from itertools import repeat
from random import Random
from typing import Any

from oagw_tornado.knobs.vocabulary import Knobs
from oagw_tornado.reply.reply import Reply
from oagw_tornado.reply.schedule import Steps
from oagw_tornado.reply.shaping import (
    buffered,
    gated,
    gated_events,
    head_alone,
    joined,
    later,
    single_steps,
    streamed,
    with_keep_alive,
)  # fmt: skip
from oagw_tornado.reply.sse import LINE_ENDINGS, keep_alive


def plan(
    reply: Reply, knobs: Knobs, random: Random, running: int = 1, *, queued: float = 0.0, head_only: bool = False
) -> Steps:
    """The schedule of `reply`, which went through `amend`, under `knobs`, with so many requests `running`.

    It begins when the request had its turn, `queued` seconds after its admission. The reply to a HEAD request,
    `head_only`, is planned like any other. All draws come from `random`, which belongs to this request alone.
    """
    factor = load_factor(knobs, running)
    schedule: Steps
    if reply.arriving is not None:
        from oagw_tornado.playback.as_it_comes import as_it_comes

        schedule, queued = as_it_comes(reply, reply.arriving, knobs, random, factor), 0.0  # counted from the admission
    elif reply.frames is None:
        latency = knobs.latency.draw(random) + sum(pause.draw(random) for pause in reply.pauses)
        schedule = buffered(reply.body, latency * factor, reply.faults, reply.pieces)
    else:
        head_at, first_at = knobs.header_delay.draw(random), knobs.time_to_first_token.draw(random)
        gaps = (knobs.event_interval if reply.pace == "event-interval" else knobs.inter_token_latency).gaps(random)
        if knobs.gate is not None:
            gaps = repeat(0.0)  # the gate is what spaces the events
        if factor != 1.0:
            head_at, first_at, gaps = head_at * factor, first_at * factor, map(factor.__mul__, gaps)
        own = 0.0 if knobs.gate is not None else factor
        opens_at = head_at if knobs.opening == "with-head" else None
        schedule = streamed(reply.frames, head_at, first_at, gaps, random, own, opens_at)
    if knobs.keep_alive is not None and reply.is_event_stream:
        interval, form = knobs.keep_alive
        # The dialect's own event where it has one, so that none of its clients stumbles over it.
        own_sign = None if form == "comment" else reply.sign_of_life
        sign = own_sign or keep_alive(
            "event" if form == "event" else "comment", line_ending=LINE_ENDINGS[knobs.line_ending]
        )
        schedule = with_keep_alive(schedule, interval, sign)
    if not knobs.plays_as_said:
        # In the order in which they were given, but by their turns: events, writes, clock.
        faults = sorted(knobs.fault or (), key=lambda fault: fault.turn)
        seen: Any
        for fault in faults:
            if fault.turn == 0:
                seen = schedule if fault.sees_runs else single_steps(schedule)
                schedule = fault.strike(seen, reply, random)
        if knobs.gate is not None:
            schedule = gated(schedule) if reply.frames is None else gated_events(schedule, reply.last_word)
        if knobs.events_per_write > 1:
            schedule = joined(schedule, knobs.events_per_write)
        for fault in faults:
            if fault.turn > 0:
                seen = schedule if fault.sees_runs else single_steps(schedule)
                schedule = fault.strike(seen, reply, random)
    if queued:
        schedule = later(schedule, queued)
    return head_alone(schedule) if head_only else schedule


def load_factor(knobs: Knobs, running: int) -> float:
    """1 + (F - 1) * (running - 1) / (max - 1), from 1 for a request alone to F at `max_concurrency` and above.

    F is `time_factor_under_load`.
    """
    factor = knobs.time_factor_under_load
    if factor == 1.0 or running <= 1:
        return 1.0
    most = knobs.max_concurrency
    return 1.0 + (factor - 1.0) * (min(running, most) - 1) / (most - 1) if most > 1 else factor
