"""Values of a fault's parameters: whatever they hold, they are read as they were written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.faults import Faults, parse_faults
from oagw_tornado.faults.events import ErrorEvent
from oagw_tornado.faults.status import Status
from oagw_tornado.faults.values import read_text, split, write_text

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=4))
def test_whatever_is_said_is_read_back(said: list[tuple[str, str, str]]) -> None:
    kinds = (Status, ErrorEvent)
    faults = Faults(
        kinds[number % 2](message=message, kind=kind, param=param) for number, (message, kind, param) in enumerate(said)
    )
    written = str(faults)
    assert written.isascii()
    assert written.isprintable()
    assert parse_faults(written) == faults


@given(TEXTS)
def test_quotes_hold_any_text(text: str) -> None:
    quoted = '"' + text.replace("%", "%25").replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert split(f"a,{quoted},b", ",") == ["a", quoted, "b"]
    assert read_text(quoted) == text
    assert read_text(write_text(text)) == text


@given(st.text(max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    try:
        faults = parse_faults(f"status;message={text}")
    except ValueError as error:
        assert str(error)
    else:
        assert parse_faults(str(faults)) == faults


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('status;message="not closed', "a quote is not closed"),
        ("status;message=", "expected a text"),
        ("status;code=400;message=one; two", "stands in quotes"),
        ("status;message=a;message=b", "given twice"),
        ("status;code=304;error=server_error", "the status 304 has no body"),
        ("error-event;form=broken", "one of error, failed, incomplete"),
        ("status;message=\ud800", "half a surrogate pair"),
    ],
)
def test_what_cannot_be_read_is_told(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_faults(text)


def test_the_two_ways_to_write_a_value_say_the_same() -> None:
    quoted = parse_faults('status;message="too long; cut it, please",reset')
    encoded = parse_faults("status;message=too%20long%3B%20cut%20it%2C%20please,reset")
    assert quoted == encoded
    assert len(quoted) == 2
    assert str(quoted[0]) == "status;message=too long%3B cut it%2C please"
