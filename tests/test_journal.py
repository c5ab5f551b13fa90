"""The journal as a value: a bounded ring, filters, masked credentials."""

from __future__ import annotations

import orjson
import pytest
from tornado.httputil import HTTPHeaders

from oagw_tornado.evidence.credentials import MASK
from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.journal import EVENTS_BYTES, EXCHANGE_BYTES, Journal
from oagw_tornado.evidence.ledger import Ledger
from oagw_tornado.evidence.view import exchange_as_json
from oagw_tornado.knobs.vocabulary import Knobs, resolve


def exchange(id: str, alias: str = "openai", status: int = 200, wall: float = 0.0, target: str = "/x") -> Exchange:
    made = Exchange(id, "GET", target, target.partition("?")[0], HTTPHeaders())
    made.alias, made.status, made.wall = alias, status, wall
    return made


def ids(journal: Journal, **filters: object) -> list[str]:
    return [found.id for found in journal.select(**filters)]  # type: ignore[arg-type]


def test_the_ring_keeps_the_latest() -> None:
    journal = Journal(3)
    for number in range(10):
        journal.add(exchange(str(number)))
    assert ids(journal) == ["9", "8", "7"]
    assert journal.find("0") is None
    journal.clear()
    assert len(journal) == 0


def test_a_journal_of_no_size_keeps_nothing() -> None:
    journal = Journal(0)
    journal.add(exchange("1"))
    assert ids(journal) == []


def test_filters() -> None:
    journal = Journal(10)
    journal.add(exchange("a", "openai", 200, 1.0))
    journal.add(exchange("b", "github", 404, 2.0))
    journal.add(exchange("c", "openai", 404, 3.0))
    assert ids(journal, alias="openai") == ["c", "a"]
    assert ids(journal, status=404) == ["c", "b"]
    assert ids(journal, since=2.0) == ["c", "b"]
    assert ids(journal, limit=1) == ["c"]
    assert ids(journal, limit=0) == []
    assert ids(journal, alias="openai", status=200, since=0.5, limit=5) == ["a"]


def test_of_two_with_the_same_id_the_latest_is_found() -> None:
    journal = Journal(10)
    first, second = exchange("a"), exchange("a")
    journal.add(first)
    journal.add(second)
    assert journal.find("a") is second


def test_credentials_are_masked_whenever_they_are_read() -> None:
    made = exchange("a", target="/p?api_key=hush&city=Oslo&token=hush&API-KEY=hush&monkey=no")
    headers = HTTPHeaders({"Host": "x", "Accept": "*/*"})
    for name in ("Authorization", "X-Api-Key", "api-key", "Cookie", "Proxy-Authorization"):
        headers.add(name, "Bearer hush")
    headers.add("Cookie", "more=hush")
    made.headers = headers
    text = orjson.dumps(exchange_as_json(made, with_events=True)).decode()
    assert "hush" not in text
    view = exchange_as_json(made)
    assert view["headers"]["Host"] == "x"
    assert view["headers"]["Authorization"] == MASK
    assert view["target"] == "/p?api_key=***&city=Oslo&token=***&API-KEY=***&monkey=no"
    assert made.headers["Authorization"] == "Bearer hush"


def test_what_runs_is_shown_as_far_as_it_is_known() -> None:
    made = exchange("a", status=0)
    view = exchange_as_json(made, with_events=True)
    assert (view["status"], view["outcome"], view["ended"], view["first_event"]) == (None, None, None, None)
    assert view["events"] == {"planned": [], "actual": []}
    assert view["knobs"] is None


def test_offsets_knobs_and_the_start_of_the_body() -> None:
    made = exchange("a")
    Ledger().streams(made)
    assert made.planned is not None
    assert made.actual is not None
    made.planned.extend([0.0, 0.05])
    made.actual.extend([0.001, 0.052])
    made.knobs = resolve(Knobs(), {"fault": "reset;at-event=2", "time-factor-under-load": "1.5"})
    made.body_size, made.body_head = 5000, b'{"a":"\xff'
    view = exchange_as_json(made, with_events=True)
    assert view["events"] == {"planned": [0.0, 0.05], "actual": [0.001, 0.052]}
    assert view["first_event"] == 0.001
    assert view["knobs"]["fault"] == "reset;at-event=2"
    assert view["knobs"]["time-factor-under-load"] == 1.5
    assert "ttft" not in view["knobs"]
    assert view["body"] == {"size": 5000, "head": '{"a":"\ufffd'}
    assert orjson.dumps(view)


