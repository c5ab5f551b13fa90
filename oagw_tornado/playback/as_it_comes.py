"""The schedule of a reply whose body is still arriving from an upstream: the knobs applied to its arrival times."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat
from random import Random

from oagw_tornado.knobs.vocabulary import Knobs
from oagw_tornado.reply.arriving import Arriving, spaced
from oagw_tornado.reply.reply import Reply
from oagw_tornado.reply.schedule import HEAD, Schedule, Step
from oagw_tornado.reply.sse import LINE_ENDINGS


def as_it_comes(reply: Reply, body: Arriving, knobs: Knobs, random: Random, factor: float) -> Schedule:
    """The head at once and each read as it comes, unless a knob wants it later, or to see the events one by one.

    Offsets count from the admission, as those of `body` do. The times of knobs take `factor` times as long.
    """
    if reply.frames is None:
        head_at = first_at = knobs.latency.draw(random) * factor
        gaps: Iterator[float] = repeat(0.0)
        steps = body.reads()
    else:
        head_at, first_at = knobs.header_delay.draw(random) * factor, knobs.time_to_first_token.draw(random) * factor
        # The gate is what spaces the events.
        spacing = knobs.inter_token_latency
        gaps = repeat(0.0) if knobs.gate is not None else map(factor.__mul__, spacing.gaps(random))
        if spacing.is_zero and _is_untouched(knobs):
            steps = body.reads()
        else:
            steps = _with_line_ending(body.events(), LINE_ENDINGS[knobs.line_ending].encode())
    head = Step(max(body.elapsed(), head_at), b"", HEAD)
    if head_at or first_at or not knobs.inter_token_latency.is_zero:
        steps = spaced(steps, head.at, first_at, gaps)
    return chain((head,), steps)


def leaves_as_it_comes(knobs: Knobs) -> bool:
    """Whether each read of a stream leaves when it comes: no knob has a say in when, or in what the events are."""
    times = (knobs.inter_token_latency, knobs.time_to_first_token, knobs.header_delay, knobs.latency)
    return _is_untouched(knobs) and all(time.is_zero for time in times)


def _is_untouched(knobs: Knobs) -> bool:
    return knobs.plays_as_said and knobs.keep_alive is None and knobs.line_ending == "lf"


def _with_line_ending(steps: Schedule, ending: bytes) -> Schedule:
    if ending == b"\n":  # what nobody asks for, it is as the upstream has it
        return steps
    return (_rewritten(step, ending) if step.data else step for step in steps)


def _rewritten(step: Step, ending: bytes) -> Step:
    data = step.data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return step._replace(data=data.replace(b"\n", ending))
