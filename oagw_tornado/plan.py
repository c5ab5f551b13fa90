"""From what is said and the knobs that hold to a schedule: when each byte is to leave, and what goes wrong."""

from __future__ import annotations

from random import Random

from oagw_tornado.knobs import Knobs
from oagw_tornado.reply import Reply
from oagw_tornado.schedule import Schedule, buffered, streamed


def plan(reply: Reply, knobs: Knobs, random: Random) -> Schedule:
    """The schedule of `reply` under `knobs`. All draws come from `random`, which belongs to this request alone."""
    if reply.frames is None:
        return buffered(reply.body, knobs.latency.draw(random))
    pace = knobs.event_interval if reply.pace == "event-interval" else knobs.inter_token_latency
    return streamed(
        reply.frames,
        knobs.header_delay.draw(random),
        knobs.time_to_first_token.draw(random),
        pace.gaps(random),
    )
