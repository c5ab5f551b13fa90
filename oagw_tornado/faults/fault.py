"""What all faults share: their parameters, and the point of a schedule at which they strike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping
from enum import IntEnum
from itertools import chain
from random import Random
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from oagw_tornado.faults.values import write_text
from oagw_tornado.reply.reply import Reply
from oagw_tornado.reply.schedule import Action, Run, Schedule, Step, Steps
from oagw_tornado.reply.shaping import single_steps
from oagw_tornado.units.durations import format_duration, parse_duration
from oagw_tornado.units.knob_errors import InapplicableKnob

#: What a parameter of a fault is called in its class, and how it is read; the reader raises ValueError.
Parameter = tuple[str, Callable[[str], Any]]

_MOST = 1_000_000_000
_ENDINGS = frozenset((Action.END, Action.CLOSE, Action.RESET, Action.STALL))


def whole(low: int, high: int = _MOST) -> Callable[[str], int]:
    """A parser of whole numbers between two bounds."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 18 and low <= int(text) <= high):
            raise ValueError(f"{text[:40]!r} is not a whole number from {low} to {high}")
        return int(text)

    return read


def one_of(*names: str) -> Callable[[str], str]:
    """A parser of one of several names."""

    def read(text: str) -> str:
        if text not in names:
            raise ValueError(f"{text[:40]!r} is not one of {', '.join(names)}")
        return text

    return read


def _written(value: Any) -> str:
    if isinstance(value, str):
        return write_text(value)
    return format_duration(value) if isinstance(value, float) else str(value)


class Stage(IntEnum):
    """When a fault is applied among several. Within a stage, they are applied in the order given."""

    EVENTS = 0  # sees the events one by one, as the service said them
    WRITES = 1  # sees the writes, after events-per-write joined events
    CLOCK = 2  # strikes at an instant, whatever the others did to the writes before it


S = TypeVar("S", bound="Step | Run")


class Point(NamedTuple, Generic[S]):
    """Where a fault strikes: the instant, and the steps that follow."""

    at: float
    rest: Iterator[S]


POSITION: Mapping[str, Parameter] = {"at-event": ("at_event", whole(0)), "after": ("after", parse_duration)}


class Fault(ABC):
    """One thing that goes wrong: a function from schedule to schedule, with its parameters.

    It strikes after `at_event` content events (0: after the head, before the first byte of the body), or, if
    `after` is there, that many seconds after the request was admitted (0: before the head).

    A parameter is an entry in `parameters` and an attribute, whose value in the class is its default; one without a
    default is required. A fault is immutable.
    """

    type: ClassVar[str]
    parameters: ClassVar[Mapping[str, Parameter]] = POSITION
    stage: ClassVar[Stage] = Stage.EVENTS
    streams_only: ClassVar[bool] = False
    """Has no meaning for a reply that is sent whole."""

    sees_runs: ClassVar[bool] = False
    """`strike` knows what to do with a `Run`; else it is given each event of it as a step."""

    needs_head: ClassVar[bool] = False
    """Does not strike before the head, as it has no meaning there."""

    at_event: int = 0
    after: float | None = None

    def __init__(self, **values: Any) -> None:
        # Plain classes: making a data class of each would take a multiple of the time to import them all, in the
        # middle of serving, when the first fault is asked for.
        self.__dict__.update(values)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    def __hash__(self) -> int:
        return hash((self.type, *sorted(self.__dict__.items())))

    def __repr__(self) -> str:
        return f"<fault {self}>"

    def __str__(self) -> str:
        """The fault as written, with the parameters that were given."""
        text = self.type
        for name, (field, _) in self.parameters.items():
            if field in self.__dict__:
                value = self.__dict__[field]
                text += f";{name}={_written(value)}"
        return text

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "strike" in vars(cls) and "sees_runs" not in vars(cls):
            # What another's `strike` could do with runs, its own need not.
            cls.sees_runs = False

    @abstractmethod
    def strike(self, schedule: Schedule, reply: Reply, random: Random) -> Steps:
        """The schedule with this fault in it. Lazy, because a schedule may have no end."""

    def struck(self, step: Step) -> Step:
        """Marks `step` as the one with which this fault strikes, which is recorded when the step is played."""
        return step._replace(faults=(*step.faults, self.type))

    def last(self, step: Step) -> Step:
        """Marks `step` as the one with which this fault ends the reply."""
        return self.struck(step)._replace(outcome=f"fault:{self.type}")

    @property
    def turn(self) -> Stage:
        return self.stage

    def amend(self, reply: Reply, blame: str) -> Reply:
        """The reply this fault makes of `reply`, before there is a schedule.

        Raises InapplicableKnob if the fault cannot apply to that reply.
        `blame` is the source of an error caused by this fault: ``upstream`` or ``gateway``.
        """
        if reply.frames is None:
            if self.streams_only:
                raise InapplicableKnob("fault", f"{self.type!r} has a meaning for streamed replies only")
            if self.at_event > 0:
                raise InapplicableKnob(
                    "fault", f"'{self.type};at-event={self.at_event}': this reply is sent whole, without events"
                )
        return reply

    def approach(self, schedule: Iterator[S]) -> Generator[S, None, Point[S] | None]:
        """Yield the steps before the point where this fault strikes; the result is the point, None if never reached."""
        if self.after is not None:
            return (yield from _approach_instant(single_steps(schedule), self.after, self.needs_head))  # type: ignore[misc, return-value]
        return (yield from _approach_event(schedule, self.at_event))  # type: ignore[misc, return-value]


def _approach_instant(
    schedule: Schedule, instant: float, needs_head: bool
) -> Generator[Step, None, Point[Step] | None]:
    begun = False
    for step in schedule:
        if step.at >= instant and (begun or not needs_head):
            return Point(instant, chain((step,), schedule))
        if step.action is Action.AWAIT:
            step = step._replace(until=min(step.until, instant))
        yield step
        begun = begun or step.action is Action.HEAD
        if begun and needs_head and step.at >= instant:
            return Point(step.at, schedule)
    return None


def _approach_event(schedule: Steps, at_event: int) -> Generator[Step | Run, None, Point[Step | Run] | None]:
    content = 0
    for step in schedule:
        if isinstance(step, Run):
            run, limit, before = step, step.limit, step.taken
            left = at_event - content
            # A run with a limit was cut by another fault, which has its point there.
            cut = limit < 0 or limit >= left
            if cut:
                run.limit = left
            yield run
            content += run.taken - before
            if cut and content == at_event:
                run.limit = limit - left if limit >= 0 else -1
                return Point(run.at, chain((run,), schedule))
            continue
        content += step.content
        if step.action is Action.HEAD:
            yield step
            if at_event == 0:
                return Point(step.at, schedule)
        elif step.content and content >= at_event:
            if step.action is Action.END:  # the last event is out, the end of the body is not
                yield step._replace(action=Action.WRITE)
                return Point(step.at, iter((Step(step.at, b"", Action.END),)))
            yield step
            return Point(step.at, schedule)
        else:
            yield step
            if step.action in _ENDINGS:
                return None
    return None
