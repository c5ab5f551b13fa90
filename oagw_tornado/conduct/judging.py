"""Applies all rules to one case, in time slices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from typing import Any

from oagw_tornado.conduct import (
    buffering,
    cut_taken_for_whole,
    early_retry,
    futile_retry,
    late_cancel,
    many_connections,
    never_retried,
    no_backoff,
    no_jitter,
    orphan_tool_result,
    reads_past_done,
)
from oagw_tornado.conduct.finding import Case, Finding, Findings

#: The rules by their names.
RULES: dict[str, Callable[[Case], Findings]] = {
    module.RULE: module.findings
    for module in (
        early_retry,
        futile_retry,
        no_backoff,
        no_jitter,
        never_retried,
        reads_past_done,
        cut_taken_for_whole,
        late_cancel,
        many_connections,
        orphan_tool_result,
        buffering,
    )
}

#: Findings listed per rule; all are counted.
MOST_FINDINGS = 50


class Judgement:
    """What the rules found. Judged by iterating `judging`, which gives a turn now and then."""

    def __init__(self, case: Case, ignore: Collection[str] = ()) -> None:
        self._case = case
        self._ignored = ignore
        self.findings: list[Finding] = []
        self.counts: Counter[str] = Counter()

    def judging(self) -> Iterator[None]:
        """Judge, piece by piece."""
        for rule, find in RULES.items():
            if rule in self._ignored:
                continue
            for finding in find(self._case):
                if finding is not None:
                    self.counts[rule] += 1
                    if self.counts[rule] <= MOST_FINDINGS:
                        self.findings.append(finding)
                yield

    def as_json(self) -> dict[str, Any]:
        """As ``/_sim/conduct`` gives it."""
        return {
            "conduct": "faulty" if self.counts else "sound",
            "requests": len(self._case.entries),
            "counts": {rule: self.counts[rule] for rule in RULES if rule not in self._ignored},
            "findings": [finding.as_json() for finding in self.findings],
        }


def judge(case: Case, ignore: Collection[str] = ()) -> list[Finding]:
    """All that the rules find, in one go."""
    judgement = Judgement(case, ignore)
    for _ in judgement.judging():
        pass
    return judgement.findings
