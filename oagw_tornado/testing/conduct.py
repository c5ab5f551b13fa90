"""The failure message of a test whose client did not behave: a story, finding by finding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

#: Findings shown in full.
TOLD = 10


def story_of(judged: Mapping[str, Any]) -> str:
    """What ``/_sim/conduct`` found, as a story: times in seconds from its first line on."""
    return "\n".join(_lines(judged))


def _lines(judged: Mapping[str, Any]) -> Iterator[str]:
    findings, counts = judged["findings"], {rule: count for rule, count in judged["counts"].items() if count}
    found = ", ".join(f"{rule} {count} ×" if count > 1 else rule for rule, count in counts.items())
    requests = judged["requests"]
    yield f"the client did not behave in {requests} request{'' if requests == 1 else 's'}: {found}"
    start = min((line["time"] for finding in findings for line in finding["story"]), default=0.0)
    for finding in findings[:TOLD]:
        yield f"{finding['rule']}: {finding['message']}"
        for line in finding["story"]:
            yield f"  {line['time'] - start:8.3f} s  {line['request'][:40]}  {line['text']}"
    more = sum(counts.values()) - min(TOLD, len(findings))
    if more > 0:
        yield f"… and {more} more"