@pytest.mark.parametrize("with_events", [True, False])
def test_a_list_has_no_offsets(with_events: bool) -> None:
    assert ("events" in exchange_as_json(exchange("a"), with_events)) == with_events


def test_what_the_journal_holds_is_bounded_in_bytes() -> None:
    journal = Journal(1_000_000, memory=200_000, body_size=1000)
    for number in range(100):
        made = exchange(str(number), target="/" + "x" * 500)
        journal.add(made)
        journal.keep_body(made, b"y" * 5000)
        Ledger(journal).streams(made)
        assert journal.held <= 200_000
    held = [one for _, one in journal.scan(lambda one: True) if one is not None]
    assert len(held) == 200_000 // (EXCHANGE_BYTES + EVENTS_BYTES + 501 + 1000)
    assert held[0].body_head == b"y" * 1000
    for one in held:
        journal.over(one)
    assert journal.held == len(held) * (EXCHANGE_BYTES + 501 + 1000)
    journal.clear()
    assert journal.held == 0


def test_events_count_when_they_are_known() -> None:
    journal = Journal(10)
    made = exchange("a")
    journal.add(made)
    assert journal.held == EXCHANGE_BYTES + 2
    Ledger(journal).streams(made)
    assert journal.held == EXCHANGE_BYTES + 2 + EVENTS_BYTES
    assert made.actual is not None
    made.actual.extend([0.1] * 100)
    journal.over(made)
    assert journal.held == made.held == EXCHANGE_BYTES + 2 + 8 * 100


def test_one_that_is_too_large_alone_is_forgotten_with_what_it_held() -> None:
    journal = Journal(10, memory=30_000)
    made = exchange("a")
    journal.add(made)
    journal.keep_body(made, b"y" * 50_000)
    assert (len(journal), journal.held, made.held, made.body_head, dict(made.headers)) == (0, 0, 0, b"", {})
    journal.over(made)
    journal.keep_body(made, b"y")
    assert (journal.held, made.body_head) == (0, b"")


def test_a_scan_goes_on_while_the_journal_changes() -> None:
    journal = Journal(5)
    for number in range(5):
        journal.add(exchange(str(number)))
    seen = []
    for number, found in journal.scan(lambda one: True):
        assert found is not None
        seen.append((number, found.id))
        journal.add(exchange("later"))
        journal.add(exchange("later"))
    assert seen == [(5, "4"), (4, "3")]
    assert [number for number, _ in journal.scan(lambda one: True, before=7)] == [6, 5]
    assert [number for number, _ in journal.scan(lambda one: True, oldest_first=True)] == [5, 6, 7, 8, 9]


def test_numbers_go_on_when_the_journal_is_emptied() -> None:
    journal = Journal(5)
    journal.add(exchange("a"))
    assert [one.id for one in journal.clear()] == ["a"]
    journal.add(exchange("b"))
    assert list(journal.scan(lambda one: one.id == "a")) == [(2, None)]


def test_the_measure_of_an_exchange_is_no_less_than_it_holds() -> None:
    """Headers are counted dearer than they are: the bound is one on memory, not on an estimate."""
    import tracemalloc

    from oagw_tornado.wire.headers import WireHeaders

    def make(number: int) -> Exchange:
        headers = WireHeaders([b"x-%d-%d: v%d" % (line, number, number) for line in range(100)])
        made = exchange(f"id-{number}", target=f"/{number}")
        made.headers = headers
        return made

    journal = Journal(1000)
    tracemalloc.start()
    for number in range(200):
        journal.add(make(number))
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert used <= journal.held
