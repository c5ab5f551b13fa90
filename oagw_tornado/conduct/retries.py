"""Which request is a retry of which: the basis of several rules.

Two requests are attempts of one call if they are the same (method, target, body, credential, client) and

- the client numbers its attempts (``X-Stainless-Retry-Count`` of the OpenAI and Anthropic SDKs, and the like), so that
  a first attempt is never taken for a second one;
- or it does not, and the later one came after the earlier one had failed. If two such requests ever ran at the same
  time, several callers send the same request and their attempts cannot be told apart: then none counts as a retry.

An attempt that could belong to several calls is assigned to the call that has waited longest, which puts the client in
the best light.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from oagw_tornado.conduct.entry import ConductEntry

#: Seconds after which the same request is a new call, not another try, if the client does not say so. What an error
#: asked to wait comes on top.
NEW_CALL_AFTER = 60.0
#: Seconds that the end of a connection may take to be noticed here.
NOTICED = 0.1

#: All tries of one call, the first one first.
Call = tuple[ConductEntry, ...]


class Retry(NamedTuple):
    """One try, and the next one."""

    first: ConductEntry
    then: ConductEntry

    @property
    def wait(self) -> float:
        """Seconds from the end of the first to the arrival of the next."""
        return self.then.begun - (self.first.ended if self.first.ended is not None else self.first.begun)


def calls_in(entries: Sequence[ConductEntry]) -> Iterator[Call]:
    """The tries of each call. `entries` are in the order in which they came."""
    by_key: dict[bytes, list[ConductEntry]] = {}
    for entry in entries:
        if entry.alias:
            by_key.setdefault(entry.key, []).append(entry)
    return (call for same in by_key.values() for call in _calls_of(same))


def retries(call: Call) -> Iterator[Retry]:
    """Each try with the one after it."""
    return (Retry(first, then) for first, then in pairwise(call))


def _calls_of(same: list[ConductEntry]) -> Iterator[Call]:
    counted = [entry for entry in same if entry.attempt is not None]
    uncounted = [entry for entry in same if entry.attempt is None]
    yield from _by_count(counted)
    yield from _by_failure(uncounted)


def _by_count(same: list[ConductEntry]) -> Iterator[Call]:
    found: list[list[ConductEntry]] = []
    # Calls that may go on, by the number of their tries; the longest waiting first.
    waiting: dict[int, deque[list[ConductEntry]]] = {}
    for entry in same:
        before = waiting.get(entry.attempt or 0) if entry.attempt else None
        if before and _is_over_at(before[0][-1], entry.begun + NOTICED):
            call = before.popleft()
            call.append(entry)
        else:
            call = [entry]
            found.append(call)
        waiting.setdefault(len(call), deque()).append(call)
    return (tuple(call) for call in found)


def _by_failure(same: list[ConductEntry]) -> Iterator[Call]:
    over = 0.0
    for entry in same:
        if entry.begun < over:
            return ((entry,) for entry in same)
        over = max(over, entry.ended if entry.ended is not None else float("inf"))
    found: list[list[ConductEntry]] = []
    for entry in same:
        if found and _is_followed_by(found[-1][-1], entry):
            found[-1].append(entry)
        else:
            found.append([entry])
    return (tuple(call) for call in found)


def _is_followed_by(first: ConductEntry, then: ConductEntry) -> bool:
    pause = NEW_CALL_AFTER + (first.advice.wait or 0.0)
    return first.is_failure and first.ended is not None and then.begun - first.ended <= pause


def _is_over_at(entry: ConductEntry, instant: float) -> bool:
    return entry.ended is not None and entry.ended <= instant
