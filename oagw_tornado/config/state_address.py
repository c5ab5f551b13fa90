"""The number of processes, and the address of the state that they share, as values. Pure.

``redis://127.0.0.1:6379/0?prefix=ci``
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

#: What its keys begin with, unless the address says otherwise.
DEFAULT_PREFIX = "oagw-tornado"

#: Processes of one server.
MOST_WORKERS = 256

_SCHEMES = {"redis": "redis", "rediss": "rediss", "valkey": "redis", "valkeys": "rediss", "unix": "unix"}
_EXAMPLES = "redis://127.0.0.1:6379/0, rediss://:PASSWORD@host:6380 or unix:/run/redis.sock"


class StateAddress(NamedTuple):
    """A server that speaks Redis' protocol."""

    url: str
    """As redis-py takes it."""
    prefix: str
    """Of all keys. Who shares a state has the same."""
    shown: str
    """The address without its password."""

    def __str__(self) -> str:
        return self.shown


def parse_state(text: str) -> StateAddress:
    """Read an address: redis, rediss (TLS), valkey, valkeys or unix. Raises ValueError, which shows no password."""
    given = text.strip()
    try:
        parts = urlsplit(given)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(f"expected an address such as {_EXAMPLES}") from None
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None:
        raise ValueError(f"{parts.scheme[:20] or given[:40]!r}: expected an address such as {_EXAMPLES}")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    prefix = query.pop("prefix", DEFAULT_PREFIX)
    database = query.pop("db", "")
    if query or parts.fragment:
        unknown = next(iter(query), parts.fragment)
        raise ValueError(f"{unknown[:40]!r}: an address takes ?prefix=NAME and ?db=N alone")
    if not re.fullmatch(r"[A-Za-z0-9._:-]{1,64}", prefix):
        raise ValueError("prefix: expected 1 to 64 letters, digits and . _ : -")
    if scheme == "unix":
        if not parts.path.startswith("/") or host:
            raise ValueError("expected the path of a socket, such as unix:/run/redis.sock")
        where, path = "", parts.path
    else:
        if not host:
            raise ValueError(f"there is no host; expected an address such as {_EXAMPLES}")
        where = parts.netloc.rpartition("@")[2] if port is not None else f"{parts.netloc.rpartition('@')[2]}:6379"
        database = database or parts.path.strip("/")
        path = ""
    if database and not re.fullmatch(r"[0-9]{1,5}", database):
        raise ValueError("expected the number of a database, such as redis://127.0.0.1:6379/0")
    credentials = parts.netloc.rpartition("@")[0]
    url = f"{scheme}://{credentials}{'@' if credentials else ''}{where}{path}"
    if scheme == "unix":
        url += f"?{urlencode({'db': database})}" if database else ""
    elif database:
        url += f"/{database}"
    user = f"{credentials.partition(':')[0]}:***@" if credentials else ""
    shown = f"{parts.scheme}:{'//' if scheme != 'unix' else ''}{user}{where}{path}"
    if database and scheme != "unix":
        shown += f"/{database}"
    return StateAddress(url, prefix, shown)


def parse_workers(text: str) -> int:
    """A number of processes; ``auto``, which is 0 here, is as many as there are processors. Raises ValueError."""
    if text == "auto":
        return 0
    if re.fullmatch(r"[0-9]{1,3}", text, re.ASCII) and 1 <= int(text) <= MOST_WORKERS:
        return int(text)
    raise ValueError(f"{text[:80]!r} is not a whole number from 1 to {MOST_WORKERS}, or auto")
