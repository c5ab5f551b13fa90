"""Signs of life in a silent stream: a function from schedule to schedule.

Between any two writes that are further apart than the interval, one sign leaves each time it is over (WHATWG HTML,
section 9.2.7, advises so against proxies that drop what is silent). A sign is no event, and its time depends on the
plan alone: it comes before the faults, so that a stream that a fault makes silent is silent.
"""

from __future__ import annotations

from oagw_tornado.reply.schedule import Action, Step, Steps, single_steps


def with_keep_alive(steps: Steps, interval: float, sign: bytes) -> Steps:
    """`steps` with `sign` wherever nothing was sent for `interval` seconds, which is more than 0."""
    last: float | None = None  # when something was sent last; None: nothing was, not even the head
    for step in single_steps(steps):
        if last is not None:
            # Counted, not added up: a thousand signs later the time is as exact as at first.
            signs = 1
            while last + signs * interval < step.at:
                yield Step(last + signs * interval, sign)
                signs += 1
        yield step
        last = step.at if last is not None or step.action is Action.HEAD else None
