"""Errors of the store, in one line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oagw_tornado.config.state_address import StateAddress

_OTHER_SCHEMES = {
    "rediss": "rediss:// needs a server that speaks TLS",
    "valkeys": "valkeys:// needs a server that speaks TLS",
    "redis": "a server that speaks TLS wants rediss://",
    "valkey": "a server that speaks TLS wants valkeys://",
}

# Redis says in which of its scripts a command failed.
_SCRIPT = re.compile(r"\.? script: [0-9a-f]{40}.*$")


def in_words(error: Exception, address: StateAddress) -> str:
    """What redis-py or the system says, and what it may come from; what the server itself says is ``refused: …``."""
    from redis.exceptions import AuthenticationError, ResponseError, TimeoutError

    text = _SCRIPT.sub("", " ".join(str(error).split()))[:200] or type(error).__name__
    if isinstance(error, (AuthenticationError, ResponseError)):
        return f"refused: {text}"
    if isinstance(error, TimeoutError):
        text = f"no answer in time: {text}"
    # A server that expects the other says nothing, or hangs up.
    scheme = str(address).partition(":")[0]
    if scheme in _OTHER_SCHEMES and (isinstance(error, TimeoutError) or "losed by server" in text):
        text = f"{text.removesuffix('.')}; {_OTHER_SCHEMES[scheme]}"
    return text
