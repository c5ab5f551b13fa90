"""Rate limits: token buckets against a clock that is handed in."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.knobs.rate_limit import Rate, RateLimit, RateLimiter, estimated_tokens, parse_rate_limit
from oagw_tornado.reply.budgets import budget_headers, format_reset


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("60/min", RateLimit(Rate(60, 60.0), 60)),
        ("10/s;burst=3", RateLimit(Rate(10, 1.0), 3)),
        ("5 / hour; tokens=10000/min", RateLimit(Rate(5, 3600.0), 5, Rate(10000, 60.0))),
        ("1/day;burst=2;tokens=5/s", RateLimit(Rate(1, 86400.0), 2, Rate(5, 1.0))),
    ],
)
def test_a_limit_is_read_and_written(text: str, limit: RateLimit) -> None:
    assert parse_rate_limit(text) == limit
    assert parse_rate_limit(str(limit)) == limit


@pytest.mark.parametrize(
    "text", ["", "60", "0/min", "60/week", "60/min;burst=0", "60/min;x=1", "-1/s", "60/min;tokens=5", "1.5/s"]
)
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="60/min"):
        parse_rate_limit(text)


@given(st.text(max_size=40))
def test_no_text_breaks_it(text: str) -> None:
    try:
        limit = parse_rate_limit(text)
    except ValueError as error:
        assert str(error)
    else:
        assert parse_rate_limit(str(limit)) == limit


def test_a_burst_passes_then_one_at_a_time() -> None:
    limiter, limit = RateLimiter(), parse_rate_limit("60/min;burst=2")
    verdicts = [limiter.take("openai", "a", limit, 0, now) for now in (0.0, 0.0, 0.25, 1.0, 1.0)]
    assert [verdict.allowed for verdict in verdicts] == [True, True, False, True, False]
    assert verdicts[2].retry_after == pytest.approx(0.75)
    assert verdicts[2].limited == "requests"


def test_the_headers_say_what_is_left_and_when_it_is_whole_again() -> None:
    limiter, limit = RateLimiter(), parse_rate_limit("60/min;tokens=1000/min")
    verdict = limiter.take("openai", "a", limit, 250, 0.0)
    assert dict(budget_headers(verdict.budgets, 0.0)) == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-limit-tokens": "1000",
        "x-ratelimit-remaining-tokens": "750",
        "x-ratelimit-reset-tokens": "15s",
    }


def test_what_is_refused_for_its_tokens_costs_no_request() -> None:
    limiter, limit = RateLimiter(), parse_rate_limit("10/min;tokens=100/min")
    assert limiter.take("openai", "a", limit, 80, 0.0).allowed
    refused = limiter.take("openai", "a", limit, 50, 0.0)
    assert (refused.allowed, refused.limited) == (False, "tokens")
    assert refused.retry_after == pytest.approx(18.0)
    assert refused.budgets[0][:3] == ("requests", 10, 9)
    assert limiter.take("openai", "a", limit, 50, 18.0).allowed


def test_more_tokens_than_there_can_ever_be_never_pass() -> None:
    limiter, limit = RateLimiter(), parse_rate_limit("10/min;tokens=100/min")
    for now in (0.0, 1e6):
        verdict = limiter.take("openai", "a", limit, 101, now)
        assert not verdict.allowed
        assert verdict.retry_after > 0


def test_alias_and_bearer_each_have_their_own() -> None:
    limiter, limit = RateLimiter(), parse_rate_limit("1/min")
    assert limiter.take("openai", "a", limit, 0, 0.0).allowed
    assert limiter.take("openai", "b", limit, 0, 0.0).allowed
    assert limiter.take("github", "a", limit, 0, 0.0).allowed
    assert not limiter.take("openai", "a", limit, 0, 0.0).allowed
    limiter.clear()
    assert limiter.take("openai", "a", limit, 0, 0.0).allowed


def test_the_table_is_bounded() -> None:
    limiter, limit = RateLimiter(most=10), parse_rate_limit("1/min")
    for number in range(100):
        limiter.take("openai", str(number), limit, 0, 0.0)
    assert len(limiter) == 10
    assert not limiter.take("openai", "99", limit, 0, 0.0).allowed


@given(st.lists(st.floats(0, 5), max_size=200), st.integers(1, 20), st.integers(1, 20))
def test_never_more_than_the_burst_and_the_rate(gaps: list[float], amount: int, burst: int) -> None:
    limiter, limit = RateLimiter(), RateLimit(Rate(amount, 10.0), burst)
    now = passed = 0.0
    for gap in gaps:
        now += gap
        verdict = limiter.take("openai", "a", limit, 0, now)
        passed += verdict.allowed
        assert passed <= burst + amount * now / 10.0 + 1e-6
        assert verdict.allowed == (verdict.retry_after == 0)
        if not verdict.allowed:
            assert limiter.take("openai", "a", limit, 0, now + verdict.retry_after + 1e-6).allowed
            passed += 1
            now += verdict.retry_after + 1e-6


@given(st.floats(0, 1e6))
def test_resets_are_as_the_real_services_write_them(seconds: float) -> None:
    text = format_reset(seconds)
    match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(\d+(?:\.\d+)?)s|(\d+)ms", text)
    assert match
    hours, minutes, rest, milliseconds = match.groups()
    value = int(milliseconds) / 1000 if milliseconds else int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(rest)
    assert value == pytest.approx(seconds, abs=0.0011)


@pytest.mark.parametrize(
    ("body", "tokens"),
    [(b"", 0), (b"12345", 2), (b'{"max_tokens":50}', 5 + 50), (b'{"max_completion_tokens":7,"max_tokens":9}', 11 + 7)],
)
def test_tokens_are_estimated_by_a_stated_rule(body: bytes, tokens: int) -> None:
    assert estimated_tokens(body) == tokens


@given(
    st.binary(max_size=60)
    | st.just(b'{"max_tokens":-5}')
    | st.just(b'["max_tokens"]')
    | st.just(b'{"max_tokens":true}')
)
def test_an_estimate_is_never_less_than_the_body(body: bytes) -> None:
    assert estimated_tokens(body) >= len(body) / 4
