"""Query strings mean what they mean to tornado."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from tornado.escape import parse_qs_bytes

from oagw_tornado.wire.query import MOST_ARGUMENTS, parse_query

# What arrives on the wire: any byte as one character, and often what has a meaning.
QUERIES = st.text(st.characters(max_codepoint=255) | st.sampled_from("&=%+;é0aF"), max_size=60)


@given(QUERIES)
@example("city=New+York&city=Oslo&x=%C3%A9&flag")
@example("a=1;b=2&=&&c==d&%=%zz&%2")
@example("a=%00&a=&b")
def test_a_query_is_read_as_tornado_reads_it(query: str) -> None:
    assert parse_query(query) == parse_qs_bytes(query.encode("latin-1"), keep_blank_values=True)


@given(st.dictionaries(st.text(max_size=5), st.lists(st.text(max_size=5), min_size=1, max_size=3), max_size=5))
def test_what_a_browser_encodes_is_read_back(arguments: dict[str, list[str]]) -> None:
    from urllib.parse import urlencode

    read = parse_query(urlencode(arguments, doseq=True))
    assert {name.encode("latin-1"): values for name, values in read.items()} == {
        name.encode(): [value.encode() for value in values] for name, values in arguments.items()
    }


def test_a_query_of_any_length_is_read_as_far_as_tornado_would() -> None:
    query = "&".join(f"a{number}={number}" for number in range(5 * MOST_ARGUMENTS))
    read = parse_query(query)
    assert len(read) == MOST_ARGUMENTS
    assert read["a999"] == [b"999"]


def test_nothing_is_nothing() -> None:
    assert parse_query("") == {}
