"""What a service needs to know of the entries that it gives out: see `oagw_tornado.state.store`."""

from __future__ import annotations

from oagw_tornado.state.store import Entries, Entry, Kind, StateAway, Undecided

__all__ = ["Entries", "Entry", "Kind", "StateAway", "Undecided"]
