"""A fault: two neighbouring events of a stream change places."""

from random import Random

from oagw_tornado import Action, Fault, Reply, Schedule


class Swap(Fault):
    """``swap;at-event=N``: the two events after the first N leave in the wrong order, at the right instants."""

    type = "swap"
    streams_only = True

    def strike(self, schedule: Schedule, reply: Reply, random: Random) -> Schedule:
        point = yield from self.approach(schedule)
        if point is None:
            return
        first, second = next(point.rest, None), next(point.rest, None)
        if first is not None and second is not None and second.action is Action.WRITE:
            first, second = first._replace(data=second.data), second._replace(data=first.data)
        for step in (first, second):
            if step is not None:
                yield step
        yield from point.rest
