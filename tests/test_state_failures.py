"""What is wrong with a store is said in one line, with what it may come from."""

from __future__ import annotations

import pytest

from oagw_tornado.config.state_address import parse_state
from oagw_tornado.state import decision_scripts, entry_scripts, journal_scripts, membership_scripts
from oagw_tornado.state.failures import in_words

exceptions = pytest.importorskip("redis.exceptions")


@pytest.mark.parametrize(
    ("address", "error", "text", "said"),
    [
        ("rediss://h", "TimeoutError", "Timeout connecting", "no answer in time: Timeout connecting; "
         "rediss:// needs a server that speaks TLS"),
        ("redis://h", "ConnectionError", "Connection closed by server.", "Connection closed by server; "
         "a server that speaks TLS wants rediss://"),
        ("unix:/s", "TimeoutError", "Timeout", "no answer in time: Timeout"),
        ("valkey://h", "ConnectionError", "Error 111 connecting", "Error 111 connecting"),
        ("redis://h", "AuthenticationError", "invalid\npassword", "refused: invalid password"),
        ("redis://h", "ResponseError", f"no. script: {'0af1' * 10}, on @user_script:13.", "refused: no"),
        ("redis://h", "ResponseError", "", "refused: ResponseError"),
    ],
)  # fmt: skip
def test_a_failure_is_said_in_words(address: str, error: str, text: str, said: str) -> None:
    assert in_words(getattr(exceptions, error)(text), parse_state(address)) == said


def test_no_two_scripts_have_one_name() -> None:
    groups = (decision_scripts, entry_scripts, journal_scripts, membership_scripts)
    names = [name for group in groups for name in group.SCRIPTS]
    assert len(names) == len(set(names))
