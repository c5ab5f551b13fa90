"""Clients waited for exactly computed times before they retried, so those that failed together come back together.

Amazon, *Timeouts, retries, and backoff with jitter* (Builders' Library); the SDKs of OpenAI and Anthropic shorten each
wait by up to a quarter, at random. A finding needs more than coincidence: four calls that waited equally long before
the same attempt, or one whose waits double to the millisecond three times.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from oagw_tornado.conduct.finding import Case, Finding, Findings, Line
from oagw_tornado.conduct.no_backoff import AT_ONCE, CAPPED, backs_off, own_waits
from oagw_tornado.conduct.retries import Retry, retries

RULE = "no-jitter"

#: Calls whose waits must be alike.
CALLS = 4


def findings(case: Case) -> Findings:
    by_client: dict[tuple[str, str, str, int], list[Retry]] = {}
    for call in case.calls:
        own = own_waits(list(retries(call)))
        waits = [retry.wait for retry in own]
        if len(waits) >= 3 and backs_off(waits) and _double(waits):
            yield _finding(own, "waited exactly twice as long each time")
        for number, retry in enumerate(own):
            if AT_ONCE <= retry.wait < CAPPED:
                then = retry.then
                by_client.setdefault((then.client, then.agent, then.alias, number), []).append(retry)
        yield None
    for same in by_client.values():
        if len(same) >= CALLS and _alike([retry.wait for retry in same]):
            yield _finding(same, f"{len(same)} calls waited for the same time before they tried again")


def _double(waits: Sequence[float]) -> bool:
    return all(wait >= AT_ONCE and abs(then - 2 * wait) <= _grain(then) for wait, then in pairwise(waits))


def _alike(waits: Sequence[float]) -> bool:
    return max(waits) - min(waits) <= _grain(max(waits))


def _grain(wait: float) -> float:
    """What sleeping and sending add to a wait of itself."""
    return 0.004 + 0.003 * wait


def _finding(found: Sequence[Retry], what: str) -> Finding:
    waits = ", ".join(f"{retry.wait:.3f} s" for retry in found[:10])
    lines = (
        Line(each.then.begun, each.then.id, f"{each.then.asked}, again after {each.wait:.3f} s") for each in found[:20]
    )
    return Finding(RULE, "warning", f"{what}: {waits}", tuple(lines))
