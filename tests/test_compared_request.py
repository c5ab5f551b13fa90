"""By what a request is known: two that ask for the same are one, and where two differ is said by its path."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.knobs.ignored_fields import ignored_fields, parse_ignored
from oagw_tornado.recordings.compared_request import ComparedRequest, compared_request
from oagw_tornado.recordings.difference import MOST_DIFFERENCES, difference

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab c.é", max_size=3), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def of(body: Any, query: str = "", **others: Any) -> ComparedRequest:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return compared_request("POST", "v1/x", query, content, **{"content_type": "application/json", **others})


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reversed(value[key]) for key in reversed(value)}
    return [_reversed(each) for each in value] if isinstance(value, list) else value


@given(JSON_VALUES)
def test_how_a_body_is_written_does_not_count(document: Any) -> None:
    written = json.dumps(_reversed(document), indent=3, ensure_ascii=False).encode()
    one, other = of(document), of(written)
    assert one.key == other.key
    assert difference(one, other) == (None, 0)


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        (b'{"a": 1.0}', b'{"a": 1}', True),
        (b'{"a": 100}', b'{"a": 1e2}', True),
        (b'{"a": -0.0}', b'{"a": 0}', True),
        (b'{"a": "\\u00e9"}', '{"a": "é"}'.encode(), True),
        (b'{"a": 1}', b'{"a": true}', False),
        (b'{"a": 0}', b'{"a": false}', False),
        (b'{"a": null}', b"{}", False),
        (b'{"a": "1"}', b'{"a": 1}', False),
        (b'{"a": [1, 2]}', b'{"a": [2, 1]}', False),
        (b'{"a": "x  y"}', b'{"a": "x y"}', False),
        (b'{"a": "2.0,"}', b'{"a": "2,"}', False),
        (b'{"a": 9007199254740993}', b'{"a": 9007199254740992}', False),
        (b"not json", b"not  json", False),
        (b'{"a": ', b'{"a":', False),
    ],
)
def test_what_is_the_same_and_what_is_not(one: bytes, other: bytes, are_same: bool) -> None:
    assert (of(one).key == of(other).key) is are_same
    assert (difference(of(one), of(other))[0] is None) is are_same


def test_query_path_form_and_multipart() -> None:
    assert of(b"", "b=2&a=1&a=0").key == of(b"", "a=1&a=0&b=2").key != of(b"", "a=0&a=1&b=2").key
    assert of(b"", "a=%7Ex&b=").key == of(b"", "b=&a=~x").key != of(b"", "a=~x").key
    assert (
        compared_request("GET", "/a%20b", "", b"").key
        == compared_request("GET", "a b", "", b"").key
        != compared_request("PUT", "a b", "", b"").key
    )
    form = "application/x-www-form-urlencoded; charset=utf-8"
    assert of(b"b=2&a=1", content_type=form).key == of(b"a=1&b=2", content_type=form).key
    parts = [
        of(b'--%b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--%b--\r\n' % (name, name),
           content_type=f"multipart/form-data; boundary={name.decode()}")
        for name in (b"abc", b"0123456789")
    ]  # fmt: skip
    assert parts[0].key == parts[1].key


def test_fields_may_be_left_out() -> None:
    left_out = ignored_fields(parse_ignored("user, metadata.id,messages[].id,?at,nothing.there,deep[][].x"))
    one = of({"user": "a", "metadata": {"id": 1, "k": 1}, "messages": [{"id": 1, "text": "t"}, "m"]}, "at=1&x=2")
    assert one.key != of({"metadata": {"k": 1}, "messages": [{"text": "t"}, "m"]}, "x=2").key
    same = [
        of(body, query, ignored=left_out).key
        for body, query in (
            ({"user": "a", "metadata": {"id": 1, "k": 1}, "messages": [{"id": 1, "text": "t"}, "m"]}, "at=1&x=2"),
            ({"metadata": {"k": 1}, "messages": [{"id": 2, "text": "t"}, "m"]}, "x=2&at=7"),
        )
    ]
    assert same[0] == same[1] != of({"metadata": {"k": 2}}, "x=2", ignored=left_out).key


@pytest.mark.parametrize("text", ["", "a,", "a..b", "[]", "a[0]", "?", "?a.b=", "a b"])
def test_a_field_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a field such as"):
        parse_ignored(text)


@pytest.mark.parametrize(
    ("recorded", "requested", "said"),
    [
        ({"m": [{"c": "Hello"}]}, {"m": [{"c": "Hullo"}]}, '$.m[0].c: recorded "Hello", requested "Hullo"'),
        ({"a b": 1}, {"a b": 2.5}, '$["a b"]: recorded 1, requested 2.5'),
        ({"a": 1}, {}, "$.a: recorded 1, requested nothing"),
        ({}, {"a": {"b": [1]}}, '$.a: recorded nothing, requested {"b":[1]}'),
        ([1], [1, 2], "$[1]: recorded nothing, requested 2"),
        ({"a": 1}, [1], '$: recorded {"a":1}, requested [1]'),
        (b"plain", b"other", 'body: recorded "plain", requested "other"'),
        (b"", {"a": 1}, 'body: recorded nothing, requested {"a":1}'),
    ],
)
def test_the_first_difference_is_named(recorded: Any, requested: Any, said: str) -> None:
    first, count = difference(of(recorded), of(requested))
    assert (str(first), count) == (said, 1)


def test_of_long_texts_the_place_is_shown_where_they_part() -> None:
    first, _ = difference(of({"t": "x" * 5000 + "cat" + "y" * 5000}), of({"t": "x" * 5000 + "dog" + "y" * 5000}))
    assert first is not None
    assert "xcaty" in str(first)
    assert "xdogy" in str(first)
    assert len(str(first)) < 300


def test_queries_methods_and_many_differences() -> None:
    first, count = difference(compared_request("GET", "a", "x=1&y=2", b""), compared_request("POST", "b", "x=3", b""))
    assert first is not None
    assert (first.at, count) == ("method", 4)
    one, other = of(list(range(5000))), of(list(range(1, 5001)))
    assert difference(one, other)[1] == MOST_DIFFERENCES


@given(st.text(max_size=20), st.text(max_size=20), st.binary(max_size=40))
def test_nothing_that_is_asked_is_too_strange(path: str, query: str, body: bytes) -> None:
    encoded = quote(path, safe="/", errors="replace")
    request = compared_request("POST", encoded, query, body)
    assert len(request.key) == 16
    assert len(request.traits()) <= 96
    first, _ = difference(request, compared_request("GET", "x", "a=%ff", b"\xff"))
    assert str(first)
