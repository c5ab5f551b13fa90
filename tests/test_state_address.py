"""The address of a state that several processes share, and how many processes there may be, as values."""

from __future__ import annotations

import pytest

from oagw_tornado.config.state_address import MOST_WORKERS, parse_state, parse_workers


@pytest.mark.parametrize(
    ("text", "url", "shown"),
    [
        ("redis://127.0.0.1", "redis://127.0.0.1:6379", "redis://127.0.0.1:6379"),
        ("valkey://cache:7000/2?prefix=ci", "redis://cache:7000/2", "valkey://cache:7000/2"),
        ("rediss://:secret@host:1", "rediss://:secret@host:1", "rediss://:***@host:1"),
        ("unix:/run/redis.sock?db=3", "unix:///run/redis.sock?db=3", "unix:/run/redis.sock"),
    ],
)
def test_an_address_is_read_and_shows_no_password(text: str, url: str, shown: str) -> None:
    address = parse_state(text)
    assert (address.url, str(address)) == (url, shown)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.0.0.1:6379",
        "http://host",
        "redis://",
        "redis://host:port",
        "redis://host/name",
        "redis://:secret@host?x=1",
        "unix:relative",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_state(text)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "many", str(MOST_WORKERS + 1)])
def test_what_is_no_number_of_workers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"from 1 to {MOST_WORKERS}, or auto"):
        parse_workers(text)
    assert (parse_workers("auto"), parse_workers(str(MOST_WORKERS))) == (0, MOST_WORKERS)
