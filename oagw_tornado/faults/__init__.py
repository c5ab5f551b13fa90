"""What goes wrong on purpose: ``<type>[;param=value…]``, several of them separated by commas.

One fault is one small class, a function from schedule to schedule. To add one: write its class, and add it to
`FAULTS`; docs/faults.md shows it whole. Imports `units` and `reply`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from oagw_tornado.faults.cuts import Close, Empty, Garbage, HoldOpen, MalformedChunk, Reset, Stall, Truncate
from oagw_tornado.faults.events import DuplicateEvent, ErrorEvent, MalformedEvent
from oagw_tornado.faults.fault import Fault, Stage
from oagw_tornado.faults.status import Status
from oagw_tornado.faults.values import split
from oagw_tornado.faults.writes import SlowBody, Split
from oagw_tornado.units.nearest import nearest

__all__ = ["FAULTS", "MOST_FAULTS", "Fault", "Faults", "Stage", "known", "parse_faults"]

FAULTS: dict[str, type[Fault]] = {
    kind.type: kind
    for kind in (
        Status,
        Reset,
        Close,
        Empty,
        Stall,
        Truncate,
        HoldOpen,
        MalformedChunk,
        Garbage,
        MalformedEvent,
        ErrorEvent,
        DuplicateEvent,
        Split,
        SlowBody,
    )
}

# Those from outside this package that the simulator at hand knows. All that a simulator does runs in a copy of the
# context in which it was started, so two of them in one process, or in one thread, do not see each other's.
_added: ContextVar[Mapping[str, type[Fault]]] = ContextVar("faults", default={})  # noqa: B039  # never changed

#: Faults of one request.
MOST_FAULTS = 8


class Faults(tuple[Fault, ...]):
    """The faults of one request, in the order in which they were given."""

    __slots__ = ()

    def __str__(self) -> str:
        """As `parse_faults` reads them."""
        return ",".join(map(str, self)) or "none"


@contextmanager
def known(faults: Mapping[str, type[Fault]]) -> Iterator[None]:
    """Have `parse_faults` read these too, by their types, in this context and in all that are copied from it."""
    token = _added.set(faults)
    try:
        yield
    finally:
        _added.reset(token)


def parse_faults(text: str) -> Faults:
    """Read faults; ``none`` among them is the fault that does nothing, so that a request can undo a rule's.

    >>> [fault.type for fault in parse_faults("split;bytes=3, reset;at-event=5")]
    ['split', 'reset']

    Raises ValueError naming the type or the parameter that is not known or not well.
    """
    parts = split(text, ",")
    if len(parts) > MOST_FAULTS:
        raise ValueError(f"expected at most {MOST_FAULTS} faults")
    return Faults(_parse(part) for part in parts if part != "none")


def _parse(text: str) -> Fault:
    name, *parameters = split(text, ";")
    kind = FAULTS.get(name) or _added.get().get(name)
    if kind is None:
        kinds = (*FAULTS, *_added.get())
        raise ValueError(f"{name[:40]!r} is not one of the faults none, {', '.join(kinds)}{nearest(name, kinds)}")
    values: dict[str, Any] = {}
    for parameter in parameters:
        key, _, value = (part.strip() for part in parameter.partition("="))
        if key not in kind.parameters:
            expected = _names(kind) + nearest(key, kind.parameters)
            quoting = ". A value with a comma or a semicolon stands in quotes" if values else ""
            raise ValueError(f"fault {name!r} has no parameter {key[:40]!r}; expected {expected}{quoting}")
        field, read = kind.parameters[key]
        if field in values:
            raise ValueError(f"fault {name!r}: parameter {key!r} is given twice")
        try:
            values[field] = read(value)
        except ValueError as error:
            raise ValueError(f"fault {name!r}, parameter {key!r}: {error}") from None
    if "at_event" in values and "after" in values:
        raise ValueError(f"fault {name!r}: expected at-event or after, not both")
    for key, (field, _) in kind.parameters.items():
        if field not in values and not hasattr(kind, field):
            raise ValueError(f"fault {name!r} needs the parameter {key!r}")
    try:
        return kind(**values)
    except ValueError as error:
        raise ValueError(f"fault {name!r}: {error}") from None


def _names(kind: type[Fault]) -> str:
    return ", ".join(kind.parameters) or "none"
