"""A client opened one connection after another where it could have kept one.

HTTP/1.1 connections persist (RFC 9112, section 9.3), and each new one costs round trips and, over TLS, a handshake. A
connection was unnecessary if an earlier one of the same client was idle and had been kept open by the server.
"""

from __future__ import annotations

from oagw_tornado.conduct.entry import ConductEntry
from oagw_tornado.conduct.finding import Case, Finding, Findings, named

RULE = "many-connections"

#: Connections without need, and their share of all requests, from which on it is a habit.
HABIT = 10
SHARE = 0.5
#: Seconds that a client may be expected to keep a connection that it does not use.
KEPT = 5.0


def findings(case: Case) -> Findings:
    by_client: dict[tuple[str, str], list[ConductEntry]] = {}
    for entry in case.entries:
        if entry.connection and entry.alias:
            by_client.setdefault((entry.client, entry.agent), []).append(entry)
    for entries in by_client.values():
        needless = _needless(entries)
        yield None
        if len(needless) >= HABIT and len(needless) > SHARE * len(entries):
            yield Finding(
                RULE,
                "warning",
                f"opened {len(needless)} connections for {len(entries)} requests while others were free",
                named(needless, "came on a connection of its own"),
            )


def _needless(entries: list[ConductEntry]) -> list[ConductEntry]:
    """Those that came on a new connection while the latest one was free."""
    seen: set[int] = set()
    needless = []
    latest: ConductEntry | None = None
    for entry in entries:
        if entry.connection not in seen and latest is not None and _is_free(latest, entry.begun):
            needless.append(entry)
        seen.add(entry.connection)
        if latest is None or latest.ended is not None or entry.ended is not None:
            latest = entry
    return needless


def _is_free(latest: ConductEntry, instant: float) -> bool:
    """Whether the connection of `latest` could have been used at `instant`."""
    ended = latest.ended
    return latest.outcome == "complete" and ended is not None and ended < instant < ended + KEPT
