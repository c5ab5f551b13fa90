"""Headers that are made late are the headers that tornado would have made at once."""

from __future__ import annotations

import copy
import pickle

from hypothesis import given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders

from oagw_tornado.wire.head_lines import MOST, HeadLines
from oagw_tornado.wire.headers import WireHeaders

NAMES = st.sampled_from(["Host", "host", "HOST", "X-Sim-Fault", "x-sim-ITL", "Set-Cookie", "set-cookie", "Accept", "x"])
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f\x85\xa0"), max_size=8)
LINES = st.lists(st.tuples(NAMES, VALUES), max_size=12)


def both(lines: list[tuple[str, str]]) -> tuple[WireHeaders, HTTPHeaders]:
    theirs = HTTPHeaders()
    for name, value in lines:
        theirs.add(name, value)
    return WireHeaders([f"{name}: {value}".encode("latin-1") for name, value in lines]), theirs


@given(LINES, NAMES)
def test_a_look_up_needs_no_dictionary(lines: list[tuple[str, str]], name: str) -> None:
    ours, theirs = both(lines)
    assert ours.get(name) == theirs.get(name)
    assert ours.get("Absent") is None
    assert ours.get("Absent", "x") == "x"
    assert "_as_list" not in ours.__dict__
    # And the same once there is one.
    assert list(ours) == list(theirs)
    assert ours.get(name) == theirs.get(name)
    assert ours.get("Absent", "x") == "x"


@given(LINES, NAMES)
def test_everything_else_is_as_if_they_had_been_added(lines: list[tuple[str, str]], name: str) -> None:
    for look in (
        lambda headers: sorted(headers.get_all()),
        lambda headers: dict(headers),
        lambda headers: headers.get_list(name),
        lambda headers: name in headers,
        lambda headers: len(headers),
        str,
        lambda headers: list(headers.items()),
        lambda headers: headers.pop(name, None),
        lambda headers: dict(headers.copy()),
        lambda headers: dict(copy.copy(headers)),
        lambda headers: (headers.add("Host", "more"), headers["host"]),
        lambda headers: (headers.setdefault("New", "1"), dict(headers)),
        lambda headers: (headers.update({"Accept": "1"}), dict(headers)),
        lambda headers: dict(pickle.loads(pickle.dumps(headers))),
    ):
        ours, theirs = both(lines)
        assert look(ours) == look(theirs)


@given(LINES)
def test_equal_to_what_tornado_made(lines: list[tuple[str, str]]) -> None:
    ours, theirs = both(lines)
    assert ours == theirs
    assert theirs == ours


@given(LINES)
def test_names_and_prefixes(lines: list[tuple[str, str]]) -> None:
    ours, theirs = both(lines)
    assert {name.decode() for name in ours.names()} == {name.lower() for name in theirs}
    knobs = {name.lower()[6:]: value for name, value in theirs.items() if name.lower().startswith("x-sim-")}
    assert ours.starting_with(b"x-sim-") == knobs
    assert ours.size == sum(len(name) + len(value) + 4 for name, value in lines)


def test_changes_are_seen_by_later_look_ups() -> None:
    ours, _ = both([("Host", "a")])
    assert ours.get("host") == "a"
    ours["Host"] = "b"
    assert ours.get("host") == "b"
    del ours["host"]
    assert ours.get("host") is None


def test_a_header_that_is_never_the_same_pushes_nothing_out() -> None:
    lines = HeadLines()
    usual = (200, (("Content-Type", "application/json"),), "upstream")
    lines(*usual)
    known = lines(*usual)
    made = [lines(200, (("request-id", f"req_{number}"),), "upstream") for number in range(10 * MOST)]
    assert lines(*usual) is known
    assert len(set(made)) == len(made)
    assert len(lines._known) == 1
    assert len(lines._seen) <= MOST
