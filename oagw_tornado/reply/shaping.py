"""The shapes that a schedule takes: from what is said to steps, and from steps to others. All of it is lazy.

`streamed` and `buffered` make a schedule of what a service says; each other function takes one and gives one. None
knows about knobs: `playback.plan` calls them one after the other. A schedule may have no end, so none looks further
ahead than it has to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from random import Random

from oagw_tornado.reply.schedule import (
    BODY_PIECE,
    END,
    HEAD,
    LARGEST_WRITE,
    WITH_HEAD,
    WRITE,
    Action,
    Frame,
    Run,
    Schedule,
    Step,
    Steps,
    Stream,
    TimedStream,
)  # fmt: skip
from oagw_tornado.units.latency import Latency

# Events made in one go when many are joined.
_LOOK = 64

# Fixed times draw nothing.
_NOTHING_DRAWN = Random(0)


def single_steps(schedule: Iterable[Step | Run]) -> Schedule:
    """`schedule` with each event as a step of its own."""
    for step in schedule:
        if type(step) is Run:
            yield from step.steps()
        else:
            yield step  # type: ignore[misc]  # a Step: neither class has subclasses


def later(schedule: Iterable[Step | Run], seconds: float) -> Steps:
    """The same, so much later."""
    for step in schedule:
        if isinstance(step, Run):
            # The code that made the run continues after its end, unaware of this.
            step.at += seconds
            yield step
            step.at -= seconds
        else:
            yield step._replace(at=step.at + seconds, until=step.until + seconds)


def pieces(step: Step, size: int) -> Iterator[Step]:
    """`step` in writes of `size` bytes; its events end with the last one, and so does the body if it was to."""
    data = step.data
    last = max(0, (len(data) - 1) // size * size)
    for start in range(0, last, size):
        yield Step(step.at, data[start : start + size])
    yield step._replace(data=data[last:])


def buffered(body: bytes, at: float, faults: tuple[str, ...] = (), made: Iterable[bytes] | None = None) -> Steps:
    """The schedule of a reply that is sent whole: head and body at one instant, a large body in pieces.

    `faults` are those that made this reply of another: they strike when it is out. What is `made` takes the place of
    `body`: it comes in pieces already, each made when the one before it has left.
    """
    yield Step(at, b"", HEAD)
    if made is not None:
        for piece in made:
            yield Step(at, piece)
        body = b""
    last = max(0, (len(body) - 1) // BODY_PIECE * BODY_PIECE)
    for start in range(0, last, BODY_PIECE):
        yield Step(at, body[start : start + BODY_PIECE])
    yield Step(at, body[last:], END, outcome=f"fault:{faults[-1]}" if faults else "", faults=faults)


def streamed(
    frames: Iterable[Frame],
    head_at: float,
    first_at: float,
    gaps: Iterator[float],
    random: Random | None = None,
    factor: float = 1.0,
    opens_at: float | None = None,
) -> Steps:
    """The schedule of a stream.

    The head leaves at `head_at`, the first content frame at `first_at` (or with the head, if that is later), each
    following one a gap later. Frames that are no content keep the place they have among the others: those before
    the first content frame leave at its instant; the first one after a content frame takes one more gap, as a
    finish chunk takes the place of one more token, and all others leave with the frame before them.

    What opens the stream as a whole leaves at `opens_at`, or with the first content frame if that is None.
    A frame's own wait, or gap, is drawn from `random` and takes `factor` times as long; 0: none of them waits.
    """
    at = max(head_at, first_at)
    if type(frames) is Stream:
        return _in_three_parts(frames, head_at, at, gaps, opens_at)
    if isinstance(frames, TimedStream):
        return frames.steps(head_at, first_at, gaps, factor)
    return _frame_by_frame(frames, head_at, at, gaps, random or _NOTHING_DRAWN, factor, opens_at)


def _in_three_parts(stream: Stream, head_at: float, at: float, gaps: Iterator[float], opens_at: float | None) -> Steps:
    yield Step(head_at, b"", HEAD)
    leading = 0 if opens_at is None else stream.leading
    for data in stream.opening[:leading]:
        yield Step(opens_at or 0.0, data, WRITE, 1)
    for data in stream.opening[leading:]:
        yield Step(at, data, WRITE, 1)
    run, closing = Run(at, stream.contents, gaps, stream.before, stream.after), stream.closing
    # Steps already yielded are not held while the rest is.
    del stream
    data = b""
    yield run
    at = run.at
    if run.taken and closing:
        at += next(gaps)
    last: bytes | None = None
    for data in closing:
        if last is not None:
            yield Step(at, last, WRITE, 1)
        last = data
    yield Step(at, b"", END) if last is None else Step(at, last, END, 1)


def _frame_by_frame(
    frames: Iterable[Frame],
    head_at: float,
    at: float,
    gaps: Iterator[float],
    random: Random,
    factor: float,
    opens_at: float | None,
) -> Steps:
    yield Step(head_at, b"", HEAD)
    source = iter(frames)
    begun = False
    after_content = False
    last: Step | None = None
    opening: list[bytes] = []
    shared: Latency | None = None  # the gap that the frames at hand share
    own: Iterator[float] = gaps
    frame = next(source, None)
    while frame is not None:
        data, content, wait, gap = frame
        if wait is WITH_HEAD:
            if opens_at is None or opening or begun:
                opening.append(data)
            else:
                if last is not None:
                    yield last
                last = Step(opens_at, data, WRITE, 1)
            frame = next(source, None)
            continue
        if not content and not begun and wait is None:
            opening.append(data)
            frame = next(source, None)
            continue
        if wait is not None:
            pause = wait.draw(random) * factor
            at = at + pause if begun else max(head_at, pause)
            after_content = after_content or content
        elif content:
            if gap is None:
                paced = gaps
            else:
                if gap is not shared:
                    shared, own = gap, gap.gaps(random) if factor == 1.0 else map(factor.__mul__, gap.gaps(random))
                paced = own
            if begun:
                at += next(paced)
            after_content = True
        elif after_content:
            at += next(gaps)
            after_content = False
        if last is not None:
            yield last
            last = None
        for each in opening:
            yield Step(at, each, WRITE, 1)
        opening.clear()
        begun = True
        if content and wait is None:
            alike = _Alike(frame, source)
            run = Run(at, alike, paced)
            yield run
            at, frame = run.at, alike.other
        else:
            last = Step(at, data, WRITE, 1, 1 if content else 0)
            frame = next(source, None)
    for each in opening:
        if last is not None:
            yield last
        last = Step(at, each, WRITE, 1)
    yield Step(at, b"", END) if last is None else last._replace(action=END)


class _Alike(Iterator[bytes]):
    """The texts of content frames in a row that wait for nothing of their own and share a gap: a run of events."""

    __slots__ = ("_source", "_gap", "other")

    def __init__(self, first: Frame, source: Iterator[Frame]) -> None:
        self._source: Iterator[Frame] = chain((first,), source)
        self._gap = first.gap
        # The frame that follows them once they are used up.
        self.other: Frame | None = None

    def __next__(self) -> bytes:
        for data, content, wait, gap in self._source:
            if content and wait is None and gap is self._gap:
                return data
            self.other = Frame(data, content, wait, gap)
            self._source = iter(())
            break
        raise StopIteration


def with_keep_alive(steps: Steps, interval: float, sign: bytes) -> Steps:
    """`steps` with `sign` wherever nothing was sent for `interval` seconds, which is more than 0.

    Between any two writes that are further apart, one sign leaves each time the interval is over (WHATWG HTML, section
    9.2.7, advises so against proxies that drop what is silent). A sign is no event, and its time depends on the plan
    alone: it comes before the faults, so that a stream that a fault makes silent is silent.
    """
    last: float | None = None  # when something was sent last; None: nothing was, not even the head
    for step in single_steps(steps):
        if last is not None:
            # Counted, not added up: a thousand signs later the time is as exact as at first.
            signs = 1
            while last + signs * interval < step.at:
                yield Step(last + signs * interval, sign)
                signs += 1
            if step.action is Action.AWAIT:
                last += (signs - 1) * interval
                yield step._replace(until=min(step.until, last + interval))
                continue
        yield step
        last = step.at if last is not None or step.action is Action.HEAD else None


def gated(schedule: Steps) -> Steps:
    """A gate before the head of a reply that is sent whole."""
    yield Step(0.0, b"", Action.GATE)
    yield from schedule


def gated_events(schedule: Steps, last_word: Callable[[int], bytes]) -> Steps:
    """A gate before each event. `last_word` makes, of how many events went before, what a stream ends with whose gate
    nobody releases in time."""
    events = 0
    for step in single_steps(schedule):
        if step.events:
            yield Step(step.at, last_word(events), Action.GATE)
            events += step.events
        yield step


def joined(schedule: Steps, events_per_write: int) -> Steps:
    """The same events, so many of them in one write, which leaves when the last of them is due.

    No more than `LARGEST_WRITE` bytes are joined: then the write leaves with fewer events.
    """
    held: list[Step] = []
    size = 0
    for step in single_steps(schedule):
        if step.action is Action.AWAIT:
            yield step
            continue
        if step.action is Action.STRIKE:
            if held:  # after them, and so with the write that they are part of
                held[-1] = held[-1]._replace(faults=held[-1].faults + step.faults)
            else:
                yield step
            continue
        if len(held) % _LOOK == _LOOK - 1:
            # Nothing leaves; the player checks whether other streams are due.
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


def head_alone(steps: Steps) -> Steps:
    """The schedule of the same reply to HEAD (RFC 9110, section 9.3.2): its head, at the same instant."""
    for step in steps:
        if isinstance(step, Run):
            continue
        if step.action is Action.HEAD:
            yield step
            yield step._replace(action=Action.END)
            return
        if step.action is not Action.WRITE:
            yield step
