"""A client retried without waiting longer each time, or without waiting at all.

Clients that come back at once, or at fixed intervals, keep an overloaded server overloaded (Google, *Site Reliability
Engineering*, chapter 22; the SDKs of OpenAI and Anthropic wait 0.5 s, twice as long each time, at most 8 s). Waits
that the server asked for do not count, and one immediate retry is the right reaction to a stale connection.
"""

from __future__ import annotations

from collections.abc import Sequence

from oagw_tornado.conduct.finding import Case, Finding, Findings, Line
from oagw_tornado.conduct.retries import Retry, retries

RULE = "no-backoff"

#: Seconds below which a wait does not count as one.
AT_ONCE = 0.05
#: Seconds: a client that waits this long each time has reached its longest pause.
CAPPED = 5.0


def findings(case: Case) -> Findings:
    for call in case.calls:
        own = own_waits(list(retries(call)))
        waits = [retry.wait for retry in own]
        if not backs_off(waits):
            yield Finding(
                RULE,
                "warning",
                f"tried {len(waits)} times again without waiting longer each time: "
                + ", ".join(f"{wait:.3f} s" for wait in waits[:10]),
                (
                    Line(own[0].first.begun, own[0].first.id, f"{own[0].first.asked}: {own[0].first.answered}"),
                    *(Line(each.then.begun, each.then.id, f"again after {each.wait:.3f} s") for each in own[:19]),
                ),
            )
        yield None


def own_waits(tries: Sequence[Retry]) -> list[Retry]:
    """The longest run of retries whose waits the client chose itself."""
    best: list[Retry] = []
    run: list[Retry] = []
    for retry in tries:
        if retry.first.advice.wait is None and retry.first.is_failure:
            run.append(retry)
        else:
            run = []
        if len(run) > len(best):
            best = list(run)
    return best


def backs_off(waits: Sequence[float]) -> bool:
    """Whether nothing proves that these waits do not grow. Random waits may happen to be alike: two must be the same.

    >>> backs_off([0.4, 0.9]), backs_off([0.2, 0.2]), backs_off([0.001, 0.002])
    (True, False, False)
    """
    if len(waits) < 2:
        return True
    if max(waits) < AT_ONCE:
        return False
    shortest, longest = min(waits), max(waits)
    if shortest >= CAPPED:
        return True
    alike = 0.02 * shortest + 0.002 if len(waits) == 2 else 0.1 * shortest + 0.005
    return longest - shortest > alike
