"""The rules of conduct as functions of entries: what they find, and what they must not."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from oagw_tornado.conduct.advice import Advice, advice_in
from oagw_tornado.conduct.buffering import longest_unread
from oagw_tornado.conduct.entry import ConductEntry, Look, entry_of
from oagw_tornado.conduct.finding import MOST_NAMED, Case
from oagw_tornado.conduct.judging import MOST_FINDINGS, RULES, Judgement, judge
from oagw_tornado.conduct.marks import MOST_MARKS, Mark, Marks
from oagw_tornado.conduct.tool_calls import MOST_IDS, unknown_results
from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.journal import EXCHANGE_BYTES, Journal
from oagw_tornado.evidence.ledger import MOST_LOOKS, Ledger

BUSY = Advice(1.0)
NEVER = Advice(None, False)


def entry(begun: float, ended: float | None = None, **facts: Any) -> ConductEntry:
    """A request of one client; without an end it took 10 ms."""
    given = {
        "id": f"r{begun:g}",
        "alias": "openai",
        "path": "/v1/chat/completions",
        "key": b"k",
        "connection": 1,
        **facts,
    }
    return ConductEntry(begun=begun, ended=begun + 0.01 if ended is None else ended, **given)


def failing(*begins: float, status: int = 500, **facts: Any) -> list[ConductEntry]:
    """The same request again and again; the last one succeeds."""
    last = len(begins) - 1
    return [entry(at, status=200 if number == last else status, **facts) for number, at in enumerate(begins)]


def found(entries: list[ConductEntry], **case: Any) -> list[str]:
    return [finding.rule for finding in judge(Case(entries, **{"now": 1000.0, **case}))]


@pytest.mark.parametrize(
    ("what", "entries", "rules"),
    [
        ("a retry in time", [entry(0, status=429, advice=BUSY), entry(1.02)], []),
        ("a retry before its time", [entry(0, status=429, advice=BUSY), entry(0.5)], ["early-retry"]),
        (
            "another request before that time",
            [entry(0, status=429, advice=BUSY), entry(0.5, key=b"o"), entry(1.02)],
            [],
        ),
        (
            "many who ask the same at the same time",
            [entry(0, 0.4, status=429, advice=BUSY), entry(0.1), entry(0.2), entry(0.5)],
            [],
        ),
        (
            "a first try that says so",
            [entry(0, status=429, advice=BUSY, attempt=0), entry(0.5, attempt=0)],
            [],
        ),
        (
            "a second try that says so, too early",
            [entry(0, status=429, advice=BUSY, attempt=0), entry(0.5, attempt=1)],
            ["early-retry"],
        ),
        (
            "two calls at once, each of which waited",
            [
                entry(0, status=429, advice=BUSY, attempt=0),
                entry(0.1, status=429, advice=BUSY, attempt=0, id="b"),
                entry(1.05, attempt=1),
                entry(1.2, attempt=1),
            ],
            [],
        ),
        ("a date, which has whole seconds", [entry(0, status=503, advice=Advice(1.9, None, True)), entry(1.2)], []),
        ("a plain 400 again", failing(0, 1, status=400), ["futile-retry"]),
        ("what said not to", failing(0, 1, status=500, advice=NEVER), ["futile-retry"]),
        ("a 403 that says when", [entry(0, status=403, advice=BUSY), entry(1.1)], []),
        ("a 404 that is waited for", failing(0, 1, 2.5, status=404, method="GET"), []),
        ("a 409", failing(0, 1, status=409), []),
        ("the same a while later", failing(0, 120, status=400), []),
        ("at once, again and again", failing(0, 0.011, 0.022), ["no-backoff"]),
        ("at once, but once", failing(0, 0.011), []),
        ("at a fixed pace", failing(0, 0.21, 0.42), ["no-backoff"]),
        ("at a pace that varies a little", failing(0, 1, 2.03, 3.01), ["no-backoff"]),
        ("longer each time", failing(0, 0.45, 1.3), []),
        ("at the longest pause", failing(0, 8, 16.1, 24.1), []),
        ("twice as long each time, exactly", failing(0, 0.51, 1.52, 3.53), ["no-jitter"]),
        ("after a 429 that asked for it, never again", [entry(0, status=429, advice=BUSY)], ["never-retried"]),
        ("after a 503 that did not ask", [entry(0, status=503)], []),
        ("after a 503 that said not to", [entry(0, status=503, advice=Advice(1.0, False))], []),
        ("after a 429 that asked for an hour", [entry(0, status=429, advice=Advice(3600.0))], []),
        ("after all tries", failing(0, 1.1, 2.2, status=429, advice=BUSY)[:2], []),
        (
            "past the end of the stream",
            [entry(0, 5, faults=("hold-open",), is_stream=True, sent=(0.1, 0.2))],
            ["reads-past-done"],
        ),
        (
            "up to the end of the stream",
            [entry(0, 0.3, faults=("hold-open",), is_stream=True, sent=(0.1, 0.2), outcome="client-left")],
            [],
        ),
        (
            "a cut stream, then the next request on its connection",
            [entry(0, outcome="fault:truncate", is_stream=True), entry(5, key=b"o")],
            ["cut-taken-for-whole"],
        ),
        ("a cut stream, then again", [entry(0, outcome="fault:truncate", is_stream=True), entry(5)], []),
        (
            "a cut stream, then on another connection",
            [entry(0, outcome="fault:truncate", is_stream=True), entry(5, key=b"o", connection=2)],
            [],
        ),
        ("a reset stream", [entry(0, outcome="fault:reset", is_stream=True), entry(5, key=b"o")], []),
        (
            "a connection each",
            [entry(float(i), connection=i + 1, key=b"%d" % i) for i in range(12)],
            ["many-connections"],
        ),
        ("one for all", [entry(float(i), key=b"%d" % i) for i in range(12)], []),
        (
            "a connection each, all at once",
            [entry(i / 100, 10.0, connection=i + 1, key=b"%d" % i) for i in range(12)],
            [],
        ),
        ("a result without its call", [entry(0, unknown_results=("call_1",))], ["orphan-tool-result"]),
    ],
)
def test_what_is_found(what: str, entries: list[ConductEntry], rules: list[str]) -> None:
    assert found(entries) == rules


def test_who_may_still_come_back_is_not_judged_before() -> None:
    entries = [entry(0, status=429, advice=BUSY)]
    assert found(entries, now=2.0) == []
    assert found(entries, now=2.0, is_over=True) == ["never-retried"]


def test_waits_of_the_sdks_are_never_found() -> None:
    """0.5 s, doubled, at most 8 s, less up to a quarter: what openai-python and anthropic wait."""
    for seed in range(300):
        random, begun = Random(seed), 0.0
        begins = [begun]
        for number in range(6):
            begun += 0.01 + min(0.5 * 2**number, 8) * (1 - 0.25 * random.random())
            begins.append(begun)
        assert found(failing(*begins, attempt=None)) == [], seed


def test_calls_that_come_back_together_have_no_jitter() -> None:
    def calls(waits: list[float]) -> list[ConductEntry]:
        return [
            each
            for number, wait in enumerate(waits)
            for each in failing(0.0, 0.01 + wait, key=b"%d" % number, id=str(number))
        ]

    assert found(sorted(calls([0.5, 0.501, 0.502, 0.5]))) == ["no-jitter"]
    assert found(sorted(calls([0.5, 0.45, 0.41, 0.39]))) == []


def test_a_mark_says_when_a_gateway_should_have_left() -> None:
    left = Mark("gone", 1.0)
    running = entry(0, 9, id="a", is_stream=True, sent=(0.5, 2.0))
    prompt = entry(0, 1.5, id="b", outcome="client-left")
    assert found([running], marks=[left]) == ["late-cancel"]
    assert found([prompt], marks=[left]) == []
    assert found([prompt], marks=[left], cancel_within=0.2) == ["late-cancel"]
    assert found([running, prompt], marks=[Mark("b", 1.0)]) == []  # it speaks of that request alone
    assert found([entry(2, 9)], marks=[left]) == []  # it began later


def test_a_gateway_that_buffers() -> None:
    sent = tuple(0.1 * number for number in range(1, 11))
    unread = tuple(Look(at, round(at * 10), round(at * 1000)) for at in sent)
    read = tuple(Look(at, round(at * 10), 100) for at in sent)
    assert found([entry(0, 1.1, is_stream=True, sent=sent, looks=unread)]) == ["buffered"]
    assert found([entry(0, 1.1, is_stream=True, sent=sent, looks=read)]) == []
    stream = entry(0, 1.1, id="s", is_stream=True, sent=sent)
    assert found([stream], marks=[Mark("s", 2.0, tuple(1.2 + at / 100 for at in sent))]) == ["buffered"]
    assert found([stream], marks=[Mark("s", 2.0, tuple(0.02 + at for at in sent))]) == []


def test_what_lay_unread_is_a_run_that_only_grows() -> None:
    def looks(*sizes: int) -> list[Look]:
        return [Look(number / 10, number, size) for number, size in enumerate(sizes)]

    assert [look.unread for look in longest_unread(looks(0, 100, 200, 300, 0, 100, 100))] == [100, 200, 300]
    assert longest_unread(looks(0, 0)) == ()


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        (b'{"messages":[{"role":"assistant","tool_calls":[{"id":"a"}]},{"role":"tool","tool_call_id":"a"}]}', ()),
        (b'{"messages":[{"role":"assistant","tool_calls":[{"id":"a"}]},{"role":"tool","tool_call_id":"b"}]}', ("b",)),
        (b'{"messages":[{"role":"tool","content":"x"}]}', ("",)),
        (b'{"input":[{"type":"function_call_output","call_id":"a"}]}', ("a",)),
        (b'{"input":[{"type":"function_call_output","call_id":"a"}],"previous_response_id":"r"}', ()),
        (b'{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]}]}', ("t",)),
        (
            b'{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t"}]},'
            b'{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]}]}',
            (),
        ),
        (b'{"messages":[{"role":"user","content":"the word tool_call_id"}]}', ()),
        (b'{"tool_call_id": [', ()),
    ],
)
def test_results_and_their_calls(body: bytes, ids: tuple[str, ...]) -> None:
    assert unknown_results(body) == ids


def test_advice_is_read_from_a_head() -> None:
    head = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: %b\r\nX-Should-Retry: false\r\n"
    assert advice_in(head % b"7", 0.0) == Advice(7.0, False)
    assert advice_in(head % b"Thu, 01 Jan 1970 00:01:00 GMT", 50.0) == Advice(10.0, False, True)
    assert advice_in(head % b"soon", 0.0) == Advice(None, False)
    assert advice_in(b"HTTP/1.1 503 x\r\nretry-after-ms: 250\r\nretry-after: 1\r\n", 0.0) == Advice(0.25)


def test_a_rule_that_is_ignored_and_one_that_finds_too_much() -> None:
    entries = [each for number in range(100) for each in failing(number, number + 0.5, status=400, key=b"%d" % number)]
    judgement = Judgement(Case(sorted(entries)), {"many-connections"})
    for _ in judgement.judging():
        pass
    assert judgement.counts["futile-retry"] == 100
    assert [finding.rule for finding in judgement.findings].count("futile-retry") == MOST_FINDINGS
    assert set(judgement.as_json()["counts"]) == RULES.keys() - {"many-connections"}
    assert found(failing(0, 1, status=400)) == ["futile-retry"]
    assert judge(Case(failing(0, 1, status=400)), {"futile-retry"}) == []


def test_marks_are_bounded() -> None:
    marks = Marks()
    for number in range(MOST_MARKS + 5):
        marks.add(Mark(str(number), float(number), (1.0,) * 200))
    assert len(marks.list) == 500  # 100,000 instants
    assert marks.list[-1].name == str(MOST_MARKS + 4)


def test_a_finding_names_so_many_requests() -> None:
    entries = [entry(float(number), connection=number + 1, key=b"%d" % number) for number in range(50)]
    (finding,) = judge(Case(entries))
    assert len(finding.requests) == MOST_NAMED
    results = ",".join(f'{{"role":"tool","tool_call_id":"{number}"}}' for number in range(50))
    assert len(unknown_results(b'{"messages":[%b]}' % results.encode())) == MOST_IDS


def test_looks_are_bounded() -> None:
    ledger = Ledger(Journal(1))
    exchange = Exchange("id", "GET", "/x", "/x", {})
    ledger.opened(exchange)
    ledger.streams(exchange)
    for number in range(1000):
        ledger.saw_unread(exchange, float(number), number)
        assert len(exchange.unread or ()) <= 3 * MOST_LOOKS
    ledger.ended(exchange, "complete", 1000.0)
    looks = entry_of(exchange, "/").looks
    assert (looks[0].at, looks[-1].at) == (0.0, 999.0)
    assert [look.at for look in looks] == sorted(look.unread for look in looks)
    assert ledger.journal.held < EXCHANGE_BYTES + 24 * MOST_LOOKS + 100
    ledger.opened(Exchange("next", "GET", "/x", "/x", {}))
    assert exchange.unread is None


def test_every_rule_says_where_it_comes_from() -> None:
    for find in RULES.values():
        text = " ".join((__import__(find.__module__, fromlist=["x"]).__doc__ or "").split())
        assert any(source in text for source in ("RFC", "SDK", "API", "Google", "Amazon", "HTML Standard")), (
            find.__module__
        )
