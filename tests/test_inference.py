"""What an inference server counts, as values: histograms, tokens of replies that were cut off, who never scrapes."""

from __future__ import annotations

from array import array
from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.inference import (
    LONGEST_MODEL,
    MOST_PENDING,
    TOKEN_BUCKETS,
    Histogram,
    InferenceCounters,
    finished_reason,
    token_times,
    tokens_sent,
)
from oagw_tornado.reply.inference import Inference


def over(outcome: str = "complete", events: int = 0, times: tuple[float, ...] = ()) -> Exchange:
    exchange = Exchange("1", "POST", "/", "/", {})
    exchange.outcome, exchange.events, exchange.ended = outcome, events, 1.0
    exchange.actual = array("d", times) if times else None
    return exchange


@given(st.lists(st.floats(0, 200), min_size=1, max_size=200))
def test_many_values_are_counted_as_one_by_one(values: list[float]) -> None:
    together, apart = Histogram(TOKEN_BUCKETS), Histogram(TOKEN_BUCKETS)
    together.add_all(list(values))
    for value in values:
        apart.add_all([value])
    assert together.counts == apart.counts
    assert together.counts[bisect_left(TOKEN_BUCKETS, values[0])] > 0
    assert together.sum == pytest.approx(apart.sum)
    assert together.cumulative()[-1] == ("+Inf", len(values))


@pytest.mark.parametrize(
    ("outcome", "events", "tokens", "reason"),
    [
        ("complete", 14, 20, "length"),
        ("client-left", 0, 0, "abort"),
        ("client-left", 1, 0, "abort"),  # the role
        ("client-left", 3, 4, "abort"),
        ("fault:reset", 11, 20, "error"),
        ("drained", 99, 20, "error"),
    ],
)
def test_the_tokens_of_a_stream_are_those_that_left(outcome: str, events: int, tokens: int, reason: str) -> None:
    inference = Inference("m", 3, 20, "length", opening=1, contents=10)
    exchange = over(outcome, events)
    assert tokens_sent(exchange, inference) == tokens
    assert finished_reason(exchange, inference) == reason


@pytest.mark.parametrize(("outcome", "tokens"), [("complete", 20), ("client-left", 0)])
def test_a_whole_reply_has_all_or_none(outcome: str, tokens: int) -> None:
    assert tokens_sent(over(outcome), Inference("m", 3, 20, "stop")) == tokens


def test_the_times_of_tokens_are_neither_the_openings_nor_the_ends() -> None:
    exchange = over(times=(0.1, 0.2, 0.3, 0.4, 0.5))
    assert list(token_times(exchange, Inference("m", 1, 2, "stop", opening=1, contents=2))) == [0.2, 0.3]


def test_who_never_scrapes_does_not_make_it_grow() -> None:
    counters = InferenceCounters()
    for _ in range(3 * MOST_PENDING):
        counters.over(over(), Inference("m", 1, 2, "stop"))
        assert len(counters._pending) <= MOST_PENDING
    # Nothing of the request is held but the name of its model, and not all of a long one.
    counters.over(over(), Inference("n" * 2**20, 1, 2, "stop"))
    assert not any(isinstance(held, Exchange) for held, _ in counters._pending)
    assert {len(inference.model) for _, inference in counters._pending} == {1, LONGEST_MODEL}
    while counters.settle(100):
        pass
    assert counters.models["m"].generation_tokens == 6 * MOST_PENDING
    assert counters.models["m"].finished["stop"] == 3 * MOST_PENDING
